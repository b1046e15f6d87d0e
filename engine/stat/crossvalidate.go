package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// CrossValidate asks for the performance of a model among people it was not fitted to.
type CrossValidate struct {
	Folds int `yaml:"folds"`
	Seed  int `yaml:"seed"`
}

// maxFolds bounds cross_validate: {folds: ...}.
const maxFolds = 50

func (c *CrossValidate) check(args Args) error {
	switch {
	case c.Folds < 2 || c.Folds > maxFolds:
		return fmt.Errorf("logistic: cross_validate: folds is %d, want 2 to %d", c.Folds, maxFolds)
	case args.Firth:
		return fmt.Errorf("logistic: cross_validate: the fits without each fold have no Firth penalty; leave out firth or cross_validate")
	case args.Veil:
		return fmt.Errorf("logistic: cross_validate: the fits without each fold are not encrypted; use privacy.reveal: sums")
	}
	return nil
}

// crossPart fits a logistic model once without each fold of the rows, from the
// estimate of the whole on, and predicts every row by the model that has not
// seen it (Stone, J R Stat Soc B 1974;36:111). Every hospital deals its own rows to folds: how people
// are split over hospitals decides the folds, unlike everything else here.
//
// The sums of a fit less those of the whole are sums over one fold: its people
// are as many as the rules want of the rows of a model, for every hospital also
// when its own are taken away. Otherwise there is no cross-validation, and a warning.
type crossPart struct {
	of    *logisticPart
	k     int
	seed  uint64
	stage int
	asks  []Ask

	n, events []int64 // of each fold
	fits      []*newton
	why       string // there is none
	state     []float64
	classes   *evaluation
	most      int // classes at most
	deviance  float64
	slope     *newton // of the outcome on the predicted log odds

	cache *foldCache
}

// foldCache are a hospital's rows, a matrix for each fold.
type foldCache struct {
	of       *table.Table
	selected int
	folds    []*Panels
	sums     *NewtonSums
}

const (
	crossWaits = iota // for the fit of the whole
	crossCounts
	crossObjections
	crossFits
	crossClasses
	crossSlope
	crossDone
)

func (c *crossPart) plan() []Opening {
	q := len(c.of.most.Columns)
	return []Opening{
		{What: "people and events of each fold of the cross-validation", Cells: 2 * c.k, MaxTimes: 1, CountsPeople: true},
		{What: "how many hospitals find that the other hospitals' people in a fold are too few", Cells: 1, MaxTimes: 1},
		{What: "how the model fits without each fold, at each step: score, information, deviance. Less those of the whole model they are sums over the people of one fold", Cells: c.k * newtonCells(q), MaxTimes: maxNewton},
		{What: "people with and without the event in each class of the risk predicted without their fold, sums of squared errors and of deviances: cross-validated AUC, Brier score and log loss", Cells: 2*c.most + 2, MaxTimes: 1, CountsPeople: true},
		{What: "score, information and deviance of the outcome on these predicted log odds: slope and intercept of calibration", Cells: newtonCells(2), MaxTimes: maxNewton},
	}
}

// ask implements part; the fit of the whole has to be there first.
func (c *crossPart) ask() []Ask {
	if m := c.of.main; c.stage == crossWaits && m != nil && m.done {
		c.begin()
	}
	return c.asks
}

func (c *crossPart) begin() {
	if c.of.main.separated || !c.of.main.converged {
		c.end("the model itself has no finite maximum")
		return
	}
	c.stage = crossCounts
	var cells []Cell
	for k := range c.k {
		cells = append(cells, countCell(fmt.Sprintf("people of fold %d", k+1), Plain), countCell(fmt.Sprintf("events of fold %d", k+1), Plain))
	}
	c.asks = []Ask{{Opening: 0, Cells: cells}}
}

// end leaves the cross-validation out.
func (c *crossPart) end(why string) { c.stage, c.asks, c.why = crossDone, nil, why }

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
	case crossCounts:
		for k, m := range f.folds {
			out.Add(2*k, int64(m.N))
			out.Add(2*k+1, eventsOf(m))
		}
	case crossObjections:
		least := int64(c.of.args.Rules.MinCell)
		for k, m := range f.folds {
			if rest := c.n[k] - int64(m.N); rest > 0 && rest < least {
				out.Add(0, 1)
				break
			}
		}
	case crossFits:
		c.addFits(f, out)
	case crossClasses:
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
		c.takeCounts(t)
	case crossObjections:
		if t.Count(0) > 0 {
			c.end("in a fold the people of all hospitals but one are too few")
			return nil
		}
		c.startFits()
	case crossFits:
		at := 0
		for _, fit := range c.fits {
			if !fit.done {
				n := newtonCells(len(fit.cols))
				fit.reduce(t.Slice(at, at+n))
				at += n
			}
		}
		c.next()
	case crossClasses:
		c.takeClasses(t)
	case crossSlope:
		c.slope.reduce(t)
		c.nextSlope()
	}
	return nil
}

// takeCounts applies the rules on the rows of a model to the folds, and to what is left without them.
func (c *crossPart) takeCounts(t fixed.Totals) {
	r, q := c.of.args.Rules, int64(len(c.of.main.cols))
	for k := range c.k {
		n, events := t.Count(2*k), t.Count(2*k+1)
		c.n, c.events = append(c.n, n), append(c.events, events)
		least := int64(1)
		if r.MinCell > 1 {
			least = int64(r.MinCell)
			if n < q+2 {
				c.end(fmt.Sprintf("a fold has fewer people than the model's coefficients and two: %d", q+2))
				return
			}
		}
		switch rest := c.of.n - n; {
		case events < least || n-events < least:
			c.end(fmt.Sprintf("a fold has fewer than %d people with the event, or without", least))
			return
		case r.MaxParametersPerRow > 0 && float64(q) > r.MaxParametersPerRow*float64(rest):
			c.end("without a fold there are too many coefficients for the rows (max_parameters_per_row)")
			return
		}
	}
	if r.MinCell <= 1 {
		c.startFits()
		return
	}
	c.stage = crossObjections
	c.asks = []Ask{{Opening: 1, Cells: []Cell{countCell("hospitals that object", Plain)}}}
}

func (c *crossPart) startFits() {
	c.stage = crossFits
	l := c.of
	for range c.k {
		fit := newNewton(l.main.cols, true, func(j int) float64 {
			if l.columns[j].Term < 0 {
				return 0
			}
			return l.penalty()
		}, nil)
		for a, b := range l.main.estimate {
			fit.beta[a] = Round40(b)
		}
		c.fits = append(c.fits, fit)
	}
	c.next()
}

// next asks for a round of every fit that goes on, or for the classes.
func (c *crossPart) next() {
	l := c.of
	ask := Ask{Opening: 2, State: append(centres(l.columns), l.scale...)}
	for k, fit := range c.fits {
		if fit.done {
			continue
		}
		for _, cell := range l.newtonCells(fit) {
			cell.Name += fmt.Sprintf(", without fold %d", k+1)
			ask.Cells = append(ask.Cells, cell)
		}
		ask.State = append(ask.State, fit.beta...)
	}
	if len(ask.Cells) > 0 {
		c.asks = []Ask{ask}
		return
	}
	for k, fit := range c.fits {
		if !fit.converged {
			c.end(fmt.Sprintf("without fold %d the model has no finite maximum, or a column that is the same for everyone", k+1))
			return
		}
	}
	c.askClasses()
}
