package secagg_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

func TestConfigurationThatContradictsItselfIsRefused(t *testing.T) {
	other, err := party.NewIdentity(prototest.Rand(1, "other"))
	if err != nil {
		t.Fatal(err)
	}
	key := other.Public()
	for _, tc := range []struct {
		name   string
		change func(*secagg.Config)
		err    string
	}{
		{"as it should be", func(*secagg.Config) {}, ""},
		{"no journal", func(c *secagg.Config) { c.Journal = nil }, "journal"},
		{"no randomness", func(c *secagg.Config) { c.Rand = nil }, "rand"},
		{"no identity", func(c *secagg.Config) { c.Identity = nil }, "identity"},
		{"not in the roster", func(c *secagg.Config) { c.ID = "z" }, "not in the roster"},
		{"the hub as a member", func(c *secagg.Config) { c.ID = "hub" }, "not in the roster"},
		{"another's identity", func(c *secagg.Config) { c.Identity = other }, "another key"},
		{"another roster", func(c *secagg.Config) { c.Charter.Roster[0] ^= 1 }, "another roster"},
		{"limits of another size", func(c *secagg.Config) { c.Charter.Limits.Members = 9 }, "limits"},
		{"no cells", func(c *secagg.Config) { c.Charter.Limits.Cells = 0 }, "cells"},
		{"too many cells", func(c *secagg.Config) { c.Charter.Limits.Cells = wire.MaxCells + 1 }, "cells"},
		{"shares to all where there are none", func(c *secagg.Config) { c.Charter.Limits.Full = true }, "shares"},
		{"limits that name a reader", func(c *secagg.Config) { c.Charter.Limits.Reader = true }, "said by release"},
		{"attempt 0", func(c *secagg.Config) { c.Charter.Attempt = 0 }, "attempt"},
		{"a first attempt with a past", func(c *secagg.Config) { c.Charter.Previous[0] = 1 }, "previous"},
		{"unknown release", func(c *secagg.Config) { c.Charter.Release = "everybody" }, "release"},
		{"a reader nobody agreed on", func(c *secagg.Config) { c.Reader = &key }, "reader"},
		{"no reader", func(c *secagg.Config) { c.Charter.Release = secagg.ReleaseAnalyst }, "reader"},
		{"another reader", func(c *secagg.Config) { c.Charter.Release, c.Reader = secagg.ReleaseAnalyst, &key }, "reader"},
		{"a restoration nobody noticed", func(c *secagg.Config) { c.Restored = true }, "restored"},
		{"a later attempt without records", func(c *secagg.Config) { c.Charter.Attempt = 2 }, "closing record"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := prototest.New(t, 30, "a", "b")
			cfg := w.Member("a").Config
			tc.change(&cfg)
			_, err := secagg.NewMember(cfg)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
	if _, err := secagg.NewHub(secagg.HubConfig{}); err == nil {
		t.Error("a hub of nobody")
	}
	w := prototest.New(t, 1, "a", "b")
	if _, err := secagg.NewHub(secagg.HubConfig{Charter: w.Charter, Roster: w.Roster, Guests: []round.Guest{nil}}); err == nil {
		t.Error("a guest where messages have no room for it")
	}
}

func TestCharterDigestBindsEveryField(t *testing.T) {
	seen := map[[32]byte]int{}
	for i, change := range []func(*secagg.Charter){
		func(*secagg.Charter) {},
		func(c *secagg.Charter) { c.Version = "2" },
		func(c *secagg.Charter) { c.Study[0] = 1 },
		func(c *secagg.Charter) { c.Plan[0] = 1 },
		func(c *secagg.Charter) { c.Roster[0] = 1 },
		func(c *secagg.Charter) { c.Approvals[0] = 1 },
		func(c *secagg.Charter) { c.Reveal = "model" },
		func(c *secagg.Charter) { c.Release = "analyst" },
		func(c *secagg.Charter) { c.Reveal, c.Release = "", "sums" },
		func(c *secagg.Charter) { c.Reader[0] = 1 },
		func(c *secagg.Charter) { c.Parameters[0] = 1 },
		func(c *secagg.Charter) { c.Attempt = 2 },
		func(c *secagg.Charter) { c.Previous[0] = 1 },
		func(c *secagg.Charter) { c.Limits.Members = 4 },
		func(c *secagg.Charter) { c.Limits.Cells = 4 },
		func(c *secagg.Charter) { c.Limits.Share = 1 },
		func(c *secagg.Charter) { c.Limits.Full = true },
	} {
		c := secagg.Charter{Version: "1", Reveal: "sums", Attempt: 1, Limits: secagg.Limits{Members: 3, Cells: 3}}
		change(&c)
		if j, twice := seen[c.Digest()]; twice {
			t.Errorf("charters %d and %d have one digest", i, j)
		}
		seen[c.Digest()] = i
	}
}

func TestStrangersAreDropped(t *testing.T) {
	w := prototest.New(t, 31, "a", "b")
	var hello round.Message
	w.Network = func(m round.Message) []round.Message { hello = m; return nil }
	w.Join(w.Member("a"))
	w.Network = nil
	for _, tc := range []struct {
		name     string
		from, to party.ID
	}{{"a sender not in the roster", "z", party.Hub}, {"the hub to itself", party.Hub, party.Hub}, {"no sender", "", party.Hub}, {"to somebody else", "a", "b"}} {
		out, err := w.Hub.Receive(round.Message{From: tc.from, To: tc.to, Body: hello.Body})
		if out != nil || err != nil {
			t.Errorf("%s: got %d messages, %v", tc.name, len(out), err)
		}
	}
	// Said by b, signed by a: b is named.
	w.Hub.Receive(round.Message{From: "b", To: party.Hub, Body: hello.Body})
	for _, m := range w.Members {
		w.StartClose(m, wire.Code_CANCELLED)
	}
	w.Run()
	s, _ := w.Hub.Result()
	var blame *round.Blame
	if !errors.As(s.Failure, &blame) || blame.Who != "b" || blame.Code != wire.Code_MALFORMED {
		t.Errorf("got %v, want b blamed", s.Failure)
	}
	if s.Dropped < 4 {
		t.Errorf("%d messages counted as dropped, want at least 4", s.Dropped)
	}
}

func TestMembersListenToTheHubOnly(t *testing.T) {
	w := prototest.New(t, 32, "a", "b")
	machine, err := secagg.NewMember(w.Member("a").Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := machine.Start(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []round.Message{{From: "b", To: "a", Body: []byte("x")}, {From: party.Hub, To: "b", Body: []byte("x")}} {
		if out, err := machine.Receive(m); out != nil || err != nil {
			t.Errorf("from %s to %s: got %d messages, %v", m.From, m.To, len(out), err)
		}
	}
	out, err := machine.Receive(round.Message{From: party.Hub, To: "a", Body: []byte("x")})
	var blame *round.Blame
	if !errors.As(err, &blame) || blame.Who != party.Hub || len(out) != 1 {
		t.Errorf("rubbish from the hub: %d messages, %v", len(out), err)
	}
}

func TestDamagedOrForeignJournalIsRefused(t *testing.T) {
	w := prototest.New(t, 33, "a", "b")
	w.SetUp()
	in, _ := prototest.RandomInputs(prototest.Rand(33, "in"), 2, 3)
	w.Sum(prototest.Ask(1, 3), in)
	a := w.Member("a")
	damage := func(f func(j *secagg.MemoryJournal, kind string, record []byte)) error {
		cfg, j := a.Config, &secagg.MemoryJournal{}
		a.Journal.Replay(func(kind string, record []byte) error {
			f(j, kind, record)
			return nil
		})
		cfg.Journal = j
		_, err := secagg.NewMember(cfg)
		return err
	}
	if err := damage(func(j *secagg.MemoryJournal, kind string, r []byte) { j.Append(kind, r) }); err != nil {
		t.Fatal(err)
	}
	if err := damage(func(j *secagg.MemoryJournal, kind string, r []byte) { j.Append("rumour", r) }); err == nil {
		t.Error("an unknown kind accepted")
	}
	for _, victim := range []string{secagg.KindBegan, secagg.KindSealing, secagg.KindAgreed, secagg.KindMasked, secagg.KindUnlocked, secagg.KindTotalled} {
		if err := damage(func(j *secagg.MemoryJournal, kind string, r []byte) {
			if kind == victim {
				r = r[:len(r)/2]
			}
			j.Append(kind, r)
		}); err == nil {
			t.Errorf("half a record of kind %s accepted", victim)
		}
	}
	w.Charter.Plan[0] ^= 1
	cfg := a.Config
	cfg.Charter.Plan[0] ^= 1
	if _, err := secagg.NewMember(cfg); err == nil || !strings.Contains(err.Error(), "another plan") {
		t.Errorf("the journal of another plan: %v", err)
	}
}

func TestHubHandsOutSignedOriginals(t *testing.T) {
	w := prototest.New(t, 34, "a", "b")
	w.SetUp()
	in, _ := prototest.RandomInputs(prototest.Rand(34, "in"), 2, 3)
	w.Sum(prototest.Ask(1, 3), in)
	for _, kind := range []wire.Type{wire.Type_MASKED, wire.Type_UNLOCK} {
		b, ok := w.Hub.Original("a", kind, 1)
		if !ok {
			t.Fatalf("no original of %v", kind)
		}
		e, err := wire.Open(b, w.Charter.Limits)
		if err != nil || len(e.Bulk) > 0 || e.Sender != "a" || e.Type != kind {
			t.Errorf("%v: %v", kind, err)
		}
		s, _ := secagg.SessionOf(w.Member("a").Config)
		ctx := round.Context{Charter: w.Charter.Digest(), Roster: w.Charter.Roster, Session: [32]byte(s.Transcript())}
		if err := round.Verify(w.Member("a").Identity.Public(), ctx, e); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
	}
	for _, no := range []struct {
		id   party.ID
		kind wire.Type
		n    uint64
	}{{"z", wire.Type_MASKED, 1}, {"a", wire.Type_MASKED, 2}, {"a", wire.Type_MASKED, 9}} {
		if _, ok := w.Hub.Original(no.id, no.kind, no.n); ok {
			t.Errorf("an original of %v", no)
		}
	}
}

// Whoever is asked to print a secret prints its name.
func TestNoSecretIsPrinted(t *testing.T) {
	w := prototest.New(t, 35, "a", "b")
	w.SetUp()
	in, total := prototest.RandomInputs(prototest.Rand(35, "in"), 2, 3)
	machine, err := w.Member("a").Session.Sum(prototest.Ask(1, 3), in[0])
	if err != nil {
		t.Fatal(err)
	}
	a := w.Member("a")
	things := []any{a.Session, *a.Session, a.Journal, a.Config, machine, w.Hub, secagg.Total{Sequence: 1, Sum: total}, &secagg.Total{Sum: total}, []any{a.Session}}
	var printed strings.Builder
	for _, x := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&printed, verb, x)
		}
	}
	text := printed.String()
	seed, _ := a.Identity.MarshalBinary()
	secrets := secretsOf(t, a.Journal)
	secrets["identity seed"] = seed[1:]
	for name, s := range secrets {
		for _, form := range []string{string(s), fmt.Sprintf("%x", s), strings.Trim(fmt.Sprint(s), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", s), "[]byte{"), "}")} {
			if strings.Contains(text, form) {
				t.Errorf("%s is printed", name)
			}
		}
	}
	for _, v := range []secagg.Vector{in[0], total} {
		for _, c := range v {
			for _, form := range []string{fmt.Sprint(c[0]), fmt.Sprintf("%x", c[0]), fmt.Sprintf("%x", c[1]), fmt.Sprint(c[1])} {
				if strings.Contains(text, form) {
					t.Errorf("cell %s is printed", form)
				}
			}
		}
	}
}
