package mhe

import (
	"errors"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
)

// Product encrypts the sum of the ring products of pairs: tensors are added
// first, then relinearised and rescaled once. Every member computes it, to the
// same bit, and no message is sent. Its level is what Refresh takes.
func (s *Session) Product(pairs ...[2]*Ciphertext) (*Ciphertext, error) {
	if s.rlk == nil || s.burnt {
		return nil, s.notReady()
	}
	if len(pairs) == 0 {
		return nil, errors.New("mhe: product: no factors")
	}
	first := pairs[0]
	var bounds [][2]Bound
	for _, p := range pairs {
		for _, c := range p {
			if err := s.alike(first[0], c); err != nil {
				return nil, err
			}
		}
		bounds = append(bounds, [2]Bound{p[0].bound, p[1].bound})
	}
	if first[0].level != s.params.top() {
		return nil, errors.New("mhe: product: a factor was not refreshed since the last product")
	}
	out := &Ciphertext{owner: s, level: s.params.low(), bound: s.calculus().Product(bounds...)}
	out.scale = first[0].scale.times(first[1].scale).over(product(s.params.lit.Q[s.params.low()+1:]))
	err := s.guard(func() { out.c0, out.c1 = s.multiply(pairs) })
	return out, err
}

// multiply is the tensor, the relinearisation and the rescaling.
func (s *Session) multiply(pairs [][2]*Ciphertext) (c0, c1 ring.Poly) {
	top := s.params.top()
	r := s.tool.ring(top)
	t := [3]ring.Poly{r.NewPoly(), r.NewPoly(), r.NewPoly()}
	x, y := r.NewPoly(), r.NewPoly()
	for _, p := range pairs {
		r.MForm(p[0].c0, x)
		r.MForm(p[0].c1, y)
		r.MulCoeffsMontgomeryThenAdd(x, p[1].c0, t[0])
		r.MulCoeffsMontgomeryThenAdd(x, p[1].c1, t[1])
		r.MulCoeffsMontgomeryThenAdd(y, p[1].c0, t[1])
		r.MulCoeffsMontgomeryThenAdd(y, p[1].c1, t[2])
	}
	// The gadget product wants a container; what it says about the plaintext is not used.
	g := rlwe.NewCiphertext(s.params.rlwe, 1, top)
	g.IsNTT = true
	s.tool.eval.GadgetProduct(top, t[2], &s.rlk.GadgetCiphertext, g)
	return s.rescale(t[0], g.Value[0]), s.rescale(t[1], g.Value[1])
}

// rescale returns (a + b) divided by the last two primes, rounded.
func (s *Session) rescale(a, b ring.Poly) ring.Poly {
	r := s.tool.ring(s.params.top())
	r.Add(a, b, a)
	out := s.tool.ring(s.params.low()).NewPoly()
	r.DivRoundByLastModulusManyNTT(drop, a, r.NewPoly(), out)
	return out
}
