package secagg

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// RollbackError says that others have seen a message of this member that its
// journal lacks: the journal is an older copy. It is in the journal when this is returned.
type RollbackError struct {
	*round.Abort
	record *wire.Rolledback
	shown  bool // what shows it is in the journal, too
}

// Unwrap lets the code be found.
func (e *RollbackError) Unwrap() error { return e.Abort }

// furthest is the furthest position of this member's outbox, of some that others
// have seen, that its journal does not know; nil: there is none.
func (l *ledger) furthest(heads []outboxHead) (f *outboxHead) {
	for _, h := range heads {
		if !l.knows(h) && (f == nil || h.sequence > f.sequence) {
			f = &h
		}
	}
	return f
}

// rolledBack journals that peers have seen more than the journal holds, before
// anything else: what it has forgotten may have been an unlock. Only an operator
// can go on, with the same roster.
func (l *ledger) rolledBack(plan [32]byte, h outboxHead) error {
	record := &wire.Rolledback{Plan: plan[:], Roster: l.firstRoster()[:], Sequence: h.sequence, Chain: h.chain[:]}
	err := l.write(KindRolledback, record)
	why := fmt.Errorf("secagg: peers have seen message %d of this member, which its journal lacks: the journal is an older copy", h.sequence)
	return errors.Join(&RollbackError{Abort: &round.Abort{Code: wire.Code_ROLLBACK, Err: why}, record: record}, err)
}

// believe lets a ledger know of a loss that was journalled beside it, and
// reports whether what shows it was, too.
func (l *ledger) believe(err error) (shown bool) {
	var lost *RollbackError
	if errors.As(err, &lost) {
		l.apply(lost.record)
		return lost.shown
	}
	return false
}

// RolledBack reports whether peers have seen more of the member than its
// journal holds, which nobody has acknowledged yet: see Config.Restored.
func RolledBack(j Journal, plan [32]byte) (bool, error) {
	l, err := openLedger(j, plan)
	if err != nil {
		return false, err
	}
	return l.rolled != nil, nil
}
