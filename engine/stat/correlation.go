package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// Correlation is the kind of that name: Pearson's or Spearman's coefficient of
// every two of some variables, over the rows that have them all. With pearson,
// glance holds the matrix covariance, and means and sds in the order of its terms.
type Correlation struct{}

var _ Statistic = Correlation{}

// Begin implements Statistic.
func (Correlation) Begin(args Args, s *table.Schema) (Program, error) {
	if len(args.Variables) < 2 {
		return nil, fmt.Errorf("correlation: %d variables, want at least two", len(args.Variables))
	}
	r := &correlation{args: args}
	var factors []string // of the variables with two values
	for i, name := range args.Variables {
		if slices.Contains(args.Variables[:i], name) {
			return nil, fmt.Errorf("correlation: variable %q is listed twice", name)
		}
		f, err := numbers(s, name)
		if err != nil {
			return nil, fmt.Errorf("correlation: %w", err)
		}
		r.fields = append(r.fields, f)
		if r.twoValues = append(r.twoValues, twoValues(f)); twoValues(f) {
			factors = append(factors, name)
		}
	}
	c, err := newCensus(args, s, args.Variables, factors)
	if err != nil {
		return nil, err
	}
	p := &program{census: c}
	switch args.Method {
	case "", "pearson":
		if r.pearson, err = newComoments(r.fields, args.Rules); err == nil {
			p.parts = []part{r.pearson}
		}
	case "spearman":
		if r.spearman, err = newRankProducts(r.fields, args.Variables, args.Rules); err == nil {
			p.parts = []part{r.spearman}
		}
	default:
		err = fmt.Errorf("method %q, want pearson or spearman", args.Method)
	}
	if err != nil {
		return nil, fmt.Errorf("correlation: %w", err)
	}
	p.start = func() error { return r.start(c) }
	p.finish = func() (Frame, error) { return r.frame(c), nil }
	return p, nil
}

// twoValues reports whether a variable can only have two values: means and
// products of such variables are counts of people.
func twoValues(f *table.Field) bool {
	lo, hi := f.Points()
	return f.GridDeclared && hi-lo == 1
}

// correlation is what one analysis keeps; pearson or spearman is nil.
type correlation struct {
	args      Args
	fields    []*table.Field
	twoValues []bool
	pearson   *comoments
	spearman  *rankProducts
}

// start applies the rules before anything but counts is opened.
func (r *correlation) start(c *census) error {
	minCell, p := int64(r.args.Rules.MinCell), int64(len(r.fields))
	if minCell > 1 && c.n < max(minCell, p+2) {
		return &Refusal{Rule: "min_cell",
			Message: fmt.Sprintf("correlation: there are fewer rows complete in all %d variables than max(min_cell, variables + 2) = %d", p, max(minCell, p+2)),
			Remedy:  "ask for fewer variables, or leave out those that are often missing"}
	}
	for i, f := range c.factors {
		for _, n := range c.levels[i] {
			if n > 0 && n < minCell {
				return &Refusal{Rule: "min_cell",
					Message: fmt.Sprintf("correlation: one of the two values of %s is shared by fewer than %d people, and the mean would show how many", f.Name, minCell),
					Remedy:  "leave this variable out"}
			}
		}
	}
	if r.pearson != nil {
		r.pearson.begin(c.n)
	} else if c.n == 0 {
		r.spearman.stop()
	}
	return nil
}

// frame writes the outcome.
func (r *correlation) frame(c *census) Frame {
	f := c.counts()
	if c.n == 0 {
		f.Warnings = append(f.Warnings, "no row is complete in all variables")
		return f
	}
	cov := &Matrix{Terms: r.args.Variables}
	for range r.fields {
		cov.Matrix = append(cov.Matrix, make([]float64, len(r.fields)))
	}
	for i := range r.fields {
		cov.Matrix[i][i] = nearest(r.covariance(i, i, c.n))
		if s := r.square(i); s.Sign() == 0 {
			f.Warnings = append(f.Warnings, fmt.Sprintf("everyone has the same %s: it has no correlation", r.args.Variables[i]))
		}
	}
	for i := range r.fields {
		for j := i + 1; j < len(r.fields); j++ {
			rec := Record{}.Put("x", r.args.Variables[i]).Put("y", r.args.Variables[j])
			if r.small(c, i, j) {
				f.Suppressed = true
				cov.Matrix[i][j], cov.Matrix[j][i] = math.NaN(), math.NaN()
				f.Tidy = append(f.Tidy, rec.Put("estimate", nil).Put("n", c.n).Put("statistic", nil).Put("df", nil).
					Put("p_value", nil).Put("conf_low", nil).Put("conf_high", nil).Put("suppressed", true))
				continue
			}
			cov.Matrix[i][j] = nearest(r.covariance(i, j, c.n))
			cov.Matrix[j][i] = cov.Matrix[i][j]
			rec, warning := r.test(rec, i, j, c.n)
			f.Tidy = append(f.Tidy, rec)
			if warning != "" {
				f.Warnings = append(f.Warnings, warning)
			}
		}
	}
	if f.Suppressed {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the correlation of two variables of two values each is their table: where it has cells of fewer than %d people it is not shown", r.args.Rules.MinCell))
	}
	if r.pearson != nil {
		var means, sds []float64
		for _, s := range r.pearson.samples {
			means, sds = append(means, s.mean()), append(sds, s.sd())
			if w := s.resolution(2); w != "" {
				f.Warnings = append(f.Warnings, w)
			}
		}
		f.Glance = Record{}.Put("covariance", cov).Put("means", means).Put("sds", sds)
		return f
	}
	for i, g := range r.spearman.grids {
		step, more := g.resolution()
		if !math.IsNaN(step) {
			f.Glance = f.Glance.Put("resolution_"+r.args.Variables[i], step)
		}
		f.Warnings = append(f.Warnings, more...)
	}
	return f
}

// square is the sum of squared deviations of variable i, or of its ranks.
func (r *correlation) square(i int) *big.Rat { return r.product(i, i) }

// product is the sum of products of deviations of variables i and j, or of their ranks.
func (r *correlation) product(i, j int) *big.Rat {
	switch {
	case r.spearman != nil:
		return new(big.Rat).SetInt(r.spearman.product(i, j))
	case i == j:
		return r.pearson.samples[i].central[2]
	}
	return r.pearson.pairs[upper(i, j, len(r.fields))].sum
}

// upper numbers the pairs i < j of n row by row.
func upper(i, j, n int) int { return i*(2*n-i-1)/2 + j - i - 1 }

func (r *correlation) covariance(i, j int, n int64) *big.Rat {
	if n < 2 {
		return nil
	}
	return new(big.Rat).Quo(r.product(i, j), new(big.Rat).SetInt64(n-1))
}

// small reports whether i and j have two values each and a small cell in their
// table, which the product, with the means, would show.
func (r *correlation) small(c *census, i, j int) bool {
	if !r.twoValues[i] || !r.twoValues[j] || r.square(i).Sign() == 0 || r.square(j).Sign() == 0 {
		return false
	}
	n, a, b := c.n, r.upperLevel(c, i), r.upperLevel(c, j)
	// product = (rise of i) (rise of j) (n11 - a b/n), and square = rise^2 a (n - a)/n.
	scale := func(k int, m int64) float64 {
		return root(new(big.Rat).Mul(r.square(k), big.NewRat(n, m*(n-m))))
	}
	joint := int64(math.Round(nearest(r.product(i, j))/(scale(i, a)*scale(j, b)) + float64(a)*float64(b)/float64(n)))
	return hide([][]int64{{n - a - b + joint, b - joint}, {a - joint, joint}}, r.args.Rules.MinCell).any()
}

// upperLevel returns how many people have the upper of the two values of variable i.
func (r *correlation) upperLevel(c *census, i int) int64 {
	at := 0
	for k := range i {
		if r.twoValues[k] {
			at++
		}
	}
	return c.levels[at][1]
}

// test appends coefficient and test: t with n-2 degrees of freedom and, for
// Pearson's, limits by Fisher's z.
func (r *correlation) test(rec Record, i, j int, n int64) (_ Record, warning string) {
	xy, xx, yy := r.product(i, j), r.square(i), r.square(j)
	none := math.NaN()
	estimate, t, low, high := none, none, none, none
	df := float64(n - 2)
	if xx.Sign() > 0 && yy.Sign() > 0 && !r.coarse(i, j) {
		square := new(big.Rat).Mul(xy, xy)
		square.Quo(square, xx).Quo(square, yy)
		estimate = math.Copysign(root(square), float64(xy.Sign()))
		if free := new(big.Rat).Sub(big.NewRat(1, 1), square); free.Sign() <= 0 {
			t = math.Copysign(math.Inf(1), float64(xy.Sign()))
			warning = fmt.Sprintf("%s and %s lie on a line: their correlation has no finite statistic", r.args.Variables[i], r.args.Variables[j])
		} else if df > 0 {
			square.Mul(square, new(big.Rat).SetInt64(n-2)).Quo(square, free)
			t = math.Copysign(root(square), float64(xy.Sign()))
		}
		if r.pearson != nil && n > 3 {
			z, se := math.Atanh(max(-1, min(1, estimate))), 1/math.Sqrt(float64(n-3))
			low, high = math.Tanh(z-z975*se), math.Tanh(z+z975*se)
		}
	}
	if df <= 0 {
		df, t = none, none
	}
	return rec.Put("estimate", estimate).Put("n", n).Put("statistic", t).Put("df", df).Put("p_value", tTwoSided(t, df)).
		Put("conf_low", low).Put("conf_high", high), warning
}

// coarse reports whether the declared ranges are too wide for the spread found.
func (r *correlation) coarse(i, j int) bool {
	return r.pearson != nil && (r.pearson.samples[i].coarse(2) || r.pearson.samples[j].coarse(2))
}
