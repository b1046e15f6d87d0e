package stat

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// lean is what bounds a column's part of the meat: the largest |x e| of a row
// and, since sum |x e| <= sqrt(sum x^2 w  sum e^2/w), that of all rows together.
// The sums are opened ones, so that wide declared ranges cost no digits.
type lean struct {
	name     string
	one, all float64
	level    // not of cluster_site
}

// ask is the sum at the state; v is the inverse information.
func (s *sandwich) ask(opening int, of []lean, rows uint64, state []float64, v *symmetric) Ask {
	q, bound := len(of), 1+0x1p-8
	switch s.kind {
	case "hc2":
		bound /= nearOne
	case "hc3":
		bound /= nearOne * nearOne
	}
	most := func(a int) float64 {
		if s.clustered() {
			return of[a].all
		}
		return math.Min(of[a].one, of[a].all)
	}
	var cells []Cell
	for a := range q {
		for b := a; b < q; b++ {
			cells = append(cells, Cell{Cell: fixed.Binary(bound*most(a)*most(b), rows), Name: "weighted product of " + of[a].name + ", " + of[b].name})
		}
	}
	switch {
	case s.clustered():
		cells = append(cells, countCell("hospitals with a row", Plain))
	case s.levered():
		cells = append(cells, countCell("rows of leverage near 1", Plain))
		s.root = rootOf(v)
		for a := range s.root {
			state = append(state, s.root[a][a:]...)
		}
	}
	if !s.clustered() && s.least > 1 {
		cells = append(append(cells, s.tellCells(of)...), s.pairUp(of)...)
	}
	return Ask{Opening: opening, Cells: cells, State: state}
}

// rootOf is sqrt(D) L' of v = L D L', upper triangular, in 40 bits: it travels in the ask's state.
func rootOf(v *symmetric) [][]float64 {
	root := make([][]float64, v.n)
	f := factorize(v, neverAliased)
	for a := range root {
		root[a] = make([]float64, v.n)
		d := math.Sqrt(rounded(f.pivot[a]))
		root[a][a] = Round40(d)
		for b := a + 1; b < v.n; b++ {
			root[a][b] = Round40(d * rounded(f.low[b][a]))
		}
	}
	return root
}

// leverage is x'vx from the root of v: a sum of squares, so that nothing cancels.
func leverage(root [][]float64, x []float64) (h float64) {
	for a, line := range root {
		z := 0.0
		for b := a; b < len(x); b++ {
			z += line[b] * x[b]
		}
		h += z * z
	}
	return h
}

// begin starts a hospital's term for q columns.
func (s *sandwich) begin(q int) {
	n := pairCells(q)
	s.score, s.low, s.meat, s.rest, s.count = make([]float64, q), make([]float64, q), make([]float64, n), make([]float64, n), 0
	s.both, s.tell = make([]int64, len(s.pairs)), make([]int64, len(s.tell))
}

// row adds a row x of the model matrix with residual e and weight w in the information.
func (s *sandwich) row(x []float64, e, w float64) {
	if s.clustered() {
		for a := range x {
			add(&s.score[a], &s.low[a], x[a]*e)
		}
		s.count++
		return
	}
	s.meet(x)
	u := e * e
	if s.levered() {
		left := 1 - w*leverage(s.root, x)
		if left < nearOne {
			s.count++
			return
		}
		if u /= left; s.kind == "hc3" {
			u /= left
		}
	}
	at := 0
	for a := range x {
		for b := a; b < len(x); b++ {
			add(&s.meat[at], &s.rest[at], u*x[a]*x[b])
			at++
		}
	}
}

// own takes a hospital's score as a whole.
func (s *sandwich) own(score []float64, rows int) { s.score, s.count = score, int64(rows) }

// put writes the hospital's term.
func (s *sandwich) put(out *fixed.Sums) {
	if s.clustered() {
		at := 0
		for a := range s.score {
			for b := a; b < len(s.score); b++ {
				s.meat[at] = (s.score[a] + s.low[a]) * (s.score[b] + s.low[b])
				at++
			}
		}
		s.count = min(s.count, 1)
	}
	for i := range s.meat {
		out.AddFloat(i, s.meat[i])
		out.AddFloat(i, s.rest[i])
	}
	at := len(s.meat)
	if s.clustered() || s.levered() {
		out.Add(at, s.count)
		at++
	}
	for i, n := range slices.Concat(s.tell, s.both) {
		out.Add(at+i, n)
	}
}

// take reads the total over hospitals of q columns.
func (s *sandwich) take(t fixed.Totals, q int) {
	s.meat, s.opened = make([]float64, pairCells(q)), true
	for i := range s.meat {
		s.meat[i] = t.Float(i)
	}
	at := len(s.meat)
	if s.count = 0; s.clustered() || s.levered() {
		s.count = t.Count(at)
		at++
	}
	s.both, s.tell = make([]int64, len(s.pairs)), make([]int64, len(s.tell))
	for i := range s.tell {
		s.tell[i] = t.Count(at + i)
	}
	for i := range s.both {
		s.both[i] = t.Count(at + len(s.tell) + i)
	}
}
