package blind

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/protocols/mhe"
)

// number is an encrypted polynomial, or what is known of one: a
// *mhe.Ciphertext in a session, a bound in a plan.
type number interface{ Bound() mhe.Bound }

// backend is what an evaluator computes with.
type backend interface {
	input(list []mhe.Plain) ([]number, error) // one step
	add(a, b number) (number, error)
	sub(a, b number) (number, error)
	fromConst(list []mhe.Const, c number) (number, error)
	product(pairs [][2]number) (number, error)
	argue(c number, b mhe.Bound) (number, error)
	refresh(parts []part) ([][]number, error) // one step
}

// part is the refresh of one product. It may retain the value for an outcome.
type part struct {
	of      number
	keep    *keep
	outputs []mhe.Output
}

// keep says of which outcome a retained value is an opening, and what of it is opened: each cell
// is the sum of the coefficients it lists. An outcome's openings are in the order they are kept.
type keep struct {
	outcome int
	name    string // within the circuit
	cells   [][]int
	scale   int // a coefficient is 2^scale times what is opened
}

func (k keep) circuit(job int) string { return fmt.Sprintf("%d %s", job, k.name) }

// unscaled is a registered opening in the unit of what is opened.
func (k keep) unscaled(c mhe.Circuit) mhe.Circuit {
	c.Grid += k.scale
	c.Max, c.Eps = math.Ldexp(c.Max, -k.scale), math.Ldexp(c.Eps, -k.scale)
	return c
}

// width is the most coefficients of a cell.
func (k keep) width() int {
	most := 0
	for _, c := range k.cells {
		most = max(most, len(c))
	}
	return most
}

// evaluator is a backend behind one error: after the first, nothing is computed
// any more, and circuits read like formulas.
type evaluator struct {
	backend
	err error
}

func (e *evaluator) Add(a, b number) number {
	return e.one(func() (number, error) { return e.add(a, b) })
}
func (e *evaluator) Sub(a, b number) number {
	return e.one(func() (number, error) { return e.sub(a, b) })
}

// FromConst is list - c.
func (e *evaluator) FromConst(list []mhe.Const, c number) number {
	return e.one(func() (number, error) { return e.fromConst(list, c) })
}

// Plus is list + c.
func (e *evaluator) Plus(list []mhe.Const, c number) number {
	return e.FromConst(list, e.FromConst(nil, c))
}

// Product is the sum of the ring products of pairs.
func (e *evaluator) Product(pairs ...[2]number) number {
	return e.one(func() (number, error) { return e.product(pairs) })
}

// Argue is c with another bound: see mhe.Session.Argue.
func (e *evaluator) Argue(c number, b mhe.Bound) number {
	return e.one(func() (number, error) { return e.argue(c, b) })
}

// Refresh is one step, or as many as mhe's limits make of it. It returns the outputs of each part.
func (e *evaluator) Refresh(parts ...part) [][]number {
	var out [][]number
	for rest := parts; len(rest) > 0 && e.err == nil; {
		k, outputs := 0, 0
		for k < len(rest) && k < mhe.MaxParts && (k == 0 || outputs+len(rest[k].outputs) <= mhe.MaxPolys) {
			outputs += len(rest[k].outputs)
			k++
		}
		if outputs > mhe.MaxPolys {
			e.err = fmt.Errorf("a refresh with %d outputs, want at most %d", outputs, mhe.MaxPolys)
			break
		}
		for _, p := range rest[:k] {
			for o, x := range p.outputs {
				if x.Argued != nil {
					b := x.Argued.Coarse()
					p.outputs[o].Argued = &b
				}
			}
		}
		var some [][]number
		some, e.err = e.refresh(rest[:k])
		out, rest = append(out, some...), rest[k:]
	}
	if e.err == nil {
		return out
	}
	out = nil // of the right shape: nothing more is computed of it
	for _, p := range parts {
		out = append(out, make([]number, len(p.outputs)))
	}
	return out
}

func (e *evaluator) one(f func() (number, error)) (out number) {
	if e.err == nil {
		out, e.err = f()
	}
	return out
}

// inputs encrypts a circuit's inputs, in as many steps as they need.
func (e *evaluator) inputs(list []mhe.Plain) []number {
	var out []number
	for i, x := range list {
		b := mhe.Bound{Max: x.Max, Sum: x.Sum}.Coarse()
		list[i].Max, list[i].Sum = b.Max, b.Sum
	}
	for len(list) > 0 && e.err == nil {
		k := min(len(list), mhe.MaxPolys)
		var some []number
		some, e.err = e.input(list[:k])
		out, list = append(out, some...), list[k:]
	}
	return out
}
