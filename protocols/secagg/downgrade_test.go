package secagg_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// spoken runs a set-up of three and returns every type of message that a member sent.
func spoken(w *prototest.World) map[wire.Type]int {
	out := map[wire.Type]int{}
	inner := w.Network
	w.Network = func(m round.Message) []round.Message {
		if e := prototest.Peek(m); e != nil && m.From != party.Hub {
			out[e.Type]++
		}
		if inner != nil {
			return inner(m)
		}
		return []round.Message{m}
	}
	w.SetUp()
	return out
}

// There is nothing to negotiate: one member that was told of anything weaker,
// older or other ends the attempt at its hello, which holds no record and no key that is used.
func TestNothingCanBeNegotiatedDown(t *testing.T) {
	for name, change := range map[string]func(*secagg.Charter){
		"an older version":         func(c *secagg.Charter) { c.Version = "consilium 0.1" },
		"other parameters":         func(c *secagg.Charter) { c.Parameters[0] ^= 1 },
		"a smaller ring":           func(c *secagg.Charter) { c.Limits.Share = 1 << 16 },
		"shares to every member":   func(c *secagg.Charter) { c.Limits.Share, c.Limits.Full = 1<<16, true },
		"sums where a model was":   func(c *secagg.Charter) { c.Reveal = "model" },
		"other approvals":          func(c *secagg.Charter) { c.Approvals[31] ^= 1 },
		"another plan's study":     func(c *secagg.Charter) { c.Study[3] ^= 1 },
		"room for larger messages": func(c *secagg.Charter) { c.Limits.Cells++ },
	} {
		t.Run(name, func(t *testing.T) {
			w := prototest.New(t, 30, "a", "b", "c")
			b := w.Member("b")
			change(&b.Config.Charter)
			data, err := b.Identity.Commitment(b.Config.Charter.Study, party.Hash("table b"))
			if err != nil {
				t.Fatal(err)
			}
			b.Config.Data = data
			left := spoken(w)
			for _, m := range w.Members {
				if m.Session != nil || m.Err == nil {
					t.Errorf("%s has a session, or goes on: %v", m.ID, m.Err)
				}
			}
			for kind := range left {
				if kind != wire.Type_HELLO && kind != wire.Type_CLOSE {
					t.Errorf("a %v left a member", kind)
				}
			}
			if s := w.Hub.Summary(); round.CodeOf(s.Failure) != wire.Code_CHARTER {
				t.Errorf("the hub ends with %v", s.Failure)
			}
		})
	}
}

// A hub that lets the other charter pass hides nothing: members read it in the hello, under the signature.
func TestMembersFindAnotherCharterThemselves(t *testing.T) {
	w := prototest.New(t, 31, "a", "b", "c")
	weaker := prototest.New(t, 31, "a", "b", "c") // the same identities, told of an older version
	weaker.Member("b").Config.Charter.Version = "consilium 0.1"
	if err := weaker.Join(weaker.Member("b")); err != nil {
		t.Fatal(err)
	}
	other := prototest.Peek(weaker.Queue[0])
	raw, err := wire.Encode(other)
	if err != nil {
		t.Fatal(err)
	}
	w.Network = func(m round.Message) []round.Message {
		if e := prototest.Peek(m); m.From == party.Hub && m.To == "a" && e.Type == wire.Type_HELLOS {
			return []round.Message{prototest.Rewrite(m, func(e *wire.Envelope) {
				list := new(wire.Hellos)
				if err := wire.Decode(e.Body, list); err != nil {
					t.Fatal(err)
				}
				list.Hellos[1] = raw
				if e.Body, err = wire.Encode(list); err != nil {
					t.Fatal(err)
				}
			})}
		}
		return []round.Message{m}
	}
	spoken(w)
	a := w.Member("a")
	if a.Session != nil || round.CodeOf(a.Err) != wire.Code_CHARTER || !strings.Contains(a.Err.Error(), "b holds another charter") {
		t.Errorf("a ends with %v", a.Err)
	}
}

// One of the two signatures is none, and a message of another version of the protocol is none.
func TestStrippedAndOldMessagesAreNone(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*wire.Envelope)
		code   wire.Code
	}{
		"without the post-quantum signature": {func(e *wire.Envelope) { e.Signatures = e.Signatures[:64] }, wire.Code_MALFORMED},
		"with an empty one":                  {func(e *wire.Envelope) { clear(e.Signatures[64:]) }, wire.Code_SIGNATURE},
		"without the classical signature":    {func(e *wire.Envelope) { clear(e.Signatures[:64]) }, wire.Code_SIGNATURE},
		"of version 0":                       {func(e *wire.Envelope) { e.Version = 0 }, wire.Code_MALFORMED},
		"of the next version":                {func(e *wire.Envelope) { e.Version++ }, wire.Code_MALFORMED},
	} {
		t.Run(name, func(t *testing.T) {
			w := prototest.New(t, 32, "a", "b", "c")
			w.Network = func(m round.Message) []round.Message {
				if e := prototest.Peek(m); m.From == "b" && e.Type == wire.Type_HELLO {
					m = prototest.Rewrite(m, tc.change)
				}
				return []round.Message{m}
			}
			left := spoken(w)
			var blame *round.Blame
			if s := w.Hub.Summary(); !errors.As(s.Failure, &blame) || blame.Who != "b" || blame.Code != tc.code {
				t.Errorf("the hub ends with %v", s.Failure)
			}
			if left[wire.Type_SEAL]+left[wire.Type_MASKED] > 0 {
				t.Errorf("messages left: %v", left)
			}
		})
	}
}

// The smallest session there is, and one of a hundred members.
func TestSessionsOfTwoAndOfAHundred(t *testing.T) {
	for _, n := range []int{2, 100} {
		w := prototest.New(t, 33, memberIDs(n)...)
		w.SetUp()
		in, want := prototest.RandomInputs(prototest.Rand(33, "in"), n, 3)
		totals := w.Sum(prototest.Ask(1, 3), in)
		if len(totals) != n {
			t.Fatalf("%d members: %d totals, %v", n, len(totals), w.Members[0].Err)
		}
		for id, total := range totals {
			if !prototest.Equal(total.Sum, want) {
				t.Errorf("%d members: %s opened a wrong total", n, id)
			}
		}
		if s := w.Close(wire.Code_DONE); s.Failure != nil {
			t.Errorf("%d members: %v", n, s.Failure)
		}
	}
}
