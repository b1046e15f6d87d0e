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

// fold evaluates a share at the points of c, by Horner's rule.
func (p Params) fold(s shape, sh share, c claim) claim {
	out := claim{}
	at := claim{}
	for i, r := range c {
		sub := p.subring(i)
		for k := range r {
			r[k] = ring.MForm(r[k], sub.Modulus, sub.BRedConstant)
		}
		at[i], out[i] = r, [points]uint64{}
	}
	for r, prime := range p.primes(s) {
		sub := p.subring(prime)
		q, qInv := sub.Modulus, sub.MRedConstant
		acc, x := out[prime], at[prime]
		for _, v := range sh[r] {
			for k := range acc {
				acc[k] = ring.MRed(ring.CRed(acc[k]+v, q), x[k], q, qInv)
			}
		}
		out[prime] = acc
	}
	return out
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
