package round

import (
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Place is where in a run a message belongs. Every member has one message for a place.
type Place struct {
	Kind     wire.Type
	Sequence uint64
	Part     uint32 // of what is sent in parts
}

// PlaceOf is where a message belongs.
func PlaceOf(e *wire.Envelope) Place { return Place{e.Type, e.Sequence, e.Part} }

// Guest is a protocol of the hub that collects one message of every member for
// a place, answers them, and goes on to the next. What all such protocols have in common is
// their host's: who has spoken, repetitions, evidence, waiting, stopping, closing. So there is one way to
// stop, whichever protocol finds a reason.
//
// A guest is given what is whole and properly signed, and nothing twice.
type Guest interface {
	// First is the place that is collected first. Its kind opens every sum or
	// step: while that is due and nobody has spoken, nothing is under way.
	First() Place
	// Serves reports whether messages of that type are for this protocol.
	Serves(wire.Type) bool
	// Check judges member i's message for the place that is due. *Blame or *Abort stops the attempt.
	Check(c Context, i int, e *wire.Envelope) error
	// Complete is given every member's message for the place, in roster order.
	// The host keeps their bulk no longer; the guest may.
	Complete(inbox []*wire.Envelope) (Answer, error)
}

// Answer is what the hub says when a place is complete.
type Answer struct {
	Kind   wire.Type
	Bodies [][]byte // encoded: one, the same for all, or one for each member in roster order
	Next   Place    // what is due then
	Parts  uint32   // how many parts of Next there are, which members send without waiting for answers; 0: it has none
}

// NewAnswer encodes bodies.
func NewAnswer(kind wire.Type, next Place, bodies ...wire.Message) (Answer, error) {
	a := Answer{Kind: kind, Next: next}
	for _, m := range bodies {
		b, err := wire.Encode(m)
		if err != nil {
			return Answer{}, err
		}
		a.Bodies = append(a.Bodies, b)
	}
	return a, nil
}

// Evidence is two messages that a member signed for one place, without their
// bulk, which the bodies bind by hashes.
type Evidence struct {
	Member        party.ID
	First, Second []byte
}
