package mhe

import (
	"fmt"
	"math"
)

// Inverse is the plan of an encrypted matrix inverse: the coupled, scaled
// Newton-Schulz iteration
//
//	P_0 = s_0 A, X_0 = s_0 I;  T = 2 I - P;  P <- s P T,  X <- s X T
//
// for symmetric A with spectrum in [1/Rho, 1]. The factors s are public and
// fixed: no step depends on data. P tends to I and X to A's inverse.
type Inverse struct {
	Dim   int
	Rho   float64
	Start uint64   // s_0, in units of 2^-40
	Times []uint64 // s of each step: what its refresh multiplies by
	Rest  float64  // the most that the last step leaves of I - P in any eigenvalue, down to 2^-53
}

// NewInverse chooses the factors. With [l, u] the range of P's spectrum, p (2-p)
// is between g = min(l (2-l), u (2-u)) and 1, and s = 2/(1+g) would centre it: the
// fastest there is. But it throws the largest eigenvalues near 2, from where the next
// step sends them near 0, X with them, and an error of that step comes out
// multiplied by Rho squared: 2^31 in twelve steps for Rho 2^17, where thirteen with s at
// most 1.8 multiply it by 2^17.6. The last two factors are 1.
func NewInverse(dim, steps int, rho float64) (Inverse, error) {
	if dim < 1 || dim > 128 || steps < 3 || steps > 40 || !(rho >= 2) || rho > 1<<22 {
		return Inverse{}, fmt.Errorf("mhe: inverse: %d x %d in %d steps for a condition of %g", dim, dim, steps, rho)
	}
	unit := func(x float64) uint64 { return uint64(math.Round(math.Ldexp(x, timesUnit))) }
	s := min(2/(1+1/rho), ceiling)
	v := Inverse{Dim: dim, Rho: rho, Start: unit(s)}
	l, u := s/rho, s
	for k := range steps {
		g := min(l*(2-l), u*(2-u))
		s = min(2/(1+g), ceiling)
		if k >= steps-2 {
			s = 1
		}
		l, u = s*g, s
		v.Times = append(v.Times, unit(s))
	}
	v.Rest = 1 - l
	return v, nil
}

// ceiling of s: see NewInverse.
const ceiling = 1.8

// grid is how many eigenvalues, equidistant in their logarithm, stand for all.
const grid = 160

// margin covers what lies between two eigenvalues of the grid and the second
// order of errors that are below 2^-30.
const margin = 2

// Error bounds every entry of X after the last step, and the error that
// encryption leaves in it, apart from Rest. Entrywise propagation would be off by 2^40 after
// twelve steps; this is the first order of the iteration itself.
//
// In the eigenbasis of A, with p and q the values of P at two eigenvalues and x
// that of X at the first, errors at that pair propagate as
//
//	dP' = s (2 - p - q) dP + n,   dX' = s ((2 - q) dX - x dP) + m
//
// The adjoint recursion gives, for each step, how much n and m weigh in
// the end; the largest weight over all pairs bounds Frobenius norms, which the
// eigenbasis keeps. With noise v on every coefficient of a fresh encryption, also those that hold
// no entry, one ring product with M adds up to Sum(M) v to an entry, and Sum(M) <= Dim^1.5 |M|.
func (v Inverse) Error(c Calculus) Bound {
	path := v.paths()
	largest := path[len(v.Times)].maxX
	return Bound{Max: largest, Sum: math.Pow(float64(v.Dim), 1.5) * largest, Err: margin * v.amplified(c, false)}
}

// Solve bounds X y, the solution z of A z = y, when |z| is at most size in
// Euclid's norm and every entry of y has an error of at most y.Err. Its error is less than
// that of X suggests, by a factor Rho: dX y = -X dP z, and z is not large. The
// product itself is counted, Rest is not.
func (v Inverse) Solve(c Calculus, y Bound, size float64) Bound {
	d := float64(v.Dim)
	x := v.Error(c)
	fresh := c.fresh()
	err := margin*v.amplified(c, true)*size + v.Rho*math.Sqrt(d)*y.Err + (x.Sum+y.Sum)*fresh + c.productNoise()
	return Bound{Max: size, Sum: math.Sqrt(d) * size, Err: err}
}

// fresh is the noise of a product and its refresh, whose factor s is at most 2.
func (c Calculus) fresh() float64 { return c.Refresh(Bound{Err: c.productNoise()}, 1, 2).Err }

// amplified is the first order of X's error in Frobenius' norm; with solved, of
// X A, column by column.
func (v Inverse) amplified(c Calculus, solved bool) float64 {
	path := v.paths()
	wP, wX := v.weights(path, solved)
	d, fresh := float64(v.Dim), c.fresh()
	total := (wP[0] + wX[0]) * d * fresh // what the inputs brought, an encryption being as noisy
	for k, t := range v.Times {
		s, most := times(t), path[k]
		inP := s*math.Pow(d, 1.5)*(2+most.maxP)*fresh + fresh
		inX := s*math.Pow(d, 1.5)*(2+most.maxX)*fresh + fresh
		total += d * (wP[k+1]*inP + wX[k+1]*inX)
	}
	return total
}

// weights are, for each step, the largest that an error of P or X before it
// counts in the end.
func (v Inverse) weights(path []values, solved bool) (wP, wX []float64) {
	last := len(v.Times)
	wP, wX = make([]float64, last+1), make([]float64, last+1)
	for i := range grid {
		for j := range grid {
			a, x := 0.0, 1.0
			if solved {
				x = v.eigenvalue(j)
			}
			wX[last] = math.Max(wX[last], x)
			for k := last - 1; k >= 0; k-- {
				s := times(v.Times[k])
				p, q := path[k].p[i], path[k].p[j]
				a, x = s*((2-p-q)*a-path[k].x[i]*x), s*(2-q)*x
				wP[k], wX[k] = math.Max(wP[k], math.Abs(a)), math.Max(wX[k], math.Abs(x))
			}
		}
	}
	return wP, wX
}

// eigenvalue is the i-th of the grid.
func (v Inverse) eigenvalue(i int) float64 { return math.Pow(v.Rho, -float64(i)/(grid-1)) }

func times(t uint64) float64 { return math.Ldexp(float64(t), -timesUnit) }

// values of P and X at the grid's eigenvalues before each step, and after the last.
type values struct {
	p, x       [grid]float64
	maxP, maxX float64
}

func (v Inverse) paths() []values {
	out := make([]values, len(v.Times)+1)
	for i := range grid {
		p, x := times(v.Start)*v.eigenvalue(i), times(v.Start)
		for k := range out {
			o := &out[k]
			o.p[i], o.x[i] = p, x
			o.maxP, o.maxX = math.Max(o.maxP, p), math.Max(o.maxX, x)
			if k < len(v.Times) {
				s := times(v.Times[k])
				p, x = s*p*(2-p), s*x*(2-p)
			}
		}
	}
	return out
}
