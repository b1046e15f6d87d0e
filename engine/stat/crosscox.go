package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// coxCross cross-validates a Cox model with the hospital among its strata:
// a hospital leaves its own rows of a fold out of its own likelihood, so that
// nothing is opened by time. The fits go on from the estimate of the whole.
type coxCross struct {
	folding
	of *coxPart

	nEvent  int64     // of all folds
	state   []float64 // the estimates of all, one after the other
	ranking concordance
	logLik  float64 // cross-validated
	null    float64 // the same of coefficients of 0
	slope   *newton // of the hazard on the predicted linear predictor
	slow    float64 // its squared decrement, a round ago

	cache *coxFolds
}

// coxFolds are the folds of a hospital's rows, in the order of coxRows.
type coxFolds struct {
	rows *coxRows
	fold []int
	lp   []float64 // predicted without their fold; nil: not yet
}

func (c *coxCross) plan() []Opening {
	q := len(c.of.most.Columns) - 1
	folds := c.openings(q, c.of.args.Rules)
	if c.of.args.Rules.MinCell > 1 {
		folds[0].What, folds[0].Cells = folds[0].What+", and how many differ in a column from most of their hospital's stratum", folds[0].Cells+q*c.k
	}
	return append(folds, []Opening{
		{What: "how the model fits without each fold, at each step: score, information and log partial likelihood, worked out by each hospital within its own strata and summed: nothing by time. Less those of the whole model they tell of the people of one fold", Cells: c.k * newtonCells(q), MaxTimes: maxNewton},
		{What: "how many pairs of people within a hospital's stratum the linear predictor without their fold puts in the right order, in the wrong one, and neither, and sums over people of squares of their pairs; the log partial likelihood of the folds, at the coefficients and at 0: cross-validated concordance and log likelihood", Cells: 8, MaxTimes: 1},
		{What: "score, information and log partial likelihood of the hazard on these linear predictors: slope of calibration", Cells: newtonCells(1), MaxTimes: maxNewton},
	}...)
}

// ask implements part; the fit of the whole has to be there first.
func (c *coxCross) ask() []Ask {
	if f := c.of.fit; c.stage == crossWaits && f != nil && f.done {
		c.begin(f, c.of.regression, c.of.scale)
		c.askWithin()
	}
	return c.asks
}

// deal deals the hospital's rows to folds, in the order of its file.
func (c *coxCross) deal(rows *table.View) (*coxFolds, error) {
	m, err := c.of.matrix(rows)
	if err != nil {
		return nil, err
	}
	if f := c.cache; f != nil && f.rows == m {
		return f, nil
	}
	dealt := Folds(len(m.stop), c.k, c.seed, rows.Table.Site)
	f := &coxFolds{rows: m, fold: make([]int, len(dealt))}
	for i, place := range m.place {
		f.fold[i] = dealt[place]
	}
	c.cache = f
	return f, nil
}

// without returns the rows that are in another fold than k, with the linear predictors in use.
func (f *coxFolds) without(k int) *coxRows {
	m := f.rows
	s := &coxRows{cols: m.cols}
	at := make([]int, len(f.fold)) // number of a row among those kept
	for i, fold := range f.fold {
		at[i] = len(s.stop)
		if fold != k {
			s.stratum, s.stop, s.start, s.event = append(s.stratum, m.stratum[i]), append(s.stop, m.stop[i]), append(s.start, m.start[i]), append(s.event, m.event[i])
			s.x, s.eta = append(s.x, m.row(i)...), append(s.eta, m.eta[i])
		}
	}
	for _, i := range m.entries {
		if f.fold[i] != k {
			s.entries = append(s.entries, at[i])
		}
	}
	return s
}

func (c *coxCross) add(rows *table.View, out *fixed.Sums) error {
	f, err := c.deal(rows)
	if err != nil {
		return err
	}
	switch c.stage {
	case crossCounts, crossObjections:
		n, events := make([]int64, c.k), make([]int64, c.k)
		f.rows.use(c.of.fit.cols, c.of.fit.beta)
		for i, k := range f.fold {
			c.addLevels(k, f.rows.row(i), out)
			if n[k]++; f.rows.event[i] {
				events[k]++
			}
		}
		c.addCounts(n, events, c.of.args.Rules, out)
		c.addWithin(f, out)
	case crossFits:
		at := 0
		for k, fit := range c.fits {
			if fit.done {
				continue
			}
			f.rows.use(fit.cols, fit.beta)
			cells := newtonCells(len(fit.cols))
			f.without(k).addLikelihood(c.of.efron, out.Slice(at, at+cells))
			at += cells
		}
	case crossPredictions:
		c.addPredictions(f, out)
	case crossSlope:
		c.predicted(f, c.slope.beta[0]).addLikelihood(c.of.efron, out)
	}
	return nil
}

func (c *coxCross) reduce(t fixed.Totals) error {
	c.asks = nil
	switch c.stage {
	case crossCounts:
		for k := range c.k {
			c.nEvent += t.Count(2*k + 1)
		}
		ready := c.takeCounts(t, c.of.regression, len(c.of.fit.cols), c.enough)
		if name := c.thinWithin(t); c.why == "" && name != "" {
			c.end(fmt.Sprintf("in a fold fewer than %d people differ in %s from the others of their hospital's stratum", c.of.args.Rules.MinCell, name))
		} else if ready {
			c.start()
		}
	case crossObjections:
		if c.heard(t) {
			c.start()
		}
	case crossFits:
		if c.takeFits(t) {
			c.next()
		}
	case crossPredictions:
		c.takePredictions(t)
	case crossSlope:
		c.slope.reduce(t)
		c.slope.monotone(c.slow)
		c.slow = c.slope.decrement
		c.nextSlope()
	}
	return nil
}

// enough is the rule on events of a fold. Without min_cell a fold need not have any, as long as the others do.
func (c *coxCross) enough(n, events int64) string {
	least := int64(c.of.args.Rules.MinCell)
	switch {
	case events == c.nEvent:
		return "without a fold nobody has the event"
	case least > 1 && (events < least || c.nEvent < c.of.n && n-events < least):
		return fmt.Sprintf("a fold has fewer than %d people with the event, or without", least)
	}
	return ""
}

// start begins the fits.
func (c *coxCross) start() {
	c.startFits(c.of.fit, c.of.dependent)
	c.next()
}

// next asks for a round of every fit that goes on, or for what their predictions are worth.
func (c *coxCross) next() {
	if !c.askFits(append(centres(c.of.columns), c.of.scale...), c.of.ownCells) {
		c.askPredictions()
	}
}

// beta is the model without fold k.
func (c *coxCross) beta(k int) []float64 {
	q := len(c.of.fit.cols)
	return slices.Clip(c.state[k*q : (k+1)*q])
}
