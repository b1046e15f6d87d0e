package round

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Session is what a completed set-up hands to another protocol that runs
// beside it, between the same members and under the same charter.
type Session struct {
	Plan     [32]byte
	Attempt  uint32
	Context  Context // with Session = T, the transcript of the set-up
	Roster   party.Roster
	ID       party.ID        // this member's
	Identity *party.Identity // signs for it
	Limits   wire.Limits     // of the charter: what any message of the attempt can be
	TagsOut  [][32]byte      // by position in the roster: the key of tags from this member to that; used for nothing else
	TagsIn   [][32]byte      // and from that to this
	// Stop ends the attempt for this member, for ever, because of err, and returns what tells
	// the others, a code, beside err and what went wrong on the way. What this member said last and what it heard are kept as evidence, where there is any.
	Stop func(err error, said, heard []byte) ([]Message, error)
	// OnClose says what is to be done when the attempt ends, by whatever: keys are burnt.
	OnClose func(func() error)
}

// Check refuses a session that is not whole.
func (s Session) Check() error {
	n := s.Roster.Len()
	switch {
	case s.Identity == nil || s.Stop == nil || s.OnClose == nil:
		return errors.New("round: session: identity, stop and onClose are needed")
	case s.Roster.Index(s.ID) < 0:
		return fmt.Errorf("round: session: %q is not in the roster", s.ID)
	case s.Limits.Members != n:
		return fmt.Errorf("round: session: limits for %d members, the roster has %d", s.Limits.Members, n)
	case len(s.TagsOut) != n || len(s.TagsIn) != n:
		return fmt.Errorf("round: session: %d and %d tag keys, want %d", len(s.TagsOut), len(s.TagsIn), n)
	}
	return nil
}
