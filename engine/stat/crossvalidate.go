package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// CrossValidate asks for the performance of a model among people it was not
// fitted to (Stone, J R Stat Soc B 1974;36:111): the model is fitted once without each
// fold of the rows, and every row is predicted by the model that has not seen it.
type CrossValidate struct {
	Folds int `yaml:"folds"`
	Seed  int `yaml:"seed"`
}

// maxFolds bounds cross_validate: {folds: ...}.
const maxFolds = 50

func (c *CrossValidate) check(args Args) error {
	switch {
	case c.Folds < 2 || c.Folds > maxFolds:
		return fmt.Errorf("%s: cross_validate: folds is %d, want 2 to %d", args.Kind, c.Folds, maxFolds)
	case args.Kind == "cox" && !slices.Contains(args.Strata, table.Site):
		return fmt.Errorf("cox: cross_validate needs strata: site, with which hospitals work out their own likelihoods: by time, the sums of a fit without a fold would tell of the few people of the fold who leave then")
	case args.Firth:
		return fmt.Errorf("logistic: cross_validate: the fits without each fold have no Firth penalty; leave out firth or cross_validate")
	case args.Veil:
		return fmt.Errorf("%s: cross_validate: the fits without each fold are not encrypted; use privacy.reveal: sums", args.Kind)
	}
	return nil
}

// folding is what the cross-validations of all kinds have in common. Every
// hospital deals its own rows to folds: how people are split over hospitals
// decides the folds, unlike everything else here.
//
// The sums of a fit less those of the whole are sums over one fold: its people
// are as many as the rules want of the rows of a model, for every hospital also
// when its own are taken away. Otherwise there is no cross-validation, and a warning.
type folding struct {
	k     int
	seed  uint64
	stage int
	asks  []Ask

	levels []foldLevel
	n      []int64   // people of each fold
	fits   []*newton // without each fold
	before []float64 // squared decrement of each, a round ago
	why    string    // there is none
}

const (
	crossWaits = iota // for the fit of the whole
	crossCounts
	crossObjections
	crossFits
	crossPredictions
	crossSlope
	crossDone
)

// openings are those of the folds themselves.
func (c *folding) openings(q int, rules Rules) []Opening {
	what, cells := "people and events of each fold of the cross-validation", 2*c.k
	if rules.MinCell > 1 {
		what, cells = what+"; how many of its people have each level of a factor: without enough there is none", cells+2*q*c.k
	}
	return []Opening{
		{What: what, Cells: cells, MaxTimes: 1, CountsPeople: true},
		{What: "how many hospitals find that the other hospitals' people in a fold are too few", Cells: 1, MaxTimes: 1},
	}
}

// begin asks for the sizes of the folds, once the model is fitted to the whole.
func (c *folding) begin(whole *newton, r *regression, scale []float64) {
	if whole.separated || !whole.converged {
		c.end("the model itself has no finite maximum")
		return
	}
	c.stage = crossCounts
	var cells []Cell
	for k := range c.k {
		cells = append(cells, countCell(fmt.Sprintf("people of fold %d", k+1), Plain), countCell(fmt.Sprintf("events of fold %d", k+1), Plain))
	}
	c.levels = r.foldLevels(whole.cols, scale)
	c.asks = []Ask{{Opening: 0, Cells: append(cells, levelCells(c.levels, c.k)...)}}
}

// addLevels counts a row x of a fold, in the round of the sizes.
func (c *folding) addLevels(fold int, x []float64, out *fixed.Sums) {
	for i, l := range c.levels {
		if c.stage == crossCounts && l.has(x) {
			out.Add(2*c.k+fold*len(c.levels)+i, 1)
		}
	}
}

// end leaves the cross-validation out.
func (c *folding) end(why string) { c.stage, c.asks, c.why = crossDone, nil, why }

// addCounts adds a hospital's term of the first two sums, from how many of its rows and events each fold has.
func (c *folding) addCounts(n, events []int64, rules Rules, out *fixed.Sums) {
	for k := range c.k {
		if c.stage == crossCounts {
			out.Add(2*k, n[k])
			out.Add(2*k+1, events[k])
		} else if rest := c.n[k] - n[k]; rest > 0 && rest < int64(rules.MinCell) {
			out.Add(0, 1)
			return
		}
	}
}

// takeCounts applies the rules on the rows of a model of q coefficients to the
// folds, and to what is left without them, and reports whether the fits can
// begin. enough says what a fold of so many people and events lacks, "" for nothing.
func (c *folding) takeCounts(t fixed.Totals, r *regression, q int, enough func(n, events int64) string) bool {
	rules := r.args.Rules
	for k := range c.k {
		n := t.Count(2 * k)
		c.n = append(c.n, n)
		if rules.MinCell > 1 && n < int64(q)+2 {
			c.end(fmt.Sprintf("a fold has fewer people than the model's coefficients and two: %d", q+2))
			return false
		}
		if why := enough(n, t.Count(2*k+1)); why != "" {
			c.end(why)
			return false
		}
		if why := thinLevel(c.levels, func(i int) int64 { return t.Count(2*c.k + k*len(c.levels) + i) }, n, int64(rules.MinCell)); why != "" {
			c.end(why)
			return false
		}
		if rules.MaxParametersPerRow > 0 && float64(q) > rules.MaxParametersPerRow*float64(r.n-n) {
			c.end("without a fold there are too many coefficients for the rows (max_parameters_per_row)")
			return false
		}
	}
	if rules.MinCell > 1 {
		c.stage = crossObjections
		c.asks = []Ask{{Opening: 1, Cells: []Cell{countCell("hospitals that object", Plain)}}}
		return false
	}
	return true
}

// heard reports whether no hospital objects, so that the fits can begin.
func (c *folding) heard(t fixed.Totals) bool {
	if t.Count(0) > 0 {
		c.end("in a fold the people of all hospitals but one are too few")
		return false
	}
	return true
}

// startFits begins the fits at the estimate of the whole.
func (c *folding) startFits(whole *newton, aliased func(*newton, *symmetric) *factored) {
	c.stage, c.before = crossFits, make([]float64, c.k)
	for range c.k {
		fit := newNewton(whole.cols, true, func(int) float64 { return 0 }, aliased)
		fit.penalty = slices.Clone(whole.penalty)
		for a, b := range whole.estimate {
			fit.beta[a] = Round40(b)
		}
		c.fits = append(c.fits, fit)
	}
}

// takeFits goes on with the fits from the sums of a round, and reports whether the model can be fitted without every fold.
func (c *folding) takeFits(t fixed.Totals) bool {
	at := 0
	for k, fit := range c.fits {
		if fit.done {
			continue
		}
		q := len(fit.cols)
		fit.reduce(t.Slice(at, at+newtonCells(q)))
		if at += newtonCells(q); len(fit.cols) < q {
			c.end(fmt.Sprintf("without fold %d a column is a combination of others, or the same for everyone", k+1))
			return false
		}
		if fit.penalty[q-1] == 0 { // the intercept has none
			fit.monotone(c.before[k])
		}
		if c.before[k] = fit.decrement; fit.done && (!fit.converged || fit.separated) {
			c.end(fmt.Sprintf("without fold %d the model has no finite maximum", k+1))
			return false
		}
	}
	return true
}

// askFits asks for a round of every fit that goes on; false when none does.
func (c *folding) askFits(state []float64, cells func(*newton) []Cell) bool {
	ask := Ask{Opening: 2, State: state}
	for k, fit := range c.fits {
		if fit.done {
			continue
		}
		for _, cell := range cells(fit) {
			cell.Name += fmt.Sprintf(", without fold %d", k+1)
			ask.Cells = append(ask.Cells, cell)
		}
		ask.State = append(ask.State, fit.beta...)
	}
	if len(ask.Cells) == 0 {
		return false
	}
	c.asks = []Ask{ask}
	return true
}

// estimates are those of all fits, one after the other, in 40 bits.
func (c *folding) estimates() (all []float64) {
	for _, fit := range c.fits {
		for _, b := range fit.estimate {
			all = append(all, Round40(b))
		}
	}
	return all
}

// put appends apparent and cross-validated performance to the outcome, or says why there is none.
func (c *folding) put(f *Frame, rows func() []Record) {
	if c.why != "" {
		f.Warnings = append(f.Warnings, "cross_validate: "+c.why+": no cross-validation; fewer folds, or a wider cohort")
		return
	}
	f.Tables = append(f.Tables, Table{"cross_validation", rows()})
	f.Glance = f.Glance.Put("folds", c.k)
	f.Warnings = append(f.Warnings, fmt.Sprintf("cross_validate: each hospital deals its own rows to %d folds; other hospitals, or another order of the rows, give other folds", c.k))
}
