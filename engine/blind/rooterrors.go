package blind

import (
	"math"

	"github.com/consilium-health/consilium/protocols/mhe"
)

// rootErrors bounds what a root computes. Max and Err of a vector are Euclid's lengths,
// which no entry exceeds.
//
// The solution b_0 has the error of mhe.Inverse.Solve. A correction is b' = b + X F(b),
// which two points of the ball of radius Solve leave closer by the factor
// Contract. Computed is, from the computed b,
//
//	b' = b + X F(b) + dX F(b) + X dF
//
// and so |error of b'| <= Contract |error of b| + |dX F| + |X| |dF|, where
//
//	F = A d, d the correction it makes, so |dX F| <= |dX A| |d|, and |d| <= First Contract^k
//	dF is what the monomials' and the score's encryptions leave, with the calculus, for |b| <= Solve
//
// The errors of monomials are on the places of monomials alone: those of one equation add up to Row, and
// only what an encryption leaves on every coefficient adds up to Sum.
//
// Corrections do not carry the inverse's own error on: they take it away.
//
// What rests on what: that |b| <= Solve and that corrections are as short as that is declared, not
// known. The residuals are opened first and test it; where they show that it does not
// hold, nothing more is to be opened and the key is to be burnt. Until then monomials of
// a b that grows may have grown beyond what refreshes hide with full strength. The trace's bound
// rests on nothing but A's spectrum in [0, 1].
type rootErrors struct {
	solution   []mhe.Bound // b after so many corrections
	correction []mhe.Bound // each one's
	length     mhe.Bound   // the last one's, squared
}

// largestSolution is what a solution is registered with: beyond it an opening is
// not read, and long before it a program refuses it.
const largestSolution = 1 << 16

func (r *root) analyse() rootErrors {
	var out rootErrors
	c, l := r.calc, r.Largest
	d, size := math.Sqrt(float64(r.Dim)), l.Solve
	solved, norm := r.inverse.Solution(c)
	plain := c.Input(1, 1).Err
	right := mhe.Bound{Max: l.Right * r.inverse.Scale(), Sum: l.Right * r.inverse.Scale() * d * d, Err: plain}
	b := r.inverse.Solve(c, right, size)
	out.solution = append(out.solution, b)
	contracted := 1.0
	for range r.Corrections {
		length := l.First * contracted
		score := c.Refresh(mhe.Bound{Err: r.scoreError()}, 1, 1).Err
		sum := d * (d*d*norm + r.inverse.Scale()*length) // of the inverse's and of F's coefficients
		fresh := solved*length + norm*d*score + d*(sum*c.Refresh(mhe.Bound{}, 1, 0).Err+c.Product().Err)
		out.correction = append(out.correction, mhe.Bound{Max: length, Sum: d * length, Err: (1+l.Contract)*b.Err + fresh})
		b = mhe.Bound{Max: size, Sum: d * size, Err: l.Contract*b.Err + fresh}
		out.solution = append(out.solution, b)
		contracted *= l.Contract
	}
	out.solution[len(out.solution)-1].Max = largestSolution
	if r.Degree > 1 {
		last := out.correction[r.Corrections-1]
		copied := c.Refresh(mhe.Bound{}, 1, 1).Err
		e := last.Err + d*copied
		out.length = c.Product([2]mhe.Bound{{Sum: last.Sum, Err: copied}, {Sum: last.Sum, Err: copied}})
		out.length.Max, out.length.Sum = largestSolution, largestSolution
		out.length.Err += (2*last.Max + e) * e
	}
	return out
}

// scoreError bounds the error of an entry of F at a b of length up to Solve, as
// the circuit computes it of that b, apart from b's own error.
func (r *root) scoreError() float64 {
	c, l, d := r.calc, r.Largest, math.Sqrt(float64(r.Dim))
	encrypted := c.Refresh(mhe.Bound{}, 1, 0).Err
	scale := r.inverse.Scale()
	copied := c.Refresh(mhe.Bound{}, 1, 1).Err
	b := mhe.Bound{Max: l.Solve, Sum: d * l.Solve, Err: copied}
	power := b
	// Blocks of u are sums of a few refreshes, each with an encryption's error on every coefficient.
	err, sum := scale*l.Sum[0]*4*encrypted, 1.0
	for n := 1; n <= r.Degree; n++ {
		err += scale * (l.Row[n]*power.Err + l.Sum[n]*4*encrypted)
		sum += power.Sum
		product := c.Product([2]mhe.Bound{power, b})
		power = mhe.Bound{Max: power.Max * b.Max, Sum: power.Sum * b.Sum, Err: product.Err + copied}
	}
	plain := c.Input(1, 1).Err
	return err + sum*plain + float64(r.params.Degree())*plain*power.Err*float64(r.scoreBlocks()) + c.Product().Err
}

func (r *root) scoreBlocks() int {
	return (len(r.terms) + r.score.Inner - 1) / r.score.Inner
}

// limit says of a product of so many b what |b| <= Solve does.
func (r *root) limit(e *evaluator, x number, degree int) number {
	if e.err != nil {
		return nil
	}
	max := math.Pow(r.Largest.Solve, float64(degree))
	sum := max * math.Pow(float64(r.Dim), float64(degree)/2)
	return e.Argue(x, mhe.Bound{Max: max, Sum: sum, Err: x.Bound().Err})
}
