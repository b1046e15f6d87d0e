package blind

import (
	"errors"
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// root is the circuit of stat.Root:
//
//	A ──► inverse, so many steps ──► b = A^-1 a ──► monomials u(b) ──► F = g u(b) ──► b + A^-1 F ──┐
//	               │                      ▲                                                        │ so many times
//	               ▼                      └────────────────────────────────────────────────────────┘
//	             tr P                                                     |A^-1 F|^2 and b of the last
//
// Vectors and matrices are polynomials as mhe.Layout places them.
type root struct {
	stat.Root
	params  mhe.Params
	calc    mhe.Calculus
	inverse mhe.Inverse
	square  mhe.Layout // P T
	blocks  [][2]int   // of its inner dimension
	vector  mhe.Layout // A^-1 times a vector
	score   mhe.Layout // of one block of monomials
	terms   [][]int    // stat.Monomials
	index   map[[3]int]int
	shifts  rootShifts
	bounds  rootErrors
	after   [][2]mhe.Bound // P and Y after each step of the inverse
}

// Rest that the inverse may leave: with corrections it is one more contraction,
// far below theirs; without, it is the relative error of the solution.
const (
	restCorrected = 0x1p-20
	restFinal     = 0x1p-40
)

func newRoot(p mhe.Params, members int, x stat.Root) (circuit, error) {
	if err := checkRoot(x); err != nil {
		return nil, err
	}
	rest := restCorrected
	if x.Corrections == 0 {
		rest = restFinal
	}
	v, err := mhe.ShortestInverse(x.Dim, x.Condition, rest)
	if err != nil {
		return nil, err
	}
	d, n := x.Dim, p.Degree()
	r := &root{Root: x, params: p, calc: mhe.NewCalculus(p, members), inverse: v}
	if d*(d+1) > n {
		return nil, fmt.Errorf("%d unknowns, want at most %d", d, int(math.Sqrt(float64(n)))-1)
	}
	if r.blocks, err = mhe.Blocks(d, d, d, p); err != nil {
		return nil, err
	}
	r.square = mhe.Layout{Rows: d, Inner: r.blocks[0][1], Cols: d}
	r.vector = mhe.Layout{Rows: d, Inner: d, Cols: 1}
	r.score = mhe.Layout{Rows: d, Inner: n / d, Cols: 1}
	if x.Degree > 1 {
		r.terms, r.index = stat.Monomials(d, x.Degree), map[[3]int]int{}
		for t, m := range r.terms {
			r.index[key(m...)] = t
		}
	}
	if r.shifts, err = r.shift(); err != nil {
		return nil, err
	}
	r.bounds = r.analyse()
	for k := range v.Times {
		p, y := v.After(r.calc, k+1)
		r.after = append(r.after, [2]mhe.Bound{p, y})
	}
	return r, nil
}

func checkRoot(x stat.Root) error {
	switch l := x.Largest; {
	case x.Dim < 1 || x.Degree < 1 || x.Degree > 3 || x.Corrections < 0 || x.Corrections > 16:
		return fmt.Errorf("root: %d unknowns, degree %d, %d corrections, want at least 1, 1 to 3, and at most 16", x.Dim, x.Degree, x.Corrections)
	case (x.Degree == 1) != (x.Corrections == 0):
		return fmt.Errorf("root: degree %d with %d corrections: there are none to a linear system, and one at least to others", x.Degree, x.Corrections)
	case !(l.Right > 0) || !(l.Solve > 0):
		return errors.New("root: the largest right side and solution are needed")
	case x.Degree > 1 && (!(l.Contract > 0) || l.Contract >= 1 || !(l.First > 0)):
		return fmt.Errorf("root: corrections from %g that leave %g of an error, want more than 0, and more than 0 and less than 1", l.First, l.Contract)
	case x.Degree > 1 && !(l.Row[x.Degree] > 0):
		return errors.New("root: the largest coefficients of an equation are needed")
	}
	return nil
}

// key of a monomial of degree at most 3: its unknowns in ascending order, behind -1s.
func key(m ...int) [3]int {
	k := [3]int{-1, -1, -1}
	copy(k[3-len(m):], m)
	return k
}

func (r *root) cells() []int {
	if r.Degree == 1 {
		return []int{1, r.Dim}
	}
	return []int{2, r.Dim}
}

// run solves, corrects, and retains what may be opened.
func (r *root) run(e *evaluator, in []number) {
	n := len(r.blocks)
	p, onRight, a, score := in[:n], in[n:2*n], in[2*n], in[2*n+1:]
	inverse := r.invert(e, p, onRight)
	f := r.shifts.vector
	b := e.Argue(e.Product([2]number{inverse, a}), scaled(r.bounds.solution[0], f))
	var last number
	for k := range r.Corrections {
		is := r.bounds.correction[k]
		last = e.Argue(e.Product([2]number{inverse, r.scoreAt(e, score, b, is)}), scaled(is, f))
		b = e.Argue(e.Add(b, last), scaled(r.bounds.solution[k+1], f))
	}
	r.finish(e, b, last)
}

// side of a product that a matrix stands on.
type side bool

const (
	left  side = false
	right side = true
)

// place is where entry (i, k) of a block goes; k, the row on the right, counts from the block's first.
func (r *root) place(on side, i, k int) int {
	if on == right {
		return r.square.Right(k, i)
	}
	return r.square.Left(i, k)
}

func (r *root) shiftOf(on side) int {
	if on == right {
		return r.inverse.RightShift
	}
	return r.inverse.LeftShift
}

// invert returns A^-1 / Scale on the left of a vector: see mhe.Inverse, also for the shifts. The trace of the
// last P is retained.
func (r *root) invert(e *evaluator, p, onRight []number) number {
	onLeft := r.inverse.LeftShift
	both := onLeft + r.inverse.RightShift
	y, above := r.twoLess(e, left, p), onLeft // of the first step: T itself
	for k, s := range r.inverse.Times {
		t := r.twoLess(e, right, onRight)
		boundP, boundY := r.after[k][0], r.after[k][1]
		nextP, nextY := e.Argue(multiply(e, p, t), scaled(boundP, both)), number(nil)
		timesY := s
		if k > 0 {
			above += r.inverse.RightShift
			nextY = e.Argue(multiply(e, y, t), scaled(boundY, above))
			timesY, above = down(s, above)
		}
		if k == len(r.inverse.Times)-1 {
			out := e.Refresh(part{of: nextP, keep: r.trace(both)}, part{of: nextY, outputs: []mhe.Output{r.onVector(timesY, boundY)}})
			return out[1][0]
		}
		outputs := r.arrange(left, s>>r.inverse.RightShift, scaled(boundP, onLeft))
		outputs = append(outputs, r.arrange(right, s>>onLeft, scaled(boundP, r.inverse.RightShift))...)
		parts := []part{{of: nextP, outputs: outputs}}
		if k > 0 {
			parts = append(parts, part{of: nextY, outputs: r.arrange(left, timesY, scaled(boundY, above))})
		}
		out := e.Refresh(parts...)
		p, onRight = out[0][:len(r.blocks)], out[0][len(r.blocks):]
		if k > 0 {
			y = out[1]
		}
	}
	return nil // not reached: an inverse has three steps at least
}

// twoLess is 2 I - m, as m is shifted.
func (r *root) twoLess(e *evaluator, on side, m []number) []number {
	two := math.Ldexp(2, r.shiftOf(on))
	var out []number
	for b, at := range r.blocks {
		var diagonal []mhe.Const
		for k := at[0]; k < at[1]; k++ {
			diagonal = append(diagonal, mhe.Const{At: r.place(on, k, k-at[0]), X: r.params.Fixed(two)})
		}
		out = append(out, e.FromConst(diagonal, m[b]))
	}
	return out
}

// arrange copies a product of square matrices to one side of the next: one
// output for each block of the inner dimension.
func (r *root) arrange(on side, times uint64, is mhe.Bound) []mhe.Output {
	var out []mhe.Output
	for _, at := range r.blocks {
		o := mhe.Output{Times: times, Argued: &is}
		for k := at[0]; k < at[1]; k++ {
			for i := range r.Dim {
				from := r.square.At(i, k)
				if on == right {
					from = r.square.At(k, i)
				}
				o.Copies = append(o.Copies, mhe.Copy{From: from, To: r.place(on, i, k-at[0])})
			}
		}
		out = append(out, o)
	}
	return out
}

// onVector copies the last step's product to the left of vectors.
func (r *root) onVector(times uint64, is mhe.Bound) mhe.Output {
	o := mhe.Output{Times: times, Argued: &is}
	for i := range r.Dim {
		for k := range r.Dim {
			o.Copies = append(o.Copies, mhe.Copy{From: r.square.At(i, k), To: r.vector.Left(i, k)})
		}
	}
	return o
}

func (r *root) trace(shift int) *keep {
	var diagonal []int
	for i := range r.Dim {
		diagonal = append(diagonal, r.square.At(i, i))
	}
	return &keep{outcome: stat.RootResiduals, name: "trace", cells: [][]int{diagonal}, scale: shift}
}

// multiply is the product of matrices in blocks.
func multiply(e *evaluator, a, b []number) number {
	var pairs [][2]number
	for i := range a {
		pairs = append(pairs, [2]number{a[i], b[i]})
	}
	return e.Product(pairs...)
}
