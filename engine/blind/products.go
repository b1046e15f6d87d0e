package blind

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// products multiplies vectors slot by slot (see slots.go) and opens sums over
// all slots: coefficient 0 is their mean. A vector of more cells than slots is cut into blocks.
//
//	input   every vector's polynomials                               one step, or more
//	pairs   sums of two vectors are kept; what a third factor or a square needs is copied anew
//	last    sums of three vectors, and the squares, are kept
//
// A histogram's cells are together at most 1 and put in times 2^histogram, an
// order's are at most 1 and put in times 2^order: as much as coefficients may be,
// since errors do not grow with them. What a second product needs is copied times a power of
// two below 1, for its result to be at most 2^LogLargest again.
type products struct {
	stat.Products
	params mhe.Params
	calc   mhe.Calculus
	slots  *slots // once needed
	m      int    // slots of a polynomial
	logM   int
	blocks int
}

// maxVectors bounds what a member's vectors take.
const maxVectors = 256

func newProducts(p mhe.Params, members int, x stat.Products) (circuit, error) {
	c := &products{Products: x, params: p, calc: mhe.NewCalculus(p, members), m: p.Degree() / 2}
	c.logM = int(math.Round(math.Log2(float64(c.m))))
	vectors := x.Histograms + len(x.Orders)
	if x.Cells < 1 || x.Histograms < 1 || vectors > maxVectors || x.Cells > 1<<20 {
		return nil, fmt.Errorf("products of %d vectors of %d cells", vectors, x.Cells)
	}
	c.blocks = (x.Cells + c.m - 1) / c.m
	for _, of := range x.Orders {
		if of < 0 || of >= x.Histograms {
			return nil, fmt.Errorf("the order of histogram %d of %d", of, x.Histograms)
		}
	}
	most := 2
	for _, s := range x.Sums {
		if len(s) < most || len(s) > 3 {
			return nil, fmt.Errorf("a sum of products of %d vectors, want those of two and then those of three", len(s))
		}
		most = len(s)
		if err := c.factors(s); err != nil {
			return nil, err
		}
	}
	for _, s := range x.Squares {
		if err := c.factors(s); err != nil || len(s) != 2 {
			return nil, fmt.Errorf("the square of a sum of products of vectors %v", s)
		}
	}
	return c, nil
}

// factors checks the vectors of a sum: with a histogram among its first two, what it multiplies is at most 1 over all cells together.
func (c *products) factors(s []int) error {
	for _, v := range s {
		if v < 0 || v >= c.Histograms+len(c.Orders) {
			return fmt.Errorf("vector %d of %d", v, c.Histograms+len(c.Orders))
		}
	}
	if s[0] >= c.Histograms && s[1] >= c.Histograms {
		return fmt.Errorf("a product of vectors %v, without a histogram among the first two", s)
	}
	return nil
}

func (c *products) cells() []int { return []int{c.Opened()} }

// log is the exponent of what vector v is put in times. A histogram times
// a histogram and a histogram times an order must leave their mean below 2^LogLargest.
func (c *products) log(v int) int {
	both := mhe.LogLargest + c.logM
	order := both/2 - 1
	if v >= c.Histograms {
		return order
	}
	for _, list := range [][][]int{c.Sums, c.Squares} {
		for _, s := range list {
			if s[0] < c.Histograms && s[1] < c.Histograms && (s[0] == v || s[1] == v) {
				return both / 2
			}
		}
	}
	return both - order
}

// largest bounds the coefficients of a polynomial of vector v. With sum of |values| at most B,
// coefficients are at most B/m, and by Parseval and the triangle inequality
// together at most sqrt(2) B. An order rises, so that summation by parts bounds
// coefficient k by its variation, 2, over n sin(pi k/n).
func (c *products) largest(v int) (most, sum float64) {
	b := math.Ldexp(1, c.log(v))
	if v < c.Histograms {
		return b / float64(c.m), math.Sqrt2 * b
	}
	return b, b * (1 + 2*c.variation())
}

// variation is the sum over k from 1 to n-1, but m, of 1 over n sin(pi k/n).
func (c *products) variation() float64 {
	n, sum := float64(2*c.m), 0.0
	for k := 1; k < c.m; k++ {
		sum += 2 / (n * math.Sin(math.Pi*float64(k)/n))
	}
	return sum
}

// together bounds the sum of all blocks' coefficients of vector v: blocks share
// what a histogram holds, and the variation of an order.
func (c *products) together(v int) float64 {
	b := math.Ldexp(1, c.log(v))
	if v < c.Histograms {
		return math.Sqrt2 * b
	}
	return b * (float64(c.blocks) + 2*c.variation())
}

// inputs are all blocks of vector 0, of vector 1, ...
func (c *products) inputs(in stat.Input) ([]mhe.Plain, error) {
	var list []mhe.Plain
	for v := range c.Histograms + len(c.Orders) {
		most, sum := c.largest(v)
		for b := range c.blocks {
			list = append(list, mhe.Plain{Name: fmt.Sprintf("vector %d, block %d", v, b), Max: most, Sum: sum * (1 + 0x1p-40)})
		}
	}
	if in.Products == nil {
		return list, nil
	}
	if len(in.Products.Histograms) != c.Histograms {
		return nil, fmt.Errorf("%d histograms, want %d", len(in.Products.Histograms), c.Histograms)
	}
	if c.slots == nil {
		c.slots = newSlots(c.m)
	}
	var vectors [][]float64
	for v, h := range in.Products.Histograms {
		all := 0.0
		for _, x := range h {
			if all += x; !(x >= 0) {
				return nil, fmt.Errorf("histogram %d has a cell that is no number of people", v)
			}
		}
		if len(h) != c.Cells || !(all <= 1) {
			return nil, fmt.Errorf("histogram %d of %d cells, or more than 1 in all, want %d cells", v, len(h), c.Cells)
		}
		padded := make([]float64, c.blocks*c.m)
		copy(padded, h)
		vectors = append(vectors, padded)
	}
	for _, of := range c.Orders {
		vectors = append(vectors, stat.Order(vectors[of]))
	}
	unit := c.params.Fixed(1).BitLen() - 1
	for v, x := range vectors {
		for b := range c.blocks {
			a := c.slots.coefficients(x[b*c.m : (b+1)*c.m])
			at := make([]*big.Int, len(a))
			for k := range a {
				if a[k] != (fraction{}) {
					at[k] = a[k].integer(c.log(v) + unit)
				}
			}
			list[v*c.blocks+b].At = at
		}
	}
	return list, nil
}
