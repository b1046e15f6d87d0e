package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Calibration is the kind of that name: whether the risks that a logistic or a
// Cox model predicts are those observed, among the people it was fitted to. Classes of
// equally many people by predicted risk; of a logistic model Hosmer and
// Lemeshow's test (1980), slope and intercept of the outcome on the predicted log odds, and the Brier score.
//
// Of a Cox model the risk is that of the event by one time, its horizon: the observed
// one is Kaplan and Meier's in each class; slope and intercept are those of the event on
// log(-log S), area under the time-dependent curve and Brier score those of R's
// riskRegression, all weighted by the inverse probability of censoring.
//
// Keys: model, the id of a logistic or cox analysis before this one; at (cox: the horizon); bins?
// (default 10); per_hospital? (logistic: every hospital's own performance, which a gateway's policy can forbid).
// The model is fitted again, in the same sums. The limits between classes are searched for by
// counting people at or below probed risks until a count is that of the class; a class with
// fewer than min_cell people, events or others joins its neighbour.
type Calibration struct{}

var _ Statistic = Calibration{}

// Begin implements Statistic.
func (Calibration) Begin(args Args, s *table.Schema) (Program, error) {
	if args.Of == nil {
		return nil, fmt.Errorf("calibration: no model %q", args.Model)
	}
	if args.Bins == 0 {
		args.Bins = 10
	}
	switch {
	case args.Of.Kind != "logistic" && args.Of.Kind != "cox":
		return nil, fmt.Errorf("calibration: %s is of kind %s, want logistic or cox", args.Model, args.Of.Kind)
	case args.Bins < 3 || args.Bins > 100:
		return nil, fmt.Errorf("calibration: %d bins, want 3 to 100", args.Bins)
	case args.Of.Kind == "cox":
		return beginCoxCalibration(args, s)
	case args.At != 0:
		return nil, fmt.Errorf("calibration: at is of Cox models, %s is of kind logistic: leave it out", args.Model)
	case args.Of.Firth:
		return nil, fmt.Errorf("calibration: %s has a Firth penalty, whose risks are not evaluated", args.Model)
	case args.Veil:
		return nil, fmt.Errorf("calibration: the risks of an encrypted model are not opened; use privacy.reveal: sums")
	}
	q, err := refitted(*args.Of, *args.Of, s)
	if err != nil {
		return nil, err
	}
	c := &calibrationPart{args: args, model: q.parts[0].(*logisticPart)}
	if args.Apart {
		c.sites = s.Sites
	}
	q.parts[0] = c
	q.finish = func() (Frame, error) { return c.finish(q.census.counts()), nil }
	return q, nil
}

// calibrationPart fits the model, searches the limits of the classes, and sums within them.
type calibrationPart struct {
	args  Args
	model *logisticPart
	stage int
	asks  []Ask
	state []float64 // the fitted coefficients

	search  *riskSearch
	classes []riskSum
	recal   *newton // outcome on the predicted log odds
	brier   float64

	sites     []string // of which own figures are opened; nil: of none
	hospitals []Record
}

const (
	calibrationFit = iota
	calibrationSearch
	calibrationClasses
	calibrationSlope
	calibrationDone
)

type riskSum struct {
	n, events int64
	risk      float64
}

func (c *calibrationPart) plan() []Opening {
	plan := append(c.model.plan(), []Opening{
		searchOpening(c.args.Bins),
		{What: "people, events and the sum of predicted risks in each class, and the sum of squared errors: classes of too few people, events or others are merged before they are written", Cells: 3*c.args.Bins + 1, MaxTimes: 1, CountsPeople: true, Released: true},
		{What: "score, information and deviance of the outcome on the predicted log odds: slope and intercept of calibration", Cells: newtonCells(2), MaxTimes: maxNewton},
	}...)
	if c.sites != nil {
		plan = append(plan, Opening{What: "each hospital's own people, events, sum of predicted risks, sum of squared errors, area under the curve and its error, where the rules hold for its rows alone",
			Cells: hospitalCells * len(c.sites), MaxTimes: 1, CountsPeople: true, PerHospital: true, Released: true})
	}
	return plan
}

func (c *calibrationPart) ask() []Ask {
	if c.stage == calibrationFit {
		return c.model.ask()
	}
	return c.asks
}

func (c *calibrationPart) add(rows *table.View, out *fixed.Sums) error {
	if c.stage == calibrationFit {
		return c.model.add(rows, out)
	}
	m, err := c.model.matrix(rows)
	if err != nil {
		return err
	}
	switch c.stage {
	case calibrationSearch:
		var risks []int64
		c.each(m, func(_, p float64) { risks = append(risks, riskPoint(p)) })
		c.search.add(risks, out)
	case calibrationClasses:
		high, low := 0.0, 0.0
		sums, lows := make([]float64, len(c.search.at)+1), make([]float64, len(c.search.at)+1)
		c.each(m, func(y, p float64) {
			k := c.search.class(p)
			out.Add(3*k, 1)
			out.Add(3*k+1, int64(y))
			add(&sums[k], &lows[k], p)
			add(&high, &low, (y-p)*(y-p))
		})
		for k := range sums {
			out.AddFloat(3*k+2, sums[k])
			out.AddFloat(3*k+2, lows[k])
		}
		out.AddFloat(3*len(sums), high)
		out.AddFloat(3*len(sums), low)
		if c.sites != nil {
			c.addOwn(m, rows.Table.Site, out.Slice(3*len(sums)+1, out.Len()))
		}
	case calibrationSlope:
		c.addSlope(m, out)
	}
	return nil
}

// each visits a hospital's rows with outcome and predicted risk.
func (c *calibrationPart) each(m *Panels, visit func(y, p float64)) {
	m.each(c.model.main.cols, c.state, func(row int, eta float64) { visit(m.Y[row], 1/(1+math.Exp(-eta))) })
}

func (c *calibrationPart) reduce(t fixed.Totals) error {
	switch c.stage {
	case calibrationFit:
		if err := c.model.reduce(t); err != nil {
			return err
		}
		if len(c.model.ask()) == 0 {
			return c.fitted()
		}
	case calibrationSearch:
		c.search.narrow(t)
		c.next()
	case calibrationClasses:
		c.take(t)
	case calibrationSlope:
		c.recal.reduce(t)
		c.slope()
	}
	return nil
}

// fitted begins the search.
func (c *calibrationPart) fitted() error {
	m := c.model.main
	if m.separated {
		return separatedRefusal()
	}
	for _, b := range m.estimate {
		c.state = append(c.state, Round40(b))
	}
	c.search = newRiskSearch(c.model.n, c.args.Bins)
	c.stage = calibrationSearch
	c.next()
	return nil
}

// next goes on with the search, then asks for the sums of the classes.
func (c *calibrationPart) next() {
	cells := c.search.cells()
	if cells != nil {
		c.asks = []Ask{{Opening: len(c.model.plan()), Cells: cells, State: c.state}}
		return
	}
	c.stage = calibrationClasses
	for k := range len(c.search.at) + 1 {
		cells = append(cells, countCell(fmt.Sprintf("people in class %d", k+1), Plain), countCell(fmt.Sprintf("events in class %d", k+1), Plain),
			Cell{Cell: fixed.Binary(1, c.model.rows), Name: fmt.Sprintf("sum of predicted risks in class %d", k+1)})
	}
	cells = append(cells, Cell{Cell: fixed.Binary(1, c.model.rows), Name: "sum of squared errors of prediction"})
	state := slices.Clone(c.state)
	for _, x := range c.search.at {
		state = append(state, float64(x))
	}
	c.asks = []Ask{{Opening: len(c.model.plan()) + 1, Cells: cells, State: state}}
	if c.sites != nil {
		c.asks = append(c.asks, Ask{Opening: len(c.model.plan()) + 3, Cells: c.ownCells(), State: c.state})
	}
}

func (c *calibrationPart) take(t fixed.Totals) {
	for k := range len(c.search.at) + 1 {
		c.classes = append(c.classes, riskSum{t.Count(3 * k), t.Count(3*k + 1), t.Float(3*k + 2)})
	}
	c.brier = t.Float(3*len(c.classes)) / float64(c.model.n)
	if c.sites != nil {
		c.takeOwn(t.Slice(3*len(c.classes)+1, t.Len()))
	}
	c.classes = slices.DeleteFunc(c.classes, func(r riskSum) bool { return r.n == 0 })
	c.recal = newNewton([]int{0, 1}, true, func(int) float64 { return 0 }, nil)
	c.recal.beta = []float64{0, 1}
	c.stage = calibrationSlope
	c.slope()
}
