package report

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
)

// Model is a fitted model read back from a result.json.
type Model struct {
	Kind       string
	PlanDigest string
	stat.Fitted
}

// result is what ReadModel takes of a result.json.
type result struct {
	PlanDigest string `json:"plan_digest"`
	Analyses   []struct {
		ID, Kind string
		Sealed   bool
		Refused  *struct{ Rule, Message string }
		Tidy     []struct {
			Term     string
			Estimate *float
			Aliased  bool
			Infinite string
		}
		Glance json.RawMessage
		VCov   *struct {
			Terms  []string
			Matrix [][]float
		}
		Levels    []stat.FactorLevels
		Reference []struct{ Value float }
		Baseline  []struct {
			Stratum  string
			Time     float
			Hazard   float `json:"cumulative_hazard"`
			Variance float
			Means    []float
		}
	}
}

// ReadModel finds the model of an analysis in the text of a result.json.
func ReadModel(b []byte, id string) (*Model, error) {
	var r result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("report: not a result.json: %w", err)
	}
	var names []string
	for _, a := range r.Analyses {
		names = append(names, a.ID)
		if a.ID != id {
			continue
		}
		switch {
		case a.Refused != nil:
			return nil, fmt.Errorf("report: analysis %s was refused by rule %s: %s", id, a.Refused.Rule, a.Refused.Message)
		case a.Sealed:
			return nil, fmt.Errorf("report: analysis %s is sealed: consilium open opens it with the analyst's key", id)
		}
		m := &Model{Kind: a.Kind, PlanDigest: r.PlanDigest}
		m.Levels, m.DF = a.Levels, math.NaN()
		var glance struct {
			DF *float `json:"df_residual"`
		}
		if json.Unmarshal(a.Glance, &glance) == nil && glance.DF != nil {
			m.DF = float64(*glance.DF)
		}
		for _, t := range a.Tidy {
			e := math.NaN()
			if t.Estimate != nil {
				e = float64(*t.Estimate)
			}
			m.Terms = append(m.Terms, stat.FittedTerm{Name: t.Term, Estimate: e, Aliased: t.Aliased, Infinite: t.Infinite})
		}
		if v := a.VCov; v != nil {
			m.VCov = &stat.Matrix{Terms: v.Terms}
			for _, row := range v.Matrix {
				m.VCov.Matrix = append(m.VCov.Matrix, unfloats(row))
			}
		}
		for _, c := range a.Reference {
			m.Reference = append(m.Reference, float64(c.Value))
		}
		for _, p := range a.Baseline {
			m.Baseline = append(m.Baseline, stat.BaselinePoint{Stratum: p.Stratum, Time: float64(p.Time), Hazard: float64(p.Hazard), Variance: float64(p.Variance), Means: unfloats(p.Means)})
		}
		return m, m.check()
	}
	return nil, fmt.Errorf("report: the result has no analysis %q; %s", id, table.Hint(id, names))
}

// check refuses tables that do not fit together.
func (m *Model) check() error {
	if v := m.VCov; v != nil {
		if len(v.Matrix) != len(v.Terms) {
			return fmt.Errorf("report: vcov has %d rows for %d terms", len(v.Matrix), len(v.Terms))
		}
		for _, row := range v.Matrix {
			if len(row) != len(v.Terms) {
				return fmt.Errorf("report: vcov is not a square of %d terms", len(v.Terms))
			}
		}
		for _, t := range v.Terms {
			found := false
			for _, u := range m.Terms {
				found = found || u.Name == t
			}
			if !found {
				return fmt.Errorf("report: vcov has a term %q that is not in tidy", t)
			}
		}
	}
	for _, p := range m.Baseline {
		if len(p.Means) != len(m.Terms) || len(m.Reference) != len(m.Terms) {
			return fmt.Errorf("report: the baseline is not of the model's %d terms", len(m.Terms))
		}
	}
	return nil
}
