package blind

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/consilium-health/consilium/protocols/mhe"
)

// rootShifts say by which power of two a root's numbers are encrypted larger
// than they are. Errors of encryptions and products are absolute, and masks have room up to 2^24: what is
// larger loses less. Every number is kept within 2^room as declared, which leaves iterates
// that are longer than declared a little.
type rootShifts struct {
	vector int    // b, a, F and corrections
	point  int    // b where monomials are made of it
	pair   int    // products of two, on the left of the third factor
	term   [4]int // monomials by degree
	last   int    // the last correction, to be squared: little, so that a long one can be read
}

const (
	room      = 22
	lastShift = 5
)

// exponent is the least n with x <= 2^n.
func exponent(x float64) int { return int(math.Ceil(math.Log2(x))) }

func (r *root) shift() (rootShifts, error) {
	var s rootShifts
	scale, l := r.inverse.Scale(), r.Largest
	s.vector = room - max(exponent(l.Solve), exponent(scale*l.Right))
	if r.Degree > 1 {
		size := exponent(l.Solve)
		s.point = room/2 - size
		s.pair = room/2 - 2*size
		s.term = [4]int{s.point, s.point, 2 * s.point, s.pair + s.point}
		s.last = lastShift
		s.vector = min(s.vector, room-exponent(scale*l.First))
		for degree, x := range l.Score[:r.Degree+1] {
			s.vector = min(s.vector, room+s.term[degree]-exponent(math.Max(scale*x, least)))
		}
	}
	for _, n := range []int{s.vector, s.point, s.pair, s.last, s.term[3]} {
		if n < -mhe.LogLargest || n > mhe.LogLargest {
			return s, fmt.Errorf("root: solutions of length %g and right sides up to %g are not within reach of each other", l.Solve, l.Right)
		}
	}
	return s, nil
}

// largest is what an opening with such a shift can be read up to; a program refuses it long before.
func largest(shift int) float64 { return math.Ldexp(1, mhe.LogLargest-shift) }

// scaled is a bound of numbers that are encrypted times 2^shift.
func scaled(b mhe.Bound, shift int) mhe.Bound {
	return mhe.Bound{Max: math.Ldexp(b.Max, shift), Sum: math.Ldexp(b.Sum, shift), Err: math.Ldexp(b.Err, shift)}
}

// unit is log2 of the unit of mhe.Output.Times.
const unit = 40

// power is the factor 2^n of a refresh.
func power(n int) uint64 { return 1 << (unit + n) }

// down divides a refresh's factor by 2^n, as far as that is exact, and returns what is left of n.
func down(times uint64, n int) (uint64, int) {
	m := min(n, bits.TrailingZeros64(times))
	return times >> m, n - m
}
