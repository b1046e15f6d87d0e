package stat

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// asked is a person whose survival is predicted.
type asked struct {
	name string // "age = 60, sex = male"
	row  *table.Table
}

// predicts checks the keys predict and times. The baseline is by time: where
// hospitals finish their own likelihoods it is not known.
func (c *coxPart) predicts(args Args, s *table.Schema) error {
	if len(args.Predict) == 0 && len(args.Times) == 0 {
		return nil
	}
	if c.own {
		return fmt.Errorf("cox: predict and times need the baseline hazard, and with strata: site nothing is opened by time: leave site out of the strata")
	}
	for i, t := range args.Times {
		if math.IsNaN(t) || math.IsInf(t, 0) || i > 0 && t <= args.Times[i-1] {
			return fmt.Errorf("cox: times %s: times are numbers in increasing order", number(t))
		}
	}
	c.schema = s
	right := c.model.Right().Variables
	for i, values := range args.Predict {
		what := fmt.Sprintf("cox: predict: person %d", i+1)
		cols := make([][]float64, len(s.Fields))
		for j := range cols {
			cols[j] = []float64{math.NaN()}
		}
		a, site := asked{}, s.Sites[0]
		for name := range values {
			if !slices.Contains(right, name) {
				return fmt.Errorf("%s: %q is not a variable of the model; %s", what, name, table.Hint(name, right))
			}
		}
		var parts []string
		for _, name := range right {
			text, ok := values[name]
			if !ok {
				return fmt.Errorf("%s: no value of %s; want one of each of %s", what, name, strings.Join(right, ", "))
			}
			parts = append(parts, name+" = "+text)
			f, err := s.Field(name)
			if err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			x, problem := f.Parse(text)
			if problem == "" && math.IsNaN(x) {
				problem = "missing"
			}
			if problem != "" {
				return fmt.Errorf("%s: %s: %q is %s", what, name, text, problem)
			}
			if name == table.Site {
				site = text
				continue
			}
			cols[slices.IndexFunc(s.Fields, func(f table.Field) bool { return f.Name == name })] = []float64{x}
		}
		var err error
		if a.row, err = table.New(s, site, cols); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		a.name = strings.Join(parts, ", ")
		c.people = append(c.people, a)
	}
	return nil
}

// baseline is the cumulative hazard of each stratum at its times, and what its
// error is made of, as R's survfit of a coxph takes them: with Efron's ties each event of a time has a risk set of its own.
func (c *coxPart) baseline() (points []BaselinePoint) {
	place := make([]int, len(c.fit.cols)) // of the terms of tidy
	for a, j := range c.fit.cols {
		for _, col := range c.columns[:j] {
			if col.Term >= 0 {
				place[a]++
			}
		}
	}
	terms := 0
	for _, col := range c.columns {
		if col.Term >= 0 {
			terms++
		}
	}
	for s, r := range c.strata {
		now := BaselinePoint{Stratum: c.u.stratum(s), Means: make([]float64, terms)}
		for i, e := range r.exits {
			for k := range e.events {
				f := 0.0
				if c.efron {
					f = float64(k) / float64(e.events)
				}
				z := r.risk[i].w
				if f > 0 {
					z -= f * r.tied[i].w
				}
				now.Hazard += 1 / z
				now.Variance += 1 / z / z
				for a, j := range c.fit.cols {
					m := r.risk[i].wx[a]
					if f > 0 {
						m -= f * r.tied[i].wx[a]
					}
					now.Means[place[a]] += m / z / z * c.scale[j]
				}
			}
			now.Time = e.time
			point := now
			point.Means = slices.Clone(now.Means)
			points = append(points, point)
		}
	}
	return points
}

// putPredictions appends the baseline, what it refers to, and the survival of those asked for.
func (c *coxPart) putPredictions(f *Frame) error {
	if c.schema == nil {
		return nil
	}
	if c.fit.separated || f.VCov == nil {
		f.Warnings = append(f.Warnings, "predict: hazards of infinite ratios have no baseline: no survival is predicted")
		return nil
	}
	m := Fitted{VCov: f.VCov, Levels: f.Levels, Baseline: c.baseline()}
	var reference []Record
	for _, r := range f.Tidy {
		t := FittedTerm{Estimate: math.NaN()}
		t.Name, _ = r.Get("term").(string)
		t.Aliased, _ = r.Get("aliased").(bool)
		if e, ok := r.Get("estimate").(float64); ok {
			t.Estimate = e
		}
		m.Terms = append(m.Terms, t)
	}
	for _, col := range c.columns {
		if col.Term >= 0 {
			m.Reference = append(m.Reference, col.centre)
			reference = append(reference, Record{}.Put("term", col.Name).Put("value", col.centre))
		}
	}
	var base, curves []Record
	for _, b := range m.Baseline {
		base = append(base, c.ofStratum(b.Stratum).Put("time", b.Time).Put("cumulative_hazard", b.Hazard).Put("variance", b.Variance).Put("means", b.Means))
	}
	p, err := NewPredictor(c.args, c.schema, m)
	if err != nil {
		return err
	}
	for k, a := range c.people {
		stranger, err := p.Strangers(a.row)
		if err != nil {
			return err
		}
		if factor, level := stranger(0); level != "" {
			f.Warnings = append(f.Warnings, fmt.Sprintf("predict: nobody has %s = %s: no survival of person %d", factor, level, k+1))
			continue
		}
		survive, err := p.curve(a.row)
		if err != nil {
			return err
		}
		for s := range c.strata {
			stratum, last := c.u.stratum(s), math.Inf(-1)
			times := c.args.Times
			for _, b := range m.Baseline {
				if b.Stratum == stratum {
					last = b.Time
					if len(c.args.Times) == 0 {
						times = append(times, b.Time)
					}
				}
			}
			for _, t := range times {
				v := survive(stratum, t)
				curves = append(curves, c.ofStratum(stratum).Put("person", k+1).Put("covariates", a.name).Put("time", t).
					Put("estimate", v.Estimate).Put("std_error", v.SE).Put("conf_low", v.Low).Put("conf_high", v.High))
				if t > last {
					f.warn("predict: nobody is under observation at " + number(t) + c.u.named(s))
				}
			}
		}
	}
	if curves != nil {
		f.Tables = append(f.Tables, Table{"predicted", curves})
	}
	f.Tables = append(f.Tables, Table{"reference", reference}, Table{"baseline", base})
	return nil
}

// ofStratum begins a row; with one stratum there is no such column.
func (c *coxPart) ofStratum(name string) Record {
	if name == "" {
		return Record{}
	}
	return Record{}.Put("stratum", name)
}

// warn adds a warning once.
func (f *Frame) warn(text string) {
	if !slices.Contains(f.Warnings, text) {
		f.Warnings = append(f.Warnings, text)
	}
}
