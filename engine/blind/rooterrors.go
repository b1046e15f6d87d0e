package blind

import (
	"math"

	"github.com/consilium-health/consilium/protocols/mhe"
)

// rootErrors bounds what a root computes. Max and Err of a vector are Euclid's lengths,
// which no entry exceeds. Nothing is shifted here.
//
// With Y = X / Scale the computed inverse and right sides times Scale, the solution b_0 = X a has the
// error |dX A| |b_0| + |X| |da| + that of its product. A correction is b' = b + X F(b).
// It is declared to bring two points nearer to each other by the factor Contract; here it may double their
// distance. Computed is, from the computed b,
//
//	b' = b + X F(b) + dX F(b) + X dF + its product's error
//
// and so |error of b'| <= 2 |error of b| + |dX F| + |X| |dF| + ..., where
//
//	F = A d, d the correction it makes, so |dX F| <= |dX A| |d|, and |d| <= First
//	dF is what the encryptions of monomials and score leave at |b| <= Solve: see scoreError
//
// What rests on what. The trace's bound rests on nothing but A's spectrum in [0, 1]. The others
// rest on |b| <= Solve and |d| <= First for all iterates, the last correction not being longer than 1, and
// corrections not doing worse than doubling a distance: declared, with room, and not known. The residuals are
// opened first and test it; where they show that corrections do not settle, nothing more of the root is to be
// opened. By then two things may have become weaker, neither of which touches the key. The squared
// correction is covered by two bits less for each doubling of its length beyond 1. And a refresh of
// monomials, which hides 107 bits with the standard parameters while |b| <= Solve, hides 3 bits less (2 with degree 2)
// for each doubling of an iterate's length beyond that: nothing opens the lengths of iterates on the way.
type rootErrors struct {
	solution   []mhe.Bound // b after so many corrections
	correction []mhe.Bound // each one's
	squared    mhe.Bound   // the last one's length
}

// apart is what a correction may do to the distance of two points.
const apart = 2

// lastLength bounds the last correction.
func (r *root) lastLength() float64 { return math.Max(1, r.Largest.First) }

func (r *root) analyse() rootErrors {
	var out rootErrors
	c, l := r.calc, r.Largest
	d, scale := math.Sqrt(float64(r.Dim)), r.inverse.Scale()
	solved, norm := r.inverse.Solution(c)
	vector := math.Ldexp(1, -r.shifts.vector)
	// of the product of Y with a right side of such length, entry by entry, in Euclid's length
	product := func(length float64) float64 {
		return d * (vector*c.Draws(d*norm) + c.Draws(length) + vector*r.product())
	}
	e := solved*l.Solve + norm*d*vector*c.Rounded() + product(scale*d*l.Right)
	for k := range r.Corrections + 1 {
		out.solution = append(out.solution, mhe.Bound{Max: l.Solve, Sum: d * l.Solve, Err: e})
		if k < r.Corrections {
			length := l.First
			fresh := solved*length + norm*r.scoreError() + product(scale*length) + d*vector*c.Read()
			out.correction = append(out.correction, mhe.Bound{Max: length, Sum: d * length, Err: (1+apart)*e + fresh})
			e = apart*e + fresh
		}
	}
	out.solution[r.Corrections].Max = largest(r.shifts.vector)
	if r.Degree > 1 {
		last, length, point := out.correction[r.Corrections-1], r.lastLength(), math.Ldexp(1, -r.shifts.last)
		e := last.Err + d*(vector*c.Read()+point*c.Rounded())
		out.squared = mhe.Bound{Max: largest(2 * r.shifts.last), Sum: largest(2 * r.shifts.last), Err: (2*length+e)*e + 2*point*c.Draws(length) + point*point*r.product()}
	}
	return out
}

// product is the error of a product, that of two encryptions' errors in it, and of its decryption shares.
func (r *root) product() float64 {
	e := mhe.Bound{Err: r.calc.Refresh(mhe.Bound{}, 1, 0).Err}
	return r.calc.Product([2]mhe.Bound{e, e}).Err + r.calc.Read()
}

// scoreError bounds the error of Scale F in Euclid's length, as the circuit computes it of a b of length up to
// Solve, apart from b's own error and that of its refresh, which all monomials have in common.
//
// Errors on entries go through the monomials as derivatives do, and are on the places of monomials alone: those of
// one equation add up to Row, of all to Sum, which Euclid's length does not exceed. A fresh encryption's
// errors, also where nothing is, count with the length of what they meet: a list of all monomials of one
// degree is not longer than that power of b.
func (r *root) scoreError() float64 {
	c, l, s, d := r.calc, r.Largest, r.shifts, math.Sqrt(float64(r.Dim))
	scale, size := r.inverse.Scale(), l.Solve
	down := func(shift int) float64 { return math.Ldexp(1, -shift) }
	point, pair := down(s.point), down(s.pair)

	var entry [4]float64
	entry[1] = point * c.Rounded()
	two := 2*size*point*c.Rounded() + 2*point*c.Draws(size) + point*point*r.product()
	entry[2] = two + down(s.term[2])*c.Rounded()
	entry[3] = size*(two+pair*c.Rounded()) + size*size*point*c.Rounded() +
		point*c.Draws(size*size) + pair*c.Draws(size) + point*pair*r.product() + down(s.term[3])*c.Rounded()

	onEntries, met, monomials, rounded := 0.0, 0.0, 0.0, 0.0
	for k := range r.Degree + 1 {
		onEntries += scale * math.Min(l.Sum[k], d*l.Row[k]) * entry[k]
		met += scale * down(s.term[k]) * math.Sqrt(l.Sum[k]*l.Score[k])
		monomials += math.Pow(size, float64(k)) / down(s.term[k])
		rounded += math.Pow(d*size, float64(k)) / down(s.term[k])
	}
	// A block of monomials is the sum of up to four encryptions.
	return onEntries + d*(c.Draws(2*met)+down(s.vector)*(c.Draws(monomials)+rounded*c.Rounded()+r.product()+c.Rounded()))
}

func (r *root) scoreBlocks() int {
	return (len(r.terms) + r.score.Inner - 1) / r.score.Inner
}

// limit says of a product of so many b, times 2^shift, what |b| <= Solve does.
func (r *root) limit(e *evaluator, x number, degree, shift int) number {
	if e.err != nil {
		return nil
	}
	most := math.Pow(r.Largest.Solve, float64(degree))
	sum := most * math.Pow(float64(r.Dim), float64(degree)/2)
	out := scaled(mhe.Bound{Max: most, Sum: sum}, shift)
	out.Err = x.Bound().Err
	return e.Argue(x, out)
}
