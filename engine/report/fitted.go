package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

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
		switch a.Kind {
		case "linear", "logistic", "poisson", "negbin", "cox":
		default:
			return nil, fmt.Errorf("report: analysis %s is of kind %s, which has no model to apply; want linear, logistic, poisson, negbin or cox", id, a.Kind)
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

// check refuses tables that do not fit together, and numbers that no fit gives.
func (m *Model) check() error {
	var names []string
	for _, t := range m.Terms {
		switch {
		case slices.Contains(names, t.Name):
			return fmt.Errorf("report: tidy has the term %q twice", t.Name)
		case t.Infinite != "" && t.Infinite != "+" && t.Infinite != "-":
			return fmt.Errorf("report: term %q is infinite: %q, want + or -", t.Name, t.Infinite)
		case !math.IsNaN(t.Estimate) && (t.Aliased || t.Infinite != ""):
			return fmt.Errorf("report: term %q has an estimate and is aliased or infinite", t.Name)
		}
		names = append(names, t.Name)
	}
	if v := m.VCov; v != nil {
		if err := covariance(v, names); err != nil {
			return err
		}
		if m.Kind == "linear" && !(m.DF > 0) {
			return fmt.Errorf("report: vcov without positive residual degrees of freedom (df_residual)")
		}
	}
	last := make(map[string]stat.BaselinePoint)
	for _, p := range m.Baseline {
		if len(p.Means) != len(m.Terms) || len(m.Reference) != len(m.Terms) {
			return fmt.Errorf("report: the baseline is not of the model's %d terms", len(m.Terms))
		}
		q, given := last[p.Stratum]
		if math.IsNaN(p.Time) || given && !(p.Time > q.Time) || !(p.Hazard >= q.Hazard && p.Variance >= q.Variance) {
			return fmt.Errorf("report: the baseline does not rise in order of time at %v", p.Time)
		}
		last[p.Stratum] = p
	}
	return nil
}

// covariance checks that a matrix can be one, of terms that the model has.
func covariance(v *stat.Matrix, names []string) error {
	if len(v.Matrix) != len(v.Terms) {
		return fmt.Errorf("report: vcov has %d rows for %d terms", len(v.Matrix), len(v.Terms))
	}
	for a, row := range v.Matrix {
		switch name := v.Terms[a]; {
		case len(row) != len(v.Terms):
			return fmt.Errorf("report: vcov is not a square of %d terms", len(v.Terms))
		case !slices.Contains(names, name):
			return fmt.Errorf("report: vcov has a term %q that is not in tidy", name)
		case slices.Contains(v.Terms[:a], name):
			return fmt.Errorf("report: vcov has the term %q twice", name)
		}
	}
	for a, row := range v.Matrix {
		for b, x := range row {
			// The root of each variance, so that no product overflows; digits: 4 rounds each number by itself.
			most := math.Sqrt(v.Matrix[a][a]) * math.Sqrt(v.Matrix[b][b])
			if !(math.Abs(x) <= most*(1+1e-3)) || math.Abs(x-v.Matrix[b][a]) > 1e-3*most {
				return fmt.Errorf("report: vcov of %s and %s is no covariance: want a symmetric matrix of numbers", v.Terms[a], v.Terms[b])
			}
		}
	}
	return nil
}
