package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Cohort is made-up records: standard normal covariates with three decimals
// and an outcome drawn from a logistic model. Not for anything but timing.
type Cohort struct {
	Rows int
	X    [][]float64 // covariates, column by column
	Y    []float64   // 0 or 1
	Days []float64   // end of observation, of a cohort that is followed; else nil
}

// NewCohort draws a cohort, the same for the same seed.
func NewCohort(rows, covariates int, seed uint64) *Cohort {
	c := &Cohort{Rows: rows, X: make([][]float64, covariates), Y: make([]float64, rows)}
	r := rand.New(rand.NewPCG(seed, 1))
	eta := make([]float64, rows)
	for j := range c.X {
		c.X[j] = make([]float64, rows)
		// The predictor has a standard deviation of about 1 whatever the number of covariates.
		beta := r.NormFloat64() / math.Sqrt(float64(covariates))
		for i := range rows {
			c.X[j][i] = math.Max(-6, math.Min(6, math.Round(r.NormFloat64()*1000)/1000))
			eta[i] += beta * c.X[j][i]
		}
	}
	for i := range rows {
		if r.Float64() < 1/(1+math.Exp(-eta[i])) {
			c.Y[i] = 1
		}
	}
	return c
}

// longest is the number of days that a cohort is followed.
const longest = 520 * 7

// NewFollowedCohort draws a cohort with the same covariates whose outcome is an event
// with a hazard proportional to exp(x'beta), in whole days; people drop out evenly over the
// years, a third stay to the end. At every week so many leave, with the event and without, that no rule merges it with the next.
func NewFollowedCohort(rows, covariates int, seed uint64) *Cohort {
	c := NewCohort(rows, covariates, seed)
	c.Days = make([]float64, rows)
	r := rand.New(rand.NewPCG(seed, 2))
	eta := make([]float64, rows)
	for _, x := range c.X {
		beta := r.NormFloat64() / math.Sqrt(float64(covariates))
		for i, v := range x {
			eta[i] += beta * v
		}
	}
	for i := range rows {
		event, lost := longest*r.ExpFloat64()*math.Exp(-eta[i]), longest*min(1, 1.5*r.Float64())
		c.Days[i], c.Y[i] = max(1, math.Ceil(math.Min(event, lost))), 0
		if event <= lost {
			c.Y[i] = 1
		}
	}
	return c
}

// StudyFile is a study of the cohort over so many hospitals, s0, s1, ...
func (c *Cohort) StudyFile(hospitals int, analyses []string, reveal string) []byte {
	return c.studyFile("", hospitals, analyses, reveal)
}

// studyFile has variables, as lines of a study file, beside the cohort's.
func (c *Cohort) studyFile(variables string, hospitals int, analyses []string, reveal string) []byte {
	var b strings.Builder
	fmt.Fprintln(&b, "study: bench\nsites:")
	for s := range hospitals {
		fmt.Fprintf(&b, "  s%d: {csv: s%d.csv}\n", s, s)
	}
	fmt.Fprintln(&b, "variables:\n  y: {type: binary}")
	for j := range c.X {
		fmt.Fprintf(&b, "  x%d: {type: number, step: 0.001, min: -6, max: 6}\n", j+1)
	}
	if c.Days != nil {
		fmt.Fprintf(&b, "  days: {type: number, unit: days, integer: true, min: 1, max: %d}\n", longest)
	}
	fmt.Fprintf(&b, "%sanalyses:\n", variables)
	for _, a := range analyses {
		fmt.Fprintf(&b, "  - %s\n", a)
	}
	fmt.Fprintf(&b, "privacy: {reveal: %s, max_rows: 16777216}\n", reveal)
	return []byte(b.String())
}

// Study returns the study of the cohort and the hospitals' tables, which share
// the rows equally and the cohort's memory.
func (c *Cohort) Study(hospitals int, analyses []string, reveal string) (*study.Spec, map[party.ID]*table.Table, error) {
	return c.studyWith("", nil, hospitals, analyses, reveal)
}

// studyWith has further variables and their columns beside the cohort's.
func (c *Cohort) studyWith(variables string, further [][]float64, hospitals int, analyses []string, reveal string) (*study.Spec, map[party.ID]*table.Table, error) {
	spec, err := study.Parse("bench.yaml", c.studyFile(variables, hospitals, analyses, reveal))
	if err != nil {
		return nil, nil, err
	}
	tables := make(map[party.ID]*table.Table)
	for s := range hospitals {
		lo, hi := c.share(s, hospitals)
		var cols [][]float64
		for _, x := range slices.Concat([][]float64{c.Y}, c.X, c.followed(), further) {
			cols = append(cols, x[lo:hi:hi])
		}
		id := party.ID(fmt.Sprintf("s%d", s))
		if tables[id], err = table.New(spec.Schema, string(id), cols); err != nil {
			return nil, nil, err
		}
	}
	return spec, tables, nil
}

// followed is the column of days, if there is one.
func (c *Cohort) followed() [][]float64 {
	if c.Days == nil {
		return nil
	}
	return [][]float64{c.Days}
}

// share is the rows [lo, hi) of hospital s of so many.
func (c *Cohort) share(s, hospitals int) (lo, hi int) {
	return s * c.Rows / hospitals, (s + 1) * c.Rows / hospitals
}
