package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// coxAt checks that a kind can take up a Cox model at the time that its key at names.
func coxAt(args Args, s *table.Schema) error {
	of := args.Of
	time, err := s.Field(of.Time)
	if err != nil {
		return err
	}
	switch {
	case args.Veil:
		return fmt.Errorf("%s: the risks of an encrypted model are not opened; use privacy.reveal: sums", args.Kind)
	case slices.Contains(of.Strata, table.Site):
		return fmt.Errorf("%s: %s has strata: site, with which nothing is opened by time: it has no baseline hazard, so no predicted risk. Leave site out of its strata", args.Kind, args.Model)
	case of.Entry != "":
		return fmt.Errorf("%s: %s has entry: people who come under observation late have no weights by inverse probability of censoring", args.Kind, args.Model)
	case !(args.At > 0):
		return fmt.Errorf("%s: %s is a Cox model: say at which time its predicted risks are evaluated, for instance at: 365, in the unit of %s", args.Kind, args.Model, of.Time)
	case args.At < time.Min || args.At >= time.Max:
		return fmt.Errorf("%s: at %s: %s lies between %s and %s, want a time before the last", args.Kind, number(args.At), of.Time, number(time.Min), number(time.Max))
	}
	return nil
}

// beginCoxCalibration is the program of a calibration of a Cox model.
func beginCoxCalibration(args Args, s *table.Schema) (Program, error) {
	if err := coxAt(args, s); err != nil {
		return nil, err
	}
	if args.Apart {
		return nil, fmt.Errorf("calibration: per_hospital is of logistic models: figures by time of single hospitals are not opened")
	}
	q, err := refitted(*args.Of, *args.Of, s)
	if err != nil {
		return nil, err
	}
	c := &coxCalibrationPart{args: args, model: q.parts[0].(*coxPart)}
	q.parts[0] = c
	q.finish = func() (Frame, error) { return c.finish(q.census.counts()), nil }
	return q, nil
}

// coxCalibrationPart fits the model, searches the limits of the classes of risk
// at a time, and sums within them, with the others' weights for those who were lost before.
type coxCalibrationPart struct {
	args  Args
	model *coxPart
	stage int
	asks  []Ask

	horizon *horizon
	state   []float64
	search  *riskSearch
	classes []timedRisk
	ranking *weightedRanking
	recal   *newton // the event by the horizon on the predicted log cumulative hazard
}

func (c *coxCalibrationPart) plan() []Opening {
	by := fmt.Sprintf("%s = %s", c.args.Of.Time, number(c.args.At))
	return append(slices.Clone(c.model.plan()), []Opening{
		searchOpening(c.args.Bins),
		{What: "people, the sum of predicted risks, and how many leave at each time up to " + by + ", with and without the event, in each class of predicted risk, single people included. " +
			"Classes of too few people, events or others, and times at which too few of a class leave, are merged before the observed risks are written",
			Cells: mostTimed(c.model, c.args.At, c.args.Bins) + c.args.Bins, MaxTimes: 1, CountsPeople: true, Released: true},
		{What: fmt.Sprintf("those with the event by %s, weighted for those lost before, and those without it then, in %d classes of predicted risk: the area under the curve; weighted squared errors of prediction: the Brier score", by, DefaultCells),
			Cells: 3*DefaultCells + 2, MaxTimes: 1, CountsPeople: true},
		{What: "score, information and deviance of the event by " + by + ", weighted for those lost before, on the predicted log cumulative hazard: slope and intercept of calibration", Cells: newtonCells(2), MaxTimes: maxNewton},
	}...)
}

func (c *coxCalibrationPart) ask() []Ask {
	if c.stage == calibrationFit {
		return c.model.ask()
	}
	return c.asks
}

func (c *coxCalibrationPart) add(rows *table.View, out *fixed.Sums) error {
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
		c.horizon.each(m, func(p person) { risks = append(risks, riskPoint(p.risk)) })
		c.search.add(risks, out)
	case calibrationClasses:
		n := c.addClasses(m, out)
		c.ranking.add(c.horizon, m, out.Slice(n, out.Len()))
	case calibrationSlope:
		addHazardSlope(c.horizon, m, c.recal.beta, out)
	}
	return nil
}

// addClasses adds the people of each class.
func (c *coxCalibrationPart) addClasses(m *coxRows, out *fixed.Sums) (cells int) {
	k := len(c.search.at) + 1
	sums, lows := make([]float64, k), make([]float64, k)
	n := addTimed(c.horizon, m, out, func(p person) int {
		at := c.search.class(p.risk)
		add(&sums[at], &lows[at], p.risk)
		return at
	}) * k
	for at := range k {
		out.AddFloat(n+at, sums[at])
		out.AddFloat(n+at, lows[at])
	}
	return n + k
}

func (c *coxCalibrationPart) reduce(t fixed.Totals) (err error) {
	switch c.stage {
	case calibrationFit:
		if err := c.model.reduce(t); err != nil || len(c.model.ask()) > 0 {
			return err
		}
		if c.horizon, err = newHorizon(c.model, c.args.At); err != nil {
			return err
		}
		if err := c.horizon.fits(c.args.Bins); err != nil {
			return err
		}
		c.state = c.horizon.state()
		c.search = newRiskSearch(c.horizon.n, c.args.Bins)
		c.stage = calibrationSearch
		c.next()
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

// next goes on with the search, then asks for the sums of the classes.
func (c *coxCalibrationPart) next() {
	first := len(c.model.plan())
	if cells := c.search.cells(); cells != nil {
		c.asks = []Ask{{Opening: first, Cells: cells, State: c.state}}
		return
	}
	c.stage = calibrationClasses
	var classes []string
	for k := range len(c.search.at) + 1 {
		classes = append(classes, fmt.Sprintf("in class %d", k+1))
	}
	cells := timedCells(c.horizon, classes)
	for _, in := range classes {
		cells = append(cells, Cell{Cell: fixed.Binary(1, c.model.rows), Name: "sum of predicted risks " + in})
	}
	state := slices.Clone(c.state)
	for _, x := range c.search.at {
		state = append(state, float64(x))
	}
	c.ranking = newWeightedRanking(c.horizon, c.args.Rules.MinCell)
	c.asks = []Ask{{Opening: first + 1, Cells: cells, State: state}, {Opening: first + 2, Cells: c.ranking.ask(c.horizon), State: append(slices.Clone(c.state), c.ranking.centre, c.ranking.size)}}
}

func (c *coxCalibrationPart) take(t fixed.Totals) {
	k := len(c.search.at) + 1
	classes, n := takeTimed(c.horizon, t, k)
	for at := range classes {
		classes[at].risk = t.Float(n + at)
	}
	c.classes = slices.DeleteFunc(classes, func(r timedRisk) bool { return r.n == 0 })
	c.ranking.take(t.Slice(n+k, t.Len()))
	c.recal = newNewton([]int{0, 1}, true, func(int) float64 { return 0 }, nil)
	c.recal.beta = []float64{0, 1}
	c.stage = calibrationSlope
	c.slope()
}

// slope asks for the next round of the event on the predicted log cumulative hazard, if it needs one and can have it.
func (c *coxCalibrationPart) slope() {
	if b := c.recal.beta; !c.recal.done && len(c.classes) > 1 && math.Abs(b[0])+math.Abs(b[1])*c.horizon.far() < 50 {
		c.asks = []Ask{{Opening: len(c.model.plan()) + 3, Cells: hazardSlopeCells(c.horizon, b), State: append(slices.Clone(c.state), b...)}}
		return
	}
	c.stage, c.asks = calibrationDone, nil
}
