package secagg_test

import (
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// history returns every message of a run of two members, one sum and the end,
// and the members' journals as they were before each of them.
func history(f *testing.F) (w *prototest.World, messages []round.Message) {
	w = prototest.New(f, 50, "a", "b")
	w.Seen = func(m round.Message) { messages = append(messages, m) }
	w.SetUp()
	in, _ := prototest.RandomInputs(prototest.Rand(50, "in"), 2, 2)
	w.Sum(prototest.Ask(1, 2), in)
	w.Close(wire.Code_DONE)
	return w, messages
}

// FuzzMemberReceive: whatever the hub says at whatever point, a member answers or
// refuses, and opens no total: it cannot be made to from the outside.
func FuzzMemberReceive(f *testing.F) {
	w, messages := history(f)
	for _, m := range messages {
		if m.To == "a" {
			for records := range 8 {
				f.Add(records, m.Body)
			}
		}
	}
	a := w.Member("a")
	f.Fuzz(func(t *testing.T, records int, body []byte) {
		cfg := a.Config
		cfg.Journal = a.Journal.Copy(int(uint(records)%6) + 1) // before the total is known
		msg := round.Message{From: party.Hub, To: "a", Body: body}
		setup, err := secagg.NewMember(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setup.Start(); err != nil {
			t.Fatal(err)
		}
		if s, ok := setup.Result(); ok {
			sum, err := s.Sum(prototest.Ask(1, 2), make(secagg.Vector, 2))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sum.Start(); err != nil {
				t.Fatal(err)
			}
			sum.Receive(msg)
			if _, ok := sum.Result(); ok {
				t.Error("a total from one message")
			}
			s.Close(wire.Code_CANCELLED).Receive(msg)
			return
		}
		setup.Receive(msg)
	})
}

// FuzzHubReceive: whatever a member says first, the hub does not fall over.
func FuzzHubReceive(f *testing.F) {
	w, messages := history(f)
	for i, m := range messages {
		if m.To == party.Hub {
			f.Add(i, m.Body)
		}
	}
	f.Fuzz(func(t *testing.T, after int, body []byte) {
		hub, err := secagg.NewHub(secagg.HubConfig{Charter: w.Charter, Roster: w.Roster})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages[:int(uint(after)%uint(len(messages)))] {
			if m.To == party.Hub {
				hub.Receive(m)
			}
		}
		if _, err := hub.Receive(round.Message{From: "a", To: party.Hub, Body: body}); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParseClosing(f *testing.F) {
	w, _ := history(f)
	s, _ := w.Hub.Result()
	f.Add(s.Record.Closings[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := secagg.ParseClosing(b, w.Roster)
		if err != nil {
			return
		}
		// Signatures are hedged, so another process's seed may differ in them alone.
		for _, signed := range s.Record.Closings {
			if said, err := secagg.ParseClosing(signed, w.Roster); err == nil && said == c {
				return
			}
		}
		t.Errorf("a closing of %s that nobody signed", c.Member)
	})
}

func FuzzOpenAtReader(f *testing.F) {
	w, reader, want, pkg := collected(f, 51)
	f.Add(pkg)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, prototest.Ask(1, 4), b)
		if err == nil && !prototest.Equal(got.Sum, want) {
			t.Error("a wrong total")
		}
	})
}

// FuzzJournal: a damaged journal is refused or gone on from, without a panic.
func FuzzJournal(f *testing.F) {
	w, _ := history(f)
	a := w.Member("a")
	var kinds []string
	a.Journal.Replay(func(kind string, record []byte) error {
		kinds = append(kinds, kind)
		f.Add(len(kinds)-1, record)
		return nil
	})
	f.Fuzz(func(t *testing.T, n int, record []byte) {
		n = int(uint(n) % uint(len(kinds)))
		cfg, j := a.Config, a.Journal.Copy(n)
		j.Append(kinds[n], record)
		cfg.Journal = j
		m, err := secagg.NewMember(cfg)
		if err != nil {
			return
		}
		if _, err := m.Start(); err != nil {
			return
		}
		if s, ok := m.Result(); ok {
			if sum, err := s.Sum(prototest.Ask(1, 2), make(secagg.Vector, 2)); err == nil {
				sum.Start()
			}
		}
	})
}
