package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// askClasses asks for the counts of people by the risk that the model without their fold predicts.
func (c *crossPart) askClasses() {
	l := c.of
	c.state = c.estimates()
	if k := l.args.Rules.MinCell; k > 1 {
		c.classes.cells = max(1, min(c.classes.cells, int(l.n)/k))
	}
	c.stage = crossPredictions
	cells := c.classes.ask(l.rows)
	for i := range cells {
		cells[i].Name += ", without their fold"
	}
	cells = append(cells, Cell{Cell: fixed.Binary(2*(c.far()+math.Ln2)*(1+0x1p-40), l.rows), Name: "deviance of predictions without their fold"})
	c.asks = []Ask{{Opening: 3, Cells: cells, State: c.state}}
}

// beta is the model without fold k.
func (c *crossPart) beta(k int) []float64 {
	q := len(c.of.main.cols)
	return c.state[k*q : (k+1)*q]
}

// far is the largest absolute value of predicted log odds over the declared ranges.
func (c *crossPart) far() (far float64) {
	l := c.of
	for k := range c.k {
		f := math.Max(math.Abs(l.model.OffsetMin), math.Abs(l.model.OffsetMax))
		for a, j := range l.main.cols {
			f += math.Abs(c.beta(k)[a]) * l.reach(j)
		}
		far = math.Max(far, f*(1+0x1p-40))
	}
	return far
}

// each visits a hospital's rows with outcome and the log odds predicted without their fold.
func (c *crossPart) each(f *foldCache, visit func(y, odds float64)) {
	for k, m := range f.folds {
		m.each(c.of.main.cols, c.beta(k), func(row int, eta float64) { visit(m.Y[row], eta) })
	}
}

// loss is minus the log-likelihood of an outcome at log odds e.
func loss(y, e float64) float64 {
	if y == 1 {
		e = -e
	}
	return math.Max(e, 0) + math.Log1p(math.Exp(-math.Abs(e)))
}

func (c *crossPart) addClasses(f *foldCache, out *fixed.Sums) {
	high, low, at := 0.0, 0.0, 2*c.classes.cells+1
	for k, m := range f.folds {
		c.classes.add(m, c.of.main.cols, c.beta(k), out)
	}
	c.each(f, func(y, odds float64) { add(&high, &low, 2*loss(y, odds)) })
	out.AddFloat(at, high)
	out.AddFloat(at, low)
}

func (c *crossPart) takeClasses(t fixed.Totals) {
	c.classes.take(t)
	c.deviance = t.Float(2*c.classes.cells + 1)
	c.slope = newNewton([]int{0, 1}, true, func(int) float64 { return 0 }, nil)
	c.slope.beta = []float64{0, 1}
	c.stage = crossSlope
	c.nextSlope()
}

// nextSlope asks for the next round of the outcome on the predicted log odds.
func (c *crossPart) nextSlope() {
	if c.slope.done {
		c.stage, c.asks = crossDone, nil
		return
	}
	far, b, rows := c.far(), c.slope.beta, c.of.rows
	cell := func(bound float64, name string) Cell {
		return Cell{Cell: fixed.Binary(bound, rows), Name: name + ", without their fold"}
	}
	c.asks = []Ask{{Opening: 4, State: append(append([]float64{}, c.state...), b...), Cells: []Cell{
		cell(1, "score of the intercept"), cell(far, "score of the slope"), cell(0.25, "information of the intercept"), cell(far/4, "information of intercept, slope"),
		cell(far*far/4, "information of the slope"), cell(2*(math.Abs(b[0])+math.Abs(b[1])*far+math.Ln2)*(1+0x1p-40), "deviance")}}}
}

func (c *crossPart) addSlope(f *foldCache, out *fixed.Sums) {
	var high, low [6]float64
	b := c.slope.beta
	c.each(f, func(y, x float64) {
		e := b[0] + b[1]*x
		p := 1 / (1 + math.Exp(-e))
		w := p * (1 - p)
		for i, v := range [6]float64{y - p, (y - p) * x, w, w * x, w * x * x, 2 * loss(y, e)} {
			add(&high[i], &low[i], v)
		}
	})
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
}

// performance are the rows of apparent and cross-validated performance, and of what the former has in advance.
func (c *crossPart) performance(f *Frame) []Record {
	l := c.of
	n := float64(l.n)
	nothing := math.NaN()
	row := func(name string, e *evaluation, deviance, slope, intercept float64) Record {
		auc, bound, se := nothing, nothing, nothing
		brier := nothing
		if e != nil {
			auc, bound, se = e.auc()
			brier = e.squares / n
		}
		return Record{}.Put("performance", name).Put("auc", auc).Put("auc_bound", bound).Put("auc_std_error", se).
			Put("auc_low", math.Max(0, auc-z975*se)).Put("auc_high", math.Min(1, auc+z975*se)).
			Put("brier", brier).Put("log_loss", deviance/2/n).Put("slope", slope).Put("intercept", intercept)
	}
	var within *evaluation
	slope, intercept := 1.0, 0.0
	if l.place.evaluate >= 0 {
		within = l.evaluation
	}
	if l.penalty() > 0 {
		slope, intercept = nothing, nothing // kind calibration has them
	}
	apparent := row("apparent", within, l.main.deviance, slope, intercept)
	slope, intercept = c.slope.estimate[1], c.slope.estimate[0]
	if !c.slope.converged {
		slope, intercept = nothing, nothing
		f.Warnings = append(f.Warnings, "cross_validate: slope and intercept did not converge")
	}
	crossed := row("cross-validated", c.classes, c.deviance, slope, intercept)
	rows := []Record{apparent, crossed}
	if within != nil {
		a, _, _ := within.auc()
		b, _, _ := c.classes.auc()
		rows = append(rows, Record{}.Put("performance", "optimism").Put("auc", a-b).Put("brier", within.squares/n-c.classes.squares/n).Put("log_loss", (l.main.deviance-c.deviance)/2/n))
	}
	return rows
}
