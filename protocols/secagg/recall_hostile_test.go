package secagg_test

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// say is a message that a member signs for the attempt, whatever it says.
func (x *recalling) say(t testing.TB, as party.ID, kind wire.Type, body wire.Message) round.Message {
	t.Helper()
	b, err := wire.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	c := x.w.Charter
	e := &wire.Envelope{Version: wire.Version, Plan: c.Plan[:], Attempt: c.Attempt, Type: kind, Sender: string(as), Recipient: string(party.Hub), Body: b}
	if err := round.Sign(x.w.Member(as).Identity, round.Context{Charter: c.Digest(), Roster: c.Roster}, e); err != nil {
		t.Fatal(err)
	}
	raw, err := wire.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return round.Message{From: as, To: party.Hub, Body: raw}
}

// relayed is what the hub makes of a member's message, whatever that is.
func (x *recalling) relayed(t testing.TB, to party.ID, raw []byte) round.Message {
	t.Helper()
	b, err := wire.Encode(&wire.Relayed{Message: raw})
	if err != nil {
		t.Fatal(err)
	}
	c := x.w.Charter
	out, err := wire.Encode(&wire.Envelope{Version: wire.Version, Plan: c.Plan[:], Attempt: c.Attempt, Type: wire.Type_RELAYED, Sender: string(party.Hub), Body: b})
	if err != nil {
		t.Fatal(err)
	}
	return round.Message{From: party.Hub, To: to, Body: out}
}

// answer is what as answers b's question, about a position that it says it has seen.
func (x *recalling) answer(t testing.TB, as party.ID, nonce []byte, sequence uint64, chain byte) round.Message {
	t.Helper()
	head := binary.BigEndian.AppendUint64(nil, sequence)
	for range 32 {
		head = append(head, chain)
	}
	return x.say(t, as, wire.Type_SEEN, &wire.Seen{Nonce: nonce, Who: "b", Head: head})
}

// question is b's, and its nonce.
func (x *recalling) question(t testing.TB) (m round.Message, nonce []byte) {
	t.Helper()
	out, err := x.all["b"].Start()
	if err != nil {
		t.Fatal(err)
	}
	q := new(wire.Recall)
	if err := wire.Decode(prototest.Peek(out[0]).Body, q); err != nil {
		t.Fatal(err)
	}
	return out[0], q.Nonce
}

// Whoever repeats another's nonce, or asks without end, does not keep others from being answered.
func TestNobodyAsksInAnothersPlace(t *testing.T) {
	x := recalled(t, -1)
	m, nonce := x.question(t)
	answers := func(q round.Message) int {
		out, own, err := x.all["a"].Receive(x.relayed(t, "a", q.Body))
		if !own || err != nil {
			t.Fatalf("own: %v, error %v", own, err)
		}
		return len(out)
	}
	if n := answers(x.say(t, "c", wire.Type_RECALL, &wire.Recall{Nonce: nonce})); n != 1 {
		t.Errorf("c is given %d answers", n)
	}
	n := 0
	for i := range 300 {
		mine := slices.Clone(nonce)
		binary.BigEndian.PutUint32(mine, uint32(i))
		n += answers(x.say(t, "c", wire.Type_RECALL, &wire.Recall{Nonce: mine}))
	}
	if n != 255 {
		t.Errorf("c is given %d more answers", n)
	}
	if n := answers(m); n != 1 {
		t.Errorf("b is given %d answers", n)
	}
	if n := answers(m); n != 0 {
		t.Errorf("b is given %d answers to the same question again", n)
	}
}

// lies are what c, who deviates, answers beside an honest a; in whatever order,
// b does not go on with an older journal, and c alone does not make it.
func TestOneMemberLiesAboutWhatItHasSeen(t *testing.T) {
	const far = 1000
	for name, tc := range map[string]struct {
		records int // of b's journal that are left; -1: all
		says    []uint64
		code    wire.Code // of what becomes of b; 0: it goes on
		waits   bool
	}{
		"nothing, with all there":          {-1, []uint64{0}, 0, false},
		"nothing, with an older journal":   {2, []uint64{0}, wire.Code_ROLLBACK, false},
		"what was never sent":              {-1, []uint64{far}, wire.Code_ROLLBACK, false},
		"that, then nothing":               {-1, []uint64{far, 0}, wire.Code_ROLLBACK, false},
		"nothing, then that":               {-1, []uint64{0, far}, wire.Code_ROLLBACK, false},
		"more, then less of it":            {-1, []uint64{far, far - 1}, wire.Code_ROLLBACK, false},
		"what nobody can have sent":        {-1, []uint64{math.MaxUint64}, 0, true},
		"that, and then that it was a lie": {-1, []uint64{math.MaxUint64, 0}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := recalled(t, tc.records)
			j := x.w.Member("b").Journal.Copy(x.w.Member("b").Journal.Len())
			if tc.records > 0 {
				j = x.w.Member("b").Journal.Copy(tc.records)
			}
			cfg := x.w.Member("b").Config
			cfg.Journal = j
			var err error
			if x.all["b"], err = secagg.NewRecall(cfg); err != nil {
				t.Fatal(err)
			}
			m, nonce := x.question(t)
			var failed error
			hear := func(raw []byte) {
				_, own, err := x.all["b"].Receive(x.relayed(t, "b", raw))
				if !own {
					t.Fatal("it is not taken as an answer")
				}
				failed = errors.Join(failed, err)
			}
			var lies [][]byte
			for _, n := range tc.says {
				chain := byte(0xee)
				if n == 0 {
					chain = 0
				}
				raw := x.answer(t, "c", nonce, n, chain).Body
				lies = append(lies, raw)
				hear(raw)
			}
			honest, _, err := x.all["a"].Receive(x.relayed(t, "a", m.Body))
			if err != nil || len(honest) != 1 {
				t.Fatal(honest, err)
			}
			hear(honest[0].Body)
			if round.CodeOf(failed) != tc.code && (failed != nil || tc.code != 0) {
				t.Errorf("got %v, want code %v", failed, tc.code)
			}
			if doubt := x.all["b"].Doubtful(); doubt != (tc.code != 0 || tc.waits) {
				t.Errorf("in doubt: %v", doubt)
			}
			if tc.waits {
				few := new(round.TooFew)
				if err := x.all["b"].Expire(); !errors.As(err, &few) || !slices.Equal(few.Missing, []party.ID{"c"}) {
					t.Errorf("gives up with %v", err)
				}
			}
			if tc.code != 0 && tc.records < 0 { // c's signature is on what stopped b, the furthest that it said
				kept := 0
				err := j.Replay(func(kind string, record []byte) error {
					if kind == secagg.KindEvidence {
						e := new(wire.Evidence)
						if err := wire.Decode(record, e); err != nil {
							return err
						}
						if kept++; !slices.Equal(e.Second, lies[slices.Index(tc.says, far)]) {
							t.Error("the evidence is not what c has signed")
						}
					}
					return nil
				})
				if err != nil || kept != 1 {
					t.Errorf("%d pieces of evidence, %v", kept, err)
				}
			}
		})
	}
}

// A member that says in its hello that it has seen what nobody can have sent is named, and nothing is believed lost.
func TestHelloThatHasSeenTheImpossibleIsNamed(t *testing.T) {
	w := prototest.New(t, 8, "a", "b", "c")
	w.Network = func(m round.Message) []round.Message {
		e := prototest.Peek(m)
		if m.From != "c" || e == nil || e.Type != wire.Type_HELLO {
			return []round.Message{m}
		}
		h := new(wire.Hello)
		if err := wire.Decode(e.Body, h); err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint64(h.Heads[wire.HeadSize:], math.MaxUint64)
		e.Body, _ = wire.Encode(h)
		if err := round.Sign(w.Member("c").Identity, round.Context{Charter: w.Charter.Digest(), Roster: w.Charter.Roster}, e); err != nil {
			t.Fatal(err)
		}
		b, err := wire.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		return []round.Message{{From: m.From, To: m.To, Body: b}}
	}
	w.SetUp()
	blame := new(round.Blame)
	if err := w.Member("b").Err; !errors.As(err, &blame) || blame.Who != "c" || blame.Code != wire.Code_MALFORMED {
		t.Errorf("b: %v", err)
	}
	if rolled, err := secagg.RolledBack(w.Member("b").Journal, w.Charter.Plan); err != nil || rolled {
		t.Errorf("b believes it: %v, %v", rolled, err)
	}
}

// What is no question and no answer, of another attempt, plan or signer, or too large, is dropped without a word.
func TestRecallDropsWhatIsNone(t *testing.T) {
	x := recalled(t, -1)
	m, nonce := x.question(t)
	good := x.answer(t, "c", nonce, 0, 0)
	change := func(f func(e *wire.Envelope)) []byte { return prototest.Rewrite(good, f).Body }
	other := recalled(t, -1)
	other.w.Charter.Study[0] ^= 1 // signed under another charter
	for name, raw := range map[string][]byte{
		"nothing":             {},
		"one byte":            {8},
		"its own question":    m.Body,
		"a total's messages":  x.say(t, "c", wire.Type_HELLO, &wire.Recall{Nonce: nonce}).Body,
		"a closing record":    x.say(t, "c", wire.Type_CLOSE, &wire.Recall{Nonce: nonce}).Body,
		"a relayed one":       x.relayed(t, "b", good.Body).Body,
		"of another plan":     change(func(e *wire.Envelope) { e.Plan = make([]byte, 32) }),
		"of a later attempt":  change(func(e *wire.Envelope) { e.Attempt++ }),
		"another's name":      change(func(e *wire.Envelope) { e.Sender = "a" }),
		"nobody's name":       change(func(e *wire.Envelope) { e.Sender = "zug" }),
		"the hub's name":      change(func(e *wire.Envelope) { e.Sender = string(party.Hub) }),
		"half a signature":    change(func(e *wire.Envelope) { clear(e.Signatures[64:]) }),
		"the other half":      change(func(e *wire.Envelope) { clear(e.Signatures[:64]) }),
		"said as a question":  change(func(e *wire.Envelope) { e.Type = wire.Type_RECALL }),
		"with bulk":           change(func(e *wire.Envelope) { e.Bulk = []byte{1} }),
		"a trailing byte":     append(slices.Clone(good.Body), 0),
		"of another charter":  other.answer(t, "c", nonce, 0, 0).Body,
		"for another":         x.say(t, "c", wire.Type_SEEN, &wire.Seen{Nonce: nonce, Who: "a", Head: make([]byte, wire.HeadSize)}).Body,
		"to no question":      x.answer(t, "c", make([]byte, 32), 0, 0).Body,
		"with half a head":    x.say(t, "c", wire.Type_SEEN, &wire.Seen{Nonce: nonce, Who: "b", Head: make([]byte, 20)}).Body,
		"with a long head":    x.say(t, "c", wire.Type_SEEN, &wire.Seen{Nonce: nonce, Who: "b", Head: make([]byte, 4000)}).Body,
		"with a short nonce":  x.say(t, "c", wire.Type_SEEN, &wire.Seen{Nonce: nonce[:31], Who: "b", Head: make([]byte, wire.HeadSize)}).Body,
		"a megabyte and more": make([]byte, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			out, own, err := x.all["b"].Receive(x.relayed(t, "b", raw))
			if out != nil || !own || err != nil {
				t.Errorf("%d messages, taken %v, error %v", len(out), own, err)
			}
			few := new(round.TooFew)
			if err := x.all["b"].Expire(); !errors.As(err, &few) || len(few.Missing) != 2 {
				t.Errorf("after it: %v", err)
			}
		})
	}
	x.all["b"].Receive(x.relayed(t, "b", good.Body))
	few := new(round.TooFew)
	if err := x.all["b"].Expire(); !errors.As(err, &few) || len(few.Missing) != 1 {
		t.Errorf("the true answer is not taken: %v", err)
	}
}

// FuzzRecall: whatever the hub hands on, a member in doubt stays in it.
func FuzzRecall(f *testing.F) {
	x := &recalling{w: prototest.New(f, 7, "a", "b"), all: map[party.ID]*secagg.Recall{}}
	x.w.SetUp()
	for _, m := range x.w.Members {
		r, err := secagg.NewRecall(m.Config)
		if err != nil {
			f.Fatal(err)
		}
		x.all[m.ID] = r
	}
	m, nonce := x.question(f)
	f.Add(true, m.Body)
	f.Add(true, x.answer(f, "b", nonce, 1, 2).Body)
	f.Add(false, x.relayed(f, "b", m.Body).Body)
	f.Fuzz(func(t *testing.T, wrap bool, b []byte) {
		msg := round.Message{From: party.Hub, To: "b", Body: b}
		if wrap {
			msg = x.relayed(t, "b", b)
		}
		if out, own, err := x.all["b"].Receive(msg); out != nil && !own || err != nil || !x.all["b"].Doubtful() {
			t.Errorf("%d messages, taken %v, error %v, in doubt %v", len(out), own, err, x.all["b"].Doubtful())
		}
	})
}
