package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// Describe summarises variables one by one, each over the rows where it is not
// missing: numbers by moments and quantiles, categories and binaries by counts.
//
// Keys: variables; by, a category whose levels are described separately;
// quantiles, numbers between 0 and 1; quantile_type 7 (default), 1 or 2 as R's.
// One row per variable and group, for categories per level. Census and tally,
// two sums of moments, 2 to 8 (at most 30) sums of the quantiles' search.
type Describe struct{}

var _ Statistic = Describe{}

// description is the work of describe on its way.
type description struct {
	args  Args
	tally *tally
	vars  []*described
	ps    []quantile

	warnings   []string
	suppressed bool
}

// described is one variable: its counts and, for numbers, a sample and a search per group.
type described struct {
	*tallied
	samples  []*sample
	searches []*search
	hidden   []bool // groups of which nothing is shown
	unshown  bool   // too few hospitals record it
}

// Begin implements Statistic.
func (Describe) Begin(args Args, s *table.Schema) (Program, error) {
	d := &description{args: args, tally: &tally{minCell: args.Rules.MinCell}}
	ps, err := quantilesOf(args.Quantiles, args.QuantileType)
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	d.ps = ps
	c, by, err := groupedCensus(args, s)
	if err != nil {
		return nil, err
	}
	d.tally.by = by
	m := newMoments(by, 4, maxRows(args.Rules))
	q := &quantiles{moments: m}
	for i, name := range args.Variables {
		if slices.Contains(args.Variables[:i], name) {
			return nil, fmt.Errorf("describe: variable %q is listed twice", name)
		}
		v, err := d.variable(s, name, m, q)
		if err != nil {
			return nil, fmt.Errorf("describe: %w", err)
		}
		d.vars = append(d.vars, v)
		d.tally.vars = append(d.tally.vars, v.tallied)
	}
	if len(d.vars) == 0 {
		return nil, fmt.Errorf("describe: variables is empty, want at least one name")
	}
	p := &tallyProgram{tally: d.tally}
	p.program = program{census: c, parts: []part{d.tally, m, q}, blind: len(m.samples) == 0,
		start:  func() error { return d.start(c) },
		finish: func() (Frame, error) { return d.finish(c) }}
	return p, nil
}

// groupedCensus is the census of an analysis that treats each variable on its own: only rows missing `by` are left out.
func groupedCensus(args Args, s *table.Schema) (*census, *table.Factor, error) {
	if args.By == "" {
		c, err := newCensus(args, s, nil, nil)
		return c, nil, err
	}
	c, err := newCensus(args, s, []string{args.By}, []string{args.By})
	if err != nil {
		return nil, nil, err
	}
	return c, &c.factors[0], nil
}

func (d *description) variable(s *table.Schema, name string, m *moments, q *quantiles) (*described, error) {
	f, err := s.Field(name)
	if err != nil {
		return nil, err
	}
	v := &described{tallied: &tallied{name: name, field: f}}
	if f.Kind != table.Number {
		factor, err := s.Factor(name)
		v.factor = &factor
		return v, err
	}
	v.finer = len(d.ps) > 0 && !f.GridDeclared
	of := newSeries(f)
	for g := range d.tally.groups() {
		if d.tally.by == nil {
			g = everyone
		}
		sample, err := m.sample(of, g)
		if err != nil {
			return nil, err
		}
		v.samples = append(v.samples, sample)
		if len(d.ps) > 0 {
			v.searches = append(v.searches, q.search(sample, 2*len(d.ps)))
		}
	}
	return v, nil
}

// start applies the rules on counts: nothing is opened of what will not be shown.
func (d *description) start(c *census) error {
	minCell := int64(d.args.Rules.MinCell)
	var also []bool // groups too small as such
	if d.tally.by != nil {
		_, w := emptyGroups(d.tally.by, c.levels[0])
		d.warnings = append(d.warnings, w...)
		also = withhold(c.levels[0], d.args.Rules.MinCell, nil)
	}
	for _, v := range d.vars {
		v.hidden = withhold(v.n, d.args.Rules.MinCell, also)
		if w, few := v.fewSites(d.args.Rules); few {
			v.unshown = true
			d.warnings = append(d.warnings, w)
		}
		for g, s := range v.samples {
			if v.unshown || v.hidden[g] {
				continue
			}
			s.n = v.n[g]
			for _, q := range d.ps {
				q.want(v.searches[g], minCell)
			}
		}
	}
	return nil
}

func (d *description) finish(c *census) (Frame, error) {
	f := c.counts()
	for _, v := range d.vars {
		var h hidden
		if v.factor != nil {
			h = hideBeside(v.table(), v.hidden, d.args.Rules.MinCell)
		}
		for g := range v.n {
			switch {
			case d.tally.by != nil && c.levels[0][g] == 0:
			case v.factor == nil:
				f.Tidy = append(f.Tidy, d.number(v, g))
			default:
				f.Tidy = append(f.Tidy, d.category(v, g, h)...)
			}
		}
	}
	f.Warnings, f.Suppressed = d.warnings, d.suppressed
	if d.suppressed {
		f.Warnings = append(f.Warnings, smallWarning(d.args.Rules.MinCell))
	}
	return f, nil
}

func smallWarning(minCell int) string {
	return fmt.Sprintf("figures of fewer than %d people, and others from which they could be worked out, are not shown", minCell)
}

// row starts a row of the result.
func (d *description) row(v *described, g int) Record {
	r := Record{}.Put("variable", v.name)
	if d.tally.by != nil {
		r = r.Put("group", d.tally.by.Levels[g])
	}
	return r
}

// number is the row of a numeric variable in one group.
func (d *description) number(v *described, g int) Record {
	s, r := v.samples[g], d.row(v, g)
	if v.hidden[g] || v.unshown {
		d.suppressed = true
		for _, key := range []string{"n", "missing", "mean", "sd", "var", "sem", "sum", "skewness", "kurtosis"} {
			r = r.Put(key, nil)
		}
		for _, q := range d.ps {
			r = r.Put(q.name(), nil)
		}
		return r.Put("suppressed", true)
	}
	r = r.Put("n", v.n[g]).Put("missing", v.missing[g]).
		Put("mean", s.mean()).Put("sd", s.sd()).Put("var", s.variance()).Put("sem", s.sem()).
		Put("sum", s.total()).Put("skewness", s.skewness()).Put("kurtosis", s.kurtosis())
	d.warn(s)
	few := false
	for _, q := range d.ps {
		x, ok := math.NaN(), false
		if s.n > 0 {
			x, ok = q.of(v.searches[g], int64(d.args.Rules.MinCell))
			few = few || !ok
		}
		r = r.Put(q.name(), x)
	}
	if v.offGrid > 0 && len(d.ps) > 0 {
		r = r.Put("resolution", newSeries(v.field).step.Float())
	}
	if few {
		d.suppressed = true
		r = r.Put("suppressed", true)
	}
	return r
}

// category is the rows of a category or binary in one group, one per level.
func (d *description) category(v *described, g int, h hidden) (rows []Record) {
	group := h.cols[g] || v.unshown // its size is not shown
	for l, level := range v.factor.Levels {
		r := d.row(v, g).Put("level", level)
		n, missing, pct := any(v.levels[g][l]), any(v.missing[g]), any(100*float64(v.levels[g][l])/float64(v.n[g]))
		cell := h.cells[l][g] || v.unshown
		if cell {
			n = nil
		}
		if cell || group {
			pct = nil
		}
		if group {
			missing = nil
		}
		r = r.Put("n", n).Put("pct", pct).Put("missing", missing)
		if cell || group {
			r = r.Put("suppressed", true)
			d.suppressed = true
		}
		rows = append(rows, r)
	}
	if v.n[g] == 0 && !group {
		d.warnings = append(d.warnings, v.name+inGroup(d.tally.by, g)+": no value")
	}
	if !group {
		d.warnings = append(d.warnings, v.extremes(inGroup(d.tally.by, g), v.levels[g], func(l int) bool { return !h.cells[l][g] })...)
	}
	return rows
}

// warn says why a number is missing or remarkable.
func (d *description) warn(s *sample) {
	w := s.resolution(4)
	switch {
	case s.n == 0:
		w = s.label + ": no value"
	case s.n == 1:
		w = s.label + ": one value has no SD"
	case s.constant():
		w = fmt.Sprintf("everyone in this group has the same value: the SD of %s is 0, skewness and kurtosis do not exist", s.label)
	}
	if w != "" {
		d.warnings = append(d.warnings, w)
	}
}
