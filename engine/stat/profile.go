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
