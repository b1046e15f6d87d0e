package mhe

import (
	"math/big"
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"
)

// relinKey is the relinearisation key: for each digit w of the gadget
//
//	b_w + a_w s = P g_w s^2 + error
//
// modulo the key ring: Q without its last prime, times P. g_w is 1 modulo the primes of its
// digit and 0 modulo the others. Rows as in a share, NTT domain, Montgomery form.
type relinKey struct{ b, a []share }

// digitPrimes is how many primes of Q a digit has: as many as P.
const digitPrimes = 2

// digits of the gadget.
func (p Params) digits() int { return p.top() / digitPrimes }

// keyShape is the shape of so many polynomials of the key ring for each digit.
func (p Params) keyShape(parts int) shape { return shape{{parts * p.digits(), p.top() - 1, true}} }

// multiplier makes products. Of a tensor (t0, t1, t2) modulo Q, encrypted under
// (1, s, s^2), with d the last prime and D the product of the last two,
//
//	c   = round(t2 / d), in digits: c = sum_w c_w g_w modulo Q/d, 0 <= c_w < the digit's primes
//	g   = sum_w c_w (b_w, a_w), which encrypts P c s^2 under (1, s)
//	out = round((P (t0, t1) + d g) / (P D))
//
// The usual way relinearises first, modulo Q P, and divides by P, by d and by the prime
// before it, one after the other. Dividing t2 by d first adds an error of |s^2|/2 and
// makes the key's error d times as large, at a scale where both are far below the
// rounding that ends the product; what it saves is a prime of Q in the key, so that P
// has room for two and the gadget half the digits.
type multiplier struct {
	p       Params
	keys    []int // indices of the key ring's primes
	cLast   combination
	c       []combination   // a row of c, from that of t2 and the last
	carry   []combination   // by digit: of its value x0 + q x1, x1 from both residues
	spread  [][]combination // by digit and prime of the key ring: the value modulo it; nil for the digit's own
	divided []int           // indices of the primes of P D
	rests   []combination   // what is divided modulo each of them
	mixed   []combination   // its remainder's digits in mixed radix, from those before and its residue
	minus   []combination   // half less the remainder, over P D, by row of the result
	out     []combination   // from t, g and that

	t    [3]share // of the tensor, over 2^64
	g    [2]share
	rest share
}

// combination is a linear combination of rows modulo a prime, sum_j by_j x_j / 2^64 + plus / 2^64.
type combination struct {
	prime modulus
	by    []uint64
	plus  uint64
}

// of writes the combination of one to four rows to out, which may be one of them.
// Residues are below 2^60, one may be any word: the sum is below 2^126.
func (c combination) of(out []uint64, rows ...[]uint64) {
	m, plus, n := c.prime, c.plus, len(out)
	switch len(rows) {
	case 1:
		w, x := c.by[0], rows[0][:n]
		for k := range out {
			hi, lo := mulAdd(0, plus, x[k], w)
			out[k] = m.montgomery(hi, lo)
		}
	case 2:
		w0, w1, x, y := c.by[0], c.by[1], rows[0][:n], rows[1][:n]
		for k := range out {
			hi, lo := mulAdd(0, plus, x[k], w0)
			hi, lo = mulAdd(hi, lo, y[k], w1)
			out[k] = m.montgomery(hi, lo)
		}
	case 3:
		w0, w1, w2, x, y, z := c.by[0], c.by[1], c.by[2], rows[0][:n], rows[1][:n], rows[2][:n]
		for k := range out {
			hi, lo := mulAdd(0, plus, x[k], w0)
			hi, lo = mulAdd(hi, lo, y[k], w1)
			hi, lo = mulAdd(hi, lo, z[k], w2)
			out[k] = m.montgomery(hi, lo)
		}
	default:
		w0, w1, w2, w3, x, y, z, u := c.by[0], c.by[1], c.by[2], c.by[3], rows[0][:n], rows[1][:n], rows[2][:n], rows[3][:n]
		for k := range out {
			hi, lo := mulAdd(0, plus, x[k], w0)
			hi, lo = mulAdd(hi, lo, y[k], w1)
			hi, lo = mulAdd(hi, lo, z[k], w2)
			hi, lo = mulAdd(hi, lo, u[k], w3)
			out[k] = m.montgomery(hi, lo)
		}
	}
}

// mulAdd returns 2^64 hi + lo + x y.
func mulAdd(hi, lo, x, y uint64) (uint64, uint64) {
	h, l := bits.Mul64(x, y)
	lo, c := bits.Add64(lo, l, 0)
	hi, _ = bits.Add64(hi, h, c)
	return hi, lo
}

func newMultiplier(p Params) *multiplier {
	q, top := p.lit.Q, p.top()
	m := &multiplier{p: p, keys: p.primes(shape{{1, top - 1, true}})}
	big1 := func(x uint64) *big.Int { return new(big.Int).SetUint64(x) }
	// mod is x 2^(64 r) / y modulo prime i.
	mod := func(i int, x *big.Int, r uint, y *big.Int) uint64 {
		prime := big1(p.prime(i))
		z := new(big.Int).Lsh(x, 64*r)
		return z.Mod(z.Mul(z, new(big.Int).ModInverse(y, prime)), prime).Uint64()
	}
	neg := func(x *big.Int) *big.Int { return new(big.Int).Neg(x) }
	comb := func(i int, plus uint64, by ...uint64) combination {
		return combination{newModulus(p.subring(i)), by, plus}
	}
	half := func(x *big.Int) *big.Int { return new(big.Int).Rsh(x, 1) }

	// The tensor's rows hold t / 2^64.
	d := big1(q[top])
	m.cLast = comb(top, mod(top, half(d), 1, one), mod(top, one, 2, one))
	for i := range top {
		m.c = append(m.c, comb(i, mod(i, half(d), 1, d), mod(i, one, 2, d), mod(i, neg(one), 1, d)))
	}
	for w := range p.digits() {
		low, high := w*digitPrimes, w*digitPrimes+1
		m.carry = append(m.carry, comb(high, 0, mod(high, neg(one), 1, big1(q[low])), mod(high, one, 1, big1(q[low]))))
		row := make([]combination, len(m.keys))
		for k, i := range m.keys {
			if i != low && i != high {
				row[k] = comb(i, 0, mod(i, one, 1, one), mod(i, big1(q[low]), 1, one))
			}
		}
		m.spread = append(m.spread, row)
	}
	// What is divided is v = P t + d g, and by what: P D.
	bigP := product(p.lit.P)
	pd := product(append([]uint64{q[top-1], q[top]}, p.lit.P...))
	m.divided = []int{top - 1, top}
	m.rests = []combination{
		comb(top-1, 0, mod(top-1, bigP, 2, one), mod(top-1, d, 1, one)),
		comb(top, 0, mod(top, bigP, 2, one)),
	}
	for i := range p.lit.P {
		m.divided = append(m.divided, len(q)+i)
		m.rests = append(m.rests, comb(len(q)+i, 0, mod(len(q)+i, d, 1, one)))
	}
	before := []*big.Int{one} // products of the primes before
	for _, i := range m.divided {
		before = append(before, new(big.Int).Mul(before[len(before)-1], big1(p.prime(i))))
	}
	for j, i := range m.divided {
		c := comb(i, 0)
		for l := range j {
			c.by = append(c.by, mod(i, neg(before[l]), 1, before[j]))
		}
		c.by, c.plus = append(c.by, mod(i, one, 1, before[j])), mod(i, half(pd), 1, before[j])
		m.mixed = append(m.mixed, c)
	}
	for i := range p.low() + 1 {
		c := comb(i, mod(i, half(pd), 1, pd))
		for j := range m.divided {
			c.by = append(c.by, mod(i, neg(before[j]), 1, pd))
		}
		m.minus = append(m.minus, c)
		m.out = append(m.out, comb(i, 0, mod(i, bigP, 2, pd), mod(i, d, 1, pd), mod(i, one, 1, one)))
	}
	return m
}

// multiply returns the product of pairs.
func (m *multiplier) multiply(pairs [][2]*Ciphertext, key *relinKey) (c0, c1 ring.Poly) {
	if m.rest == nil { // scratch space is made for the first product
		for k := range m.t {
			m.t[k] = m.p.alloc(shape{{1, m.p.top(), false}})
		}
		for k := range m.g {
			m.g[k] = m.p.alloc(shape{{1, m.p.top() - 1, true}})
		}
		m.rest = m.p.alloc(shape{{max(2*m.p.digits(), len(m.divided)+1), 0, false}})
	}
	for i := range m.t[0] {
		m.tensor(i, pairs)
	}
	m.relinearise(key)
	return m.divide(0), m.divide(1)
}

// tensor makes the rows of prime i, over 2^64.
func (m *multiplier) tensor(i int, pairs [][2]*Ciphertext) {
	var terms [3][][2][]uint64
	for _, p := range pairs {
		x0, x1, y0, y1 := p[0].c0.Coeffs[i], p[0].c1.Coeffs[i], p[1].c0.Coeffs[i], p[1].c1.Coeffs[i]
		terms[0] = append(terms[0], [2][]uint64{x0, y0})
		terms[1] = append(terms[1], [2][]uint64{x0, y1}, [2][]uint64{x1, y0})
		terms[2] = append(terms[2], [2][]uint64{x1, y1})
	}
	for k, t := range m.t {
		newModulus(m.p.subring(i)).products(t[i], terms[k])
	}
}

// products writes the sum of products of rows, over 2^64, to out. Of every pair the first has any
// words and the second residues below 2^60: three products, and what there is, are below 2^126.
func (m modulus) products(out []uint64, pairs [][2][]uint64) {
	n, keep := len(out), uint64(0) // of what there is: nothing yet
	row := func(j, k int) []uint64 { return pairs[j][k][:n] }
	for ; len(pairs) > 0; keep = ^uint64(0) {
		switch len(pairs) {
		case 1:
			x, a := row(0, 0), row(0, 1)
			for k, v := range out {
				hi, lo := mulAdd(v&keep, 0, x[k], a[k])
				out[k] = m.montgomery(hi, lo)
			}
			return
		case 2:
			x, y, a, b := row(0, 0), row(1, 0), row(0, 1), row(1, 1)
			for k, v := range out {
				hi, lo := mulAdd(v&keep, 0, x[k], a[k])
				hi, lo = mulAdd(hi, lo, y[k], b[k])
				out[k] = m.montgomery(hi, lo)
			}
			return
		}
		x, y, z, a, b, c := row(0, 0), row(1, 0), row(2, 0), row(0, 1), row(1, 1), row(2, 1)
		for k, v := range out {
			hi, lo := mulAdd(v&keep, 0, x[k], a[k])
			hi, lo = mulAdd(hi, lo, y[k], b[k])
			hi, lo = mulAdd(hi, lo, z[k], c[k])
			out[k] = m.montgomery(hi, lo)
		}
		pairs = pairs[3:]
	}
}

// relinearise makes g of t2, which it overwrites.
func (m *multiplier) relinearise(key *relinKey) {
	c := m.t[2]
	for i, row := range c {
		m.p.transforms[i].intt(row)
	}
	last := c[len(m.c)]
	m.cLast.of(last, last)
	for i := range m.c {
		m.c[i].of(c[i], c[i], last)
	}
	// Of the digit x0 + q x1, x0 stays in its row. x1 has rows of its own.
	high := m.rest[:m.p.digits()]
	for w, carry := range m.carry {
		carry.of(high[w], c[w*digitPrimes], c[w*digitPrimes+1])
	}
	digits := m.rest[m.p.digits():]
	for r, prime := range m.keys {
		for w := range m.carry {
			x := digits[w]
			if prime == w*digitPrimes || prime == w*digitPrimes+1 {
				copy(x, c[prime])
			} else {
				m.spread[w][r].of(x, c[w*digitPrimes], high[w])
			}
			m.p.transforms[prime].lazy(x, len(x)) // sums of its products are reduced
		}
		var b, a [][2][]uint64
		for w := range m.carry {
			b, a = append(b, [2][]uint64{digits[w], key.b[w][r]}), append(a, [2][]uint64{digits[w], key.a[w][r]})
		}
		q := newModulus(m.p.subring(prime))
		q.products(m.g[0][r], b)
		q.products(m.g[1][r], a)
	}
}

// divide rescales part k of the product.
func (m *multiplier) divide(k int) ring.Poly {
	t, g, low := m.t[k], m.g[k], m.p.low()
	rows := [][][]uint64{{t[low+1], g[low+1]}, {t[low+2]}, {g[low+2]}, {g[low+3]}}
	for j, r := range rows {
		v := m.rest[j]
		m.rests[j].of(v, r...)
		m.p.transforms[m.divided[j]].intt(v)
		m.mixed[j].of(v, append(append([][]uint64{}, m.rest[:j]...), v)...)
	}
	x, out := m.rest[len(rows)], m.p.rlwe.RingQ().AtLevel(low).NewPoly()
	for i, o := range out.Coeffs {
		m.minus[i].of(x, m.rest[:len(rows)]...)
		m.p.transforms[i].lazy(x, len(x)) // so is this sum
		m.out[i].of(o, t[i], g[i], x)
	}
	return out
}
