package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// profile summarises variables one by one, each over the rows where it is not
// missing, in columns: groups of a category, everyone, or both. It is what
// describe and table1 have in common.
type profile struct {
	args      Args
	census    *census
	tally     *tally
	moments   *moments
	quantiles *quantiles
	columns   []int // groups, or everyone
	vars      []*profiled

	warnings   []string
	suppressed bool
}

// profiled is one variable: its counts and, for numbers, a sample and a search per column.
type profiled struct {
	*tallied
	ps       []quantile
	samples  []*sample
	searches []*search

	away    []bool // groups of which nothing is shown
	unshown bool   // too few hospitals record it
	rare    bool   // a number of two values, one of them with few people in some column
	cells   hidden // categories: cells and margins that are not shown
}

// newProfile begins with the columns: the groups of `by`, if any, and everyone where there is none or overall is asked for.
func newProfile(args Args, s *table.Schema, powers int, overall bool) (*profile, error) {
	p := &profile{args: args, tally: &tally{minCell: args.Rules.MinCell}}
	var vars, factors []string
	if args.By != "" {
		vars, factors = []string{args.By}, []string{args.By}
	}
	var err error
	if p.census, err = newCensus(args, s, vars, factors); err != nil {
		return nil, err
	}
	if args.By == "" || overall {
		p.columns = []int{everyone}
	}
	if args.By != "" {
		p.tally.by = &p.census.factors[0]
		for g := range p.tally.by.Levels {
			p.columns = append(p.columns, g)
		}
	}
	p.moments = newMoments(p.tally.by, powers, maxRows(args.Rules))
	p.quantiles = &quantiles{moments: p.moments}
	if len(args.Variables) == 0 {
		return nil, fmt.Errorf("%s: variables is empty, want at least one name", args.Kind)
	}
	return p, nil
}

// add takes a variable, with the quantiles to find if it is a number.
func (p *profile) add(s *table.Schema, name string, ps []quantile) (*profiled, error) {
	f, err := s.Field(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.args.Kind, err)
	}
	if slices.ContainsFunc(p.vars, func(v *profiled) bool { return v.name == name }) {
		return nil, fmt.Errorf("%s: variable %q is listed twice", p.args.Kind, name)
	}
	v := &profiled{tallied: &tallied{name: name, field: f}}
	p.vars, p.tally.vars = append(p.vars, v), append(p.tally.vars, v.tallied)
	if f.Kind != table.Number {
		factor, err := s.Factor(name)
		v.factor = &factor
		return v, err
	}
	v.ps, v.finer = ps, len(ps) > 0 && !f.GridDeclared
	of := newSeries(f)
	for _, g := range p.columns {
		sample, err := p.moments.sample(of, g)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.args.Kind, err)
		}
		v.samples = append(v.samples, sample)
		if len(ps) > 0 {
			v.searches = append(v.searches, p.quantiles.search(sample, 2*len(ps)))
		}
	}
	return v, nil
}

// program runs the profile with further parts and steps.
func (p *profile) program(more []part, start func(), finish func() Frame) *tallyProgram {
	q := &tallyProgram{tally: p.tally}
	q.program = program{census: p.census, parts: append([]part{p.tally, p.moments, p.quantiles}, more...),
		blind: len(p.moments.samples) == 0 && len(more) == 0,
		start: func() error {
			p.start()
			if start != nil {
				start()
			}
			return nil
		},
		finish: func() (Frame, error) {
			p.judge()
			f := finish()
			f.Warnings, f.Suppressed = p.warnings, p.suppressed
			if p.suppressed {
				f.Warnings = append(f.Warnings, fmt.Sprintf("figures of fewer than %d people, and others from which they could be worked out, are not shown", p.args.Rules.MinCell))
			}
			return f, nil
		}}
	return q
}

// start applies the rules on counts. Of what will not be shown no sum is opened.
func (p *profile) start() {
	minCell := p.args.Rules.MinCell
	var small []bool // groups too small whatever the variable
	if p.tally.by != nil {
		p.warnings = append(p.warnings, noRows(*p.tally.by, p.census.levels[0])...)
		small = withhold(p.census.levels[0], minCell, nil)
	}
	for _, v := range p.vars {
		v.away = withhold(v.n, minCell, small)
		if n := sum(v.n); n > 0 && v.sites < int64(p.args.Rules.MinSites) {
			v.unshown = true
			p.warnings = append(p.warnings, fmt.Sprintf("%s is not shown: fewer than %d hospitals (min_sites) have at least %d values of it", v.name, p.args.Rules.MinSites, max(1, minCell)))
		}
		if v.factor != nil {
			v.cells = hideBeside(v.table(), v.away, minCell)
		}
		for i, s := range v.samples {
			if v.gone(p.columns[i], minCell) {
				continue
			}
			s.n = v.size(p.columns[i])
			for _, q := range v.ps {
				q.want(v.searches[i], int64(minCell))
			}
		}
	}
}

// judge applies the rules on sums: nothing is shown of a number of two values
// when few people have one of them, in any column, since n and mean tell how many.
func (p *profile) judge() {
	for _, v := range p.vars {
		v.rare = slices.ContainsFunc(v.samples, func(s *sample) bool { return s.rare(p.args.Rules.MinCell) })
		if v.rare {
			for _, s := range v.samples {
				*s = sample{of: s.of, group: s.group, label: s.label}
			}
			p.warnings = append(p.warnings, fmt.Sprintf("%s has two values, and fewer than %d people have one of them in a group: its mean would tell how many; declare it binary", v.name, p.args.Rules.MinCell))
		}
	}
}

// absent reports whether a column has no row at all: a level that is left out.
func (p *profile) absent(column int) bool {
	return column != everyone && p.census.levels[0][column] == 0
}

// row starts a row of the result.
func (p *profile) row(v *profiled, column int) Record {
	r := Record{}.Put("variable", v.name)
	switch {
	case p.tally.by == nil:
	case column == everyone:
		r = r.Put("group", nil)
	default:
		r = r.Put("group", p.tally.by.Levels[column])
	}
	return r
}

// size is the number of values in a column.
func (v *profiled) size(column int) int64 {
	if column == everyone {
		return sum(v.n)
	}
	return v.n[column]
}

// lacking is the number of missing values in a column.
func (v *profiled) lacking(column int) int64 {
	if column == everyone {
		return sum(v.missing)
	}
	return v.missing[column]
}

// gone reports whether nothing of a column is shown, not even its size.
func (v *profiled) gone(column, minCell int) bool {
	n := v.size(column)
	switch {
	case v.unshown || v.rare || n > 0 && n < int64(minCell):
		return true
	case column == everyone:
		return false
	}
	return v.away[column] || v.factor != nil && v.cells.cols[column]
}

// count is the number of people of a level in a column, and whether it is shown.
func (v *profiled) count(level, column, minCell int) (n int64, shown bool) {
	if column == everyone {
		for _, l := range v.levels {
			n += l[level]
		}
		return n, !v.cells.rows[level] && !v.gone(column, minCell)
	}
	return v.levels[column][level], !v.cells.cells[level][column] && !v.unshown
}

// category is the rows of a category or binary in one column, one per level.
func (p *profile) category(v *profiled, column int) (rows []Record) {
	minCell, size := p.args.Rules.MinCell, v.size(column)
	gone := v.gone(column, minCell)
	var counts []int64
	for l, level := range v.factor.Levels {
		n, shown := v.count(l, column, minCell)
		counts = append(counts, n)
		r := p.row(v, column).Put("level", level)
		if shown {
			r = r.Put("n", n)
		} else {
			r = r.Put("n", nil)
		}
		if shown && !gone {
			r = r.Put("pct", ratio(100*float64(n), float64(size)))
		} else {
			r = r.Put("pct", nil)
		}
		if gone {
			r = r.Put("missing", nil)
		} else {
			r = r.Put("missing", v.lacking(column))
		}
		if gone || !shown {
			r = r.Put("suppressed", true)
			p.suppressed = true
		}
		rows = append(rows, r)
	}
	if gone {
		return rows
	}
	if size == 0 {
		p.warnings = append(p.warnings, v.name+inGroup(p.tally.by, column)+": no value")
	} else if column != everyone || p.tally.by == nil {
		p.warnings = append(p.warnings, v.extremes(inGroup(p.tally.by, column), counts, func(l int) bool { _, shown := v.count(l, column, minCell); return shown })...)
	}
	return rows
}

// number starts the row of a number in one column with n and missing; gone says that there is nothing to add.
func (p *profile) number(v *profiled, column int) (r Record, gone bool) {
	r = p.row(v, column)
	if v.gone(column, p.args.Rules.MinCell) {
		p.suppressed = true
		return r.Put("n", nil).Put("missing", nil), true
	}
	return r.Put("n", v.size(column)).Put("missing", v.lacking(column)), false
}

// putQuantiles appends the quantiles of a column, and the step they were found on where that was too coarse for some value.
func (p *profile) putQuantiles(r Record, v *profiled, column int) Record {
	few := false
	i := slices.Index(p.columns, column)
	for _, q := range v.ps {
		if v.samples[i].n == 0 {
			r = r.Put(q.name(), nil)
			continue
		}
		x, shown := q.of(v.searches[i], int64(p.args.Rules.MinCell))
		r = r.Put(q.name(), x)
		few = few || !shown
	}
	if v.offGrid > 0 && v.samples[i].n > 0 {
		r = r.Put("resolution", newSeries(v.field).step.Float())
	}
	if few {
		p.suppressed = true
		r = r.Put("suppressed", true)
	}
	return r
}

// remark warns why a moment is missing or remarkable.
func (p *profile) remark(s *sample) {
	w := s.resolution(p.moments.powers)
	switch {
	case s.n == 0:
		w = s.label + ": no value"
	case s.n == 1:
		w = s.label + ": one value has no SD"
	case s.constant():
		w = fmt.Sprintf("everyone in this group has the same value: the SD of %s is 0", s.label)
	}
	if w != "" {
		p.warnings = append(p.warnings, w)
	}
}
