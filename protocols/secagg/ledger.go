package secagg

import (
	"encoding/binary"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// outboxHead is a position in the chain over everything a member has sent under a
// plan: chain_n = H(chain_{n-1}, type, sequence, body of message n). Peers who
// see the bodies can follow it from any position they have been told.
type outboxHead struct {
	sequence uint64
	chain    [32]byte
}

func (h outboxHead) next(t wire.Type, sequence uint64, body []byte) outboxHead {
	return outboxHead{h.sequence + 1, party.Hash("outbox", h.chain[:], uint64Bytes(uint64(t)), uint64Bytes(sequence), body)}
}

func (h outboxHead) append(b []byte) []byte {
	return append(append(b, uint64Bytes(h.sequence)...), h.chain[:]...)
}

func parseOutboxHead(b []byte) outboxHead {
	return outboxHead{binary.BigEndian.Uint64(b), [32]byte(b[8:40])}
}

func uint64Bytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// ledger is what a journal says of its plan, kept at hand. It changes only by
// apply, which sees the same records whether they are being written or replayed.
type ledger struct {
	journal  Journal
	outbox   outboxHead
	chain    map[uint64][32]byte // of every sequence this journal knows
	seen     map[party.ID]outboxHead
	frozen   *[32]byte             // roster of the first unlock
	unlocked bool                  // anything, in any attempt
	rolled   *wire.Rolledback      // peers know more than this journal; not acknowledged yet
	data     map[party.ID][32]byte // commitments, this member's own among them
	attempts map[uint32]*attemptLog
	last     uint32 // attempt
	said     []byte // the last message of this member
	live     bool   // past the replay: totals need not be kept
}

// attemptLog is what the journal says of one attempt.
type attemptLog struct {
	began    *wire.Began
	sealing  *wire.Sealing
	agreed   *wire.Agreed
	masked   *wire.Sent                // the latest
	unlocked *wire.Unlocked            // the latest
	totals   map[uint64]*wire.Totalled // of earlier lives of the process
	closed   []byte
	roster   *[32]byte // once begun
}

// planned is a record: every kind says which plan it is of.
type planned interface {
	proto.Message
	GetPlan() []byte
}

func openLedger(j Journal, plan [32]byte) (*ledger, error) {
	l := &ledger{
		journal: j, chain: map[uint64][32]byte{}, seen: map[party.ID]outboxHead{},
		data: map[party.ID][32]byte{}, attempts: map[uint32]*attemptLog{},
	}
	err := j.Replay(func(kind string, record []byte) error {
		if strings.Contains(kind, " ") {
			return nil // of a protocol beside this one
		}
		m := newRecord(kind)
		if m == nil {
			return fmt.Errorf("secagg: journal: a record of unknown kind %q: written by another version", kind)
		}
		if err := wire.Decode(record, m); err != nil {
			return fmt.Errorf("secagg: journal: a record of kind %q is damaged: %w", kind, err)
		}
		if err := whole(m); err != nil {
			return fmt.Errorf("secagg: journal: a record of kind %q is damaged: %w", kind, err)
		}
		if digest(m.GetPlan()) != plan {
			return fmt.Errorf("secagg: journal: a record of kind %q is of another plan: each plan has its own journal", kind)
		}
		l.apply(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.live = true
	return l, nil
}

// whole checks what apply relies on: lengths, and that a message that was sent is one.
func whole(m planned) error {
	if c, ok := m.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return err
		}
	}
	var sent []byte
	switch m := m.(type) {
	case *wire.Began:
		sent = m.Hello
	case *wire.Sealing:
		sent = m.Seal
	case *wire.Sent:
		sent = m.Message
	case *wire.Unlocked:
		sent = m.Message
	case *wire.Ended:
		sent = m.Message
	default:
		return nil
	}
	return wire.Decode(sent, new(wire.Envelope))
}

func newRecord(kind string) planned {
	switch kind {
	case KindBegan:
		return new(wire.Began)
	case KindSealing:
		return new(wire.Sealing)
	case KindAgreed:
		return new(wire.Agreed)
	case KindMasked:
		return new(wire.Sent)
	case KindFrozen:
		return new(wire.Frozen)
	case KindUnlocked:
		return new(wire.Unlocked)
	case KindTotalled:
		return new(wire.Totalled)
	case KindClosed:
		return new(wire.Ended)
	case KindEvidence:
		return new(wire.Evidence)
	case KindRolledback:
		return new(wire.Rolledback)
	case KindRestored:
		return new(wire.Restored)
	}
	return nil
}

// write makes a record durable, then believes it.
func (l *ledger) write(kind string, m planned) error {
	b, err := wire.Encode(m)
	if err != nil {
		return fmt.Errorf("secagg: journal: %w", err)
	}
	if err := l.journal.Append(kind, b); err != nil {
		l.believe(err)
		return fmt.Errorf("secagg: journal: a record of kind %q was not written: %w", kind, err)
	}
	l.apply(m)
	return nil
}

func (l *ledger) apply(m planned) {
	switch m := m.(type) {
	case *wire.Began:
		a, r := l.at(m.Attempt), digest(m.Roster)
		a.began, a.roster = m, &r
		l.last = max(l.last, m.Attempt)
		l.sent(m.Hello)
	case *wire.Sealing:
		l.at(m.Attempt).sealing = m
		for i, id := range m.Ids {
			l.data[party.ID(id)] = digest(m.Data[i*32:])
		}
		l.saw(m.Ids, m.Heads)
		l.sent(m.Seal)
	case *wire.Agreed:
		l.at(m.Attempt).agreed = m
		l.saw(m.Ids, m.Seen)
	case *wire.Sent:
		l.at(m.Attempt).masked = m
		l.sent(m.Message)
	case *wire.Frozen:
		// The power may fail before the unlock that follows. To say then that nothing was unlocked
		// would invite the others to go on without somebody, which this member never can again.
		l.freeze(m.Roster)
		l.unlocked = true
	case *wire.Unlocked:
		l.unlocked, l.at(m.Attempt).unlocked = true, m
		l.saw(m.Ids, m.Seen)
		l.sent(m.Message)
	case *wire.Totalled:
		l.saw(m.Ids, m.Seen)
		if !l.live {
			l.at(m.Attempt).totals[m.Sequence] = m
		}
	case *wire.Ended:
		l.at(m.Attempt).closed = m.Message
		l.last = max(l.last, m.Attempt)
		l.sent(m.Message)
	case *wire.Rolledback:
		// What was lost may have been an unlock: from here on, there was one.
		l.rolled, l.unlocked = m, true
		l.freeze(m.Roster)
	case *wire.Restored:
		// Whatever peers saw below this is accepted, as it may have been lost.
		l.rolled, l.outbox = nil, outboxHead{m.Sequence, digest(m.Chain)}
		clear(l.chain)
		l.chain[m.Sequence] = l.outbox.chain
	}
}

// freeze binds the plan to one roster; the first, for ever.
func (l *ledger) freeze(roster []byte) {
	if l.frozen == nil {
		r := digest(roster)
		l.frozen = &r
	}
}

// restored is where the outbox goes on after an acknowledged loss: past what
// peers have seen and past what this journal has, in neither's chain.
func (l *ledger) restored() outboxHead {
	return outboxHead{max(l.rolled.Sequence, l.outbox.sequence) + 1, party.Hash("restored", l.rolled.Chain, l.outbox.chain[:])}
}

// firstRoster is the roster of the earliest attempt this journal knows.
func (l *ledger) firstRoster() *[32]byte {
	for a := uint32(1); a <= l.last; a++ {
		if log := l.attempts[a]; log != nil && log.roster != nil {
			return log.roster
		}
	}
	return nil
}

func digest(b []byte) (d [32]byte) {
	copy(d[:], b)
	return d
}

func (l *ledger) at(attempt uint32) *attemptLog {
	a := l.attempts[attempt]
	if a == nil {
		a = &attemptLog{totals: map[uint64]*wire.Totalled{}}
		l.attempts[attempt] = a
	}
	return a
}

func (l *ledger) sent(message []byte) {
	e := new(wire.Envelope)
	if err := wire.Decode(message, e); err != nil {
		panic(err) // checked before it was written, and when it was read
	}
	l.outbox = l.outbox.next(e.Type, e.Sequence, e.Body)
	l.chain[l.outbox.sequence] = l.outbox.chain
	l.said = message
}

func (l *ledger) saw(ids []string, heads []byte) {
	for i, id := range ids {
		h := parseOutboxHead(heads[i*wire.HeadSize:])
		if h.sequence >= l.seen[party.ID(id)].sequence {
			l.seen[party.ID(id)] = h
		}
	}
}

// knows reports whether h is a position this member's outbox has been at. A
// position below an acknowledged restoration may have been lost with the rest.
func (l *ledger) knows(h outboxHead) bool {
	if h.sequence == 0 {
		return h == outboxHead{}
	}
	if h.sequence > l.outbox.sequence {
		return false
	}
	chain, known := l.chain[h.sequence]
	return !known || chain == h.chain
}

// mostLost is more messages than any member sends under a plan.
const mostLost = 1 << 32

// possible reports whether this member's outbox can have been at h. Where a lie
// were believed, its outbox would go on behind it (see restored), and at the end of the numbers not at all.
func (l *ledger) possible(h outboxHead) bool {
	return h.sequence <= l.outbox.sequence || h.sequence-l.outbox.sequence <= mostLost
}
