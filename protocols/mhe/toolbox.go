package mhe

import (
	"io"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
)

// toolbox is a session's own part of the library: samplers and evaluators hold
// scratch space, and two goroutines that share one spoil each other's noise.
type toolbox struct {
	p          Params
	errors     *errorSampler
	ternary    *ring.TernarySampler
	reducers   []reducer // primes of Q
	low        *garner   // at the level of refreshes
	multiplier *multiplier
	rows       *spares[uint64] // of residues that everybody may know, or will be overwritten
	wides      *spares[wide]   // which are cleared, where they were secret
}

func newToolbox(p Params, rand io.Reader) *toolbox {
	t := &toolbox{p: p, errors: newErrorSampler(rand, p.lit.Sigma), multiplier: newMultiplier(p), rows: p.newSpares(), wides: &spares[wide]{n: p.Degree()}}
	ringQ := p.rlwe.RingQ()
	var err error
	if t.ternary, err = ring.NewTernarySampler(rand, ringQ, ring.Ternary{P: p.lit.Density}, false); err != nil {
		panic(err) // the density was checked
	}
	for _, s := range ringQ.SubRings {
		t.reducers = append(t.reducers, newReducer(s))
	}
	t.low = newGarner(ringQ.SubRings[:p.low()+1])
	return t
}

// newSecret draws a uniform ternary key.
func (t *toolbox) newSecret() secretKey {
	sk := rlwe.NewSecretKey(t.p.rlwe)
	ringQP := t.p.rlwe.RingQP()
	t.ternary.Read(sk.Value.Q)
	ringQP.ExtendBasisSmallNormAndCenter(sk.Value.Q, len(t.p.lit.P)-1, sk.Value.Q, sk.Value.P)
	ringQP.NTT(sk.Value, sk.Value)
	ringQP.MForm(sk.Value, sk.Value)
	return secretKey{sk}
}

// ring at a level of Q.
func (t *toolbox) ring(level int) *ring.Ring { return t.p.rlwe.RingQ().AtLevel(level) }

// disturb adds a fresh error to x, which holds coefficients.
func (t *toolbox) disturb(x ring.Poly) error {
	return t.errors.addTo(x.Coeffs, t.p.rlwe.RingQ().SubRings)
}

// disturbKey adds a fresh error to a polynomial of the key ring.
func (t *toolbox) disturbKey(x share) error {
	var subs []*ring.SubRing
	for _, i := range t.multiplier.keys {
		subs = append(subs, t.p.subring(i))
	}
	return t.errors.addTo(x, subs)
}

// place writes integers on coefficients of a polynomial at a level, all others
// 0. Every prime gets the residue of the same integer. From coefficient end on all are 0.
func (t *toolbox) place(level int, at func(put func(k int, w *wide))) (out ring.Poly, end int) {
	out = t.spare(level)
	for _, row := range out.Coeffs {
		clear(row)
	}
	at(func(k int, w *wide) {
		end = max(end, k+1)
		for i, row := range out.Coeffs {
			row[k] = t.reducers[i].mod(w)
		}
	})
	return out, end
}

// hide turns x, which holds coefficients, into -a s + e + x in the NTT domain: one
// member's share of an encryption of the sum of all x under the sum of all s, with second part a.
func (t *toolbox) hide(x, a ring.Poly, s secretKey, level int) error {
	if err := t.disturb(x); err != nil {
		return err
	}
	for i, row := range x.Coeffs[:level+1] {
		m := t.p.transforms[i]
		m.lazy(row, len(row))
		m.lessProduct(row, a.Coeffs[i], s.key.Value.Q.Coeffs[i])
	}
	return nil
}

// take views n rows of a share as a polynomial.
func take(sh share, from, level int) ring.Poly {
	return ring.Poly{Coeffs: [][]uint64(sh[from : from+level+1])}
}
