package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// veiledLinear is least squares whose products of columns stay encrypted, with
// `withhold: [vcov, std_error]`:
//
//	census ──► column sums ──► squares ──► [products of standardised columns, solved under encryption]
//	       ──► a residual ──► coefficients ──► residual sum of squares at them
//
// Coefficients, vcov and sigma together give the products of all columns, so a
// linear model that shows them opens what it opens with reveal: sums (linearPart). Without, coefficients carry
// the noise of their opening, which the result states.
type veiledLinear struct {
	*regression
	gram   *gram // its columns are the slopes, then the outcome
	root   Root
	sealed bool // hospitals do not see the coefficients
	table  [][]float64

	stage  int
	asks   []Ask
	mean   []float64 // of the gram's columns, 40 bits; 0 without an intercept
	scale  []float64 // SD, 40 bits; 0: constant
	spread []float64 // sum of squares about the mean
	varies []int     // slopes that are not constant
	beta   []float64 // of them, in their own units, after the intercept if any; 40 bits
	noise  []float64 // standard deviation of what the opening added to each of beta
	rss    float64
}

const (
	veiledSums = iota
	veiledSquares
	veiledResidual
	veiledSolution
	veiledRSS
)

// checkWithhold checks the keys of an encrypted linear model.
func checkWithhold(a Args) error {
	both := len(a.Withhold) == 2 && slices.Contains(a.Withhold, "vcov") && slices.Contains(a.Withhold, "std_error")
	switch {
	case len(a.Withhold) > 0 && !both:
		return fmt.Errorf("linear: withhold takes vcov and std_error, together: with the coefficients either gives the products of columns away")
	case !both && a.Condition != 0:
		return fmt.Errorf("linear: condition is about a model that is solved under encryption: it needs withhold: [vcov, std_error]")
	case both && a.Drop1:
		return fmt.Errorf("linear: drop1 is computed from the products of columns, which withhold keeps encrypted: leave out one of the two")
	}
	return nil
}

func beginVeiledLinear(r *regression, c *census) (Program, error) {
	slopes := len(r.most.Columns)
	if r.model.Intercept {
		slopes--
	}
	l := &veiledLinear{regression: r, sealed: r.args.Sealed}
	l.gram = &gram{regression: r, centred: r.model.Intercept, read: (&linearPart{regression: r}).read}
	l.root = Root{Dim: slopes, Degree: 1, Condition: r.args.Condition,
		// A and the right side are divided by n columns; standardised products of two columns are at most n.
		Largest: Largest{Right: 1.001 / float64(slopes), Solve: farthestModel}}
	if l.root.Condition == 0 {
		l.root.Condition = DefaultCondition
	}
	switch {
	case !(l.root.Condition >= 2) || l.root.Condition > mostCondition:
		return nil, fmt.Errorf("linear: condition is %v, want 2 to %d", l.root.Condition, mostCondition)
	case slopes == 0:
		return nil, fmt.Errorf("linear: withhold: formula %s has no term whose products could stay encrypted", r.args.Formula)
	case slopes > veiledColumns:
		return nil, fmt.Errorf("linear: the model has up to %d columns, encrypted models at most %d: merge levels, leave out terms, or leave out withhold", slopes, veiledColumns)
	}
	if r.args.Rules.MinCell > 1 && formula.Saturated(r.most) && r.model.OutcomeSupport().Two {
		return nil, saturatedRefusal()
	}
	c.shown = true
	p := &program{census: c, parts: []part{l}, blind: l.sealed}
	p.start = func() error {
		if err := r.settle(c); err != nil {
			return err
		}
		return l.begin()
	}
	p.finish = func() (Frame, error) { return l.finish(c.counts()), nil }
	return &veiledProgram{p, []veiledPart{l}}, nil
}

func (l *veiledLinear) plan() []Opening {
	all, m := names(l.most.Columns), l.root.Dim+1
	plan := []Opening{
		{What: "sums of " + l.model.Outcome + " and of the columns of the model (" + all + "): their means; of a yes/no column, how many people have it", Cells: m, MaxTimes: 1, CountsPeople: zeroOnes(l.most.Columns) > 0, Shown: true},
		{What: "sums of squares of " + l.model.Outcome + " and of the columns about their means: their SDs", Cells: 2 * m, MaxTimes: 1, Shown: true},
		{What: "of the solution under encryption, one number that should be 0: whether the products of columns could be inverted", Cells: 1, MaxTimes: 1, Shown: true},
		{What: "the coefficients of standardised columns, with noise", Cells: l.root.Dim, MaxTimes: 1, Released: true},
	}
	if !l.sealed {
		plan = append(plan, Opening{What: "the sum of squared residuals at the opened coefficients: how well they fit", Cells: 1, MaxTimes: 1, Released: true})
	}
	return plan
}

func (l *veiledLinear) ask() []Ask { return l.asks }

func (l *veiledLinear) begin() error {
	var err error
	if l.table, err = l.crossTable(); err != nil {
		return err
	}
	y := newRegressor(l.outcome())
	if !l.model.HasOffset {
		y.support = l.model.OutcomeSupport()
	}
	l.gram.columns = append(slices.Clone(l.slopes()), y)
	l.asks = []Ask{{Opening: veiledSums, Cells: l.gram.sumCells()}}
	return nil
}

func (l *veiledLinear) add(rows *table.View, out *fixed.Sums) error {
	switch l.stage {
	case veiledSums:
		return l.gram.addSums(rows, out)
	case veiledSquares:
		sums := newCompensated(out.Len())
		err := l.deviations(rows, func(d []float64) {
			for i, x := range d {
				sums.add(2*i, x, 1)
				sums.add(2*i+1, x, x)
			}
		})
		sums.write(out)
		return err
	case veiledRSS:
		sums := newCompensated(1)
		first := len(l.beta) - len(l.varies)
		err := l.deviations(rows, func(d []float64) {
			r := d[len(d)-1]
			for a, j := range l.varies {
				r -= l.beta[a+first] * d[j]
			}
			sums.add(0, r, r)
		})
		sums.write(out)
		return err
	}
	return nil // opened from under encryption
}

// deviations visits the rows as deviations from the means.
func (l *veiledLinear) deviations(rows *table.View, visit func(d []float64)) error {
	in, err := l.gram.read(rows)
	if err != nil {
		return err
	}
	d := make([]float64, len(l.gram.columns))
	for _, row := range in.rows {
		in.values(row, d)
		for i, m := range l.mean {
			d[i] -= m
		}
		visit(d)
	}
	return nil
}

// compensated are sums of products with twice the digits.
type compensated struct{ high, low []float64 }

func newCompensated(n int) compensated { return compensated{make([]float64, n), make([]float64, n)} }

func (c compensated) add(i int, x, y float64) { addProduct(&c.high[i], &c.low[i], x, y) }

func (c compensated) write(out *fixed.Sums) {
	for i := range c.high {
		out.AddFloat(i, c.high[i])
		out.AddFloat(i, c.low[i])
	}
}
