package stat

import (
	"fmt"
	"math"
	"math/big"
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

func (l *veiledLinear) reduce(t fixed.Totals) error {
	asks := l.asks
	l.asks = nil
	switch l.stage {
	case veiledSums:
		return l.takeSums(t)
	case veiledSquares:
		return l.takeSquares(t)
	case veiledResidual:
		if !(math.Abs(float64(l.root.Dim)-t.Float(0)) <= 1.0/64) {
			return singularRefusal(l.root.Condition)
		}
		l.stage = veiledSolution
		var cells []Cell
		for j := range l.root.Dim {
			name := "nothing"
			if j < len(l.gram.columns)-1 {
				name = "coefficient of " + l.gram.columns[j].Name + ", standardised"
			}
			cells = append(cells, Cell{Name: name})
		}
		l.asks = []Ask{{Opening: veiledSolution, Cells: cells, From: &From{Outcome: RootSolution}}}
	case veiledSolution:
		return l.takeSolution(asks[0].Cells, t)
	default:
		l.rss = t.Float(0)
	}
	return nil
}

func (l *veiledLinear) takeSums(t fixed.Totals) error {
	l.gram.takeSums(t)
	y := l.gram.columns[len(l.gram.columns)-1]
	if err := l.smallSums(l.table, y); err != nil {
		return err
	}
	if _, two := y.ones(l.n); l.args.Rules.MinCell > 1 && two && l.table != nil {
		return saturatedRefusal()
	}
	var cells []Cell
	for i, c := range l.gram.columns {
		mean := 0.0
		if l.model.Intercept {
			mean = Round40(rounded(newBig(0).Quo(c.sum, newBig(float64(l.n)))))
		}
		l.mean = append(l.mean, mean)
		far := l.farthest(i)
		cells = append(cells, Cell{Cell: fixed.Binary(far, l.rows), Name: "sum of centred " + c.Name}, Cell{Cell: fixed.Binary(far*far, l.rows), Name: "sum of squares of centred " + c.Name})
	}
	l.stage = veiledSquares
	l.asks = []Ask{{Opening: veiledSquares, Cells: cells, State: slices.Clone(l.mean)}}
	return nil
}

// farthest is how far a value of the gram's column i can be from its mean.
func (l *veiledLinear) farthest(i int) float64 {
	c := l.gram.columns[i]
	return math.Max(c.Max-l.mean[i], l.mean[i]-c.Min) * (1 + 0x1p-45)
}

func (l *veiledLinear) takeSquares(t fixed.Totals) error {
	n := float64(l.n)
	last := len(l.gram.columns) - 1
	for i, c := range l.gram.columns {
		d, s := t.Big(2*i), t.Big(2*i+1)
		raw := rounded(s) + 2*l.mean[i]*rounded(d) + n*l.mean[i]*l.mean[i]
		u := newBig(0).Mul(d, d)
		about := rounded(newBig(0).Sub(s, u.Quo(u, newBig(n))))
		if err := l.restsOnFew(c, about); err != nil {
			return err
		}
		if !l.model.Intercept {
			about = raw
		}
		far := l.farthest(i)
		same, err := c.constant(about, raw, 1e-14, fixed.Binary(far*far, l.rows).Step.Float(), l.n)
		if err != nil {
			return err
		}
		l.spread = append(l.spread, about)
		l.scale = append(l.scale, 0)
		switch {
		case !same:
			l.scale[i] = Round40(math.Sqrt(about / math.Max(1, n-1)))
			if i < last {
				l.varies = append(l.varies, i)
			}
		case i == last:
			return &Refusal{Rule: "constant_outcome", Message: "the outcome is the same for everyone", Remedy: "widen the cohort, or choose another outcome"}
		}
	}
	if len(l.varies) == 0 {
		return &Refusal{Rule: "rows", Message: "every column of the model is the same for everyone", Remedy: "leave out the terms that do not vary, or widen the cohort"}
	}
	l.stage = veiledResidual
	l.asks = []Ask{{Opening: veiledResidual, Cells: []Cell{{Name: "eigenvalues of the products times their inverse, together"}}, From: &From{Outcome: RootResiduals}}}
	return nil
}

// circuit implements veiledPart.
func (l *veiledLinear) circuit() Circuit {
	r := l.root
	return Circuit{Name: "model", Root: &r, Outcomes: []Outcome{{Name: "residual", Cells: 1}, {Name: "solution", Cells: r.Dim}}}
}

// input implements veiledPart: products of standardised columns over n columns, more than their trace.
func (l *veiledLinear) input(rows *table.View, first bool) (Input, error) {
	dim, last := l.root.Dim, len(l.gram.columns)-1
	c := float64(l.n)*float64(dim) + l.penalty()
	term := &RootTerm{A: make([][]float64, dim), Right: make([]float64, dim)}
	for j := range term.A {
		term.A[j] = make([]float64, dim)
	}
	z := make([]float64, last+1)
	err := l.deviations(rows, func(d []float64) {
		for _, i := range append(l.varies[:len(l.varies):len(l.varies)], last) {
			z[i] = d[i] / l.scale[i]
		}
		for a, i := range l.varies {
			term.Right[i] += z[i] * z[last]
			for _, j := range l.varies[a:] {
				term.A[i][j] += z[i] * z[j]
			}
		}
	})
	if err != nil {
		return Input{}, err
	}
	for i := range dim {
		term.Right[i] /= c
		for j := i; j < dim; j++ {
			term.A[i][j] /= c
			term.A[j][i] = term.A[i][j]
		}
		if constant := !slices.Contains(l.varies, i); first && constant {
			term.A[i][i] = 1
		} else if first {
			term.A[i][i] += l.penalty() / c
		}
	}
	return Input{Root: term}, nil
}

func (l *veiledLinear) takeSolution(cells []Cell, t fixed.Totals) error {
	length := 0.0
	for j := range l.root.Dim {
		length += t.Float(j) * t.Float(j)
	}
	if !(length <= l.root.Largest.Solve*l.root.Largest.Solve) {
		return singularRefusal(l.root.Condition)
	}
	last := len(l.gram.columns) - 1
	mean := func(i int) *big.Float { return newBig(0).Quo(l.gram.columns[i].sum, newBig(float64(l.n))) }
	l.beta, l.noise = nil, nil
	intercept, spread, far := mean(last), 0.0, l.farthest(last)
	for _, j := range l.varies {
		unit := l.scale[last] / l.scale[j]
		b, noise := Round40(t.Float(j)*unit), cells[j].Noise*unit
		l.beta, l.noise = append(l.beta, b), append(l.noise, noise)
		m := mean(j)
		spread += math.Pow(noise*rounded(m), 2)
		intercept.Sub(intercept, m.Mul(m, newBig(b)))
		far += math.Abs(b) * l.farthest(j)
	}
	if l.model.Intercept {
		l.beta, l.noise = append([]float64{rounded(intercept)}, l.beta...), append([]float64{math.Sqrt(spread)}, l.noise...)
	}
	if l.rss = math.NaN(); l.sealed {
		return nil
	}
	l.stage = veiledRSS
	l.asks = []Ask{{Opening: veiledRSS, Cells: []Cell{{Cell: fixed.Binary(far*far*(1+0x1p-30), l.rows), Name: "sum of squared residuals"}}, State: slices.Concat(l.mean, l.beta[len(l.beta)-len(l.varies):])}}
	return nil
}
