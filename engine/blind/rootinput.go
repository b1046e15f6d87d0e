package blind

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// over is by how much rounding may exceed a declared bound.
const over = 1 + 1e-8

// least is the smallest bound an input is declared with: 0 is none.
const least = 0x1p-40

// inputs are s_0 A on both sides of a product, in blocks; Scale a on the right of
// the inverse; and Scale times the score, in blocks of monomials (see mhe.Inverse for the factors).
// A term of A is, like A, a matrix with spectrum in [0, 1].
func (r *root) inputs(in stat.Input) ([]mhe.Plain, error) {
	t := in.Root
	if t != nil {
		if err := r.check(t); err != nil {
			return nil, err
		}
	}
	d, l := float64(r.Dim), r.Largest
	var out []mhe.Plain
	for _, on := range []side{left, right} {
		shift := r.shiftOf(on)
		most := r.params.Float(r.inverse.First(r.params, 1, shift)) * over
		for b, at := range r.blocks {
			x := mhe.Plain{Name: fmt.Sprintf("A %v %d", on, b), Max: most, Sum: most * math.Pow(d, 1.5)}
			if t != nil {
				x.At = make([]*big.Int, r.params.Degree())
				for i := range r.Dim {
					for k := at[0]; k < at[1]; k++ {
						x.At[r.place(on, i, k-at[0])] = r.inverse.First(r.params, t.A[i][k], shift)
					}
				}
			}
			out = append(out, x)
		}
	}
	scale := math.Ldexp(r.inverse.Scale()*over, r.shifts.vector)
	a := mhe.Plain{Name: "a", Max: scale * l.Right, Sum: scale * l.Right * d}
	if t != nil {
		a.At = make([]*big.Int, r.Dim)
		for i, x := range t.Right {
			a.At[r.vector.Right(i, 0)] = r.inverse.Right(r.params, x, r.shifts.vector)
		}
	}
	out = append(out, a)
	for b := range r.scoreBlocks() {
		out = append(out, r.block(t, b))
	}
	return out, nil
}

// scoreShift of a degree's coefficients makes their products with monomials one vector.
func (r *root) scoreShift(degree int) int { return r.shifts.vector - r.shifts.term[degree] }

// block is the score's coefficients on one block of monomials.
func (r *root) block(t *stat.RootTerm, b int) mhe.Plain {
	from := b * r.score.Inner
	to := min(from+r.score.Inner, len(r.terms))
	x := mhe.Plain{Name: fmt.Sprintf("score %d", b), Max: least}
	for degree := range r.Degree + 1 {
		count := 0
		for _, m := range r.terms[from:to] {
			if len(m) == degree {
				count++
			}
		}
		if count > 0 {
			scale := math.Ldexp(r.inverse.Scale()*over, r.scoreShift(degree))
			x.Max = math.Max(x.Max, scale*r.Largest.Score[degree])
			x.Sum += scale * math.Min(r.Largest.Sum[degree], r.Largest.Score[degree]*float64(count*r.Dim))
		}
	}
	x.Sum = math.Max(x.Sum, x.Max)
	if t == nil {
		return x
	}
	x.At = make([]*big.Int, r.params.Degree())
	for i := range r.Dim {
		for k := from; k < to; k++ {
			x.At[r.score.Left(i, k-from)] = r.inverse.Right(r.params, t.Score[i][k], r.scoreShift(len(r.terms[k])))
		}
	}
	return x
}

// check refuses a term of the wrong shape before anything is encrypted. It quotes no number of it.
func (r *root) check(t *stat.RootTerm) error {
	if len(t.A) != r.Dim || len(t.Right) != r.Dim || r.Degree > 1 && len(t.Score) != r.Dim {
		return fmt.Errorf("root: a term with %d, %d and %d rows, want %d", len(t.A), len(t.Right), len(t.Score), r.Dim)
	}
	finite := func(list []float64) bool {
		for _, x := range list {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return false
			}
		}
		return true
	}
	for i, row := range t.A {
		if len(row) != r.Dim || !finite(row) {
			return fmt.Errorf("root: row %d of the matrix: want %d finite numbers", i, r.Dim)
		}
		for j := range i {
			if row[j] != t.A[j][i] {
				return errors.New("root: the matrix is not symmetric")
			}
		}
	}
	if !finite(t.Right) {
		return errors.New("root: the right side is not finite")
	}
	for i, row := range t.Score {
		if len(row) != len(r.terms) || !finite(row) {
			return fmt.Errorf("root: row %d of the score: want %d finite numbers", i, len(r.terms))
		}
	}
	return nil
}

// String names a side in inputs.
func (s side) String() string {
	if s == right {
		return "right"
	}
	return "left"
}
