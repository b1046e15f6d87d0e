package control

import (
	"fmt"
	"io"
	"slices"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Outcome is what a hospital came to, for the analyst alone.
type Outcome struct {
	From      party.ID
	Attempt   uint32
	Members   []party.ID // who took part, sorted
	Roster    [32]byte   // digest of the attempt's
	Approvals [32]byte
	Previous  [32]byte
	Report    []byte // the same at every hospital
	Cost      []byte // this hospital's own

	// Of a run that was ended before it was finished.
	Conclusion uint32 // by which; 0: it was finished
	Sums       int    // that the report rests on
	Gone       []party.ID
}

// Signers are the members whose reports are to be the same.
func (o *Outcome) Signers() []party.ID {
	return slices.DeleteFunc(slices.Clone(o.Members), func(id party.ID) bool { return slices.Contains(o.Gone, id) })
}

// Deliver seals an outcome to the analyst's key and signs it.
func Deliver(a Author, plan [32]byte, run RunID, o Outcome, analyst party.PublicKey, rand io.Reader) ([]byte, error) {
	m := &wire.Outcome{Attempt: o.Attempt, Roster: o.Roster[:], Approvals: o.Approvals[:], Previous: o.Previous[:], Report: o.Report, Cost: o.Cost,
		Conclusion: o.Conclusion, Sums: uint32(o.Sums)}
	for _, id := range o.Members {
		m.Members = append(m.Members, string(id))
	}
	for _, id := range o.Gone {
		m.Gone = append(m.Gone, string(id))
	}
	plain, err := wire.Encode(m)
	if err != nil {
		return nil, err
	}
	sealed, err := analyst.Seal(rand, sealInfo(plan, run), []byte(a.ID), plain)
	if err != nil {
		return nil, err
	}
	return a.Write(wire.Act_DELIVER, plan, run, &wire.Delivery{Sealed: sealed, Conclusion: o.Conclusion})
}

// Concluded says which conclusion a delivery answers; 0: none, the study was finished. The hub cannot open it.
func Concluded(n *Notice) (uint32, error) {
	d := new(wire.Delivery)
	if err := n.Into(d); err != nil {
		return 0, err
	}
	return d.Conclusion, nil
}

// ReadOutcome verifies a delivery under its gateway's key and opens it with the analyst's.
func ReadOutcome(n *Notice, gateway party.PublicKey, analyst *party.Identity) (*Outcome, error) {
	d, m := new(wire.Delivery), new(wire.Outcome)
	if err := n.Verify(gateway); err != nil {
		return nil, err
	}
	if err := n.Into(d); err != nil {
		return nil, err
	}
	plain, err := analyst.Open(sealInfo(n.Plan, n.Run), []byte(n.Sender), d.Sealed)
	if err != nil {
		return nil, fmt.Errorf("control: the report of %s: %w", n.Sender, err)
	}
	if err := wire.Decode(plain, m); err != nil {
		return nil, fmt.Errorf("control: the report of %s: %w", n.Sender, err)
	}
	if err := m.Check(0); err != nil {
		return nil, fmt.Errorf("control: the report of %s: %w", n.Sender, err)
	}
	o := &Outcome{From: n.Sender, Attempt: m.Attempt, Roster: digest(m.Roster), Approvals: digest(m.Approvals), Previous: digest(m.Previous), Report: m.Report, Cost: m.Cost,
		Conclusion: m.Conclusion, Sums: int(m.Sums)}
	for _, id := range m.Members {
		o.Members = append(o.Members, party.ID(id))
	}
	if o.Gone, err = names(m.Gone); err != nil {
		return nil, fmt.Errorf("control: the report of %s: %w", n.Sender, err)
	}
	return o, nil
}

func sealInfo(plan [32]byte, run RunID) []byte {
	d := party.Hash("delivery", plan[:], run[:])
	return d[:]
}
