package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// edited is an encoded envelope whose body, read into m, was changed.
func edited(t testing.TB, raw []byte, m wire.Message, change func()) []byte {
	t.Helper()
	msg := prototest.Rewrite(round.Message{Body: raw}, func(e *wire.Envelope) {
		if err := wire.Decode(e.Body, m); err != nil {
			t.Error(err)
			return
		}
		change()
		var err error
		if e.Body, err = wire.Encode(m); err != nil {
			t.Error(err)
		}
	})
	return msg.Body
}

// resigned is a member's message with another body, signed again by key under the context that it had.
func resigned(t testing.TB, raw []byte, key *party.Identity, c round.Context, m wire.Message, change func()) []byte {
	t.Helper()
	e := prototest.Peek(round.Message{Body: edited(t, raw, m, change)})
	if err := round.Sign(key, c, e); err != nil {
		t.Error(err)
	}
	b, err := wire.Encode(e)
	if err != nil {
		t.Error(err)
	}
	return b
}

// trial is a town with a hub that lies to egg in its first attempt.
type trial struct {
	*town
	mu   sync.Mutex
	left map[string]int      // messages that egg sent in the first attempt, by type
	held []*wire.Envelope    // unlocks on their way to a hub that checks nothing
	past map[string][][]byte // what the hub told egg, by attempt
}

// try runs the small study with a hub that says lie(e, raw) to egg in the place of what
// it has to say in the first attempt; nil: nothing. It returns when the study is done, by a later attempt.
func try(t *testing.T, blindHub bool, lie func(e *wire.Envelope, raw []byte) [][]byte) *trial {
	t.Helper()
	w := newTown(t)
	w.hub.Deadline = time.Second
	x := &trial{town: w, left: map[string]int{}, past: map[string][][]byte{}}
	inner := w.network
	w.network = func(self party.ID) engine.Network {
		if self == party.Hub || self == "ana" {
			return inner(self)
		}
		return between{send: func(name string, attempt uint32, _ party.ID, b []byte) [][]byte {
			e := prototest.Peek(round.Message{Body: b})
			if name == engine.ControlChannel || attempt != 1 || e == nil {
				return [][]byte{b}
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			if self == "egg" {
				x.left[e.Type.String()]++
			}
			if blindHub && e.Type == wire.Type_UNLOCK {
				x.unlocks(inner(party.Hub), name, e)
				return nil
			}
			return [][]byte{b}
		}, receive: func(name string, attempt uint32, _ party.ID, b []byte) [][]byte {
			if name == engine.ControlChannel || self != "egg" {
				return [][]byte{b}
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			at := fmt.Sprint(attempt)
			old := x.past["1"]
			x.past[at] = append(x.past[at], bytes.Clone(b))
			if attempt > 1 { // everything of the first attempt comes again
				return append(append([][]byte{}, old...), b)
			}
			return lie(prototest.Peek(round.Message{Body: b}), b)
		}}.network(inner(self))
	}
	x.all()
	a := x.newAnalyst()
	r := x.fetch(a, x.submit(a, smallStudy))
	equal(t, tidy(t, r), tidy(t, simulated(t, smallStudy, hospitals...)))
	return x
}

// unlocks hands on everybody's unlocks as an honest hub does, and does not look at what they are about.
func (x *trial) unlocks(hub engine.Network, name string, e *wire.Envelope) {
	if x.held = append(x.held, e); len(x.held) < len(hospitals) {
		return
	}
	slices.SortFunc(x.held, func(a, b *wire.Envelope) int { return strings.Compare(a.Sender, b.Sender) })
	ch, err := hub(name, 1)
	if err != nil {
		x.t.Error(err)
		return
	}
	defer ch.Close()
	for j, to := range hospitals {
		list := new(wire.Unlocks)
		for i, u := range x.held {
			one := &wire.Tagged{Body: u.Body}
			if at := j; i != j {
				if j > i {
					at--
				}
				one.Tag = u.Bulk[at*wire.TagSize : (at+1)*wire.TagSize]
			}
			list.Unlocks = append(list.Unlocks, one)
		}
		body, err := wire.Encode(list)
		if err != nil {
			x.t.Error(err)
		}
		b, err := wire.Encode(&wire.Envelope{Version: wire.Version, Plan: e.Plan, Attempt: 1, Type: wire.Type_UNLOCKS, Sequence: e.Sequence,
			Sender: string(party.Hub), Recipient: string(to), Body: body})
		if err == nil {
			err = ch.Send(context.Background(), to, b)
		}
		if err != nil {
			x.t.Error(err)
		}
	}
}

// evidence is what a party's audit log has of it, with both messages.
func (w *town) evidence(id party.ID) (all []store.Entry, records []engine.Evidence) {
	w.t.Helper()
	s := w.stores[id]
	if _, _, err := s.Verify(); err != nil {
		w.t.Errorf("%s: %v", id, err)
	}
	err := s.Events(0, func(e store.Entry) error {
		if e.Event.Kind == store.KindEvidence {
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		p := e.Event.Proof
		if p == nil {
			w.t.Fatalf("%s: evidence without messages: %+v", id, e.Event)
		}
		b, err := s.Proved(*p)
		if err != nil {
			w.t.Fatal(err)
		}
		x, err := engine.ParseEvidence(b)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(p.Messages) != 2 || p.Messages[0] != sha256.Sum256(x.First) || p.Messages[1] != sha256.Sum256(x.Second) {
			w.t.Errorf("%s: the event has other digests than those of the messages", id)
		}
		records = append(records, x)
	}
	return all, records
}

func unchanged(_ *testing.T, raw []byte) []byte { return raw }

// A hub that lies to egg is found by it before anything leaves that the lie was
// for, and both views are kept: a false key before any vector, a false head before
// any unlock. What a false sum is answered with opens the true one at most, and no
// total of that attempt is used. Repetitions and silence are no evidence.
func TestHubThatLiesIsFoundAndTheLieIsKept(t *testing.T) {
	t.Parallel()
	hubs, err := party.NewIdentity(prototest.Rand(1, "hub's own"))
	if err != nil {
		t.Fatal(err)
	}
	hubKey, err := hubs.Public().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	// hello changes chur's hello in a list of all.
	hello := func(t *testing.T, raw []byte, change func(e *wire.Envelope, h *wire.Hello)) []byte {
		m := new(wire.Hellos)
		return edited(t, raw, m, func() {
			e, h := prototest.Peek(round.Message{Body: m.Hellos[2]}), new(wire.Hello)
			err := wire.Decode(e.Body, h)
			change(e, h)
			if err == nil && e.Bulk == nil {
				e.Body, err = wire.Encode(h)
			}
			if err == nil && string(e.Signatures) == "" {
				err = round.Sign(hubs, round.Context{Charter: [32]byte(h.Charter), Roster: [32]byte(h.Roster)}, e)
			}
			if err == nil {
				m.Hellos[2], err = wire.Encode(e)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	type change func(t *testing.T, raw []byte) []byte
	flip := func(t *testing.T, raw []byte) []byte {
		m := new(wire.Summed)
		return edited(t, raw, m, func() { m.Vector[17] ^= 1 })
	}
	for _, tc := range []struct {
		name string
		on   wire.Type
		lie  []change  // what egg hears instead, one after the other
		code wire.Code // of egg's evidence; 0: none, since nothing was said that no honest hub says
		who  string
		last string // the last kind of message that may have left egg in that attempt
	}{
		{"another key to encrypt to", wire.Type_HELLOS, []change{func(t *testing.T, raw []byte) []byte {
			return hello(t, raw, func(_ *wire.Envelope, h *wire.Hello) { h.Key = hubKey[len(hubKey)-wire.KeySize:] })
		}}, wire.Code_SIGNATURE, "hub", "HELLO"},
		{"another key to sign with", wire.Type_HELLOS, []change{func(t *testing.T, raw []byte) []byte {
			return hello(t, raw, func(e *wire.Envelope, h *wire.Hello) {
				h.Key, e.Signatures = hubKey[len(hubKey)-wire.KeySize:], nil
			})
		}}, wire.Code_SIGNATURE, "hub", "HELLO"},
		{"without the second signature", wire.Type_HELLOS, []change{func(t *testing.T, raw []byte) []byte {
			return hello(t, raw, func(e *wire.Envelope, _ *wire.Hello) { clear(e.Signatures[64:]) })
		}}, wire.Code_SIGNATURE, "hub", "HELLO"},
		{"two hospitals' places exchanged", wire.Type_HELLOS, []change{func(t *testing.T, raw []byte) []byte {
			m := new(wire.Hellos)
			return edited(t, raw, m, func() { m.Hellos[0], m.Hellos[1] = m.Hellos[1], m.Hellos[0] })
		}}, wire.Code_MALFORMED, "hub", "HELLO"},
		{"another seal than was signed", wire.Type_SEALS, []change{func(t *testing.T, raw []byte) []byte {
			m := new(wire.Seals)
			return edited(t, raw, m, func() { m.Seals[2].Part[9] ^= 1 })
		}}, wire.Code_MALFORMED, "hub", "SEAL"},
		{"another sum than the others", wire.Type_SUMMED, []change{flip}, wire.Code_DUPLICATE, "", "UNLOCK"},
		{"two sums", wire.Type_SUMMED, []change{unchanged, flip}, wire.Code_DUPLICATE, "hub", "UNLOCK"},
		{"another head than was sent", wire.Type_SUMMED, []change{func(t *testing.T, raw []byte) []byte {
			m := new(wire.Summed)
			return edited(t, raw, m, func() { m.Heads[2].Body[40] ^= 1 })
		}}, wire.Code_TAG, "", "MASKED"},
		{"nothing", wire.Type_SEALS, nil, 0, "", "SEAL"},
		{"everything twice", wire.Type_SUMMED, []change{unchanged, unchanged}, 0, "", "CLOSE"},
	} {
		story(t, tc.name, func(t *testing.T) {
			x := try(t, tc.on == wire.Type_SUMMED && tc.code == wire.Code_DUPLICATE, func(e *wire.Envelope, raw []byte) (out [][]byte) {
				if e.Type != tc.on || e.Sequence > 1 {
					return [][]byte{raw}
				}
				for _, c := range tc.lie {
					out = append(out, c(t, raw))
				}
				return out
			})
			all, records := x.evidence("egg")
			if tc.code == 0 {
				if len(all) > 0 {
					t.Errorf("evidence where nobody lied: %+v", all[0].Event)
				}
				return
			}
			if len(all) != 1 {
				t.Fatalf("%d pieces of evidence, want 1", len(all))
			}
			e, r := all[0].Event, records[0]
			if r.Code != tc.code || e.Who != tc.who || e.Why == "" || !strings.Contains(e.What, "attempt 1: ") || !strings.Contains(e.What, tc.code.String()) || len(r.First) == 0 || len(r.Second) == 0 {
				t.Errorf("the event is %+v, code %v", e, r.Code)
			}
			order := []string{"HELLO", "SEAL", "MASKED", "UNLOCK"}
			allowed := true
			for _, kind := range order {
				if n := x.left[kind]; !allowed && n > 0 {
					t.Errorf("%d messages of type %s left egg", n, kind)
				}
				allowed = allowed && kind != tc.last
			}
		})
	}
}

// A hospital that signs two messages for one place is named at the hub, and
// both verify under its pinned key: whoever has the roster can judge.
func TestHospitalThatSignsTwiceIsNamed(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		inner := w.network
		var once sync.Once
		w.network = func(self party.ID) engine.Network {
			if self != "egg" {
				return inner(self)
			}
			return between{send: func(name string, _ uint32, _ party.ID, b []byte) [][]byte {
				out := [][]byte{b}
				e := prototest.Peek(round.Message{Body: b})
				if name == engine.ControlChannel || e == nil || e.Type != wire.Type_HELLO {
					return out
				}
				once.Do(func() {
					h := new(wire.Hello)
					if err := wire.Decode(e.Body, h); err != nil {
						t.Error(err)
					}
					c := round.Context{Charter: [32]byte(h.Charter), Roster: [32]byte(h.Roster)}
					m := new(wire.Hello)
					out = append(out, resigned(t, b, w.identities["egg"], c, m, func() { m.Nonce[0] ^= 1 }))
				})
				return out
			}}.network(inner(self))
		}
		w.all()
		a := w.newAnalyst()
		w.fetch(a, w.submit(a, smallStudy))
		all, records := w.evidence(party.Hub)
		if len(all) != 1 || all[0].Event.Who != "egg" {
			t.Fatalf("the hub's evidence: %+v", all)
		}
		for _, raw := range [][]byte{records[0].First, records[0].Second} {
			e, h := prototest.Peek(round.Message{Body: raw}), new(wire.Hello)
			if err := wire.Decode(e.Body, h); err != nil {
				t.Fatal(err)
			}
			c := round.Context{Charter: [32]byte(h.Charter), Roster: [32]byte(h.Roster)}
			if err := round.Verify(w.identities["egg"].Public(), c, e); err != nil || e.Sender != "egg" {
				t.Errorf("an original of %s: %v", e.Sender, err)
			}
		}
		if bytes.Equal(records[0].First, records[0].Second) {
			t.Error("the two originals are one")
		}
	})
}

// Two proposals with one number, or one under a decision that nobody signed, are
// evidence with the proposals themselves.
func TestFalseProposalsAreKept(t *testing.T) {
	t.Parallel()
	propose := func(s *served, others map[party.ID][]byte) []byte {
		p, err := control.Propose(control.Author{ID: party.Hub}, s.sub.Plan, s.sub.Run, 1, hospitals, others, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		return p.Bytes
	}
	story(t, "two with one number", func(t *testing.T) {
		s := serve(t, engine.Policy{ApproveKinds: []string{"describe"}})
		s.say(s.sub.Bytes)
		s.others["basel"] = s.hear(control.Decides).Bytes
		first := propose(s, s.others)
		s.say(first)
		s.settle()
		s.others["egg"] = s.approval("egg", func(d *store.Decision) { d.Runs = 2; d.Made = d.Made.Add(2 * time.Second) })
		second := propose(s, s.others)
		s.say(second)
		s.hear(control.Leaves)
		all, records := s.evidence("basel")
		if len(all) != 1 || all[0].Event.Who != "hub" || records[0].Code != wire.Code_DUPLICATE || !bytes.Equal(records[0].First, first) || !bytes.Equal(records[0].Second, second) {
			t.Errorf("evidence: %+v", all)
		}
	})
	story(t, "a decision that nobody signed", func(t *testing.T) {
		s := serve(t, engine.Policy{ApproveKinds: []string{"describe"}})
		s.say(s.sub.Bytes)
		s.others["basel"] = s.hear(control.Decides).Bytes
		impostor := someone(t)
		was := s.identities["egg"]
		s.identities["egg"] = impostor
		s.others["egg"] = s.approval("egg", func(*store.Decision) {})
		s.identities["egg"] = was
		forged := propose(s, s.others)
		for range 100 { // a hub cannot fill a disk with it
			s.say(forged)
			forged = propose(s, map[party.ID][]byte{"aarau": s.others["aarau"], "basel": s.others["basel"], "chur": s.others["chur"], "davos": s.others["davos"],
				"egg": append(bytes.Clone(s.others["egg"]), byte(0))})
		}
		s.settle()
		if q, _ := s.gateway.Study(s.sub.Run); q.Attempt != 0 {
			t.Errorf("attempt %d began", q.Attempt)
		}
		all, records := s.evidence("basel")
		if len(all) == 0 || len(all) > 32 || all[0].Event.Who != "hub" || records[0].Code != wire.Code_SIGNATURE || !strings.Contains(all[0].Event.Why, "egg") {
			t.Errorf("evidence: %+v", all)
		}
	})
}

// A hub that says nothing for ever ends in silence: nothing is unlocked, nothing is said to be wrong.
func TestHubThatIsSilentForEverLearnsNothing(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.hub.Deadline, w.hub.Attempts = 300*time.Millisecond, 2
		inner := w.network
		var mu sync.Mutex
		left := map[wire.Type]int{}
		w.network = func(self party.ID) engine.Network {
			return between{send: func(name string, _ uint32, to party.ID, b []byte) [][]byte {
				e := prototest.Peek(round.Message{Body: b})
				if name == engine.ControlChannel || e == nil {
					return [][]byte{b}
				}
				mu.Lock()
				defer mu.Unlock()
				left[e.Type]++
				if to == "egg" && e.Type == wire.Type_SUMMED {
					return nil
				}
				return [][]byte{b}
			}}.network(inner(self))
		}
		w.all()
		a := w.newAnalyst()
		run := w.submit(a, smallStudy)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		attempts := map[uint32]bool{}
		err := a.Watch(ctx, run, func(s engine.Status) error {
			if s.From == party.Hub && s.Stage == engine.StageFailed {
				if attempts[s.Attempt] = true; len(attempts) == 2 {
					return errSeen
				}
			}
			return nil
		})
		if err == nil {
			t.Error("the run is over, and well")
		}
		mu.Lock()
		defer mu.Unlock()
		if left[wire.Type_UNLOCKS] > 0 || left[wire.Type_MASKED] == 0 {
			t.Errorf("messages: %v", left)
		}
		for _, id := range hospitals {
			if all, _ := w.evidence(id); len(all) > 0 {
				t.Errorf("%s: silence is no evidence: %+v", id, all[0].Event)
			}
		}
	})
}
