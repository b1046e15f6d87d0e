package stat

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Calibration is the kind of that name: whether the risks that a logistic model
// predicts are those observed, among the people it was fitted to. Classes of
// equally many people by predicted risk, Hosmer and Lemeshow's test (1980), slope and
// intercept of the outcome on the predicted log odds, and the Brier score.
//
// Keys: model, the id of a logistic analysis before this one; bins? (default 10); per_hospital? (every
// hospital's own performance, which a gateway's policy can forbid).
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
	case args.Of.Kind != "logistic":
		return nil, fmt.Errorf("calibration: %s is of kind %s, want logistic", args.Model, args.Of.Kind)
	case args.Bins < 3 || args.Bins > 100:
		return nil, fmt.Errorf("calibration: %d bins, want 3 to 100", args.Bins)
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

// riskBits is the resolution of predicted risks, 2^-36: risks that differ less count as equal.
const riskBits = 36

// probes is how many risks are probed at once on the way to a limit.
const probes = 15

// calibrationPart fits the model, searches the limits of the classes, and sums within them.
type calibrationPart struct {
	args  Args
	model *logisticPart
	stage int
	asks  []Ask
	state []float64 // the fitted coefficients

	limits  []*riskLimit
	at      []int64 // the limits found
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

// riskLimit is a limit between two classes on its way: the lowest risk at or below which at least rank people are.
type riskLimit struct {
	rank   int64
	lo, hi int64 // more than those at or below lo, at most those at or below hi
	probed []int64
	found  bool
	below  int64 // people at or below lo
}

type riskSum struct {
	n, events int64
	risk      float64
}

func (c *calibrationPart) plan() []Opening {
	k := c.args.Bins - 1
	plan := append(c.model.plan(), []Opening{
		{What: "how many people have at most a predicted risk, at probed risks: the search for the limits between classes of equally many people", Cells: k * probes, MaxTimes: riskBits/4 + 2, CountsPeople: true},
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
		risks := c.risks(m)
		slices.Sort(risks)
		at := 0
		for _, l := range c.limits {
			for _, x := range l.probed {
				out.Add(at, int64(sort.Search(len(risks), func(i int) bool { return risks[i] > x })))
				at++
			}
		}
	case calibrationClasses:
		high, low := 0.0, 0.0
		sums, lows := make([]float64, len(c.at)+1), make([]float64, len(c.at)+1)
		c.each(m, func(y, p float64) {
			k := sort.Search(len(c.at), func(i int) bool { return c.at[i] >= riskPoint(p) })
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

func riskPoint(p float64) int64 { return int64(math.RoundToEven(math.Ldexp(p, riskBits))) }

func (c *calibrationPart) risks(m *Panels) (risks []int64) {
	c.each(m, func(_, p float64) { risks = append(risks, riskPoint(p)) })
	return risks
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
		c.narrow(t)
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
	n := c.model.n
	for k := 1; k < c.args.Bins; k++ { // R's type 7: the limit lies at order statistic (n-1) k/bins + 1 or between it and the next
		rank := (n-1)*int64(k)/int64(c.args.Bins) + 1
		c.limits = append(c.limits, &riskLimit{rank: rank, lo: -1, hi: 1 << riskBits})
	}
	c.stage = calibrationSearch
	c.search()
	return nil
}

// search probes for the limits that are not found, evenly between what is known.
func (c *calibrationPart) search() {
	var cells []Cell
	for i, l := range c.limits {
		l.probed = nil
		if l.found {
			continue
		}
		for k := int64(1); k <= probes; k++ {
			if x := l.lo + (l.hi-l.lo)*k/(probes+1); x > l.lo && x < l.hi && (len(l.probed) == 0 || x > l.probed[len(l.probed)-1]) {
				l.probed = append(l.probed, x)
				cells = append(cells, countCell(fmt.Sprintf("people with a predicted risk of at most %s, limit %d", number(math.Ldexp(float64(x), -riskBits)), i+1), Plain))
			}
		}
		l.found = len(l.probed) == 0
	}
	if len(cells) > 0 {
		c.asks = []Ask{{Opening: len(c.model.plan()), Cells: cells, State: c.state}}
		return
	}
	for _, l := range c.limits {
		if l.hi == l.lo+1 && l.below == 0 {
			continue // the lowest risk of all, which many have: R's first class begins there and ends at the next limit
		}
		if n := len(c.at); n == 0 || l.hi > c.at[n-1] { // equal limits leave no one between
			c.at = append(c.at, l.hi)
		}
	}
	c.stage = calibrationClasses
	cells = nil
	for k := range len(c.at) + 1 {
		cells = append(cells, countCell(fmt.Sprintf("people in class %d", k+1), Plain), countCell(fmt.Sprintf("events in class %d", k+1), Plain),
			Cell{Cell: fixed.Binary(1, c.model.rows), Name: fmt.Sprintf("sum of predicted risks in class %d", k+1)})
	}
	cells = append(cells, Cell{Cell: fixed.Binary(1, c.model.rows), Name: "sum of squared errors of prediction"})
	state := slices.Clone(c.state)
	for _, x := range c.at {
		state = append(state, float64(x))
	}
	c.asks = []Ask{{Opening: len(c.model.plan()) + 1, Cells: cells, State: state}}
	if c.sites != nil {
		c.asks = append(c.asks, Ask{Opening: len(c.model.plan()) + 3, Cells: c.ownCells(), State: c.state})
	}
}

// narrow takes the counts at the probed risks.
func (c *calibrationPart) narrow(t fixed.Totals) {
	at := 0
	for _, l := range c.limits {
		lo, hi := l.lo, l.hi
		for _, x := range l.probed {
			switch n := t.Count(at); {
			case n < l.rank:
				if x > lo {
					lo, l.below = x, n
				}
			case x < hi:
				hi = x
				l.found = l.found || n == l.rank
			}
			at++
		}
		l.lo, l.hi = lo, hi
	}
	c.search()
}

func (c *calibrationPart) take(t fixed.Totals) {
	for k := range len(c.at) + 1 {
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
