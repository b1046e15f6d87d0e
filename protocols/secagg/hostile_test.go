package secagg_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// witness remembers what members said: one body for each place, for ever.
type witness struct {
	said map[string][]byte
	bad  []string
}

func (x *witness) hear(m round.Message) {
	e := prototest.Peek(m)
	if e == nil || m.From == party.Hub {
		return
	}
	if x.said == nil {
		x.said = map[string][]byte{}
	}
	at := fmt.Sprintf("%s %d %v %d", m.From, e.Attempt, e.Type, e.Sequence)
	if before, twice := x.said[at]; twice && !bytes.Equal(before, m.Body) {
		x.bad = append(x.bad, at)
	}
	x.said[at] = bytes.Clone(m.Body)
}

// crashing is a journal whose nth Append fails, as if the machine had lost power
// just before or just after the record reached the disk.
type crashing struct {
	*secagg.MemoryJournal
	n    int
	kept bool
}

var errPower = errors.New("power failure")

func (j *crashing) Append(kind string, record []byte) error {
	if j.n--; j.n == 0 {
		if j.kept {
			if err := j.MemoryJournal.Append(kind, record); err != nil {
				return err
			}
		}
		return errPower
	}
	return j.MemoryJournal.Append(kind, record)
}

// A member is killed at each of its journal records, before or after it is
// durable, and restarted: the sums come out right, and nothing it ever said is said differently.
func TestMemberCanDieAtEveryStep(t *testing.T) {
	for _, release := range []string{secagg.ReleaseAll, secagg.ReleaseAnalyst, "shown"} {
		for _, id := range []party.ID{"a", "c"} {
			for _, kept := range []bool{false, true} {
				for n := 1; n <= 10; n++ {
					name := fmt.Sprintf("release=%s/member=%s/kept=%v/record=%d", release, id, kept, n)
					t.Run(name, func(t *testing.T) { dieAt(t, release, id, n, kept) })
				}
			}
		}
	}
}

func dieAt(t *testing.T, release string, id party.ID, n int, kept bool) {
	shown := release == "shown"
	if shown {
		release = secagg.ReleaseAnalyst
	}
	reader, err := party.NewIdentity(prototest.Rand(1, "reader"))
	if err != nil {
		t.Fatal(err)
	}
	key := reader.Public()
	w := prototest.NewWith(t, uint64(n), func(c *secagg.Charter) {
		if c.Release = release; release == secagg.ReleaseAnalyst {
			c.Reader = key.Digest()
		}
	}, "a", "b", "c")
	if release == secagg.ReleaseAnalyst {
		for _, m := range w.Members {
			m.Config.Reader = &key
		}
	}
	x, m := &witness{}, w.Member(id)
	m.Config.Journal = &crashing{m.Journal, n, kept}
	w.Network = func(m round.Message) []round.Message { x.hear(m); return []round.Message{m} }
	died := func() {
		if m.Err == nil {
			return
		}
		if !errors.Is(m.Err, errPower) {
			t.Fatal(m.Err)
		}
		m.Config.Journal = m.Journal
		if err := w.Restart(m); err != nil {
			t.Fatal(err)
		}
		w.Run()
	}
	w.SetUp()
	died()
	d := prototest.Rand(uint64(n), "inputs")
	for k := 1; k <= 2; k++ {
		in, want := prototest.RandomInputs(d, 3, 5)
		ask := prototest.Ask(k, 5)
		ask.Shown = shown
		w.Sum(ask, in)
		died()
		for _, m := range w.Members {
			if len(m.Totals) != k {
				t.Fatalf("sum %d: %s has %d totals: %v", k, m.ID, len(m.Totals), m.Err)
			}
			if sum := m.Totals[k-1].Sum; (sum != nil) != (shown || release == secagg.ReleaseAll) || sum != nil && !prototest.Equal(sum, want) {
				t.Errorf("sum %d: %s opened another total, or one that is not for it", k, m.ID)
			}
		}
	}
	if len(x.bad) > 0 {
		t.Errorf("said differently: %v", x.bad)
	}
	s := w.Close(wire.Code_DONE)
	if s.Failure != nil || s.Sums != 2 || (len(s.Packages) == 2) != (release == secagg.ReleaseAnalyst) {
		t.Errorf("hub: %d sums, %d packages, %v", s.Sums, len(s.Packages), s.Failure)
	}
}

// Every message a member sends is in its journal before it leaves.
func TestNothingLeavesBeforeItIsJournalled(t *testing.T) {
	w := prototest.New(t, 20, "a", "b")
	w.Network = func(msg round.Message) []round.Message {
		if msg.From != party.Hub {
			found := false
			w.Member(msg.From).Journal.Replay(func(_ string, record []byte) error {
				found = found || bytes.Contains(record, msg.Body)
				return nil
			})
			if !found {
				t.Errorf("%s leaves without being journalled", prototest.Line(msg, false))
			}
		}
		return []round.Message{msg}
	}
	w.SetUp()
	in, _ := prototest.RandomInputs(prototest.Rand(20, "in"), 2, 3)
	w.Sum(prototest.Ask(1, 3), in)
	w.Close(wire.Code_DONE)
}

// The unlock and the freeze are durable before the first unlock leaves; and
// there is one unlock only, whoever asks how often.
func TestUnlockIsDecidedOnce(t *testing.T) {
	w := prototest.New(t, 21, "a", "b")
	var kinds []string
	w.SetUp()
	in, _ := prototest.RandomInputs(prototest.Rand(21, "in"), 2, 3)
	w.Sum(prototest.Ask(1, 3), in)
	for range 5 {
		w.Restart(w.Member("a"))
		w.Run()
	}
	w.Sum(prototest.Ask(2, 3), in)
	w.Member("a").Journal.Replay(func(kind string, _ []byte) error {
		kinds = append(kinds, kind)
		return nil
	})
	want := "[began sealing agreed masked frozen unlocked totalled masked unlocked totalled]"
	if got := fmt.Sprint(kinds); got != want {
		t.Errorf("journal: got %s, want %s", got, want)
	}
}

// unfinished is a journal of which the power fails before one record.
type unfinished struct {
	*secagg.MemoryJournal
	before string
}

func (j unfinished) Append(kind string, record []byte) error {
	if kind == j.before {
		return errDead
	}
	return j.MemoryJournal.Append(kind, record)
}

// Who has bound itself to a roster says so when it closes, even if the power failed before it
// unlocked anything: the others must not go on without somebody, where it could never follow.
func TestWhoIsBoundToARosterDoesNotPromiseOtherwise(t *testing.T) {
	w := prototest.New(t, 23, "a", "b", "c")
	w.SetUp()
	m := w.Member("c")
	m.Config.Journal = unfinished{m.Journal, secagg.KindUnlocked}
	w.Restart(m)
	w.Run()
	in, _ := prototest.RandomInputs(prototest.Rand(23, "in"), 3, 3)
	w.Sum(prototest.Ask(1, 3), in)
	if !errors.Is(m.Err, errDead) {
		t.Fatalf("the power did not fail: %v", m.Err)
	}
	m.Config.Journal = m.Journal
	machine, err := secagg.Abandon(m.Config, wire.Code_SILENCE)
	if err != nil {
		t.Fatal(err)
	}
	out, err := machine.Start()
	if err != nil || len(out) != 1 {
		t.Fatalf("it does not close: %v", err)
	}
	c, err := secagg.ParseClosing(out[0].Body, w.Roster)
	if err != nil || !c.Unlocked || c.Frozen != w.Charter.Roster {
		t.Errorf("it closes with %+v, %v", c, err)
	}
}

// A sum that was under way when the member closed is not answered any more, even
// by the machine that was running it.
func TestNothingIsAnsweredAfterTheClosingRecord(t *testing.T) {
	w := prototest.New(t, 23, "a", "b")
	w.SetUp()
	a, in := w.Member("a"), make(secagg.Vector, 3)
	machine, err := a.Session.Sum(prototest.Ask(1, 3), in)
	if err != nil {
		t.Fatal(err)
	}
	var answer round.Message
	w.Seen = func(m round.Message) {
		if m.To == "a" {
			answer = m
		}
	}
	w.Queue, err = machine.Start()
	if err != nil {
		t.Fatal(err)
	}
	w.StartSum(w.Member("b"), prototest.Ask(1, 3), in)
	w.Run()
	if e := prototest.Peek(answer); e.Type != wire.Type_SUMMED {
		t.Fatalf("the hub answered with %v", e.Type)
	}
	if _, err := a.Session.Close(wire.Code_CANCELLED).Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := machine.Receive(answer); len(out) > 0 || err != nil {
		t.Errorf("after closing: %d messages, %v", len(out), err)
	}
	if out, err := machine.Start(); len(out) > 0 || !errors.Is(err, secagg.ErrClosed) {
		t.Errorf("after closing: started with %d messages, %v", len(out), err)
	}
	if _, err := secagg.NewMember(a.Config); !errors.Is(err, secagg.ErrClosed) {
		t.Errorf("a closed attempt is begun again: %v", err)
	}
}

// A network that loses, repeats, reorders and replays, and members that die,
// delay a run and change nothing: every total is right, and no place is
// filled twice.
func TestHostileNetworkOnlyDelays(t *testing.T) {
	for seed := range uint64(hostileSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { hostile(t, seed, false) })
	}
}

// One that changes bits as well can end a run, never make it wrong.
func TestCorruptNetworkNeverMakesATotalWrong(t *testing.T) {
	for seed := range uint64(hostileSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { hostile(t, seed+1e6, true) })
	}
}

func hostile(t *testing.T, seed uint64, corrupt bool) {
	d := prototest.Rand(seed, "hostile")
	members := 2 + d.IntN(3)
	w := prototest.New(t, seed, memberIDs(members)...)
	x, past := &witness{}, []round.Message{}
	w.Shuffle = d
	w.Network = func(m round.Message) []round.Message {
		x.hear(m)
		past = append(past, m)
		out := []round.Message{m}
		switch d.IntN(20) {
		case 0:
			out = nil
		case 1, 2:
			out = append(out, m)
		case 3, 4:
			out = append(out, past[d.IntN(len(past))])
		case 5:
			if corrupt && d.IntN(4) == 0 {
				out[0] = prototest.Flip(m, d.IntN(100))
			}
		}
		return out
	}
	w.Seen = func(round.Message) {
		if d.IntN(40) == 0 {
			w.Restart(w.Members[d.IntN(members)])
		}
	}
	settle := func(done func(*prototest.Member) bool) {
		for range 100 {
			w.Run()
			waiting := false
			for _, m := range w.Members {
				if !done(m) && m.Err == nil {
					waiting = true
					if m.Session != nil {
						w.Again(m)
					}
					if m.Stuck() {
						w.Resend(m)
					}
				}
			}
			if !waiting {
				return
			}
		}
	}
	w.SetUp()
	settle(func(m *prototest.Member) bool { return m.Session != nil })
	for k := 1; k <= 2; k++ {
		in, want := prototest.RandomInputs(d, members, 4)
		for i, m := range w.Members {
			w.StartSum(m, prototest.Ask(k, 4), in[i])
		}
		settle(func(m *prototest.Member) bool { return len(m.Totals) >= k })
		for _, m := range w.Members {
			switch {
			case len(m.Totals) >= k:
				if !prototest.Equal(m.Totals[k-1].Sum, want) {
					t.Fatalf("seed %d: sum %d: %s opened a wrong total", seed, k, m.ID)
				}
			case !corrupt:
				t.Fatalf("seed %d: sum %d: %s did not open it: %v", seed, k, m.ID, m.Err)
			}
		}
	}
	if len(x.bad) > 0 {
		t.Errorf("seed %d: said differently: %v", seed, x.bad)
	}
}

// One bit of one message is changed on its way: the receiver refuses it, or it
// made no difference; no total is ever wrong.
func TestEveryChangedBitIsHarmless(t *testing.T) {
	d := prototest.Rand(22, "bits")
	refused := 0
	for range flippedBits {
		w := prototest.New(t, 22, "a", "b")
		n, at, seen := d.IntN(16), d.Uint64(), 0
		w.Network = func(m round.Message) []round.Message {
			if seen++; seen == n+1 {
				b := bytes.Clone(m.Body)
				b[at%uint64(len(b))] ^= 1 << (at >> 32 % 8)
				m.Body = b
			}
			return []round.Message{m}
		}
		w.SetUp()
		in, want := prototest.RandomInputs(d, 2, 2)
		totals := w.Sum(prototest.Ask(1, 2), in)
		for id, total := range totals {
			if !prototest.Equal(total.Sum, want) {
				t.Fatalf("message %d, bit %d: %s opened a wrong total", n, at, id)
			}
		}
		if len(totals) < 2 {
			refused++
		} else {
			t.Errorf("message %d, bit %d: the change was not noticed", n, at)
		}
	}
	if refused == 0 {
		t.Error("no change was ever refused")
	}
}
