package blind

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// inClear is the backend that computes on coefficients in the clear, twice: as they should be, and
// with every error at the largest that the calculus allows, all of one sign with
// what they fall on. It checks every bound that a circuit argues, and every kept value's.
type inClear struct {
	t     *testing.T
	n     int
	calc  mhe.Calculus
	terms [][]*big.Int // what all hospitals put in together
	unit  uint
	worst float64 // largest error of a kept value, of its bound
	last  []*big.Float
}

type clearNumber struct {
	true, off []*big.Float
	bound     mhe.Bound
}

func (c clearNumber) Bound() mhe.Bound { return c.bound }

func wide(x float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(x) }

// spoilt adds an error of this size to every coefficient.
func (c *inClear) spoilt(true, off []*big.Float, size float64, b mhe.Bound) clearNumber {
	out := clearNumber{true: true, bound: b}
	for k, x := range off {
		e := wide(size)
		if true[k].Sign() < 0 {
			e.Neg(e)
		}
		out.off = append(out.off, e.Add(e, x))
	}
	return out
}

func (c *inClear) zeros() []*big.Float {
	out := make([]*big.Float, c.n)
	for k := range out {
		out[k] = wide(0)
	}
	return out
}

func (c *inClear) input(list []mhe.Plain) (out []number, _ error) {
	for _, x := range list {
		v := c.zeros()
		for k, i := range c.terms[0] {
			if i != nil {
				v[k].SetMantExp(v[k].SetInt(i), -int(c.unit))
			}
		}
		c.terms = c.terms[1:]
		b := c.calc.Input(x.Max, x.Sum)
		out = append(out, c.checked("input "+x.Name, c.spoilt(v, v, b.Err, b)))
	}
	return out, nil
}

func (c *inClear) add(a, b number) (number, error)                   { panic("not used") }
func (c *inClear) sub(a, b number) (number, error)                   { panic("not used") }
func (c *inClear) fromConst(_ []mhe.Const, a number) (number, error) { panic("not used") }

func (c *inClear) product(pairs [][2]number) (number, error) {
	true, off := c.zeros(), c.zeros()
	var bounds [][2]mhe.Bound
	for _, p := range pairs {
		x, y := p[0].(clearNumber), p[1].(clearNumber)
		c.multiply(true, x.true, y.true)
		c.multiply(off, x.off, y.off)
		bounds = append(bounds, [2]mhe.Bound{x.bound, y.bound})
	}
	return c.spoilt(true, off, c.calc.Product().Err, c.calc.Product(bounds...)), nil
}

// multiply adds x y modulo X^n + 1.
func (c *inClear) multiply(sum, x, y []*big.Float) {
	p := wide(0)
	for i := range x {
		for j := range y {
			if p.Mul(x[i], y[j]); i+j < c.n {
				sum[i+j].Add(sum[i+j], p)
			} else {
				sum[i+j-c.n].Sub(sum[i+j-c.n], p)
			}
		}
	}
}

func (c *inClear) argue(a number, b mhe.Bound) (number, error) {
	x := a.(clearNumber)
	x.bound = b
	return c.checked("argued", x), nil
}

func (c *inClear) refresh(parts []part) (out [][]number, _ error) {
	for _, p := range parts {
		x := p.of.(clearNumber)
		var list []number
		for _, o := range p.outputs {
			true, off, times := c.zeros(), c.zeros(), math.Ldexp(float64(o.Times), -timesBits)
			for _, copy := range o.Copies {
				true[copy.To] = wide(0).Mul(x.true[copy.From], wide(times))
				off[copy.To] = wide(0).Mul(x.off[copy.From], wide(times))
			}
			b, err := c.calc.Output(x.bound, o)
			if err != nil {
				return nil, err
			}
			list = append(list, c.checked("output", c.spoilt(true, off, c.calc.Refresh(mhe.Bound{}, 1, times).Err, b)))
		}
		out = append(out, list)
		if p.keep != nil {
			c.checked("kept", x)
			e, _ := wide(0).Sub(x.off[0], x.true[0]).Float64()
			c.worst = max(c.worst, math.Abs(e)/x.bound.Err)
			c.last = append(c.last, wide(0).SetMantExp(x.true[0], -p.keep.scale))
		}
	}
	return out, nil
}

// checked wants what the bound says.
func (c *inClear) checked(what string, x clearNumber) clearNumber {
	c.t.Helper()
	most, sum, err := 0.0, 0.0, 0.0
	for k := range x.true {
		v, _ := x.true[k].Float64()
		e, _ := wide(0).Sub(x.off[k], x.true[k]).Float64()
		most, sum, err = max(most, math.Abs(v)), sum+math.Abs(v), max(err, math.Abs(e))
	}
	const little = 1 + 1e-9
	if most > x.bound.Max*little || sum > x.bound.Sum*little || err > x.bound.Err*little || x.bound.Max > 1<<mhe.LogLargest {
		c.t.Errorf("%s: %g, together %g, error %g; the bound says %+v", what, most, sum, err, x.bound)
	}
	return x
}

// What circuits of products argue of their numbers is so, and their errors stay within what is registered.
func TestBoundsOfProductsHold(t *testing.T) {
	p, r := mhe.InsecureTest(6), rand.New(rand.NewPCG(7, 8))
	worst := 0.0
	for _, cells := range []int{32, 80} {
		for _, make := range []func(int) stat.Products{rankOfTwo, rankOfThree, areaTied} {
			for _, kind := range []string{"spread", "tied", "ends"} {
				x := make(cells)
				members := 3
				made, err := newProducts(p, members, x)
				if err != nil {
					t.Fatal(err)
				}
				given := draw(r, x, members, 256, kind)
				total := given.terms(8)
				for _, h := range total[1:] {
					for v := range h.Products.Histograms {
						for i, n := range h.Products.Histograms[v] {
							total[0].Products.Histograms[v][i] += n
						}
					}
				}
				list, err := made.inputs(total[0])
				if err != nil {
					t.Fatal(err)
				}
				c := &inClear{t: t, n: p.Degree(), calc: mhe.NewCalculus(p, members), unit: uint(p.Fixed(1).BitLen() - 1)}
				for _, plain := range list {
					c.terms = append(c.terms, plain.At)
				}
				e := &evaluator{backend: c}
				if in := e.inputs(list); e.err == nil {
					made.run(e, in)
				}
				if e.err != nil {
					t.Fatal(e.err)
				}
				want, factors := given.want(x)
				for i, got := range c.last {
					off, _ := got.SetMantExp(got, 8*factors[i]).Sub(got, new(big.Float).SetInt(want[i])).Float64()
					if math.Abs(off) > 1e-6 {
						t.Errorf("%s, sum %d: off by %g in the clear", kind, i, off)
					}
				}
				worst = max(worst, c.worst)
			}
		}
	}
	t.Logf("largest error, of its bound: %.2f", worst)
	if worst < 0.05 {
		t.Errorf("errors reach %.3f of their bound: either too generous, or nothing was spoilt", worst)
	}
}
