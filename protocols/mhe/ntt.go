package mhe

import (
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"
)

// transform is the negacyclic number-theoretic transform modulo one prime, the same
// as the library's and in its order, two layers of butterflies at a time. Products with
// roots are Shoup's (Harvey, "Faster arithmetic for number-theoretic transforms", J. Symb. Comp. 60,
// 2014): any word times a root is below 2q. Sums are not reduced until they might pass 2^64.
type transform struct {
	modulus
	forward, back  []root
	last           root // 1/n
	ahead, inverse int  // layers without a reduction
}

// ntt and intt transform a polynomial, each row modulo its prime of Q.
func (p Params) ntt(x ring.Poly) {
	for i, row := range x.Coeffs {
		p.transforms[i].ntt(row)
	}
}

func (p Params) intt(x ring.Poly) {
	for i, row := range x.Coeffs {
		p.transforms[i].intt(row)
	}
}

// root is a number w and floor(2^64 w / q).
type root struct{ w, shoup uint64 }

func newTransform(s *ring.SubRing) *transform {
	t := &transform{modulus: newModulus(s)}
	one := func(mont uint64) root {
		w := ring.IMForm(mont, s.Modulus, s.MRedConstant)
		quo, _ := bits.Div64(w, 0, s.Modulus)
		return root{w, quo}
	}
	for k := range s.N {
		t.forward, t.back = append(t.forward, one(s.RootsForward[k])), append(t.back, one(s.RootsBackward[k]))
	}
	t.last = one(s.NInv)
	// Forward, values grow from 2q by 2q a layer, and leave 2q for what is added; backward they double.
	t.ahead = int(^uint64(0)/s.Modulus/2 - 2)
	t.inverse = 64 - bits.Len64(s.Modulus)
	return t
}

// times is x w modulo q, below 2q.
func (r root) times(x, q uint64) uint64 {
	h, _ := bits.Mul64(x, r.shoup)
	return x*r.w - h*q
}

// below brings all words below q.
func (t *transform) below(x []uint64) {
	m := t.modulus
	for k, v := range x {
		x[k] = m.reduce(v)
	}
}

// ntt transforms coefficients below 2q to values below q.
func (t *transform) ntt(x []uint64) {
	t.lazy(x, len(x))
	t.below(x)
}

// lazy is ntt with values that are not reduced, but 2q below 2^64. From coefficient end on all are 0: a layer whose blocks have an upper half of
// zeros copies the lower half to it; the first such layers make as many copies of the first coefficients.
func (t *transform) lazy(x []uint64, end int) {
	n, m, grown := len(x), 1, 0
	if bits.Len(uint(n))%2 == 0 { // an odd number of layers
		if end > n/2 {
			t.single(x)
			grown = 1
		}
		m = 2
	}
	for m < n && end <= n/(4*m) {
		m *= 4
	}
	if grown == 0 { // all of them were such layers
		for size := n / m; size < n; size *= 2 {
			copy(x[size:], x[:size])
		}
	}
	for ; m < n; m *= 4 {
		if grown+2 > t.ahead {
			t.below(x)
			grown = 0
		}
		grown += 2
		switch {
		case n == 16*m && grown+2 <= t.ahead:
			t.lastFour(x)
			return
		case n == 4*m:
			t.lastTwo(x)
		default:
			t.two(x, m)
		}
	}
}

// lessProduct takes x, 2q below 2^64 at most, to x - a b / 2^64 in [0, q).
func (m modulus) lessProduct(x, a, b []uint64) {
	a, b = a[:len(x)], b[:len(x)]
	for k, v := range x {
		hi, lo := bits.Mul64(a[k], b[k])
		h, _ := bits.Mul64(lo*m.inverse, m.q)
		x[k] = m.reduce(v + m.q - hi + h)
	}
}

// addLazy adds x, 2q below 2^64 at most, to y below q.
func (m modulus) addLazy(x, y []uint64) {
	x = x[:len(y)]
	for k, v := range y {
		y[k] = m.reduce(x[k] + v)
	}
}

// single is the first layer alone.
func (t *transform) single(x []uint64) {
	q, w := t.q, t.forward[1]
	a := x[:len(x)/2]
	b := x[len(a):][:len(a)]
	for j := range a {
		u, v := a[j], w.times(b[j], q)
		a[j], b[j] = u+v, u-v+2*q
	}
}

// two layers, of m and 2m blocks.
func (t *transform) two(x []uint64, m int) {
	q, size := t.q, len(x)/(4*m)
	for i := range m {
		w1, w2, w3 := t.forward[m+i], t.forward[2*m+2*i], t.forward[2*m+2*i+1]
		a := x[4*i*size:][:size]
		b := x[(4*i+1)*size:][:size]
		c := x[(4*i+2)*size:][:size]
		d := x[(4*i+3)*size:][:size]
		for j := range a {
			e, f := a[j], b[j]
			g, h := w1.times(c[j], q), w1.times(d[j], q)
			e, g = e+g, e-g+2*q
			f, h = f+h, f-h+2*q
			f, h = w2.times(f, q), w3.times(h, q)
			a[j], b[j], c[j], d[j] = e+f, e-f+2*q, g+h, g-h+2*q
		}
	}
}

// lastFour layers: blocks of sixteen coefficients.
func (t *transform) lastFour(x []uint64) {
	q, m := t.q, len(x)/16
	for i := range m {
		v, w1, w2, w3 := (*[16]uint64)(x[16*i:]), t.forward[m+i], t.forward[2*m+2*i], t.forward[2*m+2*i+1]
		for j := range 4 {
			g, h := w1.times(v[8+j], q), w1.times(v[12+j], q)
			e, f := v[j], v[4+j]
			f, h = w2.times(f+h, q), w3.times(f-h+2*q, q)
			e, g = e+g, e-g+2*q
			v[j], v[4+j], v[8+j], v[12+j] = e+f, e-f+2*q, g+h, g-h+2*q
		}
		w, pairs := (*[4]root)(t.forward[4*(m+i):]), (*[8]root)(t.forward[8*(m+i):])
		for j := range 4 {
			g, h := w[j].times(v[4*j+2], q), w[j].times(v[4*j+3], q)
			e, f := v[4*j], v[4*j+1]
			f, h = pairs[2*j].times(f+h, q), pairs[2*j+1].times(f-h+2*q, q)
			e, g = e+g, e-g+2*q
			v[4*j], v[4*j+1], v[4*j+2], v[4*j+3] = e+f, e-f+2*q, g+h, g-h+2*q
		}
	}
}

// lastTwo layers: blocks of four coefficients.
func (t *transform) lastTwo(x []uint64) {
	q, m := t.q, len(x)/4
	one, pairs := t.forward[m:2*m], t.forward[2*m:4*m]
	for i, w1 := range one {
		x, p := x[4*i:][:4], pairs[2*i:][:2]
		e, f := x[0], x[1]
		g, h := w1.times(x[2], q), w1.times(x[3], q)
		e, g = e+g, e-g+2*q
		f, h = f+h, f-h+2*q
		f, h = p[0].times(f, q), p[1].times(h, q)
		x[0], x[1], x[2], x[3] = e+f, e-f+2*q, g+h, g-h+2*q
	}
}

// intt is its inverse, from values below q.
func (t *transform) intt(x []uint64) {
	n, grown := len(x), 0
	m := n / 4
	for ; m >= 1; m /= 4 {
		if grown+2 > t.inverse {
			t.below(x)
			grown = 0
		}
		if n == 4*m {
			t.firstTwo(x, t.q<<grown)
		} else {
			t.twoBack(x, m, t.q<<grown)
		}
		grown += 2
	}
	if bits.Len(uint(n))%2 == 0 {
		if grown+1 > t.inverse {
			t.below(x)
			grown = 0
		}
		t.singleBack(x, t.q<<grown)
	}
	q, w := t.q, t.last
	for k, v := range x {
		x[k] = ring.CRed(w.times(v, q), q)
	}
}

func (t *transform) singleBack(x []uint64, most uint64) {
	q, w := t.q, t.back[1]
	a := x[:len(x)/2]
	b := x[len(a):][:len(a)]
	for j := range a {
		u, v := a[j], b[j]
		a[j], b[j] = u+v, w.times(u-v+most, q)
	}
}

// twoBack is two layers of 2m and m blocks, of values up to most, a multiple of q.
func (t *transform) twoBack(x []uint64, m int, most uint64) {
	q, size := t.q, len(x)/(4*m)
	for i := range m {
		w1, w2, w3 := t.back[m+i], t.back[2*m+2*i], t.back[2*m+2*i+1]
		a := x[4*i*size:][:size]
		b := x[(4*i+1)*size:][:size]
		c := x[(4*i+2)*size:][:size]
		d := x[(4*i+3)*size:][:size]
		for j := range a {
			e, f, g, h := a[j], b[j], c[j], d[j]
			e, f = e+f, w2.times(e-f+most, q)
			g, h = g+h, w3.times(g-h+most, q)
			a[j], b[j], c[j], d[j] = e+g, f+h, w1.times(e-g+2*most, q), w1.times(f-h+2*most, q)
		}
	}
}

func (t *transform) firstTwo(x []uint64, most uint64) {
	q, m := t.q, len(x)/4
	one, pairs := t.back[m:2*m], t.back[2*m:4*m]
	for i, w1 := range one {
		x, p := x[4*i:][:4], pairs[2*i:][:2]
		e, f, g, h := x[0], x[1], x[2], x[3]
		e, f = e+f, p[0].times(e-f+most, q)
		g, h = g+h, p[1].times(g-h+most, q)
		x[0], x[1], x[2], x[3] = e+g, f+h, w1.times(e-g+2*most, q), w1.times(f-h+2*most, q)
	}
}
