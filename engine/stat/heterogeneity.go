package stat

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Heterogeneity is the kind of that name: whether a term's coefficient differs
// between hospitals. Every hospital fits the model to its own rows; with b its
// estimate and w one over its squared standard error, over hospitals
//
//	fixed = sum w b / sum w         Q = sum w (b - fixed)^2         (Cochran 1954)
//	tau^2 = max(0, (Q - (k-1)) / (sum w - sum w^2 / sum w))         (DerSimonian and Laird 1986)
//	random = the same as fixed with 1 / (1/w + tau^2) for w         I^2 = max(0, (Q - (k-1)) / Q)
//
// as R's metafor::rma with method DL.
//
// Keys: model, the id of a regression before;
// term, the name of one of its coefficients; per_hospital?: every hospital's own
// estimate is opened and written, for a forest plot. Without, only sums over
// hospitals are, six of two numbers each, after their number: fewer than five hospitals are refused,
// whose numbers could be solved for. A hospital takes part when the rules hold for
// its own rows alone and, with min_cell, it has ten rows for each coefficient.
type Heterogeneity struct{}

var _ Statistic = Heterogeneity{}

// Begin implements Statistic.
func (Heterogeneity) Begin(args Args, s *table.Schema) (Program, error) {
	if args.Of == nil {
		return nil, fmt.Errorf("heterogeneity: no model %q", args.Model)
	}
	of := *args.Of
	switch {
	case !slices.Contains(modelKinds, of.Kind):
		return nil, fmt.Errorf("heterogeneity: %s is of kind %s, want one of %s", of.ID, of.Kind, strings.Join(modelKinds, ", "))
	case of.Ridge != nil && *of.Ridge > 0:
		return nil, fmt.Errorf("heterogeneity: the estimates of a ridge model have no standard errors")
	case args.Veil:
		return nil, fmt.Errorf("heterogeneity: is not computed for an encrypted model; use privacy.reveal: sums")
	}
	if of.Kind == "cox" && !slices.Contains(of.Strata, table.Site) {
		of.Strata = append(slices.Clone(of.Strata), table.Site) // a hospital needs no merged times for its own likelihood
	}
	own, err := refitted(of, args, s)
	if err != nil {
		return nil, err
	}
	h := &heterogeneityPart{args: args, of: of, schema: s, shown: args.Apart}
	if h.regression, err = newRegression(of, s); err != nil {
		return nil, err
	}
	if err := h.locate(); err != nil {
		return nil, err
	}
	c := own.census
	c.args.PerHospital = args.PerHospital
	p := &program{census: c, parts: []part{h}}
	p.start = func() error {
		if err := h.settle(c); err != nil {
			return err
		}
		h.levels = presentLevels(c)
		return h.begin()
	}
	p.finish = func() (Frame, error) { return h.finish(c.counts()), nil }
	return p, nil
}

// heterogeneityPart sums what hospitals make of their own estimates.
type heterogeneityPart struct {
	*regression
	args   Args
	of     Args
	schema *table.Schema
	shown  bool // every hospital's own

	column  string
	unit    float64         // the estimate's: of the outcome over the term's declared range
	widest  float64         // bound on a hospital's w for each of its rows, in 1/unit^2
	related []string        // factors that decide what the term means
	levels  map[string]bool // pooled: "factor=level" that have rows

	stage int
	asks  []Ask
	cache *ownEstimate

	count                   int64
	weight, mean, q, square float64 // sum w, fixed, Q, sum w^2 / sum w; in units
	tau2                    float64
	random, randomWeight    float64
	sites                   []ownEstimate
}

// ownEstimate is a hospital's own, in units.
type ownEstimate struct {
	of       *table.Table
	selected int
	ok       bool
	b, se    float64
}

const (
	heterogeneityCount = iota
	heterogeneitySums
	heterogeneitySpread
	heterogeneityRandom
	heterogeneityDone
)

// fewestApart is the least number of hospitals of which only sums are opened.
const fewestApart = 5

// A hospital's estimate takes part up to this size, in units: beyond, its fit has all but separated.
const largestOwn = 1 << 12

// leastSigma is the least residual SD of a linear model that takes part, in ranges of the outcome.
const leastSigma = 0x1p-20

// locate finds the term and what its estimate and weight can be.
func (h *heterogeneityPart) locate() error {
	i := slices.IndexFunc(h.most.Columns, func(c formula.Column) bool { return c.Name == h.args.Term && c.Term >= 0 })
	if i < 0 {
		var known []string
		for _, c := range h.most.Columns {
			if c.Term >= 0 {
				known = append(known, c.Name)
			}
		}
		return fmt.Errorf("heterogeneity: term: %s has no coefficient %q; %s", h.of.ID, h.args.Term, table.Hint(h.args.Term, known))
	}
	c := h.most.Columns[i]
	h.column = c.Name
	own := h.model.Terms[c.Term].Variables
	for _, t := range h.model.Terms {
		if slices.Contains(t.Variables, table.Site) {
			return fmt.Errorf("heterogeneity: %s has site among its terms, which is the same for everyone within a hospital", h.of.ID)
		}
		if slices.ContainsFunc(t.Variables, func(v string) bool { return slices.Contains(own, v) }) {
			h.related = append(h.related, t.Variables...)
		}
	}
	reach := c.Max - c.Min
	if !(reach > 0) {
		return fmt.Errorf("heterogeneity: %s is the same for everyone by its declared range", c.Name)
	}
	h.unit, h.widest = 1/reach, 1
	switch y := h.model.OutcomeColumn; h.of.Kind {
	case "linear":
		h.unit *= math.Max(y.Max-y.Min, math.SmallestNonzeroFloat32)
		h.widest = 1 / (leastSigma * leastSigma)
	case "poisson", "negbin":
		h.widest = math.Max(1, y.Max)
	}
	return nil
}

// presentLevels are the levels that have rows.
func presentLevels(c *census) map[string]bool {
	all := make(map[string]bool)
	for i, f := range c.factors {
		for l, n := range c.levels[i] {
			if n > 0 {
				all[f.Name+"="+f.Levels[l]] = true
			}
		}
	}
	return all
}

func (h *heterogeneityPart) plan() []Opening {
	if h.shown {
		return []Opening{{What: "each hospital's own estimate of " + h.column + " and its standard error, where the rules hold for its rows alone", Cells: 3 * len(h.schema.Sites), MaxTimes: 1, PerHospital: true, Released: true}}
	}
	what := "sums over hospitals of what each makes of its own estimate of " + h.column + ": no hospital's estimate"
	return []Opening{
		{What: "how many hospitals can fit the model to their own rows by the rules: where they are too few nothing of a fit is opened", Cells: 1, MaxTimes: 1, Released: true},
		{What: what + ": the weights w and w times the estimate", Cells: 2, MaxTimes: 1, Released: true},
		{What: what + ": w times the squared distance from the mean, and squared weights", Cells: 2, MaxTimes: 1, Released: true},
		{What: what + ": the weights with the variance between hospitals, and these times the estimate", Cells: 2, MaxTimes: 1, Released: true},
	}
}

func (h *heterogeneityPart) ask() []Ask { return h.asks }

// begin asks for the first sums.
func (h *heterogeneityPart) begin() error {
	if !slices.ContainsFunc(h.columns, func(c *regressor) bool { return c.Name == h.column }) {
		return &Refusal{Rule: "rows", Message: "the term " + h.column + " has no coefficient: a level has no rows", Remedy: "choose another term"}
	}
	binary := func(bound float64, name string) Cell { return Cell{Cell: fixed.Binary(bound, h.rows), Name: name} }
	if !h.shown { // the sums of one hospital would be its own estimate
		h.asks = []Ask{{Opening: 0, Cells: []Cell{countCell("hospitals that take part", Plain)}}}
		return nil
	}
	var cells []Cell
	for _, s := range h.schema.Sites {
		cells = append(cells, countCell(s+" takes part", Plain), binary(largestOwn, "estimate of "+s), binary(largestOwn, "standard error of "+s))
	}
	h.asks = []Ask{{Opening: 0, Cells: cells}}
	return nil
}

// own fits the model to this hospital's rows.
func (h *heterogeneityPart) own(rows *table.View) (*ownEstimate, error) {
	if e := h.cache; e != nil && e.of == rows.Table && e.selected == len(rows.Rows) {
		return e, nil
	}
	e := &ownEstimate{of: rows.Table, selected: len(rows.Rows)}
	h.cache = e
	p, err := refitted(h.of, h.args, h.schema)
	if err != nil {
		return nil, err
	}
	f, err := alone(p, rows)
	if errors.As(err, new(*Refusal)) {
		return e, nil
	} else if err != nil {
		return nil, err
	}
	rank := 0
	for _, r := range f.Tidy {
		if r.Get("aliased") == false {
			rank++
		}
	}
	if h.args.Rules.MinCell > 1 && f.N < 10*int64(rank) || !h.meansTheSame(p.census) {
		return e, nil
	}
	for _, r := range f.Tidy {
		b, ok1 := r.Get("estimate").(float64)
		se, ok2 := r.Get("std_error").(float64)
		if r.Get("term") != h.column || !ok1 || !ok2 || !(se > 0) {
			continue
		}
		e.b, e.se = b/h.unit, se/h.unit
		w := 1 / (e.se * e.se)
		e.ok = math.Abs(e.b) <= largestOwn && e.se <= largestOwn && w <= h.widest*float64(f.N)
	}
	return e, nil
}

// meansTheSame reports whether the term compares the same levels here as over
// all rows: of each factor that it stands with, the first level with rows is the same.
func (h *heterogeneityPart) meansTheSame(here *census) bool {
	levels := presentLevels(here)
	for _, f := range here.factors {
		if !slices.Contains(h.related, f.Name) {
			continue
		}
		for _, l := range f.Levels {
			if at := f.Name + "=" + l; h.levels[at] {
				if !levels[at] {
					return false
				}
				break
			}
		}
	}
	return true
}

func (h *heterogeneityPart) add(rows *table.View, out *fixed.Sums) error {
	e, err := h.own(rows)
	if err != nil || !e.ok {
		return err
	}
	w := 1 / (e.se * e.se)
	switch {
	case h.shown:
		at := 3 * slices.Index(h.schema.Sites, rows.Table.Site)
		out.Add(at, 1)
		out.AddFloat(at+1, e.b)
		out.AddFloat(at+2, e.se)
	case h.stage == heterogeneityCount:
		out.Add(0, 1)
	case h.stage == heterogeneitySums:
		out.AddFloat(0, w)
		out.AddFloat(1, w*e.b)
	case h.stage == heterogeneitySpread:
		d := e.b - h.asks[0].State[1]
		out.AddFloat(0, w*d*d)
		out.AddFloat(1, w*(w/h.asks[0].State[0]))
	default:
		w = 1 / (e.se*e.se + h.asks[0].State[1])
		out.AddFloat(0, w)
		out.AddFloat(1, w*(e.b-h.asks[0].State[0]))
	}
	return nil
}
