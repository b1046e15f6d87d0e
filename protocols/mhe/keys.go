package mhe

import (
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// Keys is the set-up of the session, three steps: the coin, then the two rounds of
// the relinearisation key.
func (s *Session) Keys() (round.Machine[struct{}], error) {
	if s.next != 1 {
		return nil, errors.New("mhe: keys: they are the first thing a session makes, once")
	}
	return sequence(s.coin, s.relinOne, s.relinTwo)
}

// coin is the first step: every member tosses 32 bytes, all are revealed to all.
func (s *Session) coin() (round.Machine[struct{}], error) {
	params := s.params.Digest()
	registry := s.cfg.Registry.Digest()
	return begin(s, task{
		name: "coin", work: party.Hash("work coin", params[:], registry[:]), shape: shape{{}}, full: true,
		share: func() (share, []byte, error) {
			r := make([]byte, rawSize)
			if _, err := io.ReadFull(s.cfg.Rand, r); err != nil {
				return nil, nil, fmt.Errorf("mhe: coin: randomness: %w", err)
			}
			return nil, r, nil
		},
		done: func(_ share, coins [][]byte) error {
			s.crs = newCRS([32]byte(s.transcript()), params, coins)
			return nil
		},
	}, nothing)
}

func nothing() struct{} { return struct{}{} }

// relinOne is round 1 of the relinearisation key (Mouchet et al., protocol 2),
// for each digit w of the gadget, with u_i an ephemeral ternary key:
//
//	h_i = (-u_i a + P g_w s_i + e_0, s_i a + e_1)
func (s *Session) relinOne() (round.Machine[struct{}], error) {
	g := new(relinGen)
	p := s.params
	return begin(s, task{
		name: "relinearisation key, round 1", work: party.Hash("work relin 1"), shape: p.keyShape(2),
		share: func() (share, []byte, error) {
			s.rkg, g.eph = g, s.tool.newSecret()
			a, own, eph := s.crs.rows(p, crp1, p.keyShape(1)), s.keyRows(s.secret), s.keyRows(g.eph)
			out, size := p.alloc(p.keyShape(2)), len(own)
			for w := range p.digits() {
				first, second := out[2*w*size:(2*w+1)*size], out[(2*w+1)*size:(2*w+2)*size]
				if err := errors.Join(s.tool.disturbKey(first), s.tool.disturbKey(second)); err != nil {
					return nil, nil, err
				}
				for r, prime := range s.tool.multiplier.keys {
					sub := p.subring(prime)
					p.transforms[prime].ntt(first[r])
					p.transforms[prime].ntt(second[r])
					sub.MulCoeffsMontgomeryThenSub(eph[r], a[w*size+r], first[r])
					sub.MulCoeffsMontgomeryThenAdd(own[r], a[w*size+r], second[r])
					if prime == w*digitPrimes || prime == w*digitPrimes+1 {
						// s is in Montgomery form, and so P is not.
						times := new(big.Int).Mod(product(p.lit.P), new(big.Int).SetUint64(sub.Modulus))
						sub.MulScalarMontgomeryThenAdd(own[r], times.Uint64(), first[r])
					}
				}
			}
			return out, nil, nil
		},
		done: func(sum share, _ [][]byte) error {
			g.first = sum
			return nil
		},
	}, nothing)
}

// crp1 names the polynomials of round 1; round 2 needs none.
var crp1 = crp{protocol: "relinearisation key", step: 2}

// relinGen is what round 2 needs of round 1.
type relinGen struct {
	eph   secretKey
	first share
}

// keyRows are a secret key's rows in the key ring.
func (s *Session) keyRows(k secretKey) share {
	return append(append(share{}, k.key.Value.Q.Coeffs[:s.params.top()]...), k.key.Value.P.Coeffs...)
}

// relinTwo is round 2, of which only the sum of the paper's two halves is ever
// used, and so only it is sent:
//
//	h'_i = s_i h[0] + e_2 + (u_i - s_i) h[1] + e_3
//
// h is an aggregate that the hub said; the share made of it stays here until all
// members' claims have shown that h is the sum of what they signed.
func (s *Session) relinTwo() (round.Machine[struct{}], error) {
	g, p := s.rkg, s.params
	return begin(s, task{
		name: "relinearisation key, round 2", work: party.Hash("work relin 2"), shape: p.keyShape(1),
		share: func() (share, []byte, error) {
			own, eph := s.keyRows(s.secret), s.keyRows(g.eph)
			out, size := p.alloc(p.keyShape(1)), len(own)
			for r, prime := range s.tool.multiplier.keys {
				p.subring(prime).Sub(eph[r], own[r], eph[r])
			}
			for w := range p.digits() {
				h := out[w*size : (w+1)*size]
				if err := errors.Join(s.tool.disturbKey(h), s.tool.disturbKey(h)); err != nil {
					return nil, nil, err
				}
				for r, prime := range s.tool.multiplier.keys {
					sub := p.subring(prime)
					p.transforms[prime].ntt(h[r])
					sub.MulCoeffsMontgomeryThenAdd(own[r], g.first[2*w*size+r], h[r])
					sub.MulCoeffsMontgomeryThenAdd(eph[r], g.first[(2*w+1)*size+r], h[r])
				}
			}
			g.eph.wipe()
			return out, nil, nil
		},
		done: func(sum share, _ [][]byte) error {
			key, size := new(relinKey), len(s.tool.multiplier.keys)
			for w := range p.digits() {
				key.b = append(key.b, sum[w*size:(w+1)*size])
				key.a = append(key.a, g.first[(2*w+1)*size:(2*w+2)*size])
				for r, prime := range s.tool.multiplier.keys {
					p.subring(prime).MForm(key.b[w][r], key.b[w][r])
					p.subring(prime).MForm(key.a[w][r], key.a[w][r])
				}
			}
			s.rlk, s.rkg = key, nil
			return nil
		},
	}, nothing)
}
