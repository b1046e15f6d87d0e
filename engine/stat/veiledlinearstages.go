package stat

import (
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

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
