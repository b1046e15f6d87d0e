package mhe

import (
	"slices"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// backwards keeps the parts of one party's share, or of a sum for it, and gives them last part first.
func backwards(kind wire.Type, step uint64, who party.ID, parts int) func(round.Message) []round.Message {
	var kept []round.Message
	return func(m round.Message) []round.Message {
		e := prototest.Peek(m)
		if e.Type != kind || e.Sequence != step || m.From != who && m.To != who {
			return []round.Message{m}
		}
		if kept = append(kept, m); len(kept) < parts {
			return nil
		}
		slices.Reverse(kept)
		return kept
	}
}

// A step of many parts comes to its end in whatever order they arrive.
func TestPartsInAnyOrder(t *testing.T) {
	p := InsecureTest(4)
	n := len(p.parts(p.keyShape(2), false))
	if n < 3 {
		t.Fatalf("a share of %d parts shows nothing", n)
	}
	for _, who := range []party.ID{"m00", "m01", "m02"} {
		for _, kind := range []wire.Type{wire.Type_SHARE, wire.Type_FOLDED} {
			w := newWorld(t, p, 3)
			w.network = backwards(kind, 2, who, n)
			must(w, keys)
		}
	}
}

// What is done to one part ends the step for all, whichever part it is and however early it comes.
func TestTamperedPartsEndWithoutAKey(t *testing.T) {
	p := InsecureTest(4)
	n := uint32(len(p.parts(p.keyShape(2), false)))
	last := func(f func(*wire.Envelope)) func(*wire.Envelope) {
		return func(e *wire.Envelope) {
			if e.Part == n-1 {
				f(e)
			}
		}
	}
	for _, tc := range []struct {
		name    string
		network func(round.Message) []round.Message
		who     party.ID // blamed by the hub; empty: the members notice
		code    wire.Code
	}{
		{"the last part's bit", at(wire.Type_SHARE, 2, "m02", last(func(e *wire.Envelope) { e.Bulk[3] ^= 1 })), "m02", wire.Code_MALFORMED},
		{"the last part cut short", at(wire.Type_SHARE, 2, "m02", last(func(e *wire.Envelope) { e.Bulk = e.Bulk[1:] })), "m02", wire.Code_MALFORMED},
		{"the last part's hash", at(wire.Type_SHARE, 2, "m00", last(inBody(&wire.Share{}, func(s *wire.Share) { s.Parts[40] ^= 1 }))), "m00", wire.Code_SIGNATURE},
		{"the last part of the sum, for all", at(wire.Type_FOLDED, 2, "", last(inBody(&wire.Folded{}, func(f *wire.Folded) { f.Sum[9] ^= 1 }))), "", wire.Code_FOLD},
		{"the last part of the sum, for one", at(wire.Type_FOLDED, 2, "m01", last(inBody(&wire.Folded{}, func(f *wire.Folded) { f.Sum[9] ^= 1 }))), "", wire.Code_STATE},
		{"a part of the sum for another", at(wire.Type_FOLDED, 2, "m01", last(func(e *wire.Envelope) { e.Part-- })), "", wire.Code_DUPLICATE},
		{"a part of the sum too many", at(wire.Type_FOLDED, 2, "m01", last(func(e *wire.Envelope) { e.Part++ })), "", wire.Code_MALFORMED},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, p, 3)
			w.network = tc.network
			run(w, keys)
			w.mustBeOver(tc.who, tc.code, "")
		})
	}
}

// Two different messages of a member for one part are evidence, also while the part is not due.
func TestTwoMessagesForALaterPartAreEvidence(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 3)
	s := w.sessions[1]
	w.network = func(m round.Message) []round.Message {
		e := prototest.Peek(m)
		if m.From != s.cfg.Session.ID || e.Type != wire.Type_SHARE || e.Sequence != 2 || e.Part != 1 {
			return []round.Message{m}
		}
		other := alter(m, func(e *wire.Envelope) {
			inBody(&wire.Share{}, func(v *wire.Share) { v.Salt[0] ^= 1 })(e)
			if err := round.Sign(s.cfg.Session.Identity, s.cfg.Session.Context, e); err != nil {
				t.Fatal(err)
			}
		})
		return []round.Message{m, other}
	}
	run(w, keys)
	w.mustBeOver("m01", wire.Code_DUPLICATE, "")
	if e := w.hub.Summary().Evidence; len(e) != 1 || e[0].Member != "m01" {
		t.Errorf("%d pieces of evidence, want one against m01", len(e))
	}
}
