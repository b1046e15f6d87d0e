package mhe

import (
	"fmt"
	"math"
)

// Bound says what is known, without looking, of n encrypted numbers. Every
// Ciphertext carries one; a plan computes the same ones beforehand, with a
// Calculus and no keys. All are worst cases: nothing averages out.
type Bound struct {
	Max float64 // largest absolute value of a coefficient
	Sum float64 // largest sum of absolute values of all coefficients
	Err float64 // largest difference between a coefficient and what it should be
}

// Coarse rounds a bound up to 20 bits. Members compare their bounds bit by bit, and
// processors differ in the last one: some multiply and add in one operation. What is within 2^-30 of such a
// number, as most that are not computed are, stays there.
func (b Bound) Coarse() Bound { return Bound{coarse(b.Max), coarse(b.Sum), coarse(b.Err)} }

func coarse(x float64) float64 {
	m, e := math.Frexp(x)
	m = math.Ldexp(m, 20)
	if near := math.Round(m); math.Abs(m-near) < 0x1p-10 {
		m = near
	} else {
		m = math.Ceil(m)
	}
	return math.Ldexp(m, e-20)
}

// Calculus propagates bounds for one set of parameters and number of members N.
//
// Symbols: n degree, S scale, B = 6 sigma + 1 the largest error of one draw. The
// sum of N keys has coefficients up to N, and norm sum |s| at most n N.
type Calculus struct {
	p Params
	n float64 // members
}

// NewCalculus returns the calculus of p for so many members.
func NewCalculus(p Params, members int) Calculus { return Calculus{p, float64(members)} }

func (s *Session) calculus() Calculus { return NewCalculus(s.params, s.n) }

// norm bounds the sum of absolute values of all coefficients of the sum of the keys, but
// with probability 2^-100: n N if need be, and by Hoeffding's inequality n E|s| + N sqrt(n ln(2^100) / 2),
// where E|s| is at most the root of N times the density.
func (c Calculus) norm() float64 {
	n := c.degree()
	return math.Min(n*c.n, n*math.Sqrt(c.n*c.p.lit.Density)+c.n*math.Sqrt(n*50*math.Ln2))
}

func (c Calculus) draw() float64   { return errorBound*c.p.lit.Sigma + 1 }
func (c Calculus) degree() float64 { return float64(c.p.Degree()) }

// unit is the value of one unit of the scale of inputs.
func (c Calculus) unit() float64 { return math.Ldexp(1, -c.p.lit.LogScale) }

// Input bounds a fresh encryption of values up to max in absolute value, sum in all:
// N errors, and N roundings of the inputs.
func (c Calculus) Input(max, sum float64) Bound {
	return Bound{Max: max, Sum: sum, Err: c.n * (c.draw() + 0.5) * c.unit()}
}

// Add bounds a + b and a - b.
func (c Calculus) Add(a, b Bound) Bound {
	return Bound{Max: a.Max + b.Max, Sum: a.Sum + b.Sum, Err: a.Err + b.Err}
}

// Product bounds the sum of the ring products of pairs, relinearised and rescaled.
//
//	(x + d)(y + e) - x y = x e + d y + d e,  |x e| <= Sum(x) Err(y)
func (c Calculus) Product(pairs ...[2]Bound) Bound {
	var out Bound
	for _, p := range pairs {
		x, y := p[0], p[1]
		out.Max += math.Min(x.Sum*y.Max, y.Sum*x.Max)
		out.Sum += x.Sum * y.Sum
		out.Err += x.Sum*y.Err + y.Sum*x.Err + c.degree()*x.Err*y.Err
	}
	out.Err += c.productNoise()
	return out
}

// productNoise is what relinearising and rescaling add: see multiplier.
//
// The relinearisation key's errors, with s, u of norm n N at most and e up to N B:
// s e0 + u e1 + s e1 + e2 + e3. The key is used with digits up to the product of their
// primes, and divided by P; to that comes the rounding before it, half a unit times s^2, of norm (n N)^2 at
// most: both where the tensor has been divided by one prime. The rounding that ends it is half a unit
// in c0 and, times s, in c1. How c1 is rounded depends on the encryptions, and they on s: nothing
// averages out but the size of s itself.
func (c Calculus) productNoise() float64 {
	n, lit := c.degree(), c.p.lit
	key := 3*n*c.n*c.n*c.draw() + 2*c.n*c.draw()
	relin := 0.0
	for w := range c.p.digits() {
		digit := 1.0
		for _, q := range lit.Q[w*digitPrimes : (w+1)*digitPrimes] {
			digit *= float64(q)
		}
		relin += n * digit * key
	}
	for _, q := range lit.P {
		relin /= float64(q)
	}
	relin += 0.5 * n * c.n * n * c.n
	tensor := math.Exp2(float64(2 * lit.LogScale)) // S^2
	last := float64(lit.Q[c.p.top()])
	return 1.01 * (relin + 0.5*(1+c.norm())*float64(lit.Q[c.p.top()-1])) * last / tensor
}

// Refresh bounds one output of a refresh of b: copies coefficients, each times
// so much. The errors of the decryption shares, the roundings of the maps, and the errors of the new encryption.
func (c Calculus) Refresh(b Bound, copies int, times float64) Bound {
	max := b.Max * times
	return Bound{
		Max: max, Sum: float64(copies) * max,
		Err: times*(b.Err+c.Read()) + (c.n*c.draw()+0.5*(c.n+1))*c.unit(),
	}.Coarse()
}

// Argue returns c with what a circuit's own analysis says of it, where the calculus is
// too coarse. Bounds are part of what members vow: who argues otherwise is noticed.
func (s *Session) Argue(c *Ciphertext, b Bound) (*Ciphertext, error) {
	if err := s.ours(c); err != nil {
		return nil, err
	}
	if !(b.Max >= 0) || !(b.Sum >= 0) || !(b.Err >= 0) || math.IsInf(b.Max+b.Sum+b.Err, 0) {
		return nil, fmt.Errorf("mhe: argue: bounds %g, %g and %g", b.Max, b.Sum, b.Err)
	}
	out := *c
	out.bound = b
	return &out, nil
}

// Output bounds output o of a refresh of b, as a session's refresh does.
func (c Calculus) Output(b Bound, o Output) (Bound, error) {
	out := c.Refresh(b, len(o.Copies), factorOf(o.Times))
	if o.Argued != nil {
		out = *o.Argued
	}
	if !(out.Max <= 1<<LogLargest) || !(out.Err >= 0) {
		return out, fmt.Errorf("mhe: refresh: values of up to %g, want at most 2^%d", out.Max, LogLargest)
	}
	return out, nil
}

// factorOf is what Output.Times means.
func factorOf(times uint64) float64 {
	if times == 0 {
		return 1
	}
	return math.Ldexp(float64(times), -timesUnit)
}

// FromConst bounds consts - b, as a session's FromConst does.
func (c Calculus) FromConst(consts []Const, b Bound) Bound {
	var k Bound
	for _, x := range consts {
		v := math.Abs(c.p.Float(x.X))
		k.Max, k.Sum = math.Max(k.Max, v), k.Sum+v
	}
	return c.Add(k, b)
}

// Draws bounds what a fresh encryption's error leaves on a coefficient of its ring product with
// a polynomial of Euclid's length so much, but with probability 2^-100 in a session.
//
// Errors are drawn after the polynomial's numbers are fixed, which other draws and other
// members' numbers decide, so the product's coefficient is a sum of independent errors with fixed weights. A
// discrete Gaussian around 0 is subgaussian with its own sigma, cut off or not, and so the sum of
// N of them, weighted, is with sigma sqrt(N) length: beyond tail times that with probability 2 exp(-tail^2 / 2),
// 2^-126, and a session has less than 2^25 coefficients. Where a polynomial goes back
// to the same error, as a solution does to the inverse's, it does so by less than 2^-40, which tail has room for.
func (c Calculus) Draws(length float64) float64 {
	const tail = 13.3
	return tail * c.p.lit.Sigma * math.Sqrt(c.n) * length * c.unit()
}

// Rounded is what a refresh's N + 1 roundings add to a coefficient that it copies.
func (c Calculus) Rounded() float64 { return 0.5 * (c.n + 1) * c.unit() }

// Read is the error that N decryption shares add to a retained value. The scale after a product is
// that of inputs within 1 percent.
func (c Calculus) Read() float64 { return 1.01 * c.n * c.draw() * c.unit() }
