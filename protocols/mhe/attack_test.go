package mhe

import (
	"math"
	"math/big"
	"testing"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// chosen makes c a ciphertext whose c1 is the constant Q/3: a share of it is
// s_i Q/3 + e_i - M_i, and Q/3 is larger than any mask.
func (w *world) chosen(c *Ciphertext) {
	p := w.params
	third := product(p.lit.Q[:p.low()+1])
	third.Quo(third, big.NewInt(3))
	for i, row := range c.c1.Coeffs {
		x := new(big.Int).Mod(third, new(big.Int).SetUint64(p.prime(i))).Uint64()
		for k := range row { // a constant has one value wherever it is looked at
			row[k] = x
		}
	}
}

// recovered is how many coefficients of a member's key a share of a refresh
// shows to somebody who knows that c1 is Q/3.
func (w *world) recovered(key ring.Poly, packed []byte) int {
	w.t.Helper()
	p := w.params
	rows, err := p.unpack(shape{{1, p.low(), false}}, packed) // a value that is only retained has no other part
	if err != nil {
		w.t.Fatal(err)
	}
	r := p.rlwe.RingQ().AtLevel(p.low())
	centred := func(x ring.Poly) []*big.Float {
		r.INTT(x, x)
		ints := make([]*big.Int, p.Degree())
		for k := range ints {
			ints[k] = new(big.Int)
		}
		r.PolyToBigintCentered(x, 1, ints)
		out := make([]*big.Float, len(ints))
		for k := range ints {
			out[k] = new(big.Float).SetInt(ints[k])
		}
		return out
	}
	e, s := r.NewPoly(), r.NewPoly()
	e.Copy(take(rows, 0, p.low()))
	r.IMForm(key, s)
	seen, truth := centred(e), centred(s)
	third, hits := new(big.Float).SetInt(product(p.lit.Q[:p.low()+1])), 0
	third.Quo(third, big.NewFloat(3))
	for k := range seen {
		x, _ := new(big.Float).Quo(seen[k], third).Float64()
		if want, _ := truth[k].Float64(); math.Round(x) == want {
			hits++
		}
	}
	return hits
}

// One share of a chosen ciphertext is the key: masks do not help. So a share is made
// of nothing that all members have not vowed to have computed, from aggregates all have confirmed.
func TestChosenCiphertextYieldsNoKey(t *testing.T) {
	p := InsecureTest(8)
	watch := func(w *world, step uint64, who party.ID) *[][]byte {
		var got [][]byte
		inner := w.network
		w.network = func(m round.Message) []round.Message {
			if e := prototest.Peek(m); e.Type == wire.Type_SHARE && e.Sequence >= step && m.From == who {
				if e.Part == 0 {
					got = append(got, nil)
				}
				got[len(got)-1] = append(got[len(got)-1], e.Bulk...)
			}
			if inner != nil && m.From == party.Hub {
				return inner(m)
			}
			return []round.Message{m}
		}
		return &got
	}
	refresh := func(w *world) (key ring.Poly) {
		key = *w.sessions[1].secret.key.Value.Q.CopyNew() // an abort will burn it
		run(w, func(s *Session) (round.Machine[Refreshed], error) { return s.Refresh(w.products[s], true) })
		return key
	}

	// The attack itself: every member has been talked into it. It must succeed, or what follows shows nothing.
	w := newWorld(t, p, 2)
	w.squared(2, nil)
	for _, c := range w.products {
		w.chosen(c)
	}
	shares := watch(w, 5, "m01")
	key := refresh(w)
	if len(*shares) != 1 {
		t.Fatalf("%d shares", len(*shares))
	}
	if n := w.recovered(key, (*shares)[0]); n != p.Degree() {
		t.Errorf("the attack recovers %d of %d coefficients: it has no power", n, p.Degree())
	}

	// An honest product: as many as guessing, and no more.
	w = newWorld(t, p, 2)
	w.squared(2, nil)
	shares = watch(w, 5, "m01")
	key = refresh(w)
	if n := w.recovered(key, (*shares)[0]); n > p.Degree()/3+60 {
		t.Errorf("an honest share shows %d of %d coefficients", n, p.Degree())
	}

	// One member is talked into it: the other's vow differs.
	w = newWorld(t, p, 2)
	w.squared(2, nil)
	w.chosen(w.products[w.sessions[1]])
	shares = watch(w, 5, "m01")
	refresh(w)
	if len(*shares) != 0 {
		t.Error("a share of a ciphertext that only one member knows left")
	}

	// A hub that chooses what a product encrypts, through the aggregates it is made of: of the
	// relinearisation key, of the input; for all members, and for one.
	for _, step := range []uint64{2, 3, 4} {
		for _, to := range []party.ID{"", "m01"} {
			w := newWorld(t, p, 2)
			w.network = at(wire.Type_FOLDED, step, to, inBody(&wire.Folded{}, func(f *wire.Folded) { clear(f.Sum) }))
			shares := watch(w, step+1, "m01")
			run(w, keys)
			if step == 4 {
				in := run(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
					return s.Input([]Plain{p.plain("x", 8, 8, 1)})
				})
				w.products = map[*Session]*Ciphertext{}
				for i, s := range w.sessions {
					c, err := s.Product([2]*Ciphertext{in[i][0], in[i][0]})
					if err != nil {
						t.Fatal(err)
					}
					w.products[s] = c
				}
				refresh(w)
			} else if step == 3 {
				run(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
					return s.Input([]Plain{p.plain("x", 8, 8, 1)})
				})
			}
			if len(*shares) != 0 {
				t.Errorf("step %d, for %q: %d shares left after a chosen aggregate", step, to, len(*shares))
			}
			w.mustBeBurnt(1)
		}
	}
}

// A member that makes its two halves of the relinearisation key with different
// secrets, every message well-formed: the first refresh is out of range, nobody goes on.
func TestUnhealthyRelinearisationKeyIsFoundInTheFirstRefresh(t *testing.T) {
	p := InsecureTest(6)
	w := newWorld(t, p, 3)
	must(w, (*Session).coin)
	must(w, (*Session).relinOne)
	w.sessions[2].rkg.eph.key.Value.Q.Coeffs[1][7] ^= 1
	must(w, (*Session).relinTwo)
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{p.plain("x", 8, 8, 1)})
	})
	run(w, func(s *Session) (round.Machine[Refreshed], error) {
		c, err := s.Product([2]*Ciphertext{in[w.index(s)][0], in[w.index(s)][0]})
		if err != nil {
			return nil, err
		}
		return s.Refresh(c, true)
	})
	for i, err := range w.err {
		if code := round.CodeOf(err); code != wire.Code_RANGE && code != wire.Code_PEER {
			t.Errorf("member %d: %v, want RANGE", i, err)
		}
		w.mustBeBurnt(i)
	}
}
