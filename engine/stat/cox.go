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
// with strata: site also se? (hc0, cluster_site) and cross_validate?;
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
	c := &coxPart{regression: r, own: slices.Contains(args.Strata, table.Site), unranked: args.Evaluate != nil && args.Evaluate.Cells == 0, efron: args.Ties != "breslow", transform: args.ZPH}
	if c.transform == "" {
		if c.transform = "km"; c.own {
			c.transform = "identity"
		}
	}
	if !c.own {
		if err := r.offsetBeyond(); err != nil {
			return nil, err
		}
	}
	if err := c.predicts(args, s); err != nil {
		return nil, err
	}
	if r.sandwich != nil && !c.own {
		return nil, fmt.Errorf("cox: se: %s needs strata: site, with which hospitals work out their own scores", args.SE)
	}
	if v := args.CrossValidate; v != nil {
		if err := v.check(args); err != nil {
			return nil, err
		}
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
	p := &program{census: n, parts: slices.Concat([]part{c}, r.spread(vars, c.u.event), c.within())}
	p.start = func() error {
		c.nEvent = n.levels[0][1]
		if err := r.settle(n); err != nil {
			return err
		}
		return c.begin()
	}
	var x *coxCross
	if v := args.CrossValidate; v != nil {
		x = &coxCross{folding: folding{k: v.Folds, seed: uint64(v.Seed)}, of: c}
		p.parts = append(p.parts, x)
	}
	p.finish = func() (Frame, error) {
		f := c.finish(n.counts())
		if x != nil {
			x.put(&f, func() []Record { return x.performance(&f) })
		}
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
	unranked  bool // another analysis takes up the fit: no concordance
	efron     bool
	transform string
	log       bool

	nEvent int64
	stage  int
	asks   []Ask

	openings []Opening
	place    struct{ sums, squares, events, fit, final, pairs, cluster int } // -1: none

	scale    []float64
	varies   []int
	fit      *newton
	first    float64   // score statistic at 0
	null     float64   // log-likelihood at 0
	before   float64   // squared decrement a round ago
	events   []float64 // sums over the events: of each column, of the offset
	strata   []*riskSets
	moved    int       // times before merging, of all strata
	shown    int       // after
	estimate []float64 // as the evaluation takes it
	classes  int       // of risk, of the concordance over hospitals
	test     *zph
	ranking  concordance
	meat     int        // cells of robust or clustered standard errors, the last ones of the final asks
	wide     *symmetric // covariance of those

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

// byTime reports whether it is opened who leaves when.
func (c *coxPart) byTime() bool { return !c.own || c.transform == "km" }

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
