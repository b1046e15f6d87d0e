package prototest

import (
	"fmt"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// World is one plan's members and hub, and the network.
type World struct {
	T       testing.TB
	Charter secagg.Charter
	Roster  party.Roster
	Members []*Member // of the roster, sorted
	Hub     *secagg.Hub
	Queue   []round.Message
	// Network sees every message before it is queued and says what becomes of
	// it: nothing, itself, or others. Nil delivers everything.
	Network func(round.Message) []round.Message
	// Shuffle, if set, delivers in an order of its choosing.
	Shuffle *Dice
	Seen    func(round.Message) // told of every message delivered

	// Around, if set, wraps every call of a machine; hub says whose.
	Around func(hub bool, call func())

	seed uint64
}

// Member is one hospital: what survives a crash, and what does not.
// asked is a sum that a member was told to take part in.
// New returns a world with a hub and members who have done nothing yet.
func New(t testing.TB, seed uint64, ids ...party.ID) *World {
	t.Helper()
	return NewWith(t, seed, nil, ids...)
}

// NewWith is New with another charter.
func NewWith(t testing.TB, seed uint64, change func(*secagg.Charter), ids ...party.ID) *World {
	t.Helper()
	w := &World{T: t, seed: seed}
	for _, id := range ids {
		identity, err := party.NewIdentity(Rand(seed, "identity "+string(id)))
		if err != nil {
			t.Fatal(err)
		}
		w.Members = append(w.Members, &Member{ID: id, Identity: identity, Journal: &secagg.MemoryJournal{}})
	}
	w.Begin(1, nil, change)
	return w
}

// Begin sets every member and the hub up for an attempt of the present Members.
func (w *World) Begin(attempt uint32, closings [][]byte, change func(*secagg.Charter)) {
	w.T.Helper()
	list := make([]party.Member, len(w.Members))
	for i, m := range w.Members {
		list[i] = party.Member{ID: m.ID, Site: "site " + string(m.ID), Key: m.Identity.Public()}
	}
	roster, err := party.NewRoster(list)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Roster = roster
	w.Charter = secagg.Charter{
		Version: "test", Study: party.Hash("study"), Plan: party.Hash("plan"), Roster: roster.Digest(), Approvals: party.Hash("approvals"),
		Reveal: "sums", Release: secagg.ReleaseAll, Parameters: party.Hash("parameters"), Attempt: attempt,
		Limits: secagg.Limits{Members: roster.Len(), Cells: 64},
	}
	if attempt > 1 {
		w.Charter.Previous = secagg.RecordDigest(closings)
	}
	if change != nil {
		change(&w.Charter)
	}
	if w.Hub, err = secagg.NewHub(secagg.HubConfig{Charter: w.Charter, Roster: roster}); err != nil {
		w.T.Fatal(err)
	}
	for _, m := range w.Members {
		data, err := m.Identity.Commitment(w.Charter.Study, party.Hash("table "+string(m.ID)))
		if err != nil {
			w.T.Fatal(err)
		}
		m.Config = secagg.Config{
			Charter: w.Charter, Roster: roster, ID: m.ID, Identity: m.Identity, Data: data, Closings: closings,
			Rand: Rand(w.seed, fmt.Sprintf("attempt %d %s", attempt, m.ID)), Journal: m.Journal,
		}
		m.Session, m.setup, m.sum, m.closing, m.Totals, m.Record, m.Err = nil, nil, nil, nil, nil, nil, nil
		m.asked = nil
	}
	w.Queue = nil
}

// Member returns the member called id.
func (w *World) Member(id party.ID) *Member {
	w.T.Helper()
	for _, m := range w.Members {
		if m.ID == id {
			return m
		}
	}
	w.T.Fatalf("prototest: no member %q", id)
	return nil
}

// post hands messages to the network.
func (w *World) post(out []round.Message) {
	for _, m := range out {
		if w.Network == nil {
			w.Queue = append(w.Queue, m)
		} else {
			w.Queue = append(w.Queue, w.Network(m)...)
		}
	}
}

// Run delivers until nothing is under way.
func (w *World) Run() {
	for len(w.Queue) > 0 {
		i := 0
		if w.Shuffle != nil {
			i = w.Shuffle.IntN(len(w.Queue))
		}
		m := w.Queue[i]
		w.Queue = append(w.Queue[:i:i], w.Queue[i+1:]...)
		w.deliver(m)
	}
}

// Deliver takes the ith message that is under way to where it goes.
func (w *World) Deliver(i int) {
	m := w.Queue[i]
	w.Queue = append(w.Queue[:i:i], w.Queue[i+1:]...)
	w.deliver(m)
}

// Expire tells m's machine that the time for its step is over.
func (w *World) Expire(m *Member) {
	if machine := m.machine(); machine != nil && m.Err == nil {
		out, err := machine.Expire()
		m.Err = err
		w.post(out)
	}
}

// ExpireHub tells the hub.
func (w *World) ExpireHub() {
	w.T.Helper()
	out, err := w.Hub.Expire()
	if err != nil {
		w.T.Errorf("prototest: the hub failed: %v", err)
	}
	w.post(out)
}

func (w *World) around(hub bool, call func()) {
	if w.Around == nil {
		call()
		return
	}
	w.Around(hub, call)
}

func (w *World) deliver(msg round.Message) {
	if w.Seen != nil {
		w.Seen(msg)
	}
	if msg.To == party.Hub {
		var out []round.Message
		var err error
		w.around(true, func() { out, err = w.Hub.Receive(msg) })
		if err != nil {
			w.T.Errorf("prototest: the hub failed: %v", err)
		}
		w.post(out)
		return
	}
	for _, m := range w.Members {
		if m.ID == msg.To {
			var out []round.Message
			w.around(false, func() { out = m.receive(msg) })
			w.post(out)
		}
	}
}

// receive gives msg to the machine that is running.
// Kill loses everything but the journal.
// machine returns what the member is running, whatever it yields.
// Join starts a member's set-up, or resumes it.
func (w *World) Join(m *Member) error {
	m.Err = nil
	machine, err := secagg.NewMember(m.Config)
	if err != nil {
		m.Err = err
		return err
	}
	m.setup, m.sum, m.closing, m.Session = machine, nil, nil, nil
	out, err := machine.Start()
	m.Err = err
	m.collect()
	w.post(out)
	return err
}

// SetUp brings every member to a session, or says why not in Err.
func (w *World) SetUp() {
	for _, m := range w.Members {
		w.Join(m)
	}
	w.Run()
}

// StartSum begins one member's sum.
func (w *World) StartSum(m *Member, ask secagg.Ask, x secagg.Vector) error {
	m.asked = append(m.asked, asked{ask, x})
	return w.startSum(m, ask, x)
}

// Restart loses all but m's journal, and goes on from there as an engine would: it
// asks for the same sums again, in their order.
func (w *World) Restart(m *Member) error {
	m.Kill()
	if err := w.Join(m); err != nil || m.Session == nil {
		return err
	}
	return w.Again(m)
}

// Again asks for the sums that m was asked for before it was restarted, as far as it can answer.
func (w *World) Again(m *Member) error {
	for m.sum == nil && len(m.Totals) < len(m.asked) {
		a := m.asked[len(m.Totals)]
		if err := w.startSum(m, a.ask, a.x); err != nil {
			return err
		}
	}
	return nil
}

// Stuck reports whether a machine of m is running and has not failed.
// Resend lets m's machine repeat what it has sent in its present step.
func (w *World) Resend(m *Member) {
	out, err := m.machine().Start()
	if err != nil {
		m.Err = err
	}
	w.post(out)
}

func (w *World) startSum(m *Member, ask secagg.Ask, x secagg.Vector) error {
	if m.Session == nil {
		m.Err = fmt.Errorf("prototest: %s has no session", m.ID)
		return m.Err
	}
	machine, err := m.Session.Sum(ask, x)
	if err != nil {
		m.Err = err
		return err
	}
	m.sum = machine
	var out []round.Message
	w.around(false, func() { out, err = machine.Start() })
	if err != nil {
		m.Err = err
	}
	m.collect()
	w.post(out)
	return err
}

// Sum runs one sum of all members to its end and returns the totals opened by it.
func (w *World) Sum(ask secagg.Ask, inputs []secagg.Vector) map[party.ID]secagg.Total {
	w.T.Helper()
	for i, m := range w.Members {
		w.StartSum(m, ask, inputs[i])
	}
	w.Run()
	out := map[party.ID]secagg.Total{}
	for _, m := range w.Members {
		if n := len(m.Totals); n > 0 && m.sum == nil && m.Err == nil {
			out[m.ID] = m.Totals[n-1]
		}
	}
	return out
}

// Close closes every member and returns the hub's summary.
func (w *World) Close(code secagg.Code) secagg.Summary {
	w.T.Helper()
	for _, m := range w.Members {
		w.StartClose(m, code)
	}
	w.Run()
	s, ok := w.Hub.Result()
	if !ok {
		w.T.Fatal("prototest: the hub is not done after every member closed")
	}
	return s
}

// StartClose begins one member's closing.
func (w *World) StartClose(m *Member, code secagg.Code) {
	w.T.Helper()
	if m.Session != nil {
		m.closing = m.Session.Close(code)
	} else {
		machine, err := secagg.Abandon(m.Config, code)
		if err != nil {
			w.T.Fatal(err)
		}
		m.closing = machine
	}
	out, err := m.closing.Start()
	if err != nil {
		w.T.Fatal(err)
	}
	w.post(out)
}

// Ask returns the nth ask of a test.
func Ask(n, cells int) secagg.Ask {
	return secagg.Ask{Digest: party.Hash(fmt.Sprint("ask ", n)), State: party.Hash(fmt.Sprint("state ", n)), Cells: cells}
}

// RandomInputs returns members' vectors and their sum mod 2^128.
func RandomInputs(d *Dice, members, cells int) ([]secagg.Vector, secagg.Vector) {
	in, total := make([]secagg.Vector, members), make(secagg.Vector, cells)
	for i := range in {
		in[i] = make(secagg.Vector, cells)
		for k := range in[i] {
			in[i][k] = [2]uint64{d.Uint64(), d.Uint64()}
		}
		total = Add(total, in[i])
	}
	return in, total
}

// Add returns the sum of two vectors, computed as big integers: an oracle.
func Add(a, b secagg.Vector) secagg.Vector {
	out := make(secagg.Vector, len(a))
	for k := range a {
		out[k] = fromBig(toBig(a[k]).Add(toBig(a[k]), toBig(b[k])))
	}
	return out
}

// Equal compares two vectors.
func Equal(a, b secagg.Vector) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}
