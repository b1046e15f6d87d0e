package blind

import (
	"math"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// scoreAt is Scale F, F = g u(b), on the right of the inverse. is bounds the correction it makes,
// and F with it: F is A times the correction, and A's spectrum is at most 1.
//
//	b ──► b_i x^(i d), b_j x^(j+1) ──► b_i b_j on i d + j + 1 ──► i <= j ──► b_i b_j x^(q d), q-th such pair
//	                        └──────────────────────────────────────────► b_i b_j b_k on q d + k + 1 ──► k >= j
//
// Every product is copied to its monomial's place in the blocks of u.
func (r *root) scoreAt(e *evaluator, score []number, b number, is mhe.Bound) number {
	u := make([]number, len(score))
	add := func(block int, x number) {
		if u[block] == nil {
			u[block] = x
		} else {
			u[block] = e.Add(u[block], x)
		}
	}
	d := r.Dim
	s := r.shifts
	times := power(s.point - s.vector)
	rows, columns := mhe.Output{Times: times}, mhe.Output{Times: times}
	for i := range d {
		from := r.vector.At(i, 0)
		rows.Copies = append(rows.Copies, mhe.Copy{From: from, To: i * d})
		columns.Copies = append(columns.Copies, mhe.Copy{From: from, To: i + 1}) // monomial i + 1 is b_i
	}
	out := e.Refresh(part{of: b, outputs: []mhe.Output{rows, columns}})
	onRows, onColumns := out[0][0], out[0][1]
	add(0, e.Plus([]mhe.Const{{At: 0, X: r.params.Fixed(math.Ldexp(1, s.term[0]))}}, onColumns)) // monomial 0 is 1

	squares := e.Product([2]number{onRows, onColumns})
	squares = r.limit(e, squares, 2, s.term[2])
	at := func(i, j int) int { return i*d + j + 1 }
	blocks, outputs := r.gather(func(yield func(from, monomial int)) {
		for i := range d {
			for j := i; j < d; j++ {
				yield(at(i, j), r.index[key(i, j)])
			}
		}
	})
	if r.Degree == 2 {
		for n, x := range e.Refresh(part{of: squares, outputs: outputs})[0] {
			add(blocks[n], x)
		}
		return r.contract(e, score, u, is)
	}
	lists := r.pairs()
	for _, list := range lists {
		o := mhe.Output{Times: power(s.pair - s.term[2])}
		for q, p := range list {
			o.Copies = append(o.Copies, mhe.Copy{From: at(p[0], p[1]), To: q * d})
		}
		outputs = append(outputs, o)
	}
	got := e.Refresh(part{of: squares, outputs: outputs})[0]
	for n, block := range blocks {
		add(block, got[n])
	}
	var parts []part
	var where []int
	for n, list := range lists {
		cubes := r.limit(e, e.Product([2]number{got[len(blocks)+n], onColumns}), 3, s.term[3])
		blocks, outputs := r.gather(func(yield func(from, monomial int)) {
			for q, p := range list {
				for k := p[1]; k < d; k++ {
					yield(q*d+k+1, r.index[key(p[0], p[1], k)])
				}
			}
		})
		parts, where = append(parts, part{of: cubes, outputs: outputs}), append(where, blocks...)
	}
	for _, list := range e.Refresh(parts...) {
		for _, x := range list {
			add(where[0], x)
			where = where[1:]
		}
	}
	return r.contract(e, score, u, is)
}

// pairs lists all i <= j in lexical order, in as many parts as times d fit the degree.
func (r *root) pairs() [][][2]int {
	var out [][][2]int
	most := (r.params.Degree() - 1) / r.Dim
	for i := range r.Dim {
		for j := i; j < r.Dim; j++ {
			if n := len(out); n == 0 || len(out[n-1]) == most {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], [2]int{i, j})
		}
	}
	return out
}

// gather makes outputs that copy monomials to their places: one for each block of u that has any.
func (r *root) gather(list func(yield func(from, monomial int))) (blocks []int, outputs []mhe.Output) {
	list(func(from, monomial int) {
		block := monomial / r.score.Inner
		n := 0
		for n < len(blocks) && blocks[n] != block {
			n++
		}
		if n == len(blocks) {
			blocks, outputs = append(blocks, block), append(outputs, mhe.Output{})
		}
		outputs[n].Copies = append(outputs[n].Copies, mhe.Copy{From: from, To: r.score.Right(monomial%r.score.Inner, 0)})
	})
	return blocks, outputs
}

// contract is the product of the score with all monomials, on the right of the inverse.
func (r *root) contract(e *evaluator, score, u []number, is mhe.Bound) number {
	f := multiply(e, score, u)
	if e.err != nil {
		return nil
	}
	scale := r.inverse.Scale()
	f = e.Argue(f, scaled(mhe.Bound{Max: scale * is.Max, Sum: scale * is.Sum, Err: scale*is.Err + r.scoreError()}, r.shifts.vector))
	o := mhe.Output{}
	for i := range r.Dim {
		o.Copies = append(o.Copies, mhe.Copy{From: r.score.At(i, 0), To: r.vector.Right(i, 0)})
	}
	return e.Refresh(part{of: f, outputs: []mhe.Output{o}})[0][0]
}

// finish retains the squared length of the last correction, and b.
func (r *root) finish(e *evaluator, b, last number) {
	solution := &keep{outcome: stat.RootSolution, name: "solution", scale: r.shifts.vector}
	for i := range r.Dim {
		solution.cells = append(solution.cells, []int{r.vector.At(i, 0)})
	}
	if r.Degree == 1 {
		e.Refresh(part{of: b, keep: solution})
		return
	}
	l := mhe.Layout{Rows: 1, Inner: r.Dim, Cols: 1}
	times := power(r.shifts.last - r.shifts.vector)
	row, column := mhe.Output{Times: times}, mhe.Output{Times: times}
	for i := range r.Dim {
		from := r.vector.At(i, 0)
		row.Copies = append(row.Copies, mhe.Copy{From: from, To: l.Left(0, i)})
		column.Copies = append(column.Copies, mhe.Copy{From: from, To: l.Right(i, 0)})
	}
	out := e.Refresh(part{of: last, outputs: []mhe.Output{row, column}}, part{of: b, keep: solution})
	squared := 2 * r.shifts.last
	length := e.Argue(e.Product([2]number{out[0][0], out[0][1]}), scaled(r.bounds.squared, squared))
	e.Refresh(part{of: length, keep: &keep{outcome: stat.RootResiduals, name: "correction", cells: [][]int{{l.At(0, 0)}}, scale: squared}})
}
