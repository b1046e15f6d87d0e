package stat

import (
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// symmetric is a symmetric matrix of big floats with fixed.Prec bits; at(i, j) is the entry of i <= j.
type symmetric struct {
	n int
	v []*big.Float
}

func newSymmetric(n int) *symmetric {
	s := &symmetric{n: n, v: make([]*big.Float, n*(n+1)/2)}
	for i := range s.v {
		s.v[i] = newBig(0)
	}
	return s
}

func newBig(x float64) *big.Float { return new(big.Float).SetPrec(fixed.Prec).SetFloat64(x) }

func (s *symmetric) at(i, j int) *big.Float {
	if i > j {
		i, j = j, i
	}
	return s.v[i*(2*s.n-i-1)/2+j]
}

// pick returns the rows and columns idx of s; entries are shared.
func (s *symmetric) pick(idx []int) *symmetric {
	t := &symmetric{n: len(idx), v: make([]*big.Float, 0, len(idx)*(len(idx)+1)/2)}
	for a, i := range idx {
		for _, j := range idx[a:] {
			t.v = append(t.v, s.at(i, j))
		}
	}
	return t
}

// factored is L·D·L' of the kept rows of a positive semidefinite matrix, with L
// unit lower triangular, found column by column in the given order.
type factored struct {
	n     int
	kept  []int // row numbers of the matrix that were kept, increasing
	pivot []*big.Float
	low   [][]*big.Float // low[a][b] = L of kept rows a > b
}

// factorize decides, in order, which columns are linear combinations of the
// kept ones before them: aliased(j, pivot) is asked with the squared norm that
// projection on those leaves of column j. A pivot that is not positive is
// aliased in any case.
func factorize(g *symmetric, aliased func(j int, pivot *big.Float) bool) *factored {
	f := &factored{n: g.n}
	t := newBig(0)
	for j := range g.n {
		// c[b] = L of row j times the pivot of b, by forward substitution.
		c := make([]*big.Float, len(f.kept))
		row := make([]*big.Float, len(f.kept))
		pivot := newBig(0).Set(g.at(j, j))
		for b, i := range f.kept {
			c[b] = newBig(0).Set(g.at(i, j))
			for k := range b {
				if f.low[b][k].Sign() == 0 {
					continue
				}
				c[b].Sub(c[b], t.Mul(f.low[b][k], c[k]))
			}
			row[b] = newBig(0).Quo(c[b], f.pivot[b])
			pivot.Sub(pivot, t.Mul(row[b], c[b]))
		}
		if pivot.Sign() <= 0 || aliased(j, pivot) {
			continue
		}
		f.kept, f.pivot, f.low = append(f.kept, j), append(f.pivot, pivot), append(f.low, row)
	}
	return f
}

// neverAliased keeps every column with a positive pivot.
func neverAliased(int, *big.Float) bool { return false }

// solve returns x with G x = r over the kept columns; r has a number for each column of G.
func (f *factored) solve(r []*big.Float) []*big.Float {
	m := len(f.kept)
	x := make([]*big.Float, m)
	t := newBig(0)
	for a, i := range f.kept {
		x[a] = newBig(0).Set(r[i])
		for b := range a {
			x[a].Sub(x[a], t.Mul(f.low[a][b], x[b]))
		}
	}
	for a := m - 1; a >= 0; a-- {
		x[a].Quo(x[a], f.pivot[a])
		for c := a + 1; c < m; c++ {
			x[a].Sub(x[a], t.Mul(f.low[c][a], x[c]))
		}
	}
	return x
}

// remainder returns the squared norm that projection on the kept columns
// leaves of a further column with products r and squared norm s.
func (f *factored) remainder(r []*big.Float, s *big.Float) *big.Float {
	t, rest := newBig(0), newBig(0).Set(s)
	c := make([]*big.Float, len(f.kept))
	for a, i := range f.kept {
		c[a] = newBig(0).Set(r[i])
		for b := range a {
			c[a].Sub(c[a], t.Mul(f.low[a][b], c[b]))
		}
		q := newBig(0).Quo(c[a], f.pivot[a])
		rest.Sub(rest, t.Mul(q, c[a]))
	}
	return rest
}

// inverse returns the inverse over the kept columns: L'^-1 D^-1 L^-1.
func (f *factored) inverse() *symmetric {
	m := len(f.kept)
	t := newBig(0)
	inv := make([][]*big.Float, m) // rows of L^-1
	for a := range m {
		inv[a] = make([]*big.Float, a+1)
		inv[a][a] = newBig(1)
		for b := range a {
			s := newBig(0)
			for k := b; k < a; k++ {
				s.Sub(s, t.Mul(f.low[a][k], inv[k][b]))
			}
			inv[a][b] = s
		}
	}
	out := newSymmetric(m)
	for k := range m {
		for a := range k + 1 {
			q := newBig(0).Quo(inv[k][a], f.pivot[k])
			for b := a; b <= k; b++ {
				v := out.at(a, b)
				v.Add(v, t.Mul(q, inv[k][b]))
			}
		}
	}
	return out
}

// cholesky solves A x = r for a symmetric positive definite A given by its
// upper triangle in rows of length n, in float64: for the steps of an
// iteration, which need direction, not digits. ok is false when a pivot is not
// above least times its diagonal entry.
func cholesky(a []float64, n int, r []float64, least float64) (x []float64, ok bool) {
	l := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			s := a[j*n+i]
			for k := range j {
				s -= l[i*n+k] * l[j*n+k]
			}
			switch {
			case i > j:
				l[i*n+j] = s / l[j*n+j]
			case s > least*a[i*n+i]:
				l[i*n+i] = math.Sqrt(s)
			default:
				return nil, false
			}
		}
	}
	x = make([]float64, n)
	for i := range n {
		s := r[i]
		for k := range i {
			s -= l[i*n+k] * x[k]
		}
		x[i] = s / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		s := x[i]
		for k := i + 1; k < n; k++ {
			s -= l[k*n+i] * x[k]
		}
		x[i] = s / l[i*n+i]
	}
	return x, true
}

func rounded(x *big.Float) float64 {
	f, _ := x.Float64()
	return f
}
