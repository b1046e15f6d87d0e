package mhe

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"
)

// limbs is the length of every long integer here: 320 bits hold a masked value
// (256) times a refresh factor (2^24).
const limbs = 5

// wide is a signed integer in two's complement, low limb first. Masks are
// handled in wides and never in big.Int, whose time depends on the value.
type wide [limbs]uint64

// uniformMasks draws integers, uniform in [-2^(bits-1), 2^(bits-1)).
func uniformMasks(r io.Reader, out []wide, bits int) error {
	words := (bits + 63) / 64
	x, err := newUniformBytes(r, 8*words)
	if err != nil {
		return err
	}
	defer x.clear()
	for i := range out {
		w, b := &out[i], x.next()
		for k := range words {
			w[k] = binary.LittleEndian.Uint64(b[8*k:])
		}
		w.extend(bits)
	}
	return nil
}

// extend reads the lowest bits of w as a number in two's complement.
func (w *wide) extend(bits int) {
	top, rest := (bits-1)/64, uint((bits-1)%64+1)
	w[top] = uint64(int64(w[top]<<(64-rest)) >> (64 - rest))
	for k := top + 1; k < limbs; k++ {
		w[k] = w.signOf(top)
	}
}

func (w *wide) signOf(limb int) uint64 { return uint64(int64(w[limb]) >> 63) }

// sign is all ones for negative numbers, else 0.
func (w *wide) sign() uint64 { return w.signOf(limbs - 1) }

func (w wide) add(v wide) wide {
	var c uint64
	for k := range w {
		w[k], c = bits.Add64(w[k], v[k], c)
	}
	return w
}

// negate returns -w where flag is all ones, w where it is 0.
func (w wide) negate(flag uint64) wide {
	c := flag & 1
	for k := range w {
		w[k], c = bits.Add64(w[k]^flag, 0, c)
	}
	return w
}

func (w wide) less(v wide) bool { // signed
	var b uint64
	for k := range w {
		_, b = bits.Sub64(w[k], v[k], b)
	}
	ws, vs := w.sign(), v.sign()
	if ws != vs {
		return ws != 0
	}
	return b == 1
}

// big is for public values only.
func (w wide) big() *big.Int {
	abs := w.negate(w.sign())
	out := new(big.Int)
	for k := limbs - 1; k >= 0; k-- {
		out.Lsh(out, 64).Or(out, new(big.Int).SetUint64(abs[k]))
	}
	if w.sign() != 0 {
		out.Neg(out)
	}
	return out
}

// toWide reports whether x fits.
func toWide(x *big.Int) (w wide, ok bool) {
	if x.BitLen() >= 64*limbs {
		return w, false
	}
	var b [8 * limbs]byte
	x.FillBytes(b[:])
	for k := range w {
		for i := range 8 {
			w[k] |= uint64(b[len(b)-1-8*k-i]) << (8 * i)
		}
	}
	if x.Sign() < 0 {
		w = w.negate(^uint64(0))
	}
	return w, true
}

// factor is the rational number num / 2^shift by which a refresh multiplies.
type factor struct {
	num   [3]uint64
	shift uint
}

// newFactor takes a positive number of at most 2^24.
func newFactor(num *big.Int, shift uint) (factor, error) {
	f := factor{shift: shift}
	if num.Sign() <= 0 || num.BitLen() > 192 || shift >= 512 || num.BitLen() > int(shift)+LogLargest {
		return f, fmt.Errorf("mhe: refresh: a factor of %d bits over 2^%d, want a positive one of at most 2^%d", num.BitLen(), shift, LogLargest)
	}
	w, _ := toWide(num)
	copy(f.num[:], w[:3])
	return f, nil
}

// times returns w num / 2^shift, rounded to nearest, ties away from zero. |w| is
// below 2^(64*limbs-LogLargest-1). Its time does not depend on w.
func (f factor) times(w wide) wide {
	s := w.sign()
	a := w.negate(s)
	var p [limbs + 3 + 1]uint64
	for i, x := range a {
		var carry uint64
		for j, y := range f.num {
			hi, lo := bits.Mul64(x, y)
			var c uint64
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			p[i+j], c = bits.Add64(p[i+j], lo, 0)
			carry = hi + c
		}
		p[i+3] += carry
	}
	if f.shift > 0 {
		half := f.shift - 1
		var c uint64
		p[half/64], c = bits.Add64(p[half/64], 1<<(half%64), 0)
		for k := half/64 + 1; k < uint(len(p)); k++ {
			p[k], c = bits.Add64(p[k], 0, c)
		}
	}
	var out wide
	from, by := int(f.shift/64), f.shift%64
	for k := range out {
		var lo, hi uint64
		if k+from < len(p) {
			lo = p[k+from]
		}
		if k+from+1 < len(p) {
			hi = p[k+from+1]
		}
		out[k] = lo>>by | hi<<(64-by)&-nonzero(by)
	}
	return out.negate(s)
}

func nonzero(x uint) uint64 {
	if x == 0 {
		return 0
	}
	return 1
}

// reducer takes wides modulo one prime.
type reducer struct {
	modulus
	pow [limbs]uint64 // 2^(64k) in Montgomery form
	top uint64        // 2^(64 limbs): what the sign stands for
}

func newReducer(s *ring.SubRing) reducer {
	r := reducer{modulus: newModulus(s)}
	base := new(big.Int).Lsh(big.NewInt(1), 64)
	x, q := big.NewInt(1), new(big.Int).SetUint64(s.Modulus)
	for k := range r.pow {
		r.pow[k] = ring.MForm(x.Uint64(), s.Modulus, s.BRedConstant)
		x.Mod(x.Mul(x, base), q)
	}
	r.top = x.Uint64()
	return r
}

// mod returns w mod q in [0, q), in constant time.
func (r *reducer) mod(w *wide) uint64 {
	var hi, lo, c uint64
	for k, x := range w { // below limbs * 2^124 in all
		h, l := bits.Mul64(x, r.pow[k])
		lo, c = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, c)
	}
	return ring.CRed(r.montgomery(hi, lo)+r.q-r.top&w.sign(), r.q)
}

// modulus is a prime with what reductions need.
type modulus struct{ q, inverse, barrett uint64 } // q^-1 modulo 2^64, floor(2^64 / q)

func newModulus(s *ring.SubRing) modulus {
	return modulus{s.Modulus, s.MRedConstant, s.BRedConstant[0]}
}

// montgomery returns x / 2^64 mod q in [0, q), for x = 2^64 hi + lo below 2^127.
func (m modulus) montgomery(hi, lo uint64) uint64 {
	h, _ := bits.Mul64(lo*m.inverse, m.q)
	return m.reduce(hi - h + m.q)
}

// reduce brings any word below q.
func (m modulus) reduce(x uint64) uint64 {
	h, _ := bits.Mul64(x, m.barrett)
	return ring.CRed(x-h*m.q, m.q)
}

// garner rebuilds integers from their residues modulo q_0 .. q_l, centred:
//
//	x = sum_i y_i Q/q_i - v Q,  y_i = x / (Q/q_i) mod q_i,  v = round(sum_i y_i / q_i)
//
// v is computed to 2^-55, so x may come out as x - Q or x + Q where |x| is within 2^-55 Q of
// Q/2. What is rebuilt here is far from that, or refused for its size.
type garner struct {
	q     []*ring.SubRing
	inv   []uint64 // q_i/Q mod q_i, Montgomery form
	prod  []wide   // Q/q_i
	part  []uint64 // 2^60 2^bits(q_i) / q_i
	shift []int
	full  wide // Q
}

func newGarner(subrings []*ring.SubRing) *garner {
	g, all := &garner{q: subrings}, big.NewInt(1)
	for _, s := range subrings {
		all.Mul(all, new(big.Int).SetUint64(s.Modulus))
	}
	g.full, _ = toWide(all)
	for _, s := range subrings {
		q := new(big.Int).SetUint64(s.Modulus)
		rest := new(big.Int).Quo(all, q)
		w, _ := toWide(rest)
		g.prod = append(g.prod, w)
		g.inv = append(g.inv, ring.MForm(rest.ModInverse(rest, q).Uint64(), s.Modulus, s.BRedConstant))
		width := q.BitLen()
		g.part = append(g.part, new(big.Int).Quo(new(big.Int).Lsh(one, uint(60+width)), q).Uint64())
		g.shift = append(g.shift, 64-width)
	}
	return g
}

// value of coefficient k of rows, which hold one residue row per prime.
func (g *garner) value(rows [][]uint64, k int) wide {
	var out wide
	half := uint64(1) << 59
	v := half
	for i, s := range g.q {
		y := ring.MRed(rows[i][k], g.inv[i], s.Modulus, s.MRedConstant)
		part, _ := bits.Mul64(y<<g.shift[i], g.part[i])
		v += part
		out.addTimes(&g.prod[i], y)
	}
	var most wide
	most.addTimes(&g.full, v>>60)
	return out.add(most.negate(^uint64(0)))
}

// addTimes adds x y, modulo 2^(64 limbs).
func (w *wide) addTimes(x *wide, y uint64) {
	var carry uint64
	for l := range w {
		hi, lo := bits.Mul64(x[l], y)
		lo, c := bits.Add64(lo, carry, 0)
		hi += c
		w[l], c = bits.Add64(w[l], lo, 0)
		carry = hi + c
	}
}
