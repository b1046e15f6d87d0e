package stat

import (
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Iterative refinement of least squares where values are taken as read: the
// residuals at the solution, which is handed out in 40 bits, say what is left to correct.

// askResiduals asks for score and residual sum of squares at the solution.
func (l *linearPart) askResiduals() {
	g := l.gram
	far := l.settleState()
	first := len(l.beta) - len(l.kept)
	var cells []Cell
	if first == 1 {
		cells = append(cells, Cell{Cell: fixed.Binary(far, l.rows), Name: "sum of residuals"})
	}
	for _, c := range l.kept {
		cells = append(cells, Cell{Cell: fixed.Binary(far*c.half, l.rows), Name: "product of residual, " + c.Name})
	}
	cells = append(cells, Cell{Cell: fixed.Binary(far*far, l.rows), Name: "sum of squared residuals"})
	l.stage = linearResiduals
	l.asks = []Ask{{Opening: 2, Cells: cells, State: append(centres(g.columns), l.state...)}}
}

// settleState puts the solution into 40 bits and returns a bound on a residual there.
func (l *linearPart) settleState() (far float64) {
	l.state = make([]float64, len(l.beta))
	far = l.gram.columns[len(l.gram.columns)-1].half
	first := len(l.beta) - len(l.kept)
	for i, b := range l.beta {
		l.state[i] = Round40(rounded(b))
		if i < first {
			far += math.Abs(l.state[i])
		} else {
			far += math.Abs(l.state[i]) * l.kept[i-first].half
		}
	}
	return far * (1 + 0x1p-30)
}

func (l *linearPart) addResiduals(rows *table.View, out *fixed.Sums) error {
	in, err := l.read(rows)
	if err != nil {
		return err
	}
	first := len(l.state) - len(l.kept)
	at := make([]int, len(l.kept)) // place of a kept column among the gram's
	for i := range at {
		at[i] = l.fit.kept[i+first] - first
	}
	x := make([]float64, len(l.gram.columns))
	high, low := make([]float64, out.Len()), make([]float64, out.Len())
	outcome := l.gram.columns[len(x)-1]
	for _, row := range in.rows {
		in.values(row, x)
		r, rest := x[len(x)-1]-outcome.centre, 0.0
		if first == 1 {
			addProduct(&r, &rest, -l.state[0], 1)
		}
		for i, a := range at {
			x[a] -= l.kept[i].centre
			addProduct(&r, &rest, -l.state[i+first], x[a])
		}
		r += rest
		if first == 1 {
			addProduct(&high[0], &low[0], r, 1)
		}
		for i, a := range at {
			addProduct(&high[i+first], &low[i+first], r, x[a])
		}
		addProduct(&high[len(high)-1], &low[len(low)-1], r, r)
	}
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
	return nil
}

// correct takes one step of iterative refinement.
func (l *linearPart) correct(t fixed.Totals) {
	score := make([]*big.Float, l.gram.products.n-1)
	for i := range score {
		score[i] = newBig(0)
	}
	for i, j := range l.fit.kept {
		score[j] = t.Big(i)
	}
	step := l.fit.solve(score)
	rss, u := t.Big(len(l.state)), newBig(0)
	for i, d := range step {
		l.beta[i] = newBig(l.state[i])
		l.beta[i].Add(l.beta[i], d)
		rss.Sub(rss, u.Mul(d, score[l.fit.kept[i]]))
	}
	if rss.Sign() < 0 {
		rss.SetInt64(0)
	}
	l.rss = rss
}
