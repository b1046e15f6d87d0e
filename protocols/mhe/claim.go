package mhe

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/wire"
)

// points is how many evaluations a claim has for each prime.
const points = wire.ClaimSize / 8

// A claim is what a share adds to the fold of a step: for each prime q in it and
// each of five points r, the residues v_1 .. v_m modulo q of the whole share as
// sum_k v_k r^(m+1-k) mod q. As a polynomial in r it has degree m and no
// constant term, so two different sums agree at a random point with probability at
// most m/q: all five times (2^20/2^49)^5. The fold is additive, hence the claims
// of all members add up to the fold of the sum if, and but for that only if, it is the sum.
type claim map[int][points]uint64 // by index of the prime

// challenge derives the points from the digest of a step: everything that was
// vowed and came of it, so nobody knew them before.
func (p Params) challenge(s shape, outcome [32]byte) claim {
	x := sha3.NewSHAKE256()
	x.Write([]byte("consilium/1 fold points"))
	x.Write(outcome[:])
	out := claim{}
	for i := range len(p.lit.Q) + len(p.lit.P) {
		q := p.prime(i)
		var at [points]uint64
		for k := range at {
			var b [16]byte
			x.Read(b[:])
			// 128 bits modulo q: the bias is below 2^-64.
			hi := binary.BigEndian.Uint64(b[:8]) % q
			_, at[k] = bits.Div64(hi, binary.BigEndian.Uint64(b[8:]), q)
		}
		out[i] = at
	}
	for i := range out {
		if !p.has(s, i) {
			delete(out, i)
		}
	}
	return out
}

func (p Params) has(s shape, prime int) bool {
	for _, b := range s {
		if prime <= b.level || b.extended && prime >= len(p.lit.Q) {
			return true
		}
	}
	return false
}

// stretch is how many residues are multiplied and added before one reduction: their
// products are below 2^120, and 2^6 + 1 of them fit 128 bits.
const stretch = 64

// powers are r^m .. r^1 modulo q for each point r, in Montgomery form, m the length
// of a stretch (or of a row, where that is shorter).
type powers [points][stretch]uint64

func (p Params) powers(prime int, at [points]uint64) *powers {
	sub, m := p.subring(prime), min(stretch, p.Degree())
	out := new(powers)
	for k, r := range at {
		r = ring.MForm(r, sub.Modulus, sub.BRedConstant)
		x := r
		for j := m - 1; j >= 0; j-- {
			out[k][j] = x
			x = ring.MRed(x, r, sub.Modulus, sub.MRedConstant)
		}
	}
	return out
}

// folding evaluates one share at the points of a claim, row by row: Horner's rule,
// a stretch of residues at a time.
type folding struct {
	p   Params
	at  map[int]*powers
	out claim
}

func (p Params) folding(c claim) *folding {
	f := &folding{p, map[int]*powers{}, claim{}}
	for i, at := range c {
		f.at[i], f.out[i] = p.powers(i, at), [points]uint64{}
	}
	return f
}

// row takes the share's next row, of residues modulo so-and-so-many-th prime.
func (f *folding) row(prime int, row []uint64) {
	q, at, acc := newModulus(f.p.subring(prime)), f.at[prime], f.out[prime]
	m := min(stretch, len(row))
	for ; len(row) > 0; row = row[m:] {
		for k := range acc {
			acc[k] = horner(acc[k], row[:m], at[k][:m], q)
		}
	}
	f.out[prime] = acc
}

// horner returns acc r^m + sum_j v_j r^(m-j) modulo q, where r holds r^m .. r^1 in
// Montgomery form.
func horner(acc uint64, v, r []uint64, prime modulus) uint64 {
	r = r[:len(v)]
	hi, lo := bits.Mul64(acc, r[0])
	var c uint64
	for j, x := range v {
		h, l := bits.Mul64(x, r[j])
		lo, c = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, c)
	}
	return prime.montgomery(hi, lo)
}

// fold evaluates a share at the points of c.
func (p Params) fold(s shape, sh share, c claim) claim {
	f := p.folding(c)
	for r, prime := range p.primes(s) {
		f.row(prime, sh[r])
	}
	return f.out
}

// foldPacked evaluates a packed share at the points of c.
func (p Params) foldPacked(s shape, b []byte, c claim) (claim, error) {
	f := p.folding(c)
	err := p.each(s, b, func(_, prime int, row []uint64) { f.row(prime, row) })
	return f.out, err
}

// add adds d to c.
func (p Params) addClaim(c, d claim) {
	for i, v := range d {
		acc, q := c[i], p.prime(i)
		for k := range acc {
			acc[k] = ring.CRed(acc[k]+v[k], q)
		}
		c[i] = acc
	}
}

// encode spells a claim, primes in their order.
func (p Params) encodeClaim(c claim) []byte {
	var out []byte
	for i := range len(p.lit.Q) + len(p.lit.P) {
		if v, ok := c[i]; ok {
			for _, x := range v {
				out = binary.BigEndian.AppendUint64(out, x)
			}
		}
	}
	return out
}

// parseClaim reads the claim of a share of shape s.
func (p Params) parseClaim(s shape, b []byte) (claim, error) {
	out := claim{}
	for i := range len(p.lit.Q) + len(p.lit.P) {
		if !p.has(s, i) {
			continue
		}
		if len(b) < wire.ClaimSize {
			return nil, fmt.Errorf("mhe: a claim is too short")
		}
		var v [points]uint64
		for k := range v {
			if v[k] = binary.BigEndian.Uint64(b[8*k:]); v[k] >= p.prime(i) {
				return nil, fmt.Errorf("mhe: a claim is not below its prime")
			}
		}
		out[i], b = v, b[wire.ClaimSize:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("mhe: a claim has %d bytes over", len(b))
	}
	return out, nil
}
