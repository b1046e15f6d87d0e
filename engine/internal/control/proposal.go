package control

import (
	"fmt"
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Proposal of an attempt, by the hub.
type Proposal struct {
	Run       RunID
	Plan      [32]byte
	Attempt   uint32
	Members   []party.ID // sorted
	Decisions [][]byte   // of each: an encoded notice
	Closings  [][]byte   // of the attempt before
	Bytes     []byte     // the notice
}

// Propose makes a proposal. decisions has a notice of every member.
func Propose(hub Author, plan [32]byte, run RunID, attempt uint32, members []party.ID, decisions map[party.ID][]byte, closings [][]byte) (*Proposal, error) {
	m := &wire.Proposal{Attempt: attempt, Closings: closings}
	for _, id := range members {
		m.Members = append(m.Members, string(id))
		m.Decisions = append(m.Decisions, decisions[id])
	}
	b, err := hub.Write(wire.Act_PROPOSE, plan, run, m)
	if err != nil {
		return nil, err
	}
	n, err := Read(b)
	if err != nil {
		return nil, err
	}
	return ReadProposal(n)
}

// ReadProposal decodes a proposal. Nothing in it is believed yet: see Admit.
func ReadProposal(n *Notice) (*Proposal, error) {
	m := new(wire.Proposal)
	if err := n.Into(m); err != nil {
		return nil, err
	}
	p := &Proposal{Run: n.Run, Plan: n.Plan, Attempt: m.Attempt, Decisions: m.Decisions, Closings: m.Closings, Bytes: n.Bytes}
	for _, id := range m.Members {
		p.Members = append(p.Members, party.ID(id))
	}
	if !slices.IsSorted(p.Members) || len(slices.Compact(slices.Clone(p.Members))) != len(p.Members) {
		return nil, fmt.Errorf("control: a proposal lists its members out of order, or one twice")
	}
	return p, nil
}

// Forged is the error of a proposal with a decision that its hospital and its
// steward did not sign: an honest hub, which pins the same keys, hands none on.
type Forged struct {
	Member party.ID
	Err    error
}

// Error says in whose name.
func (f *Forged) Error() string {
	return fmt.Sprintf("control: a decision in the name of %s that its pinned keys do not verify: %v", f.Member, f.Err)
}

// Unwrap returns the cause.
func (f *Forged) Unwrap() error { return f.Err }

// Keys are those pinned for a hospital.
type Keys struct{ Gateway, Steward party.PublicKey }

// Admit verifies the decisions in a proposal, one of each member, and that each
// approves what is wanted at the time now. It returns them in roster order.
func (p *Proposal) Admit(w Wanted, keys map[party.ID]Keys, now time.Time) ([]store.Decision, error) {
	var all []store.Decision
	for i, id := range p.Members {
		k, known := keys[id]
		if !known {
			return nil, fmt.Errorf("control: attempt %d is proposed with %s, of whom no key is pinned", p.Attempt, id)
		}
		n, err := Read(p.Decisions[i])
		if err != nil {
			return nil, err
		}
		if n.Act != wire.Act_DECIDE || n.Sender != id || n.Plan != p.Plan {
			return nil, fmt.Errorf("control: in the place of the decision of %s there is none of it about this plan", id)
		}
		d, err := ReadDecision(n, k.Gateway, k.Steward)
		if err != nil {
			return nil, &Forged{id, err}
		}
		if err := w.Covers(d, now); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// Roster is the part of the pinned roster that ids names.
func Roster(pinned party.Roster, ids []party.ID) (party.Roster, error) {
	var members []party.Member
	for _, id := range ids {
		i := pinned.Index(id)
		if i < 0 {
			return party.Roster{}, fmt.Errorf("control: hospital %q is not in the pinned roster: compare keys with it first", id)
		}
		members = append(members, pinned.At(i))
	}
	return party.NewRoster(members)
}
