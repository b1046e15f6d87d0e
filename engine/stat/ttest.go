package stat

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/table"
)

// TTest compares the means of a variable between two groups, or of two
// variables of the same rows.
//
// Keys: variable and by, a category with two levels; or paired, two variables.
// One row per method: welch and student, or paired. The difference is first
// level minus second, limits are at 95 %. Census and two sums of moments: of
// the difference only when paired.
type TTest struct{}

var _ Statistic = TTest{}

// Begin implements Statistic.
func (TTest) Begin(args Args, s *table.Schema) (Program, error) {
	if len(args.Paired) > 0 {
		return pairedTest(args, s)
	}
	if args.Variable == "" || args.By == "" {
		return nil, fmt.Errorf("ttest: want variable and by, or paired")
	}
	g, err := newGroups(args, s)
	if err != nil {
		return nil, err
	}
	if n := len(g.census.factors[0].Levels); n < 2 {
		return nil, fmt.Errorf("ttest: %q has %d level, want 2", args.By, n)
	}
	start := func() error {
		if err := g.start(); err != nil {
			return err
		}
		if n := len(g.kept); n != 2 {
			return &Refusal{Rule: "levels", Message: fmt.Sprintf("%d levels of %s have rows, want two", n, args.By), Remedy: "compare more levels by kind: anova, or choose two by where"}
		}
		return nil
	}
	return &program{census: g.census, parts: []part{g.moments}, start: start, finish: func() (Frame, error) { return g.compare() }}, nil
}

// compare makes the rows of Welch's and Student's test.
func (g *groups) compare() (Frame, error) {
	f := g.census.counts()
	if err := g.resolved(); err != nil {
		return f, err
	}
	f.Warnings = g.warnings
	a, b := g.kept[0], g.kept[1]
	// The difference of the two means as printed, as R takes it: near 1e9 it differs from the exact one in the ninth digit.
	diff := a.mean() - b.mean()
	n1, n2 := float64(a.n), float64(b.n)
	// A group of one has no variance of its own but counts in the pooled one.
	ss := func(s *sample) *big.Rat { return s.central[2] }
	pooled := math.NaN()
	if a.n+b.n > 2 {
		v := new(big.Rat).Add(ss(a), ss(b))
		pooled = nearest(v.Quo(v, new(big.Rat).SetInt64(a.n+b.n-2)))
	}
	se, df := welchError(a, b)
	rows := []struct {
		method string
		se, df float64
	}{
		{"welch", se, df},
		{"student", math.Sqrt(pooled * (1/n1 + 1/n2)), n1 + n2 - 2},
	}
	for _, r := range rows {
		rec := Record{}.Put("method", r.method).Put("estimate", diff).
			Put("estimate1", a.mean()).Put("estimate2", b.mean()).Put("sd1", a.sd()).Put("sd2", b.sd()).Put("n1", a.n).Put("n2", b.n)
		f.Tidy = append(f.Tidy, putT(rec, diff, r.se, r.df).Put("level1", g.level(a)).Put("level2", g.level(b)))
	}
	f.Glance = Record{}.Put("cohen_d", ratio(diff, math.Sqrt(pooled)))
	for _, s := range g.kept {
		if s.n == 1 {
			f.Warnings = append(f.Warnings, s.label+": one value has no SD, Welch's test does not exist")
		}
	}
	if pooled == 0 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("everyone in each group has the same value of %s: there is no t-test", g.series.name))
	}
	return f, nil
}

// welchError returns the standard error of a difference of means without equal variances, and its degrees of freedom.
func welchError(a, b *sample) (se, df float64) {
	e1, e2 := a.variance()/float64(a.n), b.variance()/float64(b.n)
	return math.Sqrt(e1 + e2), (e1 + e2) * (e1 + e2) / (e1*e1/float64(a.n-1) + e2*e2/float64(b.n-1))
}

// welchT returns Welch's t of the difference of two means, and its degrees of freedom.
func welchT(a, b *sample) (t, df float64) {
	se, df := welchError(a, b)
	return ratio(a.mean()-b.mean(), se), df
}

// putT appends the test of an estimate with its standard error and degrees of freedom; all null where the error is 0 or does not exist.
func putT(r Record, estimate, se, df float64) Record {
	t := ratio(estimate, se)
	if math.IsNaN(t) {
		df = math.NaN()
	}
	q := tQuantile(0.975, df) * se
	return r.Put("std_error", se).Put("statistic", t).Put("df", df).Put("p_value", tTwoSided(t, df)).
		Put("conf_low", estimate-q).Put("conf_high", estimate+q)
}

// ratio is x/y, NaN when y is 0.
func ratio(x, y float64) float64 {
	if y == 0 {
		return math.NaN()
	}
	return x / y
}

// pairedTest compares two variables of the same rows.
func pairedTest(args Args, s *table.Schema) (Program, error) {
	if len(args.Paired) != 2 || args.Paired[0] == args.Paired[1] {
		return nil, fmt.Errorf("ttest: paired is %d variables, want two different ones", len(args.Paired))
	}
	if args.Variable != "" || args.By != "" {
		return nil, fmt.Errorf("ttest: paired excludes variable and by")
	}
	a, err := numbers(s, args.Paired[0])
	if err != nil {
		return nil, fmt.Errorf("ttest: %w", err)
	}
	b, err := numbers(s, args.Paired[1])
	if err != nil {
		return nil, fmt.Errorf("ttest: %w", err)
	}
	c, err := newCensus(args, s, args.Paired, nil)
	if err != nil {
		return nil, err
	}
	m := newMoments(nil, 2, maxRows(args.Rules))
	d, err := m.sample(newDifference(a, b), everyone)
	if err != nil {
		return nil, fmt.Errorf("ttest: %w", err)
	}
	start := func() error {
		d.n = c.n
		if d.n < int64(max(args.Rules.MinCell, 2)) {
			return tooFew("rows with both variables", max(args.Rules.MinCell, 2))
		}
		return nil
	}
	finish := func() (Frame, error) {
		f := c.counts()
		if w := d.resolution(2); w != "" {
			return f, coarseRange(w)
		}
		if d.rareDifference(args.Rules.MinCell) {
			return f, &Refusal{Rule: "min_cell", Message: fmt.Sprintf("%s has three values, and fewer than %d people have one of them: mean and SD would tell how many", d.label, args.Rules.MinCell),
				Remedy: "use kind: crosstab"}
		}
		r := Record{}.Put("method", "paired").Put("estimate", d.mean()).
			Put("estimate1", nil).Put("estimate2", nil).Put("sd1", nil).Put("sd2", nil).Put("n1", d.n).Put("n2", d.n)
		f.Tidy = []Record{putT(r, d.mean(), d.sem(), float64(d.n-1)).Put("sd", d.sd())}
		f.Glance = Record{}.Put("cohen_d", ratio(d.mean(), d.sd()))
		if d.constant() {
			f.Warnings = append(f.Warnings, fmt.Sprintf("everyone in this group has the same difference %s: there is no t-test", d.label))
		}
		return f, nil
	}
	return &program{census: c, parts: []part{m}, start: start, finish: finish}, nil
}

func tooFew(of string, least int) *Refusal {
	return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("fewer than %d %s", least, of), Remedy: "merge levels or widen the cohort"}
}

// coarseRange is the refusal of an analysis whose sums cannot resolve the spread of the values.
func coarseRange(why string) *Refusal {
	return &Refusal{Rule: "resolution", Message: why, Remedy: "declare the step in which the variable is recorded"}
}
