package stat

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/table"
)

// Fitted is a model as a result shows it: of the kinds linear, logistic, poisson, negbin and cox.
type Fitted struct {
	Terms     []FittedTerm
	VCov      *Matrix         // nil: predictions have no errors, as those of a ridge model
	Levels    []FactorLevels  // that the model's columns were made of; nil: every declared one
	DF        float64         // residual degrees of freedom of a linear model
	Reference []float64       // cox: the values of the columns that Baseline is of
	Baseline  []BaselinePoint // cox: in increasing order of time within each stratum; nil: no survival
}

// FittedTerm is a row of a model's tidy table.
type FittedTerm struct {
	Name     string
	Estimate float64 // NaN: none
	Aliased  bool
	Infinite string // "+", "-": of separated outcomes
}

// BaselinePoint is the cumulative hazard of a person with the reference values
// at a time, the part of its variance that comes from the events alone, and the integral of
// the means of the columns over it, which the error of the coefficients acts through.
type BaselinePoint struct {
	Stratum          string
	Time             float64
	Hazard, Variance float64
	Means            []float64 // of the columns less Reference
}

// Predictor applies a fitted model to rows of which the outcome is not known,
// as R's predict with se.fit = TRUE does.
type Predictor struct {
	kind   string
	model  *formula.Model
	design *formula.Design
	fitted Fitted
	beta   []float64 // 0 where there is no estimate
	known  []int     // columns with a row in the covariance
	cov    [][]float64
	wide   float64 // half the width of limits in standard errors
	strata []table.Factor
}

// Prediction is what a model says of a row.
type Prediction struct {
	Missing      bool    // a covariate is missing: there is none
	Undetermined bool    // the row lies in a direction in which the model has no estimate
	Limit        bool    // infinite coefficients decide: a risk of 0 or 1, without error
	Linear       float64 // predictor, offset included
	LinearSE     float64
	Estimate     float64 // mean (linear), risk (logistic), expected count (poisson, negbin), hazard over that of a person with 0 in every column (cox)
	SE           float64 // of Estimate, by the delta method
	Low, High    float64 // limits of Estimate, 95 %: Linear's, transformed
}

// Survival is the predicted survival of a row at a time; limits are those of its logarithm.
type Survival struct{ Estimate, SE, Low, High float64 }

// NewPredictor checks that the terms are those of the analysis over a dictionary.
func NewPredictor(a Args, s *table.Schema, f Fitted) (*Predictor, error) {
	if !slices.Contains([]string{"linear", "logistic", "poisson", "negbin", "cox"}, a.Kind) {
		return nil, fmt.Errorf("%s is of kind %s, want linear, logistic, poisson, negbin or cox", a.ID, a.Kind)
	}
	parsed, err := formula.Parse(a.Formula)
	if err != nil {
		return nil, err
	}
	m, err := parsed.Bind(s, a.Kind != "cox")
	if err != nil {
		return nil, err
	}
	p := &Predictor{kind: a.Kind, model: m.Right(), fitted: f, wide: z975}
	if a.Kind == "linear" {
		p.wide = tQuantile(0.975, f.DF)
	}
	p.design, err = p.model.Design(func(name string) []bool { return present(s, name, f.Levels) })
	if err != nil {
		return nil, err
	}
	first := 0
	if a.Kind == "cox" {
		first = 1 // the baseline takes the intercept's place
	}
	var names, terms []string
	for _, c := range p.design.Columns[first:] {
		names = append(names, c.Name)
	}
	for _, t := range f.Terms {
		terms = append(terms, t.Name)
	}
	if !slices.Equal(names, terms) {
		return nil, fmt.Errorf("the terms of the result are %s, those of the study's formula %s are %s: is it the study of this result?", strings.Join(terms, ", "), a.Formula, strings.Join(names, ", "))
	}
	if f.VCov != nil {
		p.cov = f.VCov.Matrix
		for _, name := range f.VCov.Terms {
			p.known = append(p.known, slices.Index(names, name))
		}
	}
	p.beta = make([]float64, len(names))
	for j, t := range f.Terms {
		if !math.IsNaN(t.Estimate) {
			p.beta[j] = t.Estimate
		}
	}
	for _, name := range a.Strata {
		if name == table.Site {
			continue
		}
		g, err := s.Factor(name)
		if err != nil {
			return nil, err
		}
		p.strata = append(p.strata, g)
	}
	return p, nil
}

// present says which declared levels of a factor a model was laid out with; of an unlisted factor all.
func present(s *table.Schema, name string, levels []FactorLevels) []bool {
	f, err := s.Factor(name)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(levels, func(l FactorLevels) bool { return l.Factor == name })
	all := make([]bool, len(f.Levels))
	for l := range all {
		all[l] = i < 0 || slices.Contains(levels[i].Levels, f.Levels[l])
	}
	return all
}

// Variables are those that a row needs.
func (p *Predictor) Variables() []string { return p.model.Variables }

// Strata are the variables that say which baseline is a row's.
func (p *Predictor) Strata() (names []string) {
	for _, f := range p.strata {
		names = append(names, f.Name)
	}
	return names
}

// Strangers returns a test for a level that no row of the fit had, of a row of
// a table: nothing can be said of a person with it. level is "" where there is none.
func (p *Predictor) Strangers(t *table.Table) (func(i int) (factor, level string), error) {
	type absent struct {
		table.Factor
		values []float64
		fitted []string
	}
	var all []absent
	for _, l := range p.fitted.Levels {
		f, err := t.Schema.Factor(l.Factor)
		if err != nil {
			return nil, err
		}
		values, err := t.Column(l.Factor)
		if err != nil {
			return nil, err
		}
		all = append(all, absent{f, values, l.Levels})
	}
	return func(i int) (factor, level string) {
		for _, a := range all {
			if x := a.values[i]; !math.IsNaN(x) {
				if level := a.Levels[a.Level(x)]; !slices.Contains(a.fitted, level) {
					return a.Name, level
				}
			}
		}
		return "", ""
	}, nil
}

// Rows returns what the model says of a table's rows, and of their survival
// where it has a baseline. The functions are for one goroutine.
func (p *Predictor) Rows(t *table.Table) (row func(i int) Prediction, survival func(i int, at float64) Survival, err error) {
	eval, err := p.design.Eval(t)
	if err != nil {
		return nil, nil, err
	}
	var needed [][]float64
	for _, name := range p.model.Variables {
		c, err := t.Column(name)
		if err != nil {
			return nil, nil, err
		}
		needed = append(needed, c)
	}
	u := &followUp{by: p.strata}
	group, err := u.groupOf(t)
	if err != nil {
		return nil, nil, err
	}
	all := make([]float64, len(p.design.Columns))
	x := all[len(all)-len(p.beta):]
	row = func(i int) Prediction {
		for _, c := range needed {
			if math.IsNaN(c[i]) {
				return Prediction{Missing: true}
			}
		}
		eval.Row(i, all)
		return p.predict(x, eval.Offset(i))
	}
	survival = func(i int, at float64) Survival {
		for _, f := range p.strata {
			if c, err := t.Column(f.Name); err != nil || math.IsNaN(c[i]) {
				return noSurvival
			}
		}
		eval.Row(i, all)
		return p.survival(x, eval.Offset(i), u.stratum(group(i)), at)
	}
	return row, survival, nil
}
