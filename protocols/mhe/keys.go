package mhe

import (
	"errors"
	"fmt"
	"io"

	lattigo "github.com/tuneinsight/lattigo/v5/mhe"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring/ringqp"
	"github.com/tuneinsight/lattigo/v5/utils/structs"

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

// digits of the gadget: one for each prime of Q, since P has one prime.
func (p Params) digits() int { return len(p.lit.Q) }

// relinOne is round 1 of the relinearisation key (Mouchet et al., protocol 2),
// for each digit w of the gadget, with u_i an ephemeral ternary key:
//
//	h_i = (-u_i a + s_i w + e_0, s_i a + e_1)
func (s *Session) relinOne() (round.Machine[struct{}], error) {
	g := new(relinGen)
	return begin(s, task{
		name: "relinearisation key, round 1", work: party.Hash("work relin 1"), shape: shape{{2 * s.params.digits(), s.params.top(), true}},
		share: func() (share, []byte, error) {
			g.proto = lattigo.NewRelinearizationKeyGenProtocol(s.params.rlwe)
			g.eph.key, g.first, _ = g.proto.AllocateShare()
			s.rkg = g
			crp := lattigo.RelinearizationKeyGenCRP{}
			for _, a := range s.crs.polysQP(s.params, crp1, s.params.digits()) {
				crp.Value = append(crp.Value, []ringqp.Poly{a})
			}
			g.proto.GenShareRoundOne(s.secret.key, crp, g.eph.key, &g.first)
			return gadgetRows(g.first.Value, 0, 1), nil, nil
		},
		done: func(sum share, _ [][]byte) error {
			s.params.setGadget(g.first.Value, sum, 0, 1) // its own rows are replaced
			return nil
		},
	}, nothing)
}

// crp1 names the polynomials of round 1; round 2 needs none.
var crp1 = crp{protocol: "relinearisation key", step: 2}

// relinGen is what round 2 needs of round 1.
type relinGen struct {
	proto lattigo.RelinearizationKeyGenProtocol
	eph   secretKey
	first lattigo.RelinearizationKeyGenShare
}

// relinTwo is round 2, of which only the sum of the paper's two halves is ever
// used, and so only it is sent:
//
//	h'_i = s_i h[0] + e_2 + (u_i - s_i) h[1] + e_3
//
// h is an aggregate that the hub said; the share made of it stays here until all
// members' claims have shown that h is the sum of what they signed.
func (s *Session) relinTwo() (round.Machine[struct{}], error) {
	g := s.rkg
	return begin(s, task{
		name: "relinearisation key, round 2", work: party.Hash("work relin 2"), shape: shape{{s.params.digits(), s.params.top(), true}},
		share: func() (share, []byte, error) {
			_, _, mine := g.proto.AllocateShare()
			g.proto.GenShareRoundTwo(g.eph.key, s.secret.key, g.first, &mine)
			g.eph.wipe()
			ringQP := s.params.rlwe.RingQP()
			for _, v := range mine.Value {
				h := v[0]
				ringQP.Reduce(h[0], h[0]) // the library leaves residues up to 2q here
				ringQP.Reduce(h[1], h[1])
				ringQP.Add(h[0], h[1], h[0])
			}
			return gadgetRows(mine.Value, 0), nil, nil
		},
		done: func(sum share, _ [][]byte) error {
			rlk := rlwe.NewRelinearizationKey(s.params.rlwe)
			s.params.setGadget(rlk.Value, sum, 0)
			ringQP := s.params.rlwe.RingQP()
			for i, v := range rlk.Value {
				v[0][1].Copy(g.first.Value[i][0][1])
				ringQP.MForm(v[0][0], v[0][0])
				ringQP.MForm(v[0][1], v[0][1])
			}
			s.rlk, s.rkg = rlk, nil
			return nil
		},
	}, nothing)
}

// gadgetRows are the rows of some parts of every digit.
func gadgetRows(m structs.Matrix[rlwe.VectorQP], parts ...int) share {
	var out share
	for _, v := range m {
		for _, k := range parts {
			out = append(out, rowsQP(v[0][k])...)
		}
	}
	return out
}

// setGadget replaces them: the inverse of gadgetRows.
func (p Params) setGadget(m structs.Matrix[rlwe.VectorQP], rows share, parts ...int) {
	q, all := len(p.lit.Q), len(p.lit.Q)+len(p.lit.P)
	for _, v := range m {
		for _, k := range parts {
			v[0][k].Q.Coeffs, v[0][k].P.Coeffs = [][]uint64(rows[:q]), [][]uint64(rows[q:all])
			rows = rows[all:]
		}
	}
}
