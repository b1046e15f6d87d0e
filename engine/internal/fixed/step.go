// Package fixed carries sums as integers of Z/2^128: a cell is a whole number
// of steps, so that adding is exact, the order of rows and hospitals cannot
// matter, and a masked total decodes to the very total.
//
// A cell is declared by the largest absolute value of one row's term and by
// its step. From these and a bound on the number of rows it is proved before
// any row is read that no sum can overflow; a term beyond its bound is an
// error, never a clip.
package fixed

import (
	"fmt"
	"math"
	"math/big"
)

// Prec is the precision, in bits, of the big.Float values this package hands out.
const Prec = 200

// Step is the unit of a cell: M·10^E10·2^E2, M positive.
// Decimal steps keep declared grids exact, binary ones take values as read.
type Step struct {
	M   int64
	E10 int
	E2  int
}

// One is the step of counts.
func One() Step { return Step{M: 1} }

// Pow2 returns the step 2^e.
func Pow2(e int) Step { return Step{M: 1, E2: e} }

// Decimal returns the step m·10^e.
func Decimal(m int64, e int) Step { return Step{M: m, E10: e} }

// Mul returns the step of a product of two numbers on the grids s and t.
// It panics when the mantissas overflow, which a declared step (at most 2^53) cannot reach for two factors below 2^31;
// callers check with Small first.
func (s Step) Mul(t Step) Step {
	m := s.M * t.M
	if s.M != 0 && m/s.M != t.M {
		panic("fixed: step mantissas overflow")
	}
	return Step{M: m, E10: s.E10 + t.E10, E2: s.E2 + t.E2}
}

// Pow returns the step of a k-th power, k >= 0.
func (s Step) Pow(k int) Step {
	p := One()
	for range k {
		p = p.Mul(s)
	}
	return p
}

// Small reports whether a product of k steps with this mantissa stays below 2^62.
func (s Step) Small(k int) bool { return float64(k)*math.Log2(float64(s.M)) < 62 }

// Float returns the step as the nearest float64.
func (s Step) Float() float64 {
	if s.E10 == 0 && s.M < 1<<53 {
		return math.Ldexp(float64(s.M), s.E2) // exact: no big numbers
	}
	f, _ := s.Big().Float64()
	return f
}

// Big returns the step with Prec bits.
func (s Step) Big() *big.Float {
	f := new(big.Float).SetPrec(Prec).SetInt64(s.M)
	ten := new(big.Float).SetPrec(Prec).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(s.E10, -s.E10))), nil))
	if s.E10 < 0 {
		f.Quo(f, ten)
	} else if s.E10 > 0 {
		f.Mul(f, ten)
	}
	return f.SetMantExp(f, s.E2)
}

// String writes the step for plans and digests.
func (s Step) String() string {
	switch {
	case s.E2 == 0 && s.E10 == 0:
		return fmt.Sprint(s.M)
	case s.E2 == 0:
		return fmt.Sprintf("%de%d", s.M, s.E10)
	default:
		return fmt.Sprintf("%de%d*2^%d", s.M, s.E10, s.E2)
	}
}

// Cell says what one number of a sum may be: Max bounds the absolute value of
// one row's term, in the unit of the value; Step is the resolution.
type Cell struct {
	Max  float64
	Step Step
}

// Headroom is the number of bits a total may use: 128-bit two's complement
// with one bit for the sign and one kept free.
const Headroom = 126

// Binary returns the cell of finest power-of-two step in which the terms of
// rows rows, each at most bound in absolute value, cannot overflow:
// step = 2^(ceil(log2(rows·bound)) - 126).
func Binary(bound float64, rows uint64) Cell {
	if bound <= 0 {
		bound = 1
	}
	_, e := math.Frexp(float64(rows) * bound) // rows·bound <= 2^e
	return Cell{Max: bound, Step: Pow2(e - Headroom)}
}

// Fits reports whether the terms of rows rows of this cell cannot overflow.
func (c Cell) Fits(rows uint64) bool {
	return math.Log2(float64(rows))+math.Log2(c.Max/c.Step.Float()) < Headroom
}
