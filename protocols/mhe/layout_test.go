package mhe

import (
	"math/big"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
)

// matrix is numbers at scale 2^LogScale, row by row.
type matrix [][]*big.Int

// placeLeft is L[A].
func (l Layout) placeLeft(a matrix) []*big.Int {
	out := make([]*big.Int, l.Left(l.Rows-1, 0)+1)
	for i := range l.Rows {
		for k := range l.Inner {
			out[l.Left(i, k)] = a[i][k]
		}
	}
	return out
}

// placeRight is R[B].
func (l Layout) placeRight(b matrix) []*big.Int {
	out := make([]*big.Int, l.Right(l.Inner-1, l.Cols-1)+1)
	for k := range l.Inner {
		for j := range l.Cols {
			out[l.Right(k, j)] = b[k][j]
		}
	}
	return out
}

// matrix fills rows x cols with small integers, at the scale of inputs.
func (p Params) matrix(rows, cols, seed int) (matrix, [][]float64) {
	m, f := make(matrix, rows), make([][]float64, rows)
	for i := range rows {
		for j := range cols {
			x := float64((i*7+j*13+seed)%9 - 4)
			m[i], f[i] = append(m[i], p.Fixed(x)), append(f[i], x)
		}
	}
	return m, f
}

// The ring's product of placed matrices is the placed product, without any
// encryption: exact integers, all shapes that fit.
func TestRingProductIsTheMatrixProduct(t *testing.T) {
	p := InsecureTest(8)
	for _, l := range []Layout{{1, 1, 1}, {3, 5, 2}, {6, 6, 6}, {16, 1, 16}, {1, 256, 1}, {2, 64, 2}, {4, 16, 4}} {
		if err := l.Fits(p); err != nil {
			t.Fatal(err)
		}
		a, fa := p.matrix(l.Rows, l.Inner, 1)
		b, fb := p.matrix(l.Inner, l.Cols, 2)
		n := p.Degree()
		prod := make([]*big.Int, n)
		for k := range prod {
			prod[k] = new(big.Int)
		}
		for i, x := range l.placeLeft(a) {
			for j, y := range l.placeRight(b) {
				if x == nil || y == nil {
					continue
				}
				z := new(big.Int).Mul(x, y)
				if i+j >= n {
					prod[i+j-n].Sub(prod[i+j-n], z)
				} else {
					prod[i+j].Add(prod[i+j], z)
				}
			}
		}
		for i := range l.Rows {
			for j := range l.Cols {
				want := 0.0
				for k := range l.Inner {
					want += fa[i][k] * fb[k][j]
				}
				got := prod[l.At(i, j)].Rsh(prod[l.At(i, j)], uint(p.lit.LogScale))
				if p.Float(got) != want {
					t.Errorf("%+v: (%d,%d) is %v, want %v", l, i, j, p.Float(got), want)
				}
			}
		}
	}
	for _, l := range []Layout{{0, 1, 1}, {7, 6, 7}, {257, 1, 1}, {1 << 40, 1 << 40, 1}, {16, 17, 1}} {
		if l.Fits(p) == nil {
			t.Errorf("%+v was said to fit 256 coefficients", l)
		}
	}
}

// The same under encryption, with an inner dimension cut in blocks, and chained:
// (A B) arranged anew by the refresh and multiplied again.
func TestEncryptedMatrixProducts(t *testing.T) {
	p := InsecureTest(8)
	w := newWorld(t, p, 2)
	must(w, keys)
	const d = 9 // 9 x 9 x 9 = 729 > 256: blocks of 3
	parts, err := Blocks(d, d, d, p)
	if err != nil || len(parts) != 3 {
		t.Fatal(parts, err)
	}
	a, fa := p.matrix(d, d, 1)
	b, fb := p.matrix(d, d, 2)
	cut := func(m matrix, part [2]int, left bool) matrix {
		var out matrix
		for i, row := range m {
			if left {
				out = append(out, row[part[0]:part[1]])
			} else if i >= part[0] && i < part[1] {
				out = append(out, row)
			}
		}
		return out
	}
	first := true
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		var list []Plain
		for _, part := range parts {
			l := Layout{d, part[1] - part[0], d}
			left, right := l.placeLeft(cut(a, part, true)), l.placeRight(cut(b, part, false))
			if !first { // the second member has nothing to add
				left, right = nil, nil
			}
			list = append(list, Plain{"a", left, 8, 400}, Plain{"b", right, 8, 400})
		}
		first = false
		return s.Input(list)
	})
	l := Layout{d, parts[0][1] - parts[0][0], d}
	prods := map[*Session]*Ciphertext{}
	for i, s := range w.sessions {
		var pairs [][2]*Ciphertext
		for b := range parts {
			pairs = append(pairs, [2]*Ciphertext{in[i][2*b], in[i][2*b+1]})
		}
		if prods[s], err = s.Product(pairs...); err != nil {
			t.Fatal(err)
		}
	}
	ab := multiply(fa, fb)
	out := must(w, func(s *Session) (round.Machine[Refreshed], error) {
		o := Output{Argued: &Bound{Max: 1024, Sum: 1 << 17, Err: 0x1p-60}}
		for i := range d {
			for j := range d {
				o.Copies = append(o.Copies, Copy{l.At(i, j), i*d + j})
			}
		}
		return s.Refresh(prods[s], false, o)
	})
	var want []float64
	for _, row := range ab {
		want = append(want, row...)
	}
	if e := off(w.decrypt(out[0].Outputs[0]), want); e > 0x1p-60 {
		t.Errorf("the product is off by %g", e)
	}
}

func multiply(a, b [][]float64) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(b[0]))
		for j := range out[i] {
			for k := range b {
				out[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return out
}
