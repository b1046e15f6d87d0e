package secagg

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// unlocking reveals this member's own mask for this label to the other members,
// or to the reader, and claims what its vector adds to the fold: once, for one
// roster, for one set of heads and one sum; journalled first.
func (m *sum) unlocking(s *summed) ([]round.Message, error) {
	if m.ledger.frozen != nil && *m.ledger.frozen != m.ctx.Roster {
		return nil, m.abort(wire.Code_FROZEN, "this member has unlocked totals of this plan for another roster")
	}
	if before := m.log.unlocked; before != nil && before.Sequence >= m.sequence {
		return m.again(s, before)
	}
	r := challenge(foldDigest(m.label, s.headsHash, s.sumHash))
	vector, err := m.ownVector()
	if err != nil {
		return nil, err
	}
	claim := fold(&r, vector, nil)
	own, err := m.sealedOwn()
	if err != nil {
		return nil, err
	}
	body := &wire.Unlock{Label: m.label[:], Heads: s.headsHash[:], Sum: s.sumHash[:], Claim: claim[:], Own: own}
	plain, err := wire.Encode(body)
	if err != nil {
		return nil, err
	}
	e, b, err := m.envelope(wire.Type_UNLOCK, m.sequence, m.transcript[:], body, nil, m.tags("unlock", plain))
	if err != nil {
		return nil, err
	}
	if m.ledger.frozen == nil {
		if err := m.ledger.write(KindFrozen, &wire.Frozen{Plan: m.cfg.Charter.Plan[:], Roster: m.ctx.Roster[:]}); err != nil {
			return nil, err
		}
	}
	record := &wire.Unlocked{
		Plan: m.cfg.Charter.Plan[:], Attempt: m.cfg.Charter.Attempt, Sequence: m.sequence, Label: m.label[:], Heads: s.headsHash[:], Message: b,
	}
	record.Ids, record.Seen = m.ids(), m.seen(s.heads, s.raw, nil)
	if err := m.ledger.write(KindUnlocked, record); err != nil {
		return nil, err
	}
	m.summed, m.unlock = s, e.Body
	return m.toHub(b), nil
}

// again answers a hub that repeats itself after this member was restarted: with the
// same bytes if it says the same, else never.
func (m *sum) again(s *summed, before *wire.Unlocked) ([]round.Message, error) {
	e, body := new(wire.Envelope), new(wire.Unlock)
	if err := wire.Decode(before.Message, e); err != nil {
		return nil, err
	}
	if err := wire.Decode(e.Body, body); err != nil {
		return nil, err
	}
	same := before.Sequence == m.sequence && digest(body.Label) == m.label && digest(body.Heads) == s.headsHash && digest(body.Sum) == s.sumHash
	if !same {
		return nil, m.hub(wire.Code_RELABEL, fmt.Errorf("secagg: sum %d was unlocked under other heads or another sum", m.sequence))
	}
	m.summed, m.unlock = s, e.Body
	return m.toHub(before.Message), nil
}

// ownVector returns y_i as it was sent, from the journal.
func (m *sum) ownVector() ([]byte, error) {
	e, bulk := new(wire.Envelope), new(wire.Masked)
	if err := proto.Unmarshal(m.log.masked.Message, e); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(e.Bulk, bulk); err != nil {
		return nil, err
	}
	return bulk.Vector, nil
}

// sealedOwn is u_i(c) for those who may learn the total: under the veil, which
// the hub does not have; to the reader's key alone; or the one after the other,
// for a sum that is shown. Both halves open one commitment, so neither can be of another mask unnoticed.
func (m *sum) sealedOwn() ([]byte, error) {
	u, to := m.ownKey(), m.audience()
	var out []byte
	if to.members {
		out = sealOnce(m.unlockKey(m.me), u[:], m.label[:])
	}
	if to.reader {
		info, aad := readerInfo(m.transcript, m.label, m.cfg.ID)
		sealed, err := m.cfg.Reader.Seal(m.cfg.Rand, info, aad, u[:])
		if err != nil {
			return nil, err
		}
		out = append(out, sealed...)
	}
	return out, nil
}

func (m *sum) audience() audience { return audienceOf(m.cfg.Charter.Release, m.ask.Shown) }

// audience is who may learn a total.
type audience struct{ members, reader bool }

func audienceOf(release string, shown bool) audience {
	reader := release == ReleaseAnalyst
	return audience{members: !reader || shown, reader: reader}
}

// size is that of an own mask as sealed for all of them.
func (a audience) size() int {
	n := 0
	if a.members {
		n += wire.VeiledSize
	}
	if a.reader {
		n += wire.ForReaderSize
	}
	return n
}

// forReader is the half that is sealed to the reader.
func (a audience) forReader(own []byte) []byte { return own[len(own)-wire.ForReaderSize:] }

func (m *sum) unlockKey(j int) [32]byte {
	return derive(m.veil[:], "unlock", m.label[:], []byte(m.id(j)))
}

// onUnlocks makes the checks of round 2 and opens the total.
func (m *sum) onUnlocks(e *wire.Envelope) error {
	body := new(wire.Unlocks)
	if err := decodeBody(e.Body, body, m.n); err != nil {
		return m.hub(wire.Code_MALFORMED, err)
	}
	to := m.audience()
	if !to.members {
		return m.hub(wire.Code_MALFORMED, errors.New("secagg: unlocks for members, where only the reader may know"))
	}
	if err := m.peers("unlock", body.Unlocks, m.unlock); err != nil {
		return err
	}
	unlocks := make([]*wire.Unlock, m.n)
	for j, t := range body.Unlocks {
		u := new(wire.Unlock)
		if err := decodeBody(t.Body, u, m.n); err != nil {
			return m.blame(j, wire.Code_MALFORMED, "unlock of %s: %w", m.id(j), err)
		}
		if digest(u.Label) != m.label || digest(u.Heads) != m.summed.headsHash || digest(u.Sum) != m.summed.sumHash {
			return m.proven(m.abort(wire.Code_DUPLICATE, "sum %d: %s unlocked other heads or another sum: the hub showed two", m.sequence, m.id(j)), m.unlock, t.Body)
		}
		if len(u.Own) != to.size() {
			return m.blame(j, wire.Code_MALFORMED, "sum %d: the own mask of %s is sealed for others than may know: %d bytes, want %d", m.sequence, m.id(j), len(u.Own), to.size())
		}
		unlocks[j] = u
	}
	s := m.summed
	o := opening{label: m.label, heads: s.heads, unlocks: unlocks, headsHash: s.headsHash, sumHash: s.sumHash, vector: s.vector, carry: s.carry}
	total, bad, err := o.open(m.cfg.Roster, func(j int, sealed []byte) ([]byte, bool) {
		return openOnce(m.unlockKey(j), sealed[:wire.VeiledSize], m.label[:])
	})
	if err != nil {
		return m.cannotOpen(bad, err)
	}
	return m.finish(total, body.Unlocks)
}

// seen is how far each member's outbox has come, from what this sum showed of it.
func (m *sum) seen(heads []*wire.Head, raw [][]byte, unlocks []*wire.Tagged) []byte {
	var out []byte
	for j, h := range heads {
		at := outboxHead{h.Sequence, digest(h.Chain)}.next(wire.Type_MASKED, m.sequence, raw[j])
		if unlocks != nil {
			at = at.next(wire.Type_UNLOCK, m.sequence, unlocks[j].Body)
		}
		out = at.append(out)
	}
	return out
}

// cannotOpen says who is to blame, as far as that can be said.
func (m *sum) cannotOpen(bad int, err error) error {
	code := wire.Code_FOLD
	switch {
	case bad >= 0:
		return m.blame(bad, wire.Code_OPENING, "sum %d: %w", m.sequence, err)
	case errors.Is(err, errMasks):
		code = wire.Code_MASKS
	}
	return m.abort(code, "sum %d: %w", m.sequence, err)
}

// onCollected finishes a sum that only the reader can open.
func (m *sum) onCollected(e *wire.Envelope) error {
	c := new(wire.Collected)
	if err := decodeBody(e.Body, c, m.n); err != nil {
		return m.hub(wire.Code_MALFORMED, err)
	}
	if m.audience().members {
		return m.hub(wire.Code_MALFORMED, errors.New("secagg: a sum collected for a reader, where the members are to know it"))
	}
	if digest(c.Label) != m.label || digest(c.Heads) != m.summed.headsHash || digest(c.Sum) != m.summed.sumHash {
		return m.hub(wire.Code_DUPLICATE, fmt.Errorf("secagg: sum %d: the hub collected other heads or another sum", m.sequence))
	}
	return m.finish(nil, nil)
}

func (m *sum) finish(total Vector, unlocks []*wire.Tagged) error {
	record := &wire.Totalled{Plan: m.cfg.Charter.Plan[:], Attempt: m.cfg.Charter.Attempt, Sequence: m.sequence, Label: m.label[:]}
	if total != nil {
		record.Cells = encode(total)
	}
	record.Ids, record.Seen = m.ids(), m.seen(m.summed.heads, m.summed.raw, unlocks)
	if err := m.ledger.write(KindTotalled, record); err != nil {
		return err
	}
	m.total = &Total{Sequence: m.sequence, Label: m.label, Sum: total}
	m.summed = nil
	clear(m.accepted)
	m.next, m.busy = m.next+1, false
	return nil
}
