package blind

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/protocols/mhe"
)

// run computes on the encrypted sums of the inputs.
func (c *products) run(e *evaluator, in []number) {
	f := &firsts{products: c, e: e, in: in, whole: map[[2]int]int{}}
	for i, s := range c.Sums {
		if len(s) == 2 {
			f.parts[f.sum(s)].keep = c.opened(fmt.Sprintf("sum %d", i), c.log(s[0])+c.log(s[1])-c.logM)
		}
	}
	blocks := map[[2]int][]place{} // of a product that a third vector multiplies
	for _, s := range c.Sums {
		if key := [2]int{s[0], s[1]}; len(s) == 3 && blocks[key] == nil {
			blocks[key] = f.blockwise(s)
		}
	}
	var squares []place
	for _, s := range c.Squares {
		squares = append(squares, f.single(s))
	}
	got := e.Refresh(f.parts...)
	at := func(p place) number { return got[p.part][p.output] }

	var last []part
	for i, s := range c.Sums {
		if len(s) == 2 {
			continue
		}
		var pairs [][2]number
		for b, p := range blocks[[2]int{s[0], s[1]}] {
			pairs = append(pairs, [2]number{at(p), f.block(s[2], b)})
		}
		down := c.down(s)
		product := c.argue(e, pairs, c.log(s[0])+c.log(s[1])+c.log(s[2])+down, math.Sqrt2*math.Ldexp(1, c.log(s[0])+c.log(s[1])+down), c.together(s[2]))
		last = append(last, part{of: product, keep: c.opened(fmt.Sprintf("sum %d", i), mhe.LogLargest)})
	}
	if len(squares) > 0 {
		var pairs [][2]number
		for _, p := range squares {
			pairs = append(pairs, [2]number{at(p), at(p)})
		}
		// The squares are together at most 1, and so, by Cauchy and Schwarz, what is squared at most the root of their number.
		sum := math.Sqrt(float64(len(pairs))) * math.Ldexp(1, mhe.LogLargest/2)
		product := c.argue(e, pairs, mhe.LogLargest+c.logM, sum, sum)
		last = append(last, part{of: product, keep: c.opened("squares", mhe.LogLargest)})
	}
	e.Refresh(last...)
}

// opened keeps coefficient 0, which is 2^scale times what is opened.
func (c *products) opened(name string, scale int) *keep {
	return &keep{name: name, cells: [][]int{{0}}, scale: scale}
}

// argue is the product of pairs, with what is known of the slots: their
// absolute values are over all pairs together at most 2^log, and the coefficients
// of all first and of all second factors at most sumX and sumY.
func (c *products) argue(e *evaluator, pairs [][2]number, log int, sumX, sumY float64) number {
	product := e.Product(pairs...)
	if e.err != nil {
		return nil
	}
	var bounds [][2]mhe.Bound
	for _, p := range pairs {
		k := float64(len(pairs))
		bounds = append(bounds, [2]mhe.Bound{{Sum: sumX / k, Err: p[0].Bound().Err}, {Sum: sumY / k, Err: p[1].Bound().Err}})
	}
	b := math.Ldexp(1, log)
	return e.Argue(product, mhe.Bound{Max: b / float64(c.m), Sum: math.Sqrt2 * b, Err: c.calc.Product(bounds...).Err})
}

// down is the exponent of what the product of the first two vectors is copied
// times, for that of all three to be at most 2^LogLargest.
func (c *products) down(s []int) int {
	return min(0, mhe.LogLargest+c.logM-c.log(s[0])-c.log(s[1])-c.log(s[2]))
}

// timesBits is the exponent of the unit of mhe.Output.Times.
const timesBits = 40

// firsts are the products of the inputs.
type firsts struct {
	*products
	e     *evaluator
	in    []number
	parts []part
	whole map[[2]int]int // part of the sum over all blocks
}

// place of an output of a refresh.
type place struct{ part, output int }

func (f *firsts) block(v, b int) number {
	if f.e.err != nil {
		return nil
	}
	return f.in[v*f.blocks+b]
}

// sum is the part of the product of two vectors, all blocks added.
func (f *firsts) sum(s []int) int {
	key := [2]int{s[0], s[1]}
	if at, ok := f.whole[key]; ok {
		return at
	}
	var pairs [][2]number
	for b := range f.blocks {
		pairs = append(pairs, [2]number{f.block(s[0], b), f.block(s[1], b)})
	}
	f.parts = append(f.parts, part{of: f.argue(f.e, pairs, f.log(s[0])+f.log(s[1]), f.together(s[0]), f.together(s[1]))})
	f.whole[key] = len(f.parts) - 1
	return f.whole[key]
}

// blockwise copies the product of the first two vectors block by block, all of it.
func (f *firsts) blockwise(s []int) (list []place) {
	o := mhe.Output{Times: 1 << (timesBits + f.down(s))}
	for k := range 2 * f.m {
		o.Copies = append(o.Copies, mhe.Copy{From: k, To: k})
	}
	for b := range f.blocks {
		at := len(f.parts)
		if f.blocks == 1 {
			at = f.sum(s)
		} else {
			_, x := f.largest(s[0])
			_, y := f.largest(s[1])
			f.parts = append(f.parts, part{of: f.argue(f.e, [][2]number{{f.block(s[0], b), f.block(s[1], b)}}, f.log(s[0])+f.log(s[1]), x, y)})
		}
		b := math.Ldexp(1, f.log(s[0])+f.log(s[1])+f.down(s))
		list = append(list, f.output(at, o, mhe.Bound{Max: b / float64(f.m), Sum: math.Sqrt2 * b}))
	}
	return list
}

// single copies coefficient 0 of the product of two vectors, at most 2^(LogLargest/2).
func (f *firsts) single(s []int) place {
	down := mhe.LogLargest/2 - (f.log(s[0]) + f.log(s[1]) - f.logM)
	b := math.Ldexp(1, mhe.LogLargest/2)
	return f.output(f.sum(s), mhe.Output{Times: 1 << (timesBits + down), Copies: []mhe.Copy{{From: 0, To: 0}}}, mhe.Bound{Max: b, Sum: b})
}

// output adds an output to a part, whose error is what the calculus says.
func (f *firsts) output(at int, o mhe.Output, b mhe.Bound) place {
	p := &f.parts[at]
	if f.e.err == nil {
		b.Err = f.calc.Refresh(mhe.Bound{Err: p.of.Bound().Err}, 1, math.Ldexp(float64(o.Times), -timesBits)).Err
		o.Argued = &b
	}
	p.outputs = append(p.outputs, o)
	return place{at, len(p.outputs) - 1}
}
