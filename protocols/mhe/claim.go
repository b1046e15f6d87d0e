package mhe

import (
	"encoding/binary"
	"fmt"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// points is how many evaluations a claim has for each prime.
const points = wire.ClaimSize / 8

// A claim is what a share adds to the fold of a step: for each prime q in it, and three
// times over, the sum of the residues modulo q of the whole share, each times a product of three random
// numbers: one for its row, one for its stretch of the row, one for its place in that:
//
//	sum_rcj v_rcj x_r y_c z_j  modulo q
//
// As a polynomial in all x, y and z the fold of the difference of two sums has
// degree 3 and is not 0, so two sums agree with probability at most 3/q (Schwartz and Zippel): all
// three times (3/2^49)^3 = 2^-142. The fold is additive, hence the claims of all members add up to
// the fold of the sum if, and but for that only if, it is the sum.
type claim map[int][points]uint64 // by index of the prime

// stretch is how many residues are multiplied and added before one reduction: their
// products are below 2^120, and 2^6 of them below 2^127.
const stretch = 64

// challenge is the random numbers of a fold, by prime: Montgomery forms of x, y and z.
type challenge map[int]*[points]factors

type factors struct {
	rows, stretches []uint64
	places          [stretch]uint64
}

// challenge derives the numbers from the digest of a step: everything that was
// vowed and came of it, so nobody knew them before.
func (p Params) challenge(s shape, outcome [32]byte) challenge {
	rows := map[int]int{}
	for _, prime := range p.primes(s) {
		rows[prime]++
	}
	x, out := &expansion{stream: keyStream(party.Hash("fold", outcome[:]))}, challenge{}
	for i := range len(p.lit.Q) + len(p.lit.P) {
		if rows[i] == 0 {
			continue
		}
		out[i] = new([points]factors)
		for k := range out[i] {
			at, q := &out[i][k], p.prime(i)
			at.rows, at.stretches = make([]uint64, rows[i]), make([]uint64, max(1, p.Degree()/stretch))
			x.uniform(at.rows, q)
			x.uniform(at.stretches, q)
			x.uniform(at.places[:], q)
		}
	}
	return out
}

// folding folds one share, row by row.
type folding struct {
	p    Params
	at   challenge
	seen map[int]int // rows so far, by prime
	out  claim
}

func (p Params) folding(c challenge) *folding {
	f := &folding{p, c, map[int]int{}, claim{}}
	for i := range c {
		f.out[i] = [points]uint64{}
	}
	return f
}

// row takes the share's next row, of residues modulo so-and-so-many-th prime.
func (f *folding) row(prime int, row []uint64) {
	q, acc, r := newModulus(f.p.subring(prime)), f.out[prime], f.seen[prime]
	for k := range acc {
		at, sum := &f.at[prime][k], uint64(0)
		for c := 0; c*stretch < len(row); c++ {
			some := row[c*stretch : min((c+1)*stretch, len(row))]
			sum = ring.CRed(sum+q.times(q.dot(some, at.places[:]), at.stretches[c]), q.q)
		}
		acc[k] = ring.CRed(acc[k]+q.times(sum, at.rows[r]), q.q)
	}
	f.out[prime], f.seen[prime] = acc, r+1
}

// times is x y / 2^64 modulo q.
func (m modulus) times(x, y uint64) uint64 { return m.montgomery(mulAdd(0, 0, x, y)) }

// dot is the sum of x_j y_j over 2^64 modulo q, of a stretch at most.
func (m modulus) dot(x, y []uint64) uint64 {
	var hi, lo uint64
	y = y[:len(x)]
	for j, v := range x {
		hi, lo = mulAdd(hi, lo, v, y[j])
	}
	return m.montgomery(hi, lo)
}

// fold folds a share.
func (p Params) fold(s shape, sh share, c challenge) claim {
	f := p.folding(c)
	for r, prime := range p.primes(s) {
		f.row(prime, sh[r])
	}
	return f.out
}

// foldPacked folds a packed share, given its parts. row is for their rows, one after the other.
func (p Params) foldPacked(s shape, parts [][]byte, c challenge, row []uint64) (claim, error) {
	f := p.folding(c)
	for k, b := range parts {
		if err := p.eachOf(s, k, b, row, func(_, prime int, row []uint64) { f.row(prime, row) }); err != nil {
			return nil, err
		}
	}
	return f.out, nil
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

func (p Params) has(s shape, prime int) bool {
	for _, b := range s {
		if prime <= b.level || b.extended && prime >= len(p.lit.Q) {
			return true
		}
	}
	return false
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
