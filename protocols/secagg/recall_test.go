package secagg_test

import (
	"errors"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// recalling is an attempt after one sum, in which b comes back with some journal.
type recalling struct {
	w   *prototest.World
	all map[party.ID]*secagg.Recall
}

func recalled(t *testing.T, records int) *recalling {
	t.Helper()
	w := prototest.New(t, 7, "a", "b", "c")
	w.SetUp()
	inputs, _ := prototest.RandomInputs(prototest.Rand(7, "inputs"), 3, 2)
	w.Sum(prototest.Ask(1, 2), inputs)
	x := &recalling{w, map[party.ID]*secagg.Recall{}}
	for _, m := range w.Members {
		cfg := m.Config
		if m.ID == "b" {
			if records < 0 {
				records += m.Journal.Len()
			}
			cfg.Journal = m.Journal.Copy(records)
		}
		r, err := secagg.NewRecall(cfg)
		if err != nil {
			t.Fatal(err)
		}
		x.all[m.ID] = r
	}
	return x
}

// ask lets b ask, and all messages arrive that the network lets through. It returns b's error.
func (x *recalling) ask(t *testing.T, network func(round.Message) []round.Message) error {
	t.Helper()
	queue, err := x.all["b"].Start()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		var out []round.Message
		if m.To == party.Hub {
			if out, err = x.w.Hub.Receive(m); err != nil {
				t.Fatal(err)
			}
		} else {
			own := false
			out, own, err = x.all[m.To].Receive(m)
			if !own || err != nil && m.To != "b" {
				t.Fatalf("%s does not take it as a question or an answer: %v", m.To, err)
			}
			failed = errors.Join(failed, err)
		}
		for _, m := range out {
			queue = append(queue, network(m)...)
		}
	}
	return failed
}

func through(m round.Message) []round.Message { return []round.Message{m} }

// With its own journal a member is sure once both others have answered; with any
// older copy of it, it is told what it has lost, and by its journal nothing begins again.
func TestRecallTellsAnOlderJournalFromItsOwn(t *testing.T) {
	full := recalled(t, -1).w.Member("b").Journal.Len()
	kinds := map[int]string{}
	n := 0
	if err := recalled(t, -1).w.Member("b").Journal.Replay(func(kind string, _ []byte) error {
		n++
		kinds[n] = kind
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	whole := false
	for k := 1; k <= full; k++ {
		whole = whole || kinds[k] == secagg.KindUnlocked
		x := recalled(t, k)
		if !x.all["b"].Doubtful() {
			t.Fatalf("after %d records there is no doubt before anybody was asked", k)
		}
		err := x.ask(t, through)
		switch {
		case whole && (err != nil || x.all["b"].Doubtful()):
			t.Errorf("after %d of %d records: still in doubt: %v", k, full, err)
		case !whole && (round.CodeOf(err) != wire.Code_ROLLBACK || !x.all["b"].Doubtful()):
			t.Errorf("after %d of %d records (%s): %v, want a rollback", k, full, kinds[k], err)
		}
	}
	if x := recalled(t, 0); x.all["b"].Doubtful() {
		t.Error("an attempt that was never begun is in doubt")
	}
}

// Whoever is told what it has lost has it in its journal, and evidence of it: the next life is refused.
func TestRecalledLossIsKept(t *testing.T) {
	x := recalled(t, 2)
	j := x.w.Member("b").Journal.Copy(2)
	cfg := x.w.Member("b").Config
	cfg.Journal = j
	var err error
	if x.all["b"], err = secagg.NewRecall(cfg); err != nil {
		t.Fatal(err)
	}
	if err := x.ask(t, through); round.CodeOf(err) != wire.Code_ROLLBACK {
		t.Fatal(err)
	}
	if rolled, err := secagg.RolledBack(j, cfg.Charter.Plan); err != nil || !rolled {
		t.Errorf("the journal says rolled back: %v, %v", rolled, err)
	}
	if _, err := secagg.NewMember(cfg); round.CodeOf(err) != wire.Code_ROLLBACK {
		t.Errorf("goes on with %v", err)
	}
	evidence := 0
	_ = j.Replay(func(kind string, _ []byte) error {
		if kind == secagg.KindEvidence {
			evidence++
		}
		return nil
	})
	if evidence != 1 {
		t.Errorf("%d pieces of evidence", evidence)
	}
}

// Whatever the hub does with questions and answers, a member does not become sure by it.
func TestNobodyAnswersForAnother(t *testing.T) {
	relayed := func(m round.Message) (*wire.Envelope, *wire.Relayed) {
		e, r := prototest.Peek(m), new(wire.Relayed)
		if e == nil || e.Type != wire.Type_RELAYED || wire.Decode(e.Body, r) != nil {
			t.Fatal("nothing that was relayed")
		}
		inner := new(wire.Envelope)
		if err := wire.Decode(r.Message, inner); err != nil {
			t.Fatal(err)
		}
		return inner, r
	}
	// changed is what the hub makes of an answer for b.
	changed := func(f func(m round.Message, e *wire.Envelope) []round.Message) func(round.Message) []round.Message {
		return func(m round.Message) []round.Message {
			if m.From != party.Hub || m.To != "b" {
				return []round.Message{m}
			}
			e, _ := relayed(m)
			return f(m, e)
		}
	}
	again := func(m round.Message, e *wire.Envelope) []round.Message {
		inner, err := wire.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		return []round.Message{prototest.Rewrite(m, func(outer *wire.Envelope) {
			outer.Body, _ = wire.Encode(&wire.Relayed{Message: inner})
		})}
	}
	var old []round.Message // answers to the question of an earlier life
	recalled(t, -1).ask(t, changed(func(m round.Message, _ *wire.Envelope) []round.Message { old = append(old, m); return nil }))
	if len(old) != 2 {
		t.Fatalf("%d answers", len(old))
	}
	for name, network := range map[string]func(round.Message) []round.Message{
		"kept back": changed(func(round.Message, *wire.Envelope) []round.Message { return nil }),
		"one kept back": changed(func(m round.Message, e *wire.Envelope) []round.Message {
			if e.Sender == "c" {
				return nil
			}
			return []round.Message{m, m}
		}),
		"in another's name": changed(func(m round.Message, e *wire.Envelope) []round.Message {
			e.Sender = map[string]string{"a": "c", "c": "a"}[e.Sender]
			return again(m, e)
		}),
		"with another head": changed(func(m round.Message, e *wire.Envelope) []round.Message {
			s := new(wire.Seen)
			if err := wire.Decode(e.Body, s); err != nil {
				t.Fatal(err)
			}
			clear(s.Head)
			e.Body, _ = wire.Encode(s)
			return again(m, e)
		}),
		"of another attempt": changed(func(m round.Message, e *wire.Envelope) []round.Message {
			e.Attempt++
			return again(m, e)
		}),
		"its own question": changed(func(m round.Message, e *wire.Envelope) []round.Message {
			e.Sender = "b"
			return again(m, e)
		}),
		"of an earlier life": changed(func(round.Message, *wire.Envelope) []round.Message { return old }),
	} {
		t.Run(name, func(t *testing.T) {
			x := recalled(t, -1)
			if name == "of an earlier life" { // which had drawn another nonce
				cfg := x.w.Member("b").Config
				cfg.Rand = prototest.Rand(8, "another life")
				var err error
				if x.all["b"], err = secagg.NewRecall(cfg); err != nil {
					t.Fatal(err)
				}
			}
			if err := x.ask(t, network); err != nil || !x.all["b"].Doubtful() {
				t.Errorf("in doubt: %v, %v", x.all["b"].Doubtful(), err)
			}
			few := new(round.TooFew)
			if err := x.all["b"].Expire(); !errors.As(err, &few) || len(few.Missing) == 0 {
				t.Errorf("gives up with %v", err)
			}
		})
	}
}

// The hub hands on so much and no more, and nothing that is not signed.
func TestHubRelaysInBounds(t *testing.T) {
	x := recalled(t, -1)
	out, err := x.all["b"].Start()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range 2000 {
		relayed, err := x.w.Hub.Receive(out[0])
		if err != nil {
			t.Fatal(err)
		}
		n += len(relayed)
	}
	if n != 2*256 {
		t.Errorf("%d questions handed on", n)
	}
	if out, own, err := x.all["a"].Receive(round.Message{From: party.Hub, To: "a", Body: []byte{1, 2, 3}}); own || out != nil || err != nil {
		t.Error("takes what is none")
	}
	y := recalled(t, -1)
	if out, err = y.all["b"].Start(); err != nil {
		t.Fatal(err)
	}
	y.w.Hub.Receive(prototest.Rewrite(out[0], func(e *wire.Envelope) { e.Signatures[9] ^= 1 }))
	if f := y.w.Hub.Summary().Failure; round.CodeOf(f) != wire.Code_SIGNATURE {
		t.Errorf("a forged question: %v", f)
	}
}
