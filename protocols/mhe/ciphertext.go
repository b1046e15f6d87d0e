package mhe

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
)

// Ciphertext is an encryption of n numbers under the sum of the members' keys,
// as this member has computed it itself from the steps before. There is no way to
// make one from bytes: what is decrypted, even under masks, is what the plan says.
type Ciphertext struct {
	owner  *Session
	c0, c1 ring.Poly // NTT domain: c0 + c1 s = value * scale + error
	level  int
	scale  scale
	bound  Bound
}

// Bound returns what is known of the encrypted numbers and their error.
func (c *Ciphertext) Bound() Bound { return c.bound }

// scale is 2^exp / den: den is what rescaling has divided by.
type scale struct {
	exp int
	den *big.Int
}

func (p Params) scale() scale { return scale{exp: p.lit.LogScale, den: one} }

func (s scale) equal(t scale) bool { return s.exp == t.exp && s.den.Cmp(t.den) == 0 }

func (s scale) times(t scale) scale {
	return scale{exp: s.exp + t.exp, den: new(big.Int).Mul(s.den, t.den)}
}

func (s scale) over(q *big.Int) scale { return scale{exp: s.exp, den: new(big.Int).Mul(s.den, q)} }

// log2 of the scale.
func (s scale) log2() float64 { return float64(s.exp) - log2(s.den) }

// digest names a ciphertext by its content.
func (c *Ciphertext) digest() [32]byte {
	h := sha256.New()
	h.Write([]byte("consilium/1 ciphertext"))
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(c.level))
	binary.BigEndian.PutUint64(b[8:], uint64(c.scale.exp))
	h.Write(b[:])
	h.Write(c.scale.den.Bytes())
	buf := make([]byte, 0, 8*len(c.c0.Coeffs[0]))
	for _, p := range []ring.Poly{c.c0, c.c1} {
		for _, row := range p.Coeffs[:c.level+1] {
			buf = buf[:0]
			for _, x := range row {
				buf = binary.LittleEndian.AppendUint64(buf, x)
			}
			h.Write(buf)
		}
	}
	return [32]byte(h.Sum(nil))
}

// ours refuses what belongs to another session.
func (s *Session) ours(list ...*Ciphertext) error {
	if s.burnt {
		return ErrBurnt
	}
	for _, c := range list {
		if c == nil || c.owner != s {
			return errors.New("mhe: a ciphertext of another session")
		}
	}
	return nil
}

func (s *Session) alike(a, b *Ciphertext) error {
	if err := s.ours(a, b); err != nil {
		return err
	}
	if a.level != b.level || !a.scale.equal(b.scale) {
		return fmt.Errorf("mhe: two ciphertexts at levels %d and %d, scales 2^%.2f and 2^%.2f: refresh first", a.level, b.level, a.scale.log2(), b.scale.log2())
	}
	return nil
}

// Add returns an encryption of a + b.
func (s *Session) Add(a, b *Ciphertext) (*Ciphertext, error) {
	return s.linear(a, b, func(r *ring.Ring, x, y, z ring.Poly) { r.Add(x, y, z) })
}

// Sub returns an encryption of a - b.
func (s *Session) Sub(a, b *Ciphertext) (*Ciphertext, error) {
	return s.linear(a, b, func(r *ring.Ring, x, y, z ring.Poly) { r.Sub(x, y, z) })
}

func (s *Session) linear(a, b *Ciphertext, op func(r *ring.Ring, x, y, z ring.Poly)) (*Ciphertext, error) {
	if err := s.alike(a, b); err != nil {
		return nil, err
	}
	r := s.tool.ring(a.level)
	out := &Ciphertext{owner: s, c0: r.NewPoly(), c1: r.NewPoly(), level: a.level, scale: a.scale, bound: s.calculus().Add(a.bound, b.bound)}
	op(r, a.c0, b.c0, out.c0)
	op(r, a.c1, b.c1, out.c1)
	return out, nil
}

// Const is a public number on one coefficient.
type Const struct {
	At int
	X  *big.Int // times 2^LogScale, as Fixed makes it
}

// FromConst returns an encryption of consts - c, exactly: no error is added.
func (s *Session) FromConst(consts []Const, c *Ciphertext) (*Ciphertext, error) {
	if err := s.ours(c); err != nil {
		return nil, err
	}
	if !c.scale.equal(s.params.scale()) {
		return nil, errors.New("mhe: a constant minus a ciphertext that was not refreshed")
	}
	largest, sum := 0.0, 0.0
	var list []wide
	for _, k := range consts {
		w, ok := toWide(k.X)
		if !ok || k.At < 0 || k.At >= s.params.Degree() || k.X.BitLen() > s.params.lit.LogScale+LogLargest {
			return nil, fmt.Errorf("mhe: a constant of %d bits on coefficient %d", k.X.BitLen(), k.At)
		}
		x := s.params.Float(k.X)
		if x < 0 {
			x = -x
		}
		list, largest, sum = append(list, w), max(largest, x), sum+x
	}
	r := s.tool.ring(c.level)
	out := &Ciphertext{owner: s, c0: r.NewPoly(), c1: r.NewPoly(), level: c.level, scale: c.scale}
	out.bound = s.calculus().Add(Bound{Max: largest, Sum: sum}, c.bound)
	r.Neg(c.c1, out.c1)
	if len(list) == 0 {
		r.Neg(c.c0, out.c0)
	} else {
		r.Sub(s.plain(consts, list), c.c0, out.c0)
	}
	return out, nil
}

// constants is a polynomial of constants in the NTT domain, at the level of inputs.
type constants struct {
	digest [32]byte
	poly   ring.Poly
}

// maxConstants is how many of them are kept: circuits that go round use the same again.
const maxConstants = 8

func (s *Session) plain(consts []Const, list []wide) ring.Poly {
	var at []byte
	for _, c := range consts {
		at = append(binary.BigEndian.AppendUint64(at, uint64(c.At)), c.X.Append(nil, 16)...)
	}
	digest := party.Hash("constants", at)
	for _, c := range s.constants {
		if c.digest == digest {
			return c.poly
		}
	}
	x, _ := s.tool.place(s.params.top(), func(put func(int, *wide)) {
		for i := range list {
			put(consts[i].At, &list[i])
		}
	})
	s.params.ntt(x)
	if len(s.constants) == maxConstants {
		s.constants = s.constants[1:]
	}
	s.constants = append(s.constants, constants{digest, x})
	return x
}

// Fixed is x at the scale of inputs, rounded to nearest. Nothing is lost above
// 2^-98 * 2^52.
func (p Params) Fixed(x float64) *big.Int {
	f := new(big.Float).SetPrec(200).SetFloat64(x)
	f.SetMantExp(f, p.lit.LogScale)
	half := 0.5
	if x < 0 {
		half = -half
	}
	out, _ := f.Add(f, big.NewFloat(half)).Int(nil)
	return out
}

// Float is the inverse of Fixed.
func (p Params) Float(x *big.Int) float64 {
	f := new(big.Float).SetInt(x)
	out, _ := f.SetMantExp(f, -p.lit.LogScale).Float64()
	return out
}
