package secagg

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// outboxHead is a position in the chain over everything a member has sent:
// chain_n = H(chain_{n-1}, message_n).
type outboxHead struct {
	sequence uint64
	chain    [32]byte
}

func (h outboxHead) next(message []byte) outboxHead {
	m := party.Hash("outbox message", message)
	return outboxHead{h.sequence + 1, party.Hash("outbox", h.chain[:], m[:])}
}

func (h outboxHead) append(b []byte) []byte {
	return append(append(b, uint64Bytes(h.sequence)...), h.chain[:]...)
}

func parseOutboxHead(b []byte) outboxHead {
	return outboxHead{binary.BigEndian.Uint64(b), [32]byte(b[8:40])}
}

func uint64Bytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// ledger is what a journal says, kept at hand. It changes only by apply, which
// sees the same records whether they are being written or replayed.
type ledger struct {
	journal Journal
	plans   map[[32]byte]*planLog
	outbox  outboxHead
	chain   map[uint64][32]byte // of every sequence this journal knows
	seen    map[party.ID]outboxHead
	live    bool // past the replay: totals need not be kept
}

// planLog is what the journal says of one plan.
type planLog struct {
	frozen   *[32]byte             // roster of the first unlock
	unlocked bool                  // anything, in any attempt
	rolled   *wire.Rolledback      // peers know more than this journal; not acknowledged yet
	rosters  map[uint32][32]byte   // of each attempt
	data     map[party.ID][32]byte // commitments, this member's own among them
	attempts map[uint32]*attemptLog
	last     uint32
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
}

func openLedger(j Journal) (*ledger, error) {
	l := &ledger{journal: j, plans: map[[32]byte]*planLog{}, chain: map[uint64][32]byte{}, seen: map[party.ID]outboxHead{}}
	err := j.Replay(func(kind string, record []byte) error {
		m := newRecord(kind)
		if m == nil {
			return fmt.Errorf("secagg: journal: a record of unknown kind %q: written by another version", kind)
		}
		if err := wire.Decode(record, m); err != nil {
			return fmt.Errorf("secagg: journal: a record of kind %q is damaged: %w", kind, err)
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

func newRecord(kind string) proto.Message {
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
func (l *ledger) write(kind string, m proto.Message) error {
	b, err := wire.Encode(m)
	if err != nil {
		return fmt.Errorf("secagg: journal: %w", err)
	}
	if err := l.journal.Append(kind, b); err != nil {
		return fmt.Errorf("secagg: journal: a record of kind %q was not written: %w", kind, err)
	}
	l.apply(m)
	return nil
}

func (l *ledger) apply(m proto.Message) {
	switch m := m.(type) {
	case *wire.Began:
		p, a := l.at(m.Plan, m.Attempt)
		a.began = m
		p.rosters[m.Attempt] = digest(m.Roster)
		p.last = max(p.last, m.Attempt)
		l.sent(m.Hello)
	case *wire.Sealing:
		p, a := l.at(m.Plan, m.Attempt)
		a.sealing = m
		for i, id := range m.Ids {
			p.data[party.ID(id)] = digest(m.Data[i*32:])
		}
		l.saw(m.Ids, m.Heads)
		l.sent(m.Seal)
	case *wire.Agreed:
		_, a := l.at(m.Plan, m.Attempt)
		a.agreed = m
	case *wire.Sent:
		_, a := l.at(m.Plan, m.Attempt)
		a.masked = m
		l.sent(m.Message)
	case *wire.Frozen:
		r := digest(m.Roster)
		l.plan(m.Plan).frozen = &r
	case *wire.Unlocked:
		p, a := l.at(m.Plan, m.Attempt)
		p.unlocked, a.unlocked = true, m
		l.saw(m.Ids, m.Seen)
		l.sent(m.Message)
	case *wire.Totalled:
		if _, a := l.at(m.Plan, m.Attempt); !l.live {
			a.totals[m.Sequence] = m
		}
	case *wire.Ended:
		p, a := l.at(m.Plan, m.Attempt)
		a.closed = m.Message
		p.last = max(p.last, m.Attempt)
		l.sent(m.Message)
	case *wire.Rolledback:
		// What was lost may have been an unlock: from here on, there was one.
		p, r := l.plan(m.Plan), digest(m.Roster)
		p.rolled, p.unlocked = m, true
		if p.frozen == nil {
			p.frozen = &r
		}
	case *wire.Restored:
		l.plan(m.Plan).rolled = nil
		l.outbox = outboxHead{m.Sequence, digest(m.Chain)}
		l.chain[m.Sequence] = l.outbox.chain
	}
}

func digest(b []byte) (d [32]byte) {
	copy(d[:], b)
	return d
}

func (l *ledger) plan(plan []byte) *planLog {
	d := digest(plan)
	p := l.plans[d]
	if p == nil {
		p = &planLog{rosters: map[uint32][32]byte{}, data: map[party.ID][32]byte{}, attempts: map[uint32]*attemptLog{}}
		l.plans[d] = p
	}
	return p
}

func (l *ledger) at(plan []byte, attempt uint32) (*planLog, *attemptLog) {
	p := l.plan(plan)
	a := p.attempts[attempt]
	if a == nil {
		a = &attemptLog{totals: map[uint64]*wire.Totalled{}}
		p.attempts[attempt] = a
	}
	return p, a
}

func (l *ledger) sent(message []byte) {
	l.outbox = l.outbox.next(message)
	l.chain[l.outbox.sequence] = l.outbox.chain
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
