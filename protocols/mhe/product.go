package mhe

import "errors"

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
	err := s.guard(func() { out.c0, out.c1 = s.tool.multiplier.multiply(pairs, s.rlk) })
	return out, err
}
