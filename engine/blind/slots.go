package blind

import (
	"math"
	"math/big"
	"math/bits"
)

// The ring of degree n multiplies polynomials modulo X^n + 1, and so multiplies
// their values at the n roots of X^n + 1, place by place. A polynomial with
// a[n-k] = -a[k] is real at all of them, and equal at a root and its conjugate: m = n/2 real slots.
//
//	a[k] = 1/m sum over j of v[j] cos(pi k (2j+1) / n),  k = 0 .. m-1
//
// has the values v; a[0] is their mean. A hospital transforms its own vector,
// in the clear, before it is encrypted: the transform is linear, and what is added, multiplied and
// copied afterwards are coefficients, as everywhere.
//
// Numbers are integers of 128 bits in units of 2^-125, so that every processor
// makes the same ones. Each stage of the transform halves, and its rounding is at most a unit: see TestTheTransformIsExact.

// fraction is a number between -4 and 4 in units of 2^-fractionBits, two's complement.
type fraction struct {
	hi int64
	lo uint64
}

const fractionBits = 125

func (a fraction) add(b fraction) fraction {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(uint64(a.hi), uint64(b.hi), carry)
	return fraction{int64(hi), lo}
}

func (a fraction) sub(b fraction) fraction {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(uint64(a.hi), uint64(b.hi), borrow)
	return fraction{int64(hi), lo}
}

func (a fraction) neg() fraction { return fraction{}.sub(a) }

func (a fraction) half() fraction {
	return fraction{a.hi >> 1, a.lo>>1 | uint64(a.hi)<<63}
}

func (a fraction) abs() (fraction, bool) {
	if a.hi < 0 {
		return a.neg(), true
	}
	return a, false
}

// mul is the product, to the nearest unit.
func (a fraction) mul(b fraction) fraction {
	a, minus := a.abs()
	b, other := b.abs()
	h1, _ := bits.Mul64(a.lo, b.lo)
	h2, l2 := bits.Mul64(a.lo, uint64(b.hi))
	h3, l3 := bits.Mul64(uint64(a.hi), b.lo)
	h4, l4 := bits.Mul64(uint64(a.hi), uint64(b.hi))
	// words 1, 2 and 3 of the product; word 0 is below the rounding
	w1, c1 := bits.Add64(h1, l2, 0)
	w2, c2 := bits.Add64(h2, h3, c1)
	w3 := h4 + c2
	w1, c1 = bits.Add64(w1, l3, 0)
	w2, c2 = bits.Add64(w2, l4, c1)
	w3 += c2
	w1, c1 = bits.Add64(w1, 1<<(fractionBits-1-64), 0)
	w2, c2 = bits.Add64(w2, 0, c1)
	w3 += c2
	const up = 128 - fractionBits
	out := fraction{int64(w3<<up | w2>>(64-up)), w2<<up | w1>>(64-up)}
	if minus != other {
		return out.neg()
	}
	return out
}

// fractionOf is x, of absolute value at most 2, to the unit below.
func fractionOf(x float64) fraction {
	mantissa, exp := math.Frexp(math.Abs(x))
	m := uint64(mantissa * (1 << 53))
	out := fraction{}
	switch shift := exp - 53 + fractionBits; {
	case shift >= 64:
		out.hi = int64(m << (shift - 64))
	case shift >= 0:
		out = fraction{int64(m >> (64 - shift)), m << shift}
	case shift > -64:
		out.lo = m >> -shift
	}
	if x < 0 {
		return out.neg()
	}
	return out
}

// integer is a times 2^(log-fractionBits), to the nearest whole number.
func (a fraction) integer(log int) *big.Int {
	a, minus := a.abs()
	x := new(big.Int).SetUint64(uint64(a.hi))
	x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(a.lo))
	if down := fractionBits - log; down > 0 {
		x.Add(x, new(big.Int).Lsh(big.NewInt(1), uint(down-1))).Rsh(x, uint(down))
	} else {
		x.Lsh(x, uint(-down))
	}
	if minus {
		x.Neg(x)
	}
	return x
}

// point is a complex number.
type point struct{ re, im fraction }

func (a point) times(b point) point {
	return point{a.re.mul(b.re).sub(a.im.mul(b.im)), a.re.mul(b.im).add(a.im.mul(b.re))}
}

// slots transforms vectors of m values.
type slots struct {
	m     int
	turns []point // exp(-pi i k / 2m), k = 0 .. 2m-1
}

// newSlots makes the table of roots for m, a power of two. Angles are halved from a
// right angle down, and put together from their bits, with 200 bits.
func newSlots(m int) *slots {
	const prec = 200
	type wide struct{ re, im *big.Float }
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }
	product := func(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(prec).Mul(x, y) }
	turns := make([]wide, 2*m)
	turns[0] = wide{number(1), number(0)}
	turns[m] = wide{number(0), number(1)}
	for k := m; k > 1; k /= 2 {
		// cos(x/2) = sqrt((1 + cos x)/2), sin(x/2) = sin x / (2 cos(x/2))
		c := new(big.Float).SetPrec(prec).Add(number(1), turns[k].re)
		c.Sqrt(product(c, number(0.5)))
		s := new(big.Float).SetPrec(prec).Quo(product(turns[k].im, number(0.5)), c)
		turns[k/2] = wide{c, s}
	}
	s := &slots{m: m, turns: make([]point, 2*m)}
	narrow := func(x *big.Float) fraction {
		i, _ := new(big.Float).SetMantExp(x, fractionBits).Int(nil)
		minus := i.Sign() < 0
		i.Abs(i)
		low := new(big.Int).And(i, new(big.Int).SetUint64(1<<64-1))
		f := fraction{i.Rsh(i, 64).Int64(), low.Uint64()}
		if minus {
			return f.neg()
		}
		return f
	}
	for k := range turns {
		if turns[k].re == nil {
			low := k & -k
			a, b := turns[low], turns[k-low]
			re, im := product(a.re, b.re), product(a.re, b.im)
			turns[k] = wide{re.Sub(re, product(a.im, b.im)), im.Add(im, product(a.im, b.re))}
		}
		s.turns[k] = point{narrow(turns[k].re), narrow(turns[k].im).neg()}
	}
	return s
}

// coefficients returns a[0] to a[n-1] for values between -1 and 1, in n = 2m places.
// (J. Makhoul, A fast cosine transform in one and two dimensions, IEEE
// Transactions on Acoustics, Speech, and Signal Processing 28 (1980) 27-34: even values forward, odd ones backward, one
// complex transform of m points, and a quarter of a turn per point.)
func (s *slots) coefficients(values []float64) []fraction {
	y := make([]point, s.m)
	width := bits.Len(uint(s.m)) - 1
	put := func(j int, x float64) { y[bits.Reverse64(uint64(j))>>(64-width)].re = fractionOf(x) }
	for j := range s.m / 2 {
		put(j, values[2*j])
		put(s.m-1-j, values[2*j+1])
	}
	for size := 2; size <= s.m; size *= 2 {
		step := 4 * s.m / size
		for from := 0; from < s.m; from += size {
			for j := range size / 2 {
				u, t := &y[from+j], &y[from+j+size/2]
				v := t.times(s.turns[j*step])
				*u, *t = point{u.re.add(v.re).half(), u.im.add(v.im).half()}, point{u.re.sub(v.re).half(), u.im.sub(v.im).half()}
			}
		}
	}
	a := make([]fraction, 2*s.m)
	for k := range s.m {
		a[k] = y[k].times(s.turns[k]).re
		if k > 0 {
			a[2*s.m-k] = a[k].neg()
		}
	}
	return a
}
