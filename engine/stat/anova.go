package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// Anova compares the means of a variable between groups.
//
// Keys: variable; by, a category. Rows: by and Residuals, as R's anova(lm());
// glance: eta squared, Welch's test (oneway.test) and Bartlett's test of equal
// variances. Census and two sums of moments.
type Anova struct{}

var _ Statistic = Anova{}

// Begin implements Statistic.
func (Anova) Begin(args Args, s *table.Schema) (Program, error) {
	g, err := newGroups(args, s)
	if err != nil {
		return nil, err
	}
	start := func() error {
		if err := g.start(); err != nil {
			return err
		}
		if len(g.kept) < 2 {
			return &Refusal{Rule: "levels", Message: fmt.Sprintf("fewer than two levels of %s have rows", args.By), Remedy: "widen the cohort, or describe the one group"}
		}
		return nil
	}
	return &program{census: g.census, parts: []part{g.moments}, start: start, finish: g.anova}, nil
}

// groups is a number by the levels of a category: what t-tests and analysis of variance begin with.
type groups struct {
	args     Args
	census   *census
	series   *series
	moments  *moments
	samples  []*sample // one per declared level
	kept     []*sample // of levels with rows
	warnings []string
}

func newGroups(args Args, s *table.Schema) (*groups, error) {
	f, err := numbers(s, args.Variable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args.Kind, err)
	}
	if args.Variable == args.By {
		return nil, fmt.Errorf("%s: variable and by are both %q, want two", args.Kind, args.By)
	}
	c, err := newCensus(args, s, []string{args.Variable, args.By}, []string{args.By})
	if err != nil {
		return nil, err
	}
	g := &groups{args: args, census: c, series: newSeries(f), moments: newMoments(&c.factors[0], 2, maxRows(args.Rules))}
	for l := range c.factors[0].Levels {
		sample, err := g.moments.sample(g.series, l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args.Kind, err)
		}
		g.samples = append(g.samples, sample)
	}
	return g, nil
}

func (g *groups) level(s *sample) string { return g.census.factors[0].Levels[s.group] }

// start drops the levels without rows and refuses groups of fewer than min_cell people.
func (g *groups) start() error {
	g.warnings = noRows(g.census.factors[0], g.census.levels[0])
	for l, n := range g.census.levels[0] {
		if n == 0 {
			continue
		}
		if n < int64(g.args.Rules.MinCell) {
			return tooFew("people in a group of "+g.args.By, g.args.Rules.MinCell)
		}
		g.samples[l].n = n
		g.kept = append(g.kept, g.samples[l])
	}
	return nil
}

// resolved refuses sums too coarse for the spread and means that are small
// cells, and warns about groups without spread.
func (g *groups) resolved() error {
	if slices.ContainsFunc(g.kept, func(s *sample) bool { return s.rare(g.args.Rules.MinCell) }) {
		return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("%s has two values, and fewer than %d people have one of them in a group of %s: its mean would tell how many", g.args.Variable, g.args.Rules.MinCell, g.args.By),
			Remedy: "use kind: crosstab"}
	}
	for _, s := range g.kept {
		if w := s.resolution(2); w != "" {
			return coarseRange(w)
		}
	}
	for _, s := range g.kept {
		if s.n > 1 && s.constant() {
			g.warnings = append(g.warnings, fmt.Sprintf("everyone in this group has the same value: the SD of %s is 0", s.label))
		}
	}
	return nil
}

// pooled returns the grand mean and the sums of squares between and within groups, exactly.
func pooled(kept []*sample) (n int64, between, within *big.Rat) {
	total := new(big.Rat)
	within = new(big.Rat)
	for _, s := range kept {
		n += s.n
		total.Add(total, s.sum)
		within.Add(within, s.central[2])
	}
	mean := total.Quo(total, new(big.Rat).SetInt64(n))
	between = new(big.Rat)
	for _, s := range kept {
		d := s.exactMean()
		d.Sub(d, mean)
		d.Mul(d, d)
		between.Add(between, d.Mul(d, new(big.Rat).SetInt64(s.n)))
	}
	return n, between, within
}

func (g *groups) anova() (Frame, error) {
	f := g.census.counts()
	if err := g.resolved(); err != nil {
		return f, err
	}
	f.Warnings = g.warnings
	n, between, within := pooled(g.kept)
	ssb, ssw := nearest(between), nearest(within)
	df1, df2 := float64(len(g.kept)-1), float64(n-int64(len(g.kept)))
	msb, msw := ssb/df1, ratio(ssw, df2)
	stat := ratio(msb, msw)
	f.Tidy = []Record{
		Record{}.Put("term", g.args.By).Put("df", df1).Put("sumsq", ssb).Put("meansq", msb).Put("statistic", stat).Put("p_value", fUpper(stat, df1, df2)),
		Record{}.Put("term", "Residuals").Put("df", df2).Put("sumsq", ssw).Put("meansq", msw).Put("statistic", nil).Put("p_value", nil),
	}
	if ssw == 0 {
		f.Warnings = append(f.Warnings, "there is no spread within the groups: the F test does not exist")
	}
	f.Glance = Record{}.Put("eta_squared", nearest(share(between, within)))
	w, wdf1, wdf2 := welch(g.kept)
	b, bdf := bartlett(g.kept)
	f.Glance = f.Glance.Put("welch_statistic", w).Put("welch_df1", wdf1).Put("welch_df2", wdf2).Put("welch_p", fUpper(w, wdf1, wdf2)).
		Put("bartlett_statistic", b).Put("bartlett_df", bdf).Put("bartlett_p", chiUpper(b, bdf))
	if math.IsNaN(w) || math.IsNaN(b) {
		f.Warnings = append(f.Warnings, "Welch's and Bartlett's tests need two values and some spread in every group")
	}
	return f, nil
}

// share is a/(a+b), nil when both are 0.
func share(a, b *big.Rat) *big.Rat {
	t := new(big.Rat).Add(a, b)
	if t.Sign() == 0 {
		return nil
	}
	return t.Quo(a, t)
}

// welch is R's oneway.test: F with weights n/s² and Welch's (1951) degrees of freedom; NaN unless every group has some spread.
func welch(kept []*sample) (f, df1, df2 float64) {
	k := float64(len(kept))
	var sum float64
	w := make([]float64, len(kept))
	for i, s := range kept {
		v := s.variance()
		if !(v > 0) {
			return math.NaN(), math.NaN(), math.NaN()
		}
		w[i] = float64(s.n) / v
		sum += w[i]
	}
	// Means as differences from the first, whose rounding does not grow with the offset of the values.
	d := make([]float64, len(kept))
	centre := 0.0
	for i, s := range kept {
		d[i] = nearest(new(big.Rat).Sub(s.exactMean(), kept[0].exactMean()))
		centre += w[i] / sum * d[i]
	}
	var a, t float64
	for i, s := range kept {
		u := 1 - w[i]/sum
		t += u * u / float64(s.n-1)
		a += w[i] * (d[i] - centre) * (d[i] - centre)
	}
	t /= k*k - 1
	return a / ((k - 1) * (1 + 2*(k-2)*t)), k - 1, 1 / (3 * t)
}

// bartlett is R's bartlett.test of equal variances; NaN unless every group has some spread.
func bartlett(kept []*sample) (statistic, df float64) {
	k := float64(len(kept))
	var total, weighted, logs, inverse float64
	for _, s := range kept {
		v, m := s.variance(), float64(s.n-1)
		if !(v > 0) {
			return math.NaN(), math.NaN()
		}
		total += m
		weighted += m * v
		logs += m * math.Log(v)
		inverse += 1 / m
	}
	x := (total*math.Log(weighted/total) - logs) / (1 + (inverse-1/total)/(3*(k-1)))
	return max(x, 0), k - 1
}
