package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// askSandwich asks for the meat of robust standard errors at the solution, or ends.
func (l *linearPart) askSandwich() {
	if l.stage = linearDone; l.sandwich == nil {
		return
	}
	far := l.settleState()
	n, rss := float64(l.n), rounded(l.rss)
	var of []lean
	put := func(name string, half float64, two level) {
		x := math.Sqrt(rounded(l.gram.products.at(l.fit.kept[len(of)], l.fit.kept[len(of)])))
		of = append(of, lean{name, half * far, x * (math.Sqrt(rss) + far*math.Sqrt(n)*0x1p-40), two})
	}
	if len(l.beta) > len(l.kept) {
		put("(Intercept)", 1, level{})
	}
	for _, c := range l.kept {
		put(c.Name, c.half, c.levelOf(l.n, 1))
	}
	opening := 2
	if !l.exact {
		opening = 3
	}
	l.stage = linearSandwich
	l.asks = []Ask{l.sandwich.ask(opening, of, l.rows, append(centres(l.gram.columns), l.state...), l.fit.inverse())}
}

// addSandwich adds a hospital's rows to the meat.
func (l *linearPart) addSandwich(rows *table.View, out *fixed.Sums) error {
	in, err := l.read(rows)
	if err != nil {
		return err
	}
	first := len(l.state) - len(l.kept)
	x, z := make([]float64, len(l.gram.columns)), make([]float64, len(l.state))
	y := l.gram.columns[len(x)-1]
	l.sandwich.begin(len(z))
	for _, row := range in.rows {
		in.values(row, x)
		e := x[len(x)-1] - y.centre
		if first == 1 {
			z[0] = 1
			e -= l.state[0]
		}
		for i, c := range l.kept {
			z[first+i] = x[l.fit.kept[i+first]-first] - c.centre
			e -= l.state[first+i] * z[first+i]
		}
		l.sandwich.row(z, e, 1)
	}
	l.sandwich.put(out)
	return nil
}
