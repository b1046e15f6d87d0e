package secagg_test

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

func TestSumIsTheExactTotal(t *testing.T) {
	for _, members := range []int{2, 3, 4, 9} {
		w := prototest.New(t, 1, memberIDs(members)...)
		w.SetUp()
		d := prototest.Rand(1, "inputs")
		for n := 1; n <= 3; n++ {
			inputs, want := prototest.RandomInputs(d, members, 7*n)
			totals := w.Sum(prototest.Ask(n, 7*n), inputs)
			if len(totals) != members {
				t.Fatalf("%d members: %d opened sum %d: %v", members, len(totals), n, w.Members[0].Err)
			}
			for id, total := range totals {
				if !prototest.Equal(total.Sum, want) || total.Sequence != uint64(n) {
					t.Errorf("%d members, sum %d: %s opened another total", members, n, id)
				}
			}
		}
		s := w.Close(wire.Code_DONE)
		if s.Failure != nil || s.Sums != 3 || len(s.Record.Closings) != members || len(s.Record.Missing) != 0 {
			t.Errorf("hub: %d sums, %d closings, failure %v", s.Sums, len(s.Record.Closings), s.Failure)
		}
	}
}

// Member i contributes 2^i in cell 0 and 1 in cell i+1: the total says who is
// in it, and how often.
func TestEveryMemberIsInTheTotalExactlyOnce(t *testing.T) {
	const members = 12
	w := prototest.New(t, 5, memberIDs(members)...)
	w.Shuffle = prototest.Rand(5, "order")
	rules := prototest.Rules{{Act: func(m round.Message) []round.Message { return []round.Message{m, m} }}}
	w.Network = rules.Apply
	w.SetUp()
	inputs := make([]secagg.Vector, members)
	for i := range inputs {
		inputs[i] = make(secagg.Vector, members+1)
		inputs[i][0], inputs[i][i+1] = [2]uint64{1 << i, 0}, [2]uint64{1, 0}
	}
	totals := w.Sum(prototest.Ask(1, members+1), inputs)
	if len(totals) != members {
		t.Fatalf("%d of %d opened: %v", len(totals), members, w.Members[0].Err)
	}
	for id, total := range totals {
		if bits.OnesCount64(total.Sum[0][0]) != members || total.Sum[0] != [2]uint64{1<<members - 1, 0} {
			t.Errorf("%s: members %b are in the total", id, total.Sum[0][0])
		}
		for i := range members {
			if total.Sum[i+1] != [2]uint64{1, 0} {
				t.Errorf("%s: member %d is in the total %d times", id, i, total.Sum[i+1][0])
			}
		}
	}
}

func TestSumsAtTheEdgeOfTheRing(t *testing.T) {
	w := prototest.New(t, 6, "a", "b", "c", "d")
	w.SetUp()
	// A quarter of the ring each: 2^125 - 1 and -2^125, so that four reach its edges but not beyond.
	top, bottom := [2]uint64{^uint64(0), 1<<61 - 1}, [2]uint64{0, 7 << 61}
	in := make([]secagg.Vector, 4)
	for i := range in {
		in[i] = secagg.Vector{top, bottom, {}, top}
	}
	in[3][3] = bottom
	want := secagg.Vector{{^uint64(0) - 3, 1<<63 - 1}, {0, 1 << 63}, {}, {^uint64(0) - 2, 1<<62 - 1}}
	for id, total := range w.Sum(prototest.Ask(1, 4), in) {
		if !prototest.Equal(total.Sum, want) {
			t.Errorf("%s: got %x, want %x", id, total.Sum, want)
		}
	}
}

func TestSumRefusesWhatTheCharterDoesNotAllow(t *testing.T) {
	w := prototest.New(t, 7, "a", "b")
	w.SetUp()
	s := w.Member("a").Session
	for _, tc := range []struct {
		name     string
		ask, got int
	}{{"no cells", 0, 0}, {"more than the limit", 65, 65}, {"fewer than asked", 3, 2}, {"more than asked", 3, 4}} {
		canary := slices.Repeat(secagg.Vector{{4711081567, 0}}, tc.got)
		if _, err := s.Sum(prototest.Ask(1, tc.ask), canary); err == nil || strings.Contains(err.Error(), "4711081567") {
			t.Errorf("%s: got %v, want an error without a cell in it", tc.name, err)
		}
	}
	if _, err := s.Sum(prototest.Ask(1, 3), make(secagg.Vector, 3)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sum(prototest.Ask(2, 3), make(secagg.Vector, 3)); err == nil {
		t.Error("a second sum beside the first accepted")
	}
}

func TestBytesOfASumStayWithinTheirPromise(t *testing.T) {
	for _, members := range sizes {
		const cells = 10000
		w := prototest.NewWith(t, 8, func(c *secagg.Charter) { c.Limits.Cells = cells }, memberIDs(members)...)
		w.SetUp()
		in := make([]secagg.Vector, members)
		for i := range in {
			in[i] = make(secagg.Vector, cells)
		}
		sent, received := map[party.ID]int{}, map[party.ID]int{}
		w.Seen = func(m round.Message) { sent[m.From] += len(m.Body); received[m.To] += len(m.Body) }
		if got := w.Sum(prototest.Ask(1, cells), in); len(got) != members {
			t.Fatalf("%d members: %d totals", members, len(got))
		}
		for _, m := range w.Members {
			if most := cells*16*11/10 + 8192; sent[m.ID] > most {
				t.Errorf("%d members: %s sent %d bytes, want at most %d", members, m.ID, sent[m.ID], most)
			}
			if most := cells*17 + 4096*members; received[m.ID] > most {
				t.Errorf("%d members: %s received %d bytes, want at most %d", members, m.ID, received[m.ID], most)
			}
		}
	}
}

// The hub, and who listens to it, see nothing that contains the total, a
// member's vector, or a key.
func TestNothingOnTheWireIsSecret(t *testing.T) {
	w := prototest.New(t, 9, "a", "b", "c")
	var wireBytes bytes.Buffer
	w.Seen = func(m round.Message) { wireBytes.Write(m.Body) }
	w.SetUp()
	in, total := prototest.RandomInputs(prototest.Rand(9, "in"), 3, 4)
	w.Sum(prototest.Ask(1, 4), in)
	w.Close(wire.Code_DONE)
	secrets := map[string][]byte{"the total": secagg.Encode(total)[:16]}
	for i, m := range w.Members {
		secrets["the vector of "+string(m.ID)] = secagg.Encode(in[i])[:16]
		for name, s := range secretsOf(t, m.Journal) {
			secrets[name+" of "+string(m.ID)] = s
		}
	}
	if len(secrets) < 20 {
		t.Fatalf("only %d secrets to look for", len(secrets))
	}
	for name, s := range secrets {
		if bytes.Contains(wireBytes.Bytes(), s) {
			t.Errorf("%s is on the wire", name)
		}
	}
}

// secretsOf lists the keys a journal holds.
func secretsOf(t testing.TB, j *secagg.MemoryJournal) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := j.Replay(func(kind string, record []byte) error {
		switch kind {
		case secagg.KindBegan:
			r := new(wire.Began)
			if err := wire.Decode(record, r); err != nil {
				return err
			}
			out["x-wing seed"], out["own key"], out["veil part"] = r.KeySeed, r.OwnKey, r.Veil
		case secagg.KindSealing:
			r := new(wire.Sealing)
			if err := wire.Decode(record, r); err != nil {
				return err
			}
			for k := 0; k < len(r.Shared); k += 32 {
				if s := r.Shared[k : k+32]; !bytes.Equal(s, make([]byte, 32)) {
					out["shared secret "+string(rune('0'+k/32))] = s
				}
			}
		case secagg.KindAgreed:
			r := new(wire.Agreed)
			if err := wire.Decode(record, r); err != nil {
				return err
			}
			out["veil"] = r.Veil
			for k := 0; k < len(r.Pairs); k += 32 {
				if s := r.Pairs[k : k+32]; !bytes.Equal(s, make([]byte, 32)) {
					out["pair key "+string(rune('0'+k/32))] = s
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
