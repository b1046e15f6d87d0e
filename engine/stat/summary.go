package stat

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// What follows from the moments of a sample. Each is rounded once, from an
// exact fraction; NaN where it does not exist or was not opened.

func (s *sample) total() float64 { return nearest(s.sum) }

func (s *sample) mean() float64 {
	if s.sum == nil {
		return math.NaN()
	}
	return nearest(s.exactMean())
}

// exactVar returns the variance with divisor n-1, nil when it does not exist.
func (s *sample) exactVar() *big.Rat {
	if s.central[2] == nil || s.n < 2 || s.coarse(2) {
		return nil
	}
	return new(big.Rat).Quo(s.central[2], new(big.Rat).SetInt64(s.n-1))
}

func (s *sample) variance() float64 { return nearest(s.exactVar()) }
func (s *sample) sd() float64       { return root(s.exactVar()) }

// sem is the standard error of the mean, sd/√n.
func (s *sample) sem() float64 {
	v := s.exactVar()
	if v == nil {
		return math.NaN()
	}
	return root(v.Quo(v, new(big.Rat).SetInt64(s.n)))
}

// skewness is m3/m2^1.5 with the central moments m_k of divisor n.
func (s *sample) skewness() float64 {
	if s.central[3] == nil || s.constant() || s.coarse(2) || s.coarse(3) {
		return math.NaN()
	}
	n := new(big.Rat).SetInt64(s.n)
	m2, m3 := new(big.Rat).Quo(s.central[2], n), new(big.Rat).Quo(s.central[3], n)
	// m3²/m2³ is one fraction; its root has the sign of m3.
	r := new(big.Rat).Mul(m3, m3)
	for range 3 {
		r.Quo(r, m2)
	}
	return math.Copysign(root(r), float64(m3.Sign()))
}

// kurtosis is the excess m4/m2² - 3.
func (s *sample) kurtosis() float64 {
	if s.central[4] == nil || s.constant() || s.coarse(2) || s.coarse(4) {
		return math.NaN()
	}
	r := new(big.Rat).Mul(s.central[4], new(big.Rat).SetInt64(s.n))
	r.Quo(r, s.central[2])
	r.Quo(r, s.central[2])
	return nearest(r.Sub(r, new(big.Rat).SetInt64(3)))
}

// constant reports whether all values are the same (where the grid is not
// declared, to about 1e-14 of the declared range).
func (s *sample) constant() bool {
	return s.central[2] != nil && s.n > 0 && s.central[2].Sign() == 0
}

// rare reports whether the values are two neighbouring grid points only, such
// as 0 and 1, and one of them has 1..min_cell-1 people: their mean is then a
// cell of a table, told by n and mean together.
func (s *sample) rare(minCell int) bool {
	if !s.of.exact || s.of.b != nil || s.sum == nil {
		return false
	}
	lo, hi := s.of.a.Point(s.of.min), s.of.a.Point(s.of.max)
	if hi-lo != 1 {
		return false
	}
	high := new(big.Rat).Quo(s.sum, rational(s.of.step))
	n := int64(math.Round(nearest(high))) - s.n*lo // with the higher value
	small := func(n int64) bool { return n > 0 && n < int64(minCell) }
	return small(n) || small(s.n-n)
}

// rareDifference reports whether a difference of two variables is at most one
// step up or down from the middle of its range, as that of two yes/no variables, and
// 1..min_cell-1 people differ so: mean and SD together tell how many.
func (s *sample) rareDifference(minCell int) bool {
	if !s.of.exact || s.of.b == nil || s.sum == nil || s.central[2] == nil {
		return false
	}
	step := s.of.step.Float()
	lo, hi := math.Round(s.of.min/step), math.Round(s.of.max/step)
	if hi-lo > 2 {
		return false
	}
	n := new(big.Rat).SetInt64(s.n)
	middle := new(big.Rat).SetInt64(int64(lo) + 1)
	up := new(big.Rat).Quo(s.sum, rational(s.of.step)) // sum of steps from the middle
	up.Sub(up, middle.Mul(middle, n))
	squares := new(big.Rat).Quo(s.central[2], rational(s.of.step.Mul(s.of.step)))
	mean := new(big.Rat).Mul(up, up)
	squares.Add(squares, mean.Quo(mean, n)) // how many are not in the middle
	above, off := int64(math.Round((nearest(squares)+nearest(up))/2)), int64(math.Round(nearest(squares)))
	small := func(n int64) bool { return n > 0 && n < int64(minCell) }
	return small(above) || small(off-above) || small(s.n-off)
}

// coarse reports whether the cell of power k was too coarse for the spread:
// its step above 2^-40 of SD^k. The declared range is then too wide for the values.
func (s *sample) coarse(k int) bool {
	if s.step[k] == 0 || s.n < 2 || s.central[2] == nil {
		return false
	}
	if s.central[2].Sign() <= 0 {
		// Squares that all round to 0: the same value, or a spread below what the steps can show.
		return s.central[2].Sign() < 0 || !s.of.exact && s.sum.Sign() != 0 && math.Ldexp(math.Sqrt(s.step[2]), 20) > math.Abs(s.mean())
	}
	return s.step[k] > math.Ldexp(math.Pow(s.roughSD(), float64(k)), -40)
}

// roughSD is the opened SD before it is known to be resolved.
func (s *sample) roughSD() float64 {
	if s.central[2] == nil || s.n < 2 {
		return math.NaN()
	}
	return root(new(big.Rat).Quo(s.central[2], new(big.Rat).SetInt64(s.n-1)))
}

// spread is the rough SD for a message, which may be too small for the steps.
func (s *sample) spread() string {
	if sd := s.roughSD(); sd > 0 {
		return fmt.Sprintf("%.3g", sd)
	}
	return "too small to be seen"
}

// resolution explains why a power of this sample has no usable sum; empty when all have.
func (s *sample) resolution(powers int) string {
	for k := 1; k <= powers; k++ {
		if s.coarse(k) {
			return fmt.Sprintf("%s: the declared range %s to %s is too wide for the spread found: sums of %s powers are taken in steps of %.3g, at most 2^-40 of the SD (%s) to that power is wanted; declare step, a narrower range, or max_rows",
				s.label, number(s.of.min), number(s.of.max), ordinal(k), s.step[k], s.spread())
		}
	}
	return ""
}

// nearest returns the float64 nearest to a fraction, NaN for nil.
func nearest(r *big.Rat) float64 {
	if r == nil {
		return math.NaN()
	}
	x, _ := r.Float64()
	return x
}

// root returns the square root of a fraction, rounded once; NaN for nil.
func root(r *big.Rat) float64 {
	if r == nil || r.Sign() < 0 {
		return math.NaN()
	}
	f := new(big.Float).SetPrec(fixed.Prec).SetRat(r)
	x, _ := f.Sqrt(f).Float64()
	return x
}
