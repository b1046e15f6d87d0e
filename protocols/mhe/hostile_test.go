package mhe

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// alter decodes a message, changes it and encodes it again.
func alter(m round.Message, f func(*wire.Envelope)) round.Message {
	e := new(wire.Envelope)
	if err := proto.Unmarshal(m.Body, e); err != nil {
		panic(err)
	}
	f(e)
	m.Body, _ = wire.Encode(e)
	return m
}

// inBody changes the body inside an envelope.
func inBody[M proto.Message](m M, f func(M)) func(*wire.Envelope) {
	return func(e *wire.Envelope) {
		proto.Unmarshal(e.Body, m)
		f(m)
		e.Body, _ = wire.Encode(m)
	}
}

// at applies f to the messages of one kind, step and receiver or sender (empty: all).
func at(kind wire.Type, step uint64, who party.ID, f func(*wire.Envelope)) func(round.Message) []round.Message {
	return func(m round.Message) []round.Message {
		e := new(wire.Envelope)
		proto.Unmarshal(m.Body, e)
		if e.Type != kind || e.Sequence != step || who != "" && m.To != who && m.From != who {
			return []round.Message{m}
		}
		return []round.Message{alter(m, f)}
	}
}

// What a hostile network or hub does to the keys, and how it ends. Steps: 1 the coin, 2
// and 3 the relinearisation key.
func TestTamperedStepsEndWithoutAKey(t *testing.T) {
	flip := func(b []byte) { b[len(b)/2] ^= 1 }
	for _, tc := range []struct {
		name    string
		network func(round.Message) []round.Message
		who     party.ID // blamed by the hub; empty: the members notice
		code    wire.Code
		err     string
	}{
		{"a vow's bit", at(wire.Type_VOW, 2, "m01", func(e *wire.Envelope) { flip(e.Body) }), "m01", wire.Code_SIGNATURE, ""},
		{"a signature's bit", at(wire.Type_VOW, 1, "m01", func(e *wire.Envelope) { flip(e.Signatures) }), "m01", wire.Code_SIGNATURE, ""},
		{"a share's bit", at(wire.Type_SHARE, 2, "m02", func(e *wire.Envelope) { flip(e.Bulk) }), "m02", wire.Code_MALFORMED, ""},
		{"a share cut short", at(wire.Type_SHARE, 2, "m02", func(e *wire.Envelope) { e.Bulk = e.Bulk[:len(e.Bulk)-1] }), "m02", wire.Code_MALFORMED, ""},
		{"a salt", at(wire.Type_SHARE, 2, "m00", inBody(&wire.Share{}, func(s *wire.Share) { flip(s.Salt) })), "m00", wire.Code_SIGNATURE, ""},
		{"a peer's tag", at(wire.Type_VOWS, 2, "m00", inBody(&wire.Vows{}, func(v *wire.Vows) { flip(v.Vows[1].Tag) })), "", wire.Code_TAG, "tag on the vow of m01"},
		{"a peer's vow", at(wire.Type_VOWS, 2, "m00", inBody(&wire.Vows{}, func(v *wire.Vows) { flip(v.Vows[2].Body) })), "", wire.Code_TAG, "tag on the vow of m02"},
		{"the own vow", at(wire.Type_VOWS, 2, "m00", inBody(&wire.Vows{}, func(v *wire.Vows) { flip(v.Vows[0].Body) })), "", wire.Code_ALTERED, "own vow"},
		{"a vow left out", at(wire.Type_VOWS, 1, "m00", inBody(&wire.Vows{}, func(v *wire.Vows) { v.Vows = v.Vows[:2] })), "", wire.Code_MALFORMED, "2 vows, want 3"},
		{"vows swapped", at(wire.Type_VOWS, 1, "m00", inBody(&wire.Vows{}, func(v *wire.Vows) { v.Vows[1], v.Vows[2] = v.Vows[2], v.Vows[1] })), "", wire.Code_TAG, "tag"},
		{"a coin", at(wire.Type_FOLDED, 1, "m00", inBody(&wire.Folded{}, func(f *wire.Folded) { flip(f.Shares[2].Share) })), "", wire.Code_OPENING, "m02"},
		{"coins swapped", at(wire.Type_FOLDED, 1, "m01", inBody(&wire.Folded{}, func(f *wire.Folded) { f.Shares[0], f.Shares[2] = f.Shares[2], f.Shares[0] })), "", wire.Code_OPENING, "m00"},
		{"a coin left out", at(wire.Type_FOLDED, 1, "m00", inBody(&wire.Folded{}, func(f *wire.Folded) { f.Shares = f.Shares[:2] })), "", wire.Code_MALFORMED, "2 shares"},
		{"the sum of round 1, for all", at(wire.Type_FOLDED, 2, "", inBody(&wire.Folded{}, func(f *wire.Folded) { f.Sum[100] ^= 1 })), "", wire.Code_FOLD, "step 2"},
		{"the sum of round 1, for one", at(wire.Type_FOLDED, 2, "m01", inBody(&wire.Folded{}, func(f *wire.Folded) { f.Sum[100] ^= 1 })), "", wire.Code_STATE, "step before"},
		{"a constant for a sum", at(wire.Type_FOLDED, 2, "", inBody(&wire.Folded{}, func(f *wire.Folded) { clear(f.Sum) })), "", wire.Code_FOLD, "step 2"},
		{"a sum of another shape", at(wire.Type_FOLDED, 2, "m00", inBody(&wire.Folded{}, func(f *wire.Folded) { f.Sum = f.Sum[:len(f.Sum)-100] })), "", wire.Code_MALFORMED, "bytes, want"},
		{"residues beyond the primes", at(wire.Type_FOLDED, 2, "m00", inBody(&wire.Folded{}, func(f *wire.Folded) {
			for i := range f.Sum {
				f.Sum[i] = 0xff
			}
		})), "", wire.Code_MALFORMED, "not below its prime"},
		{"another version", at(wire.Type_VOWS, 2, "m00", func(e *wire.Envelope) { e.Version++ }), "", wire.Code_MALFORMED, "version"},
		{"bytes behind the end", func(m round.Message) []round.Message {
			if m.To == "m00" {
				m.Body = append(bytes.Clone(m.Body), 0)
			}
			return []round.Message{m}
		}, "", wire.Code_MALFORMED, "canonical"},
		{"a message announced as huge", func(m round.Message) []round.Message {
			if m.From == "m01" {
				m.Body = append(bytes.Clone(m.Body), make([]byte, 64<<20)...)
			}
			return []round.Message{m}
		}, "m01", wire.Code_MALFORMED, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, InsecureTest(4), 3)
			w.network = tc.network
			if tc.name == "the sum of round 1, for all" || tc.name == "a constant for a sum" {
				w.network = func(m round.Message) []round.Message { // to members only
					if m.From == party.Hub {
						return tc.network(m)
					}
					return []round.Message{m}
				}
			}
			run(w, keys)
			w.mustBeOver(tc.who, tc.code, tc.err)
		})
	}
}

// mustBeOver checks that the hub blamed who, or that some member stopped with
// code and text; and that whoever stopped has lost its key for good.
func (w *world) mustBeOver(who party.ID, code wire.Code, text string) {
	w.t.Helper()
	if who != "" {
		var b *round.Blame
		if !errors.As(w.hub.Summary().Failure, &b) || b.Who != who || b.Code != code {
			w.t.Fatalf("the hub says %v, want blame of %s for %v", w.hub.Summary().Failure, who, code)
		}
	}
	stopped := 0
	found := who != ""
	for i, err := range w.err {
		if err == nil {
			continue
		}
		stopped++
		if w.closed[i] == wire.Code_UNSTATED {
			w.t.Errorf("member %d stopped without telling the others: %v", i, err)
		}
		found = found || round.CodeOf(err) == code && strings.Contains(err.Error(), text)
		w.mustBeBurnt(i)
	}
	if stopped == 0 || !found {
		w.t.Fatalf("no member stopped with %v, %q: %v", code, text, w.err)
	}
}

func (w *world) mustBeBurnt(i int) {
	w.t.Helper()
	s := w.sessions[i]
	for _, row := range append(append([][]uint64{}, s.secret.key.Value.Q.Coeffs...), s.secret.key.Value.P.Coeffs...) {
		for _, x := range row {
			if x != 0 {
				w.t.Fatalf("member %d still has its key", i)
			}
		}
	}
	if _, err := s.Input([]Plain{w.params.plain("x", 1, 1, 1)}); !errors.Is(err, ErrBurnt) {
		w.t.Errorf("member %d goes on after an abort: %v", i, err)
	}
	if _, err := New(w.configs[i]); !errors.Is(err, ErrBurnt) {
		w.t.Errorf("member %d begins a second session for one attempt: %v", i, err)
	}
}

// The hub hears of a false claim before anybody else, and says whose it was.
func TestFalseClaimIsNamedByTheHub(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 3)
	must(w, (*Session).coin)
	must(w, (*Session).relinOne)
	v := w.sessions[1].prior.own[0]
	v[0] = (v[0] + 1) % w.params.prime(0)
	w.sessions[1].prior.own[0] = v
	run(w, (*Session).relinTwo)
	w.mustBeOver("m01", wire.Code_FOLD, "")
}

// A wrong sum of the last step before an opening is found by the opening's own
// vow: no term leaves.
func TestNothingIsOpenedOfAChangedSum(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 3, withRegistry(t, InsecureTest(4), 3))
	w.squared(3, nil)
	w.network = func(m round.Message) []round.Message {
		if m.From != party.Hub {
			return []round.Message{m}
		}
		return at(wire.Type_FOLDED, 5, "", inBody(&wire.Folded{}, func(f *wire.Folded) {
			f.Sum[0] ^= 1 // of the decryption shares: stays in range with luck only
		}))(m)
	}
	out := run(w, func(s *Session) (round.Machine[Refreshed], error) {
		return s.Refresh(w.products[s], true)
	})
	if len(out) > 0 {
		w.network = nil
		run(w, func(s *Session) (round.Machine[*Opening], error) {
			return s.Open("square", out[w.index(s)].Value, []int{0})
		})
	}
	for i, err := range w.err {
		if code := round.CodeOf(err); code != wire.Code_FOLD && code != wire.Code_RANGE {
			t.Errorf("member %d: %v, want a refusal", i, err)
		}
	}
}

// A message again changes nothing; a different one for its place ends the session.
func TestReplaysAreDroppedAndSecondVersionsEndTheSession(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 3)
	var old []round.Message
	w.network = func(m round.Message) []round.Message {
		out := append([]round.Message{m}, m)
		if len(old) > 3 {
			out = append(out, old[len(old)-3], old[0])
		}
		old = append(old, m)
		return out
	}
	must(w, keys)
	if w.sessions[0].Dropped() == 0 {
		t.Error("nothing was dropped")
	}

	w = newWorld(t, InsecureTest(4), 3)
	w.network = func(m round.Message) []round.Message {
		if m.From != party.Hub {
			return []round.Message{m}
		}
		twice := at(wire.Type_VOWS, 2, "m00", inBody(&wire.Vows{}, func(v *wire.Vows) { v.Vows[1].Tag[0] ^= 1 }))(m)
		return append([]round.Message{m}, twice...)
	}
	run(w, keys)
	w.mustBeOver("", wire.Code_DUPLICATE, "second, different")
}

// Messages of another plan, attempt, sender or receiver are nobody's business.
func TestForeignMessagesAreDropped(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 2)
	w.network = func(m round.Message) []round.Message {
		foreign := alter(m, func(e *wire.Envelope) { e.Attempt++ })
		stranger := m
		stranger.From = "stranger"
		return []round.Message{foreign, stranger, m}
	}
	must(w, keys)
	if w.hub.Summary().Dropped == 0 || w.sessions[1].Dropped() == 0 {
		t.Error("nothing was dropped")
	}
}

func TestSilenceBurnsTheKey(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 3)
	w.network = func(m round.Message) []round.Message {
		if m.From == "m02" {
			return nil
		}
		return []round.Message{m}
	}
	machines := make([]round.Machine[struct{}], 3)
	run(w, func(s *Session) (round.Machine[struct{}], error) {
		m, err := keys(s)
		machines[w.index(s)] = m
		return m, err
	})
	for i, m := range machines {
		_, err := m.Expire()
		var few *round.TooFew
		if !errors.As(err, &few) {
			t.Errorf("member %d: %v, want TooFew", i, err)
		}
		w.mustBeBurnt(i)
	}
	out, err := w.hub.Expire()
	if err != nil || len(out) != 3 {
		t.Fatalf("the hub's farewell: %v, %v", out, err)
	}
	var few *round.TooFew
	if !errors.As(w.hub.Summary().Failure, &few) || len(few.Missing) != 1 || few.Missing[0] != "m02" {
		t.Errorf("the hub misses %v, want m02", w.hub.Summary().Failure)
	}
}

// A session emits one vow and one share per step, the same bytes however often it is asked.
func TestOneSharePerStepForEver(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 2)
	seen := map[string]map[string]bool{}
	machines := make([]round.Machine[struct{}], 2)
	note := func(m round.Message) {
		e := new(wire.Envelope)
		proto.Unmarshal(m.Body, e)
		k := fmt.Sprint(m.From, e.Type, e.Sequence, "part ", e.Part)
		if seen[k] == nil {
			seen[k] = map[string]bool{}
		}
		seen[k][string(m.Body)] = true
	}
	w.network = func(m round.Message) []round.Message {
		if m.To == party.Hub {
			note(m)
		}
		for _, machine := range machines { // reconnect all the time
			if machine == nil {
				continue
			}
			out, err := machine.Start()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range out {
				note(m)
			}
		}
		return []round.Message{m}
	}
	run(w, func(s *Session) (round.Machine[struct{}], error) {
		m, err := keys(s)
		machines[w.index(s)] = m
		return m, err
	})
	p := w.sessions[0].params
	if want := 2 * (3 + 1 + len(p.parts(p.keyShape(2), false)) + len(p.parts(p.keyShape(1), false))); len(seen) != want {
		t.Fatalf("%d places, want %d: a vow and the parts of a share for 3 steps of 2 members", len(seen), want)
	}
	for k, v := range seen {
		if len(v) != 1 {
			t.Errorf("%s was said in %d ways", k, len(v))
		}
	}
}

// Killed after any record of a whole study: the set-up goes on from the journal, which
// both protocols write to, and can close; the encrypted session is gone once it was begun, whatever was said
// in it, and the next attempt has another.
func TestNoWayBackIntoASessionAfterAKill(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2, withRegistry(t, p, 2))
	last := 0
	w.network = func(m round.Message) []round.Message {
		if prototest.Peek(m).Type == wire.Type_CLOSE && last == 0 {
			last = w.journals[0].Len() - 2 // without the two endings
		}
		return []round.Message{m}
	}
	w.live(w.acts)
	burnt := 0
	for n := range last + 1 {
		member, config := w.members[0], w.configs[0]
		j := w.journals[0].Copy(n)
		member.Journal, config.Journal = j, j
		begun := false
		if err := j.Replay(func(kind string, _ []byte) error { begun = begun || kind == KindBegan; return nil }); err != nil {
			t.Fatal(err)
		}
		m, err := secagg.NewMember(member)
		if err != nil {
			t.Fatalf("after %d records: %v", n, err)
		}
		s, ok := m.Result()
		if !ok {
			continue
		}
		config.Session = s.Beside("encrypted")
		if _, err := New(config); errors.Is(err, ErrBurnt) != begun || !begun && err != nil {
			t.Errorf("after %d records, begun %v: %v", n, begun, err)
		}
		if out, err := s.Close(wire.Code_CANCELLED).Start(); err != nil || len(out) != 1 {
			t.Errorf("after %d records: no closing: %v", n, err)
		}
		if begun {
			burnt++
		}
		config.Session.Attempt = 2
		if _, err := New(config); err != nil {
			t.Errorf("after %d records: the next attempt is refused: %v", n, err)
		}
	}
	if burnt < 10 {
		t.Errorf("killed %d times within a session, want to see every step", burnt)
	}
}

// brokenJournal writes n records and then fails.
type brokenJournal struct {
	secagg.MemoryJournal
	left int
}

func (j *brokenJournal) Append(kind string, b []byte) error {
	if j.left--; j.left < 0 {
		return errors.New("disk full")
	}
	return j.MemoryJournal.Append(kind, b)
}

// What cannot be journalled is not sent: the attempt ends instead.
func TestNothingLeavesUnjournalled(t *testing.T) {
	for n := range 5 {
		p := InsecureTest(4)
		w := newWorld(t, p, 2)
		c := w.configs[0]
		c.Journal = &brokenJournal{left: n}
		c.Session.Attempt = 7
		s, err := New(c)
		if n == 0 {
			if err == nil {
				t.Error("a session without a record of it")
			}
			continue
		}
		m, err := s.Keys()
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Start()
		want := wire.Type_VOW
		if n == 1 {
			want = wire.Type_CLOSE
		}
		if (n == 1) != (err != nil) || len(out) != 1 || prototest.Peek(out[0]).Type != want {
			t.Errorf("%d records: %d messages, %v", n, len(out), err)
		}
	}
}

// A defect inside a step burns the key and is named by its type only.
func TestAPanicEndsTheSession(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 2)
	s := w.sessions[0]
	m, err := begin(s, task{name: "x", shape: shape{{1, 0, false}}, share: func() (share, []byte, error) { panic("patient 4711") }}, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = m.Start(); err == nil || strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v", err)
	}
	w.mustBeBurnt(0)
}

// Two messages that a member signed for one place are kept, and prove it.
func TestSecondMessageIsEvidence(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 3)
	s := w.sessions[1]
	w.network = func(m round.Message) []round.Message {
		if m.From != s.cfg.Session.ID || m.To != party.Hub || len(w.hub.Summary().Evidence) > 0 {
			return []round.Message{m}
		}
		other := alter(m, func(e *wire.Envelope) {
			inBody(&wire.Vow{}, func(v *wire.Vow) { v.Share = make([]byte, 32) })(e)
			if err := round.Sign(s.cfg.Session.Identity, s.cfg.Session.Context, e); err != nil {
				t.Fatal(err)
			}
		})
		return []round.Message{m, other}
	}
	run(w, keys)
	w.mustBeOver("m01", wire.Code_DUPLICATE, "")
	list := w.hub.Summary().Evidence
	if len(list) != 1 || list[0].Member != "m01" {
		t.Fatalf("evidence: %v", list)
	}
	var bodies [2][]byte
	for i, b := range [][]byte{list[0].First, list[0].Second} {
		e := new(wire.Envelope)
		if err := wire.Decode(b, e); err != nil {
			t.Fatal(err)
		}
		if err := round.Verify(w.roster.At(1).Key, s.cfg.Session.Context, e); err != nil {
			t.Errorf("evidence does not verify: %v", err)
		}
		bodies[i] = e.Body
	}
	if bytes.Equal(bodies[0], bodies[1]) {
		t.Error("the evidence is twice the same")
	}
}

// Sessions of one process do not disturb each other: none shares anything of the
// library that holds scratch space. Run it under -race.
func TestSessionsRunSideBySide(t *testing.T) {
	p := InsecureTest(5)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 {
				w := newWorld(t, p, 2)
				out := w.squared(2, func(s *Session, c *Ciphertext) (round.Machine[Refreshed], error) {
					return s.Refresh(c, false, Output{Copies: []Copy{{0, 0}}})
				})
				if d := off(w.decrypt(out[0].Outputs[0]), []float64{4}); d > out[0].Outputs[0].bound.Err {
					t.Errorf("off by %g", d)
				}
			}
		})
	}
	wg.Wait()
}

// A member that shares something else than it vowed, properly signed, is named:
// whoever could change its share after seeing others' could choose the sum.
func TestShareOtherThanVowedIsNamed(t *testing.T) {
	for _, step := range []uint64{1, 2} {
		w := newWorld(t, InsecureTest(4), 3)
		s := w.sessions[2]
		w.network = func(m round.Message) []round.Message {
			if m.From != s.cfg.Session.ID {
				return []round.Message{m}
			}
			return at(wire.Type_SHARE, step, "", func(e *wire.Envelope) {
				e.Bulk[0] ^= 1
				hash := partHash(e.Bulk)
				inBody(&wire.Share{}, func(v *wire.Share) { copy(v.Parts, hash[:]) })(e)
				if err := round.Sign(s.cfg.Session.Identity, s.cfg.Session.Context, e); err != nil {
					t.Fatal(err)
				}
			})(m)
		}
		run(w, keys)
		w.mustBeOver("m02", wire.Code_OPENING, "")
	}
}
