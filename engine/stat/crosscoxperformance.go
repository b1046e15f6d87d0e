package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// askPredictions asks how the linear predictors without their fold order the
// people of each hospital's strata, and for the cross-validated log likelihood.
func (c *coxCross) askPredictions() {
	c.state = c.estimates()
	c.stage = crossPredictions
	cells := c.of.orderCells()
	for _, name := range []string{"", " at coefficients of 0"} {
		cells = append(cells, Cell{Cell: fixed.Binary(float64(c.k)*4*(c.far()+math.Log(float64(c.of.rows))+1), c.of.rows), Name: "log partial likelihood of the folds" + name})
	}
	for i := range cells {
		cells[i].Name += ", without their fold"
	}
	c.asks = []Ask{{Opening: 3, Cells: cells, State: append(append(centres(c.of.columns), c.of.scale...), c.state...)}}
}

// far is the largest absolute value of a predicted linear predictor over the declared ranges.
func (c *coxCross) far() (far float64) {
	for k := range c.k {
		far = math.Max(far, c.of.far(c.beta(k))*(1+0x1p-40))
	}
	return far
}

// addPredictions adds a hospital's pairs, and what each fold adds to the log partial likelihood at the
// coefficients without it: of all rows, less of the others (Verweij and van Houwelingen, Stat Med 1993;12:2305). Risk
// sets grow with a fold, so that it is compared with the same at coefficients of 0, never with the likelihood of the whole.
func (c *coxCross) addPredictions(f *coxFolds, out *fixed.Sums) {
	for k := range c.k {
		for i, beta := range [][]float64{c.beta(k), make([]float64, len(c.of.fit.cols))} {
			f.rows.use(c.of.fit.cols, beta)
			p, e := f.rows.likelihood(c.of.efron, nil)
			out.AddFloat(6+i, e.logLik+p.logLik)
			p, e = f.without(k).likelihood(c.of.efron, nil)
			out.AddFloat(6+i, -(e.logLik + p.logLik))
		}
	}
	c.predicted(f, 1).addPairs(out)
}

// predicted are a hospital's rows with their linear predictor without their fold as the only column, of coefficient slope.
func (c *coxCross) predicted(f *coxFolds, slope float64) *coxRows {
	if f.lp == nil {
		f.lp = make([]float64, len(f.fold))
		for k := range c.k {
			f.rows.use(c.of.fit.cols, c.beta(k))
			for i, fold := range f.fold {
				if fold == k {
					f.lp[i] = f.rows.eta[i]
				}
			}
		}
	}
	m := *f.rows
	m.cols, m.x, m.eta = []int{0}, f.lp, make([]float64, len(f.lp))
	for i, x := range f.lp {
		m.eta[i] = slope * x
	}
	return &m
}

func (c *coxCross) takePredictions(t fixed.Totals) {
	c.ranking, c.logLik, c.null = pairsOf(t), t.Float(6), t.Float(7)
	c.slope = newNewton([]int{0}, true, func(int) float64 { return 0 }, nil)
	c.slope.beta = []float64{1}
	c.stage = crossSlope
	c.nextSlope()
}

// nextSlope asks for the next round of the hazard on the predicted linear predictor (van Houwelingen, Stat Med 2000;19:3401).
func (c *coxCross) nextSlope() {
	if c.slope.done {
		c.stage, c.asks = crossDone, nil
		return
	}
	far, rows := c.far(), c.of.rows
	state := append(append(centres(c.of.columns), c.of.scale...), c.state...)
	c.asks = []Ask{{Opening: 4, State: append(state, c.slope.beta...), Cells: []Cell{
		{Cell: fixed.Binary(2*far, rows), Name: "score of the slope, without their fold"},
		{Cell: fixed.Binary(far*far*(1+0x1p-40), rows), Name: "information of the slope, without their fold"},
		{Cell: fixed.Binary(2*(2*math.Abs(c.slope.beta[0])*far+math.Log(float64(rows)))*(1+0x1p-40), rows), Name: "minus twice the log partial likelihood, without their fold"}}}}
}

// performance are the rows of apparent and cross-validated performance, and of what the former has in advance.
func (c *coxCross) performance(f *Frame) []Record {
	row := func(name string, ranking concordance) Record {
		value, bound := ranking.value()
		se := ranking.stdError()
		return Record{}.Put("performance", name).Put("concordance", value).Put("concordance_bound", bound).Put("concordance_std_error", se).
			Put("concordance_low", math.Max(0, value-z975*se)).Put("concordance_high", math.Min(1, value+z975*se))
	}
	slope, se := math.NaN(), math.NaN()
	if c.slope.converged && !c.slope.separated {
		slope, se = c.slope.estimate[0], 1/math.Sqrt(c.slope.info[0])
	} else {
		f.Warnings = append(f.Warnings, "cross_validate: the slope did not converge")
	}
	logLik := -c.of.fit.deviance / 2
	gain, kept := logLik-c.of.null, c.logLik-c.null
	apparent, _ := c.of.ranking.value()
	crossed, _ := c.ranking.value()
	return []Record{
		row("apparent", c.of.ranking).Put("slope", 1.0).Put("log_lik", logLik).Put("log_lik_gain", gain),
		row("cross-validated", c.ranking).Put("slope", slope).Put("slope_std_error", se).Put("log_lik", c.logLik).Put("log_lik_gain", kept),
		Record{}.Put("performance", "optimism").Put("concordance", apparent-crossed).Put("log_lik_gain", gain-kept),
	}
}
