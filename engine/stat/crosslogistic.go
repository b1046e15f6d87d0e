package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// crossPart cross-validates a logistic model: the fits without each fold go on from the estimate of the whole.
type crossPart struct {
	folding
	of *logisticPart

	state    []float64
	classes  *evaluation
	most     int // classes at most
	deviance float64
	slope    *newton // of the outcome on the predicted log odds

	cache *foldCache
}

// foldCache are a hospital's rows, a matrix for each fold.
type foldCache struct {
	of       *table.Table
	selected int
	folds    []*Panels
	sums     *NewtonSums
}

func (c *crossPart) plan() []Opening {
	q := len(c.of.most.Columns)
	return append(c.openings(q, c.of.args.Rules), []Opening{
		{What: "how the model fits without each fold, at each step: score, information, deviance. Less those of the whole model they are sums over the people of one fold", Cells: c.k * newtonCells(q), MaxTimes: maxNewton},
		{What: "people with and without the event in each class of the risk predicted without their fold, sums of squared errors and of deviances: cross-validated AUC, Brier score and log loss", Cells: 2*c.most + 2, MaxTimes: 1, CountsPeople: true},
		{What: "score, information and deviance of the outcome on these predicted log odds: slope and intercept of calibration", Cells: newtonCells(2), MaxTimes: maxNewton},
	}...)
}

// ask implements part; the fit of the whole has to be there first.
func (c *crossPart) ask() []Ask {
	if m := c.of.main; c.stage == crossWaits && m != nil && m.done {
		c.begin(m, c.of.regression, c.of.scale)
	}
	return c.asks
}

// matrices returns the hospital's rows by fold.
func (c *crossPart) matrices(rows *table.View) (*foldCache, error) {
	if f := c.cache; f != nil && f.of == rows.Table && f.selected == len(rows.Rows) {
		return f, nil
	}
	m, err := c.of.matrix(rows)
	if err != nil {
		return nil, err
	}
	f := &foldCache{of: rows.Table, selected: len(rows.Rows)}
	for range c.k {
		f.folds = append(f.folds, NewPanels(m.P, m.N/c.k+1, m.Offset != nil))
	}
	x, offset := make([]float64, m.P), []float64(nil)
	for i, k := range Folds(m.N, c.k, c.seed, rows.Table.Site) {
		for j := range x {
			x[j] = m.column(i/PanelRows, j)[i%PanelRows]
		}
		if m.Offset != nil {
			offset = m.Offset[i : i+1]
		}
		f.folds[k].Append(x, m.Y[i:i+1], offset)
	}
	c.cache = f
	return f, nil
}

func (c *crossPart) add(rows *table.View, out *fixed.Sums) error {
	f, err := c.matrices(rows)
	if err != nil {
		return err
	}
	switch c.stage {
	case crossCounts, crossObjections:
		var n, events []int64
		x := make([]float64, len(c.of.main.cols))
		for k, m := range f.folds {
			for row := range m.N {
				m.row(row, c.of.main.cols, x)
				c.addLevels(k, x, out)
			}
			n, events = append(n, int64(m.N)), append(events, eventsOf(m))
		}
		c.addCounts(n, events, c.of.args.Rules, out)
	case crossFits:
		c.addFits(f, out)
	case crossPredictions:
		c.addClasses(f, out)
	case crossSlope:
		c.addSlope(f, out)
	}
	return nil
}

func eventsOf(m *Panels) (n int64) {
	for _, y := range m.Y[:m.N] {
		n += int64(y)
	}
	return n
}

func (c *crossPart) addFits(f *foldCache, out *fixed.Sums) {
	at := 0
	for k, fit := range c.fits {
		if fit.done {
			continue
		}
		q := len(fit.cols)
		if f.sums == nil {
			f.sums = NewNewtonSums(q)
		}
		f.sums.Reset()
		for l, m := range f.folds {
			if l != k {
				NewtonBlock(m, 0, m.Len(), fit.cols, fit.beta, f.sums)
			}
		}
		f.sums.write(out.Slice(at, at+newtonCells(q)))
		at += newtonCells(q)
	}
}

func (c *crossPart) reduce(t fixed.Totals) error {
	c.asks = nil
	switch c.stage {
	case crossCounts:
		if c.takeCounts(t, c.of.regression, len(c.of.main.cols), c.enough) {
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
		c.takeClasses(t)
	case crossSlope:
		c.slope.reduce(t)
		c.nextSlope()
	}
	return nil
}

// enough is the rule on events of a fold.
func (c *crossPart) enough(n, events int64) string {
	if least := max(1, int64(c.of.args.Rules.MinCell)); events < least || n-events < least {
		return fmt.Sprintf("a fold has fewer than %d people with the event, or without", least)
	}
	return ""
}

// start begins the fits.
func (c *crossPart) start() {
	c.startFits(c.of.main, c.of.dependent)
	c.next()
}

// next asks for a round of every fit that goes on, or for the classes.
func (c *crossPart) next() {
	if l := c.of; !c.askFits(append(centres(l.columns), l.scale...), l.newtonCells) {
		c.askClasses()
	}
}
