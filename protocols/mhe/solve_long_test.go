//go:build long

package mhe

import (
	"math"
	"math/big"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
)

// How much of the encryption's error the inverse of a matrix ends up with: the
// coupled, scaled Newton-Schulz iteration of fifteen steps, P <- s P (2I - P),
// X <- s X (2I - P), on A with spectrum in [1/rho, 1]. The exact result is A's inverse;
// what the iteration itself leaves is below 2^-80 by then, so the rest is error.
func TestErrorOfTheEncryptedInverse(t *testing.T) {
	const d, n = 6, 3
	p := InsecureTest(10)
	l := Layout{d, d, d}
	for _, logRho := range []float64{3, 7, 10, 13, 16, 17} {
		w := newWorld(t, p, n)
		must(w, keys)
		// A = Q diag(lambda) Q with Q = I - 2 v v', lambda from 1 to 1/rho.
		lambda, v := make([]float64, d), make([]float64, d)
		for i := range d {
			lambda[i] = math.Exp2(-logRho * float64(i) / (d - 1))
			v[i] = 1 / math.Sqrt(d)
		}
		// The reflection rounded to 2^-40 would not be orthogonal; the inverse is computed of
		// the rounded A itself, in 400 bits.
		a := make([][]float64, d)
		for i := range d {
			a[i] = make([]float64, d)
			for j := range d {
				for k := range d {
					q := func(x, y int) float64 {
						if x == y {
							return 1 - 2*v[x]*v[y]
						}
						return -2 * v[x] * v[y]
					}
					a[i][j] += q(i, k) * lambda[k] * q(k, j)
				}
				a[i][j] = math.Round(math.Ldexp(a[i][j]*0.999, 50)) / (1 << 50)
			}
		}
		for i := range d {
			for j := range i {
				a[i][j] = a[j][i]
			}
		}
		inv := inverse(a)
		plan, err := NewInverse(d, 15, 1<<17)
		if err != nil {
			t.Fatal(err)
		}
		// P0 = s0 A, X0 = s0 I: both as sums of three terms, at the scale of inputs.
		scaleBy := func(x *big.Int, times uint64, parts int64) *big.Int {
			y := new(big.Int).Mul(x, new(big.Int).SetUint64(times))
			return y.Rsh(y, timesUnit).Quo(y, big.NewInt(parts))
		}
		p0, x0 := make(Matrix, d), make(Matrix, d)
		for i := range d {
			for j := range d {
				p0[i] = append(p0[i], scaleBy(p.Fixed(a[i][j]), plan.Start, n))
				e := 0.0
				if i == j {
					e = 1
				}
				x0[i] = append(x0[i], scaleBy(p.Fixed(e), plan.Start, n))
			}
		}
		lim := func(max float64) *Bound { return &Bound{Max: max, Sum: max * d * d, Err: 0x1p-40} }
		in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
			return s.Input([]Plain{
				{"L[P]", l.PlaceLeft(p0), 4, 400}, {"R[P]", l.PlaceRight(p0), 4, 400}, {"L[X]", l.PlaceLeft(x0), 4, 400},
			})
		})
		var list []Const
		for i := range d {
			list = append(list, Const{l.Right(i, i), p.Fixed(2)})
		}
		state := map[*Session][3]*Ciphertext{}
		for i, s := range w.sessions {
			state[s] = [3]*Ciphertext{in[i][0], in[i][1], in[i][2]}
		}
		for k := range plan.Times {
			prodP, prodX := map[*Session]*Ciphertext{}, map[*Session]*Ciphertext{}
			for _, s := range w.sessions {
				tt, err := s.FromConst(list, state[s][1])
				if err != nil {
					t.Fatal(err)
				}
				if prodP[s], err = s.Product([2]*Ciphertext{state[s][0], tt}); err != nil {
					t.Fatal(err)
				}
				if prodX[s], err = s.Product([2]*Ciphertext{state[s][2], tt}); err != nil {
					t.Fatal(err)
				}
			}
			out := func(max float64, at func(i, k int) int) Output {
				o := Output{Times: plan.Times[k], Argued: lim(max)}
				for i := range d {
					for j := range d {
						o.Copies = append(o.Copies, Copy{l.At(i, j), at(i, j)})
					}
				}
				return o
			}
			op := must(w, func(s *Session) (round.Machine[Refreshed], error) {
				return s.Refresh(prodP[s], false, out(4, l.Left), out(4, l.Right))
			})
			ox := must(w, func(s *Session) (round.Machine[Refreshed], error) {
				return s.Refresh(prodX[s], false, out(1<<18, l.Left))
			})
			for i, s := range w.sessions {
				state[s] = [3]*Ciphertext{op[i].Outputs[0], op[i].Outputs[1], ox[i].Outputs[0]}
			}
		}
		x := w.decrypt(state[w.sessions[0]][2])
		worst, largest := 0.0, 0.0
		for i := range d {
			for j := range d {
				want, _ := inv[i][j].Float64()
				e, _ := new(big.Float).SetPrec(400).Sub(x[l.Left(i, j)], inv[i][j]).Float64()
				worst, largest = max(worst, math.Abs(e)), max(largest, math.Abs(want))
			}
		}
		_, bound := plan.After(NewCalculus(p, n), len(plan.Times))
		t.Logf("condition 2^%-4.1f largest entry 2^%.1f error 2^%.1f, bound 2^%.1f", logRho, math.Log2(largest), math.Log2(worst), math.Log2(plan.Scale()*bound.Err))
		if worst > plan.Scale()*bound.Err || largest > plan.Scale()*bound.Max {
			t.Errorf("condition 2^%.0f: error 2^%.1f, want at most 2^%.1f; entries up to %g, want at most %g", logRho, math.Log2(worst), math.Log2(bound.Err), largest, bound.Max)
		}
	}
}

// inverse by Gauss and Jordan in 400 bits.
func inverse(a [][]float64) [][]*big.Float {
	d := len(a)
	f := func(x float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(x) }
	m, inv := make([][]*big.Float, d), make([][]*big.Float, d)
	for i := range d {
		for j := range d {
			e := 0.0
			if i == j {
				e = 1
			}
			m[i], inv[i] = append(m[i], f(a[i][j])), append(inv[i], f(e))
		}
	}
	for i := range d {
		p := f(0).Quo(f(1), m[i][i])
		for j := range d {
			m[i][j].Mul(m[i][j], p)
			inv[i][j].Mul(inv[i][j], p)
		}
		for k := range d {
			if k == i {
				continue
			}
			q := f(0).Set(m[k][i])
			for j := range d {
				m[k][j].Sub(m[k][j], f(0).Mul(q, m[i][j]))
				inv[k][j].Sub(inv[k][j], f(0).Mul(q, inv[i][j]))
			}
		}
	}
	return inv
}
