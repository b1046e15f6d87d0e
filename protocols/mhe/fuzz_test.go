package mhe

import (
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// FuzzHubOfBoth: whatever a member says at whatever point of a study with both
// protocols, the hub does not fall over.
func FuzzHubOfBoth(f *testing.F) {
	p := InsecureTest(4)
	w := newWorld(f, p, 2, withRegistry(f, p, 2))
	up := w.settled // the set-up
	w.network = func(m round.Message) []round.Message {
		if m.To == party.Hub {
			up = append(up, m)
		}
		return []round.Message{m}
	}
	w.live(w.acts)
	for i, m := range up {
		f.Add(i, m.Body)
	}
	f.Fuzz(func(t *testing.T, after int, body []byte) {
		guest, err := NewHub(HubConfig{Roster: w.roster, Params: p, Verify: VerifyFold})
		if err != nil {
			t.Fatal(err)
		}
		hub, err := secagg.NewHub(secagg.HubConfig{Charter: w.charter, Roster: w.roster, Guests: []round.Guest{guest}})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range up[:int(uint(after)%uint(len(up)))] {
			hub.Receive(m)
		}
		for _, from := range []party.ID{"m00", "m01"} {
			if _, err := hub.Receive(round.Message{From: from, To: party.Hub, Body: body}); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzStepReceive: one message of the hub ends no step.
func FuzzStepReceive(f *testing.F) {
	p := InsecureTest(4)
	w := newWorld(f, p, 2)
	var first round.Message
	w.network = func(m round.Message) []round.Message {
		if m.To == "m00" {
			first = m
			f.Add(m.Body)
		}
		return []round.Message{m}
	}
	must(w, keys)
	f.Fuzz(func(t *testing.T, body []byte) {
		c := w.configs[0]
		c.Journal, c.Rand = new(secagg.MemoryJournal), seeded(1)
		c.Session.Stop = func(err error, _, _ []byte) ([]round.Message, error) { return nil, err }
		c.Session.OnClose = func(func() error) {}
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.coin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Start(); err != nil {
			t.Fatal(err)
		}
		m.Receive(round.Message{From: party.Hub, To: first.To, Body: body})
		if _, done := m.Result(); done {
			t.Error("a step is done after one message")
		}
	})
}
