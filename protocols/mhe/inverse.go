package mhe

import (
	"fmt"
	"math"
	"math/big"
)

// Inverse is the plan of an encrypted matrix inverse: the coupled, scaled
// Newton-Schulz iteration
//
//	P_0 = s_0 A, X_0 = s_0 I;  T = 2 I - P;  P <- s P T,  X <- s X T
//
// for symmetric A with spectrum in [1/Rho, 1]. The factors s are public and
// fixed: no step depends on data. P tends to I and X to A's inverse. What is
// computed is Y = X / Scale, where Scale is s_0 times the first step's s: then the first
// Y is T itself and needs no product. Right sides are multiplied by Scale before they are encrypted.
type Inverse struct {
	Dim   int
	Rho   float64
	Start uint64   // s_0, in units of 2^-40
	Times []uint64 // s of each step: what its refresh multiplies by
	Rest  float64  // the most that the last step leaves of I - P in any eigenvalue, down to 2^-53

	// P is encrypted times 2^LeftShift where it stands on the left and times 2^RightShift where it stands on the right,
	// T with it: errors of encryptions and products count that much less. Y has no room for it.
	LeftShift, RightShift int
}

// mostShift bounds either shift. Factors are rounded so that both together divide them: P's and
// Y's must be in the same proportion.
const mostShift = 10

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
	round := func(x float64) float64 {
		const unit = 1 << (timesUnit - 2*mostShift)
		return math.Round(x*unit) / unit
	}
	s := round(min(2/(1+1/rho), ceiling))
	v := Inverse{Dim: dim, Rho: rho, Start: exactly(s)}
	l, u := s/rho, s
	for k := range steps {
		g := min(l*(2-l), u*(2-u))
		s = round(min(2/(1+g), ceiling))
		if k >= steps-2 {
			s = 1
		}
		l, u = s*g, s
		v.Times = append(v.Times, exactly(s))
	}
	v.Rest = 1 - l
	path := v.paths()
	v.LeftShift = mostShift
	// Y T is at most twice the largest Y there is, of an A that has no inverse.
	v.RightShift = max(0, min(mostShift, LogLargest-3-int(math.Ceil(math.Log2(path[steps].maxX)))))
	return v, nil
}

// ShortestInverse is NewInverse with the fewest steps that leave at most rest.
func ShortestInverse(dim int, rho, rest float64) (Inverse, error) {
	for steps := 3; ; steps++ {
		v, err := NewInverse(dim, steps, rho)
		if err != nil || v.Rest <= rest {
			return v, err
		}
	}
}

// First is x times s_0 2^shift at the scale of inputs, for P_0. It is rounded once.
func (v Inverse) First(p Params, x float64, shift int) *big.Int {
	f := new(big.Float).SetPrec(256).SetFloat64(x)
	f.Mul(f, new(big.Float).SetUint64(v.Start))
	return nearest(f.SetMantExp(f, p.lit.LogScale-timesUnit+shift))
}

// Right is x times Scale 2^shift, for right sides.
func (v Inverse) Right(p Params, x float64, shift int) *big.Int {
	f := new(big.Float).SetPrec(256).SetFloat64(x)
	f.Mul(f, new(big.Float).SetUint64(v.Start)).Mul(f, new(big.Float).SetUint64(v.Times[0]))
	return nearest(f.SetMantExp(f, p.lit.LogScale-2*timesUnit+shift))
}

// nearest integer, halves away from 0.
func nearest(f *big.Float) *big.Int {
	half := 0.5
	if f.Sign() < 0 {
		half = -half
	}
	out, _ := f.Add(f, big.NewFloat(half)).Int(nil)
	return out
}

// Scale is s_0 times the first step's s, as a float64 shows it.
func (v Inverse) Scale() float64 { return times(v.Start) * times(v.Times[0]) }

// ceiling of s: see NewInverse.
const ceiling = 1.8

// grid is how many eigenvalues, equidistant in their logarithm, stand for all
// that are left with at most a 32nd of I - P; one more is 0, and stands for the rest.
const grid = 160

// margin covers what lies between two eigenvalues of the grid and the second
// order of errors that are below 2^-30.
const margin = 2

// After bounds P and Y after so many steps, at least one, for spectra in [0, 1]: also
// of an A that has no inverse. Err is in Frobenius' norm, so it bounds traces divided by the root of Dim too.
// Entrywise propagation would be off by 2^40 after twelve steps; this is the first order of the
// iteration itself.
//
// In the eigenbasis of A, with p and q the values of P at two eigenvalues and x
// that of Y at the first, errors at that pair propagate as
//
//	dP' = s (2 - p - q) dP + n,   dY' = s ((2 - q) dY - x dP) + m
//
// The adjoint recursion gives, for each step, how much n and m weigh in
// the end; the largest weight over all pairs bounds Frobenius norms, which the
// eigenbasis keeps. n and m are of two kinds. The product's own error is on
// entries, Dim squared of them, which a refresh copies; the recursion has the rest of it. A
// fresh encryption's error is on every coefficient, also where no entry is, and is gone after
// one product with M, whose length is at most sqrt(Dim) times its largest eigenvalue: see Draws.
func (v Inverse) After(c Calculus, steps int) (p, y Bound) {
	path := v.paths()
	wide := math.Pow(float64(v.Dim), 1.5)
	most := path[steps]
	p = Bound{Max: most.maxP, Sum: wide * most.maxP, Err: margin * v.amplified(c, path, steps, ofP)}
	y = Bound{Max: most.maxX, Sum: wide * most.maxX, Err: margin * v.amplified(c, path, steps, ofX)}
	return p, y
}

// Solution is the error that Y's leaves in a solution z of Euclid's length 1:
// less than that of Y suggests, by a factor Rho, for dX A z is not large. It holds where
// the last step left at most a 32nd of I - P in any eigenvalue, and norm, Y's largest
// eigenvalue, does.
func (v Inverse) Solution(c Calculus) (err, norm float64) {
	path := v.paths()
	last := path[len(v.Times)]
	for _, x := range last.x[:grid] {
		norm = math.Max(norm, math.Abs(x))
	}
	return margin * v.amplified(c, path, len(v.Times), ofSolution), norm
}

// encryption is the error of a fresh encryption where nothing was copied to.
func (c Calculus) encryption() float64 { return c.Refresh(Bound{}, 1, 0).Err }

// What an error is followed to.
type target int

const (
	ofP        target = iota
	ofX               // Y
	ofSolution        // Scale Y A, column by column
)

// amplified is the first order of the error after so many steps, in Frobenius' norm.
func (v Inverse) amplified(c Calculus, path []values, steps int, to target) float64 {
	wP, wX := v.weights(path, steps, to)
	d := float64(v.Dim)
	onLeft, onRight := math.Ldexp(1, -v.LeftShift), math.Ldexp(1, -v.RightShift)
	product := c.Product([2]Bound{{Err: c.encryption()}, {Err: c.encryption()}}).Err + c.Read()
	total := wP[0] * d * math.Max(onLeft, onRight) * c.Rounded() // what the inputs brought
	for k, t := range v.Times[:steps] {
		s, root := times(t), math.Sqrt(d)
		inP := s*(onLeft*onRight*product+onLeft*c.Draws(2*root)+onRight*c.Draws(root*path[k].maxP)) + math.Max(onLeft, onRight)*c.Rounded()
		inX := s*(onRight*product+c.Draws(2*root)+onRight*c.Draws(root*path[k].maxX)) + c.Rounded()
		total += d * (wP[k+1]*inP + wX[k+1]*inX)
	}
	return total
}

// weights are, for each step, the largest that an error of P or Y after it
// counts in the end.
func (v Inverse) weights(path []values, last int, to target) (wP, wX []float64) {
	wP, wX = make([]float64, last+1), make([]float64, last+1)
	points := grid + 1
	if to == ofSolution {
		points = grid
	}
	for i := range points {
		for j := range points {
			a, x := 0.0, 0.0
			switch to {
			case ofP:
				a = 1
			case ofX:
				x = 1
			case ofSolution:
				x = v.Scale() * path[0].p[j] / times(v.Start)
			}
			wP[last], wX[last] = math.Max(wP[last], a), math.Max(wX[last], x)
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

func exactly(s float64) uint64 { return uint64(math.Ldexp(s, timesUnit)) }

func times(t uint64) float64 { return math.Ldexp(float64(t), -timesUnit) }

// values of P and Y at the grid's eigenvalues before each step, and after the last.
type values struct {
	p, x       [grid + 1]float64
	maxP, maxX float64
}

func (v Inverse) paths() []values {
	out := make([]values, len(v.Times)+1)
	least := v.least()
	for i := range grid + 1 {
		lambda := math.Pow(least, float64(i)/(grid-1))
		if i == grid {
			lambda = 0
		}
		p, x := times(v.Start)*lambda, 1/times(v.Times[0])
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

// least is the smallest eigenvalue of A of which the last step leaves at most a 32nd of
// I - P: below 1/Rho, where it leaves no more than Rest.
func (v Inverse) least() float64 {
	low, high := 0.0, 1/v.Rho
	for range 50 {
		lambda := (low + high) / 2
		p := times(v.Start) * lambda
		for _, t := range v.Times {
			p = times(t) * p * (2 - p)
		}
		if 1-p <= 1.0/32 {
			high = lambda
		} else {
			low = lambda
		}
	}
	return high
}
