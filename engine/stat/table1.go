package stat

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Table1 is the first table of a clinical paper: variables by groups, with the
// standardised difference and a test of each.
//
// Keys: variables; by, a category; medians, the variables to show as median and
// quartiles. One row per variable (and level) and group, the row of everyone
// first, its group null. Numbers: n, missing, mean, sd, for medians also median,
// q25, q75; categories and binaries: n, pct of the values of the group, missing.
// With by, every row of a variable also has smd, test and p_value: Welch's t or
// analysis of variance, Kruskal-Wallis for medians, chi-squared without
// correction, Fisher where 2x2 with an expected count below 5.
type Table1 struct{}

var _ Statistic = Table1{}

// table1 is the work of Table1 on its way.
type table1 struct {
	*profile
	ranks map[string]*rankTest // of the medians
}

// rankTest is a rank part whose refusal costs only its own test.
type rankTest struct {
	*rankPart
	refused *Refusal
}

func (r *rankTest) reduce(t fixed.Totals) error {
	err := r.rankPart.reduce(t)
	if errors.As(err, &r.refused) {
		r.stop()
		return nil
	}
	return err
}

// Begin implements Statistic.
func (Table1) Begin(args Args, s *table.Schema) (Program, error) {
	p, err := newProfile(args, s, 2, true)
	if err != nil {
		return nil, err
	}
	t := &table1{profile: p, ranks: map[string]*rankTest{}}
	quartiles, err := quantilesOf([]float64{0.25, 0.5, 0.75}, 7)
	if err != nil {
		return nil, err
	}
	for i, name := range args.Medians {
		if !slices.Contains(args.Variables, name) {
			return nil, fmt.Errorf("table1: medians lists %q, which is not in variables", name)
		}
		if slices.Contains(args.Medians[:i], name) {
			return nil, fmt.Errorf("table1: medians lists %q twice", name)
		}
	}
	var parts []part
	for _, name := range args.Variables {
		if !slices.Contains(args.Medians, name) {
			if _, err := p.add(s, name, nil); err != nil {
				return nil, err
			}
			continue
		}
		v, err := p.add(s, name, quartiles)
		if err != nil {
			return nil, err
		}
		if v.factor != nil {
			return nil, fmt.Errorf("table1: medians lists %q, want a number", name)
		}
		if p.tally.by != nil {
			r, err := newRankPart(v.field, *p.tally.by, args.Rules)
			if err != nil {
				return nil, fmt.Errorf("table1: %w", err)
			}
			t.ranks[name] = &rankTest{rankPart: r}
			parts = append(parts, t.ranks[name])
		}
	}
	return p.program(parts, t.start, t.frame), nil
}

// start opens no ranks where there is no test to make.
func (t *table1) start() {
	for _, v := range t.vars {
		if r := t.ranks[v.name]; r != nil && len(t.compared(v)) < 2 {
			r.stop()
		}
	}
}

// compared returns the groups that a variable is compared between; none when one of them is not shown.
func (t *table1) compared(v *profiled) (groups []int) {
	if t.tally.by == nil || v.unshown || v.rare {
		return nil
	}
	for g, n := range v.n {
		if v.away[g] {
			return nil
		}
		if n > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func (t *table1) frame() Frame {
	f := t.census.counts()
	for _, v := range t.vars {
		var rows []Record
		for i, column := range t.columns {
			switch {
			case t.absent(column):
			case v.factor != nil:
				rows = append(rows, t.category(v, column)...)
			default:
				rows = append(rows, t.summary(v, i))
			}
		}
		if v.factor != nil {
			rows = t.byLevel(v, rows)
		}
		if t.tally.by != nil {
			smd, test, p := t.comparison(v)
			for i := range rows {
				rows[i] = rows[i].Put("smd", smd).Put("test", test).Put("p_value", p)
			}
		}
		f.Tidy = append(f.Tidy, rows...)
	}
	return f
}

// byLevel orders the rows of a category by level, then column.
func (t *table1) byLevel(v *profiled, rows []Record) (ordered []Record) {
	k := len(v.factor.Levels)
	for l := range k {
		for i := l; i < len(rows); i += k {
			ordered = append(ordered, rows[i])
		}
	}
	return ordered
}

// summary is the row of a number in one column.
func (t *table1) summary(v *profiled, i int) Record {
	r, gone := t.number(v, t.columns[i])
	s := v.samples[i]
	r = t.putQuantiles(r.Put("mean", s.mean()).Put("sd", s.sd()), v, t.columns[i])
	if gone {
		return r.Put("suppressed", true)
	}
	if s.group != everyone || t.tally.by == nil {
		t.remark(s)
	}
	return r
}

// comparison returns the standardised difference of a variable between the groups, the test and its p-value.
func (t *table1) comparison(v *profiled) (smd float64, test any, p float64) {
	smd, p = math.NaN(), math.NaN()
	groups := t.compared(v)
	if len(groups) < 2 {
		t.warnings = append(t.warnings, v.name+": no test: a group is not shown, or fewer than two have values")
		return smd, nil, p
	}
	if v.factor != nil {
		return t.compareCounts(v)
	}
	var kept []*sample
	for i, column := range t.columns {
		if slices.Contains(groups, column) {
			kept = append(kept, v.samples[i])
		}
	}
	smd = largest(len(kept), func(i, j int) float64 { return smdNumbers(kept[i], kept[j]) })
	switch r := t.ranks[v.name]; {
	case r != nil && r.refused != nil:
		test = "kruskal"
		t.warnings = append(t.warnings, v.name+": no Kruskal-Wallis test: "+r.refused.Message+"; "+r.refused.Remedy)
	case r != nil && r.tells(t.args.Rules.MinCell):
		t.warnings = append(t.warnings, fmt.Sprintf("%s: no Kruskal-Wallis test: it has two values, and the test would show groups of fewer than %d people with one of them", v.name, t.args.Rules.MinCell))
	case r != nil:
		test = "kruskal"
		_, _, p = r.kruskal()
		_, w := r.grid.resolution()
		t.warnings = append(t.warnings, w...)
	case len(kept) == 2:
		test = "welch_t"
		x, df := welchT(kept[0], kept[1])
		p = tTwoSided(x, df)
	default:
		test = "welch_anova"
		p = fUpper(welch(kept))
	}
	if math.IsNaN(smd) || math.IsNaN(p) {
		t.warnings = append(t.warnings, v.name+": SMD and test need two values and some spread in the groups")
	}
	return smd, test, p
}

// compareCounts compares a category. Where cells are suppressed both figures
// have two digits, and are left out when they would give a cell away.
func (t *table1) compareCounts(v *profiled) (smd float64, test any, p float64) {
	counts, minCell := v.table(), t.args.Rules.MinCell
	smd, test, p = compareTable(counts)
	if !v.cells.any() {
		if math.IsNaN(smd) || math.IsNaN(p) {
			t.warnings = append(t.warnings, v.name+": SMD and test need two levels, and none that sets the groups apart completely")
		}
		return smd, test, p
	}
	rounded := func(figures [][]int64) []float64 {
		smd, test, p := compareTable(figures)
		if test == "fisher" {
			return []float64{twoDigits(smd), 1, math.NaN()}
		}
		return []float64{twoDigits(smd), 0, twoDigits(p)}
	}
	without := func(figures [][]int64) []float64 { return rounded(figures)[1:] }
	smd, p = rounded(counts)[0], rounded(counts)[2]
	if reveals(counts, v.cells, v.away, minCell, like(counts, rounded)) != safe {
		smd = math.NaN()
		if reveals(counts, v.cells, v.away, minCell, like(counts, without)) == telling {
			test, p = nil, math.NaN()
		}
	}
	t.warnings = append(t.warnings, v.name+": cells are suppressed; SMD and p have two digits, or are left out where they would give a cell away, as Fisher's test always would")
	return smd, test, p
}

// compareTable returns the figures of a table of levels by groups.
func compareTable(counts [][]int64) (smd float64, test any, p float64) {
	full := dropEmpty(counts)
	if len(full) < 2 || len(full[0]) < 2 {
		return math.NaN(), nil, math.NaN()
	}
	column := func(j int) (c []int64) {
		for _, row := range full {
			c = append(c, row[j])
		}
		return c
	}
	smd = largest(len(full[0]), func(i, j int) float64 { return smdCounts(column(i), column(j)) })
	few := false
	overCells(full, func(_, e float64) { few = few || e < 5 })
	if few && len(full) == 2 && len(full[0]) == 2 {
		p, _ = fisherP(full)
		return smd, "fisher", p
	}
	_, _, p = chiSquared(full)
	return smd, "chi_squared", p
}
