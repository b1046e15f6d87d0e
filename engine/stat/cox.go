package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// Cox is the kind cox: proportional hazards regression by the partial
// likelihood (Cox 1972), as R's coxph, with Efron's (1977) or Breslow's
// treatment of ties.
//
// Keys: time, event, formula without a left side; ties? (efron, breslow); strata?; entry?; grid?;
// zph? (the transform of time in the test of proportional hazards: km, identity, log or none);
// predict? (people whose survival is predicted, with a value of each covariate), times? (at these, instead of at every time).
//
// With the hospital among the strata, every hospital finishes its own partial
// likelihood: only score, information and log-likelihood are summed, and nothing is opened by time.
// Otherwise sums over the people who leave observation at each time are opened.
// One person's would be that person's covariates: times are merged until at least
// max(min_cell, parameters + 2) people leave at each.
type Cox struct{}

var _ Statistic = Cox{}

// Begin implements Statistic.
func (Cox) Begin(args Args, s *table.Schema) (Program, error) {
	r, err := newRegression(args, s)
	if err != nil {
		return nil, err
	}
	switch {
	case !r.model.Intercept:
		return nil, fmt.Errorf("cox: the formula leaves out the intercept, but the model has none: the baseline hazard takes its place; remove -1 or +0")
	case len(r.most.Columns) < 2:
		return nil, fmt.Errorf("cox: formula %s has no term", args.Formula)
	case !slices.Contains([]string{"", "efron", "breslow"}, args.Ties):
		return nil, fmt.Errorf("cox: ties %q, want efron or breslow", args.Ties)
	case !slices.Contains([]string{"", "km", "identity", "log", "none"}, args.ZPH):
		return nil, fmt.Errorf("cox: zph %q, want km, identity, log or none", args.ZPH)
	}
	c := &coxPart{regression: r, own: slices.Contains(args.Strata, table.Site), efron: args.Ties != "breslow", transform: args.ZPH}
	if c.transform == "" {
		if c.transform = "km"; c.own {
			c.transform = "identity"
		}
	}
	if err := c.predicts(args, s); err != nil {
		return nil, err
	}
	if r.sandwich != nil && !c.own {
		return nil, fmt.Errorf("cox: se: cluster_site needs strata: site, with which hospitals work out their own scores")
	}
	var factors []table.Factor
	for i, name := range args.Strata {
		f, err := s.Factor(name)
		if err != nil {
			return nil, fmt.Errorf("cox: strata: %w", err)
		}
		if slices.Contains(args.Strata[:i], name) {
			return nil, fmt.Errorf("cox: %q stands twice in strata", name)
		}
		if name != table.Site {
			factors = append(factors, f)
		}
	}
	if c.u, err = newFollowUp(args, s, factors); err != nil {
		return nil, err
	}
	c.log = c.transform == "log"
	if c.log && !(c.u.time.Min > 0) {
		return nil, fmt.Errorf("cox: zph: log, but %s may be 0 by its declared range; use identity or km", args.Time)
	}
	vars := slices.Concat(r.model.Variables, c.u.variables())
	n, err := newCensus(args, s, vars, slices.Concat([]string{args.Event}, r.model.Factors, r.rare))
	if err != nil {
		return nil, err
	}
	for _, g := range []*gridPart{c.u.stop, c.u.start} {
		if g != nil {
			g.vars = vars
		}
	}
	c.vars = vars
	c.lay()
	p := &program{census: n, parts: append([]part{c}, r.spread(vars, c.u.event)...)}
	p.start = func() error {
		c.nEvent = n.levels[0][1]
		if err := r.settle(n); err != nil {
			return err
		}
		return c.begin()
	}
	p.finish = func() (Frame, error) {
		f := c.finish(n.counts())
		return f, c.putPredictions(&f)
	}
	return p, nil
}

// coxPart are the sums after the census, beside the counts of who leaves when.
type coxPart struct {
	*regression
	u         *followUp
	vars      []string
	own       bool // strata within hospitals: each finishes its own likelihood
	efron     bool
	transform string
	log       bool

	nEvent int64
	stage  int
	asks   []Ask

	openings []Opening
	place    struct{ sums, squares, events, fit, final, pairs, cluster int } // -1: none

	scale     []float64
	varies    []int
	fit       *newton
	first     float64   // score statistic at 0
	null      float64   // log-likelihood at 0
	before    float64   // squared decrement a round ago
	events    []float64 // sums over the events: of each column, of the offset
	strata    []*riskSets
	moved     int       // times before merging, of all strata
	shown     int       // after
	estimate  []float64 // as the evaluation takes it
	classes   int       // of risk, of the concordance over hospitals
	test      *zph
	ranking   concordance
	clustered bool       // hospitals' scores were asked for
	wide      *symmetric // covariance that allows for them

	schema *table.Schema // nil: no survival is predicted
	people []asked

	inner []part // the counts by time, beside the sums of the columns
	cache *coxRows
}

const (
	coxSums = iota
	coxSquares
	coxWaits // for the counts by time
	coxNewton
	coxFinal
	coxDone
)

// maxCoxCells bounds the cells of one sum over times.
const maxCoxCells = 1 << 20

// byTime reports whether it is opened who leaves when.
func (c *coxPart) byTime() bool { return !c.own || c.transform == "km" }

// pairCells is the number of cells of a symmetric q x q matrix.
func pairCells(q int) int { return q * (q + 1) / 2 }

func (c *coxPart) lay() {
	q := len(c.most.Columns) - 1
	if c.byTime() {
		c.inner = c.u.parts()
		for _, p := range c.inner {
			c.openings = append(c.openings, p.plan()...)
		}
	}
	put := func(what string, cells, times int, people bool) int {
		c.openings = append(c.openings, Opening{What: what, Cells: cells, MaxTimes: times, CountsPeople: people})
		return len(c.openings) - 1
	}
	c.place.events, c.place.pairs = -1, -1
	c.place.sums = put("sums of the columns of the model ("+names(c.most.Columns)+"): their means; of a yes/no column, how many people have it", q+1, 1, zeroOnes(c.most.Columns) > 0)
	c.place.squares = put("sums of squares of the columns about their means: their SDs", 2*q, 1, false)
	if c.own {
		c.place.fit = put("how the model fits at each step: score, information and log partial likelihood, worked out by each hospital within its own strata and summed: nothing by time. "+
			"The result's vcov at full precision lets a reader compute sums of covariates", newtonCells(q), maxNewton, false)
	} else {
		c.place.events = put("sums of the columns over those with the event", q+1, 1, zeroOnes(c.most.Columns) > 0)
		released := ""
		if c.schema != nil {
			released = ". The baseline hazard and the means of the columns in the risk sets, at these times, are written to the result: survival is predicted from them"
		}
		c.place.fit = put(fmt.Sprintf("sums over those who leave observation at each time, times merged until at least %d leave: risk, risk times columns and times their products; with ties of events (Efron) the same over these. "+
			"They give the means and covariances of the columns in every risk set, and at the first step those of the people who leave at each time%s", c.few(q), released), c.mostCells(q), maxNewton, false)
		c.openings[c.place.fit].Released = c.schema != nil
	}
	cells := 6 // right order, wrong order, neither; squares and products of people's pairs
	if c.transform != "none" {
		cells += 1 + 2*q + 3*pairCells(q)
	}
	if c.sandwich != nil {
		c.openings = append(c.openings, c.sandwich.opening(q))
		c.place.cluster = len(c.openings) - 1
	}
	if c.own {
		c.place.final = put("how many pairs of people within a hospital's stratum the model puts in the right order, in the wrong one, and neither, and sums over people of squares of their pairs, its error; score and information weighted by time: a test of proportional hazards", cells, 1, false)
		return
	}
	c.place.pairs = put("how many people of each class of risk leave at each time, with and without the event: the concordance of the model; single people included, used on the way, never written", maxGridCells, 1, true)
	if c.transform != "none" {
		c.place.final = put("sums of the columns over those with the event, weighted by time: a test of proportional hazards", q, 1, false)
	}
}

// mostCells bounds the cells of a round over times: by the points of the grid where they are few.
func (c *coxPart) mostCells(q int) int {
	points := c.u.stop.hi - c.u.stop.lo + 1
	if points > maxCoxCells {
		return maxCoxCells
	}
	n := int(points) * c.u.groups() * (1 + q + pairCells(q))
	if c.efron {
		n *= 2
	}
	return min(n, maxCoxCells)
}

// few is how many people must leave between two times of which sums are opened.
func (c *coxPart) few(q int) int64 {
	if c.args.Rules.MinCell <= 1 {
		return 1
	}
	return int64(max(c.args.Rules.MinCell, q+2))
}

func (c *coxPart) plan() []Opening { return c.openings }

// ask implements part: the counts by time come first.
func (c *coxPart) ask() []Ask {
	var all []Ask
	at := 0
	for _, p := range c.inner {
		for _, a := range p.ask() {
			a.Opening += at
			all = append(all, a)
		}
		at += len(p.plan())
	}
	return append(all, c.asks...)
}
