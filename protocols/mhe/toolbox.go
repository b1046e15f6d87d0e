package mhe

import (
	"io"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
)

// toolbox is a session's own part of the library: samplers and evaluators hold
// scratch space, and two goroutines that share one spoil each other's noise.
type toolbox struct {
	p        Params
	rand     io.Reader
	gauss    *ring.GaussianSampler
	ternary  *ring.TernarySampler
	eval     *rlwe.Evaluator
	reducers []reducer // primes of Q
	low      *garner   // at the level of refreshes
}

func newToolbox(p Params, rand io.Reader) *toolbox {
	t := &toolbox{p: p, rand: rand, eval: rlwe.NewEvaluator(p.rlwe, nil)}
	ringQ := p.rlwe.RingQ()
	// Errors have sigma 3.2 and fit every prime: there the library's sampler is right.
	t.gauss = ring.NewGaussianSampler(rand, ringQ, ring.DiscreteGaussian{Sigma: p.lit.Sigma, Bound: errorBound * p.lit.Sigma}, false)
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

// noise draws a fresh error at a level, in the NTT domain.
func (t *toolbox) noise(level int) ring.Poly {
	out := t.ring(level).NewPoly()
	t.gauss.AtLevel(level).Read(out)
	t.ring(level).NTT(out, out)
	return out
}

// place writes integers on coefficients of a polynomial at a level, all others
// 0, and returns it in the NTT domain. Every prime gets the residue of the same integer.
func (t *toolbox) place(level int, at func(put func(k int, w *wide))) ring.Poly {
	out := t.ring(level).NewPoly()
	at(func(k int, w *wide) {
		for i := range out.Coeffs {
			out.Coeffs[i][k] = t.reducers[i].mod(w)
		}
	})
	t.ring(level).NTT(out, out)
	return out
}

// hide turns x into -a s + e + x: one member's share of an encryption of the sum
// of all x under the sum of all s, with second part a.
func (t *toolbox) hide(x, a ring.Poly, s secretKey, level int) {
	r := t.ring(level)
	r.MulCoeffsMontgomeryThenSub(a, s.key.Value.Q, x)
	r.Add(x, t.noise(level), x)
}

// take views n rows of a share as a polynomial.
func take(sh share, from, level int) ring.Poly {
	return ring.Poly{Coeffs: [][]uint64(sh[from : from+level+1])}
}
