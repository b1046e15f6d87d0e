package secagg

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// sum is the member's side of one masked sum.
type sum struct {
	*Session
	ask      Ask
	sequence uint64
	label    [32]byte // c
	x        Vector   // until it is masked
	head     []byte   // own, as sent
	summed   *summed  // once checked
	unlock   []byte   // own body, as sent
	total    *Total
}

// summed is the hub's addition, after the checks of round 1.
type summed struct {
	heads         []*wire.Head
	raw           [][]byte // the heads as sent
	headsHash     [32]byte
	sumHash       [32]byte
	vector, carry []byte
}

func newSum(s *Session, ask Ask, x Vector) (*sum, error) {
	m := &sum{Session: s, ask: ask, sequence: s.next, label: labelDigest(s.transcript, ask, s.next)}
	if done := s.log.totals[s.next]; done != nil {
		if digest(done.Label) != m.label {
			return nil, refuse(wire.Code_ASK, "sum %d was opened for another ask or state than this", s.next)
		}
		m.total = &Total{Sequence: m.sequence, Label: m.label}
		if len(done.Cells) > 0 {
			m.total.Sum = decode(done.Cells)
		}
		s.next++
		delete(s.log.totals, m.sequence)
		return m, nil
	}
	if sent := s.log.masked; sent != nil && sent.Sequence >= s.next && digest(sent.Label) != m.label {
		return nil, refuse(wire.Code_ASK, "sum %d was begun for another ask or state than this: a second vector for it is never made", s.next)
	}
	m.x = slices.Clone(x)
	s.busy = true
	return m, nil
}

func (m *sum) Start() ([]round.Message, error) {
	if m.log.closed != nil {
		return nil, ErrClosed
	}
	if m.total != nil {
		return nil, nil
	}
	if sent := m.log.masked; sent != nil && sent.Sequence == m.sequence {
		if m.head == nil {
			e := new(wire.Envelope)
			if err := wire.Decode(sent.Message, e); err != nil {
				return nil, err
			}
			m.head, m.x = e.Body, nil
		}
		if m.summed != nil { // what is missing is the answer to the unlock
			return m.toHub(m.log.unlocked.Message), nil
		}
		return m.toHub(sent.Message), nil
	}
	return m.masked()
}

func (m *sum) Expire() ([]round.Message, error) {
	if m.total != nil {
		return nil, nil
	}
	return m.fail(&round.TooFew{Missing: []party.ID{party.Hub}})
}

func (m *sum) Result() (Total, bool) {
	if m.total == nil {
		return Total{}, false
	}
	return *m.total, true
}

func (m *sum) Receive(msg round.Message) ([]round.Message, error) {
	if m.log.closed != nil || m.head == nil || m.total != nil {
		m.dropped++
		return nil, nil
	}
	e, err := m.open(msg)
	if err != nil {
		return m.fail(err)
	}
	if e == nil {
		return nil, nil
	}
	if e.Type == wire.Type_STOP {
		return m.fail(m.stopped(e))
	}
	// Answers to an unlock that this life of the process has not sent yet come
	// from before a restart; the hub will repeat them.
	early := m.summed == nil && e.Type != wire.Type_SUMMED
	if e.Sequence != m.sequence || early {
		m.dropped++
		return nil, nil
	}
	fresh, err := m.take(e, msg.Body)
	if err != nil {
		return m.fail(err)
	}
	if !fresh {
		return nil, nil
	}
	var out []round.Message
	switch e.Type {
	case wire.Type_SUMMED:
		out, err = m.onSummed(e)
	case wire.Type_UNLOCKS:
		err = m.onUnlocks(e)
	case wire.Type_COLLECTED:
		err = m.onCollected(e)
	default:
		m.dropped++
	}
	if err != nil {
		return m.fail(err)
	}
	return out, nil
}

// masked makes y_i and its head, once for ever, and journals them.
//
//	y_i = x_i + own_i(c) + sum_{j>i} pair_ij(c) - sum_{j<i} pair_ij(c)   in Z/2^128
//
// Cell 0, in front of x, is 0: after all masks are gone it must be 0 again.
func (m *sum) masked() ([]round.Message, error) {
	y := make(Vector, len(m.x)+1)
	copy(y[1:], m.x)
	masks := newStreamer(len(y))
	u := m.ownKey()
	add(y, masks.stream(u))
	for j := range m.n {
		switch {
		case j > m.me:
			add(y, masks.stream(m.maskKey(j)))
		case j < m.me:
			sub(y, masks.stream(m.maskKey(j)))
		}
	}
	vector := encode(y)
	hash, own := party.Hash("vector", vector), ownCommitment(m.label, m.cfg.ID, u)
	head := &wire.Head{
		Transcript: m.transcript[:], Label: m.label[:], Ask: m.ask.Digest[:], State: m.ask.State[:], Cells: uint32(m.ask.Cells),
		Vector: hash[:], Own: own[:], Veil: m.veilCheck[:], Sequence: m.ledger.outbox.sequence, Chain: m.ledger.outbox.chain[:],
	}
	body, err := wire.Encode(head)
	if err != nil {
		return nil, err
	}
	e, b, err := m.envelope(wire.Type_MASKED, m.sequence, m.transcript[:], head, &wire.Masked{Tags: m.tags("head", body), Vector: vector}, nil)
	if err != nil {
		return nil, err
	}
	err = m.ledger.write(KindMasked, &wire.Sent{
		Plan: m.cfg.Charter.Plan[:], Attempt: m.cfg.Charter.Attempt, Sequence: m.sequence, Label: m.label[:], Message: b,
	})
	if err != nil {
		return nil, err
	}
	m.head, m.x = e.Body, nil
	return m.toHub(b), nil
}

func (m *sum) ownKey() [32]byte { return derive(m.log.began.OwnKey, "own", m.label[:]) }

func (m *sum) maskKey(j int) [32]byte { return derive(m.pairs[j][:], "mask", m.label[:]) }

// onSummed makes the checks of round 1 and unlocks.
func (m *sum) onSummed(e *wire.Envelope) ([]round.Message, error) {
	body := new(wire.Summed)
	if err := decodeBody(e.Body, body, m.n); err != nil {
		return nil, m.hub(wire.Code_MALFORMED, err)
	}
	if err := m.peers("head", body.Heads, m.head); err != nil {
		return nil, err
	}
	s := &summed{vector: body.Vector, carry: body.Carry, sumHash: sumDigest(body.Vector, body.Carry)}
	for j, t := range body.Heads {
		h := new(wire.Head)
		if err := decodeBody(t.Body, h, m.n); err != nil {
			return nil, m.blame(j, wire.Code_MALFORMED, "head of %s: %w", m.id(j), err)
		}
		if err := m.sameAsk(j, h); err != nil {
			return nil, err
		}
		s.heads, s.raw = append(s.heads, h), append(s.raw, t.Body)
	}
	s.headsHash = headsDigest(s.raw)
	if len(s.carry) != m.ask.Cells+1 {
		return nil, m.hub(wire.Code_MALFORMED, fmt.Errorf("secagg: the sum has %d cells, want %d", len(s.carry), m.ask.Cells+1))
	}
	for _, c := range s.carry {
		if int(c) >= m.n {
			return nil, m.hub(wire.Code_CARRY, fmt.Errorf("secagg: a carry is %d, with %d members", c, m.n))
		}
	}
	return m.unlocking(s)
}

// sameAsk checks that peer j means the same sum. A difference is not a fault of
// either: different processors, or a hub that told them different things.
func (m *sum) sameAsk(j int, h *wire.Head) error {
	for _, f := range []struct {
		what      string
		got, want []byte
		code      Code
	}{
		{"transcript", h.Transcript, m.transcript[:], wire.Code_TRANSCRIPT},
		{"ask digest", h.Ask, m.ask.Digest[:], wire.Code_ASK},
		{"state digest", h.State, m.ask.State[:], wire.Code_STATE},
		{"veil", h.Veil, m.veilCheck[:], wire.Code_VEIL},
	} {
		if !bytes.Equal(f.got, f.want) {
			return m.abort(f.code, "sum %d: the %s of %s (%x) is not this member's (%x)", m.sequence, f.what, m.id(j), f.got[:8], f.want[:8])
		}
	}
	if int(h.Cells) != m.ask.Cells {
		return m.abort(wire.Code_ASK, "sum %d: %s sums %d cells, this member %d", m.sequence, m.id(j), h.Cells, m.ask.Cells)
	}
	if !bytes.Equal(h.Label, m.label[:]) {
		return m.blame(j, wire.Code_MALFORMED, "sum %d: %s labels the same ask differently", m.sequence, m.id(j))
	}
	return nil
}

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
	if err := errors.Join(wire.Decode(before.Message, e), wire.Decode(e.Body, body)); err != nil {
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
	for _, err := range []error{proto.Unmarshal(m.log.masked.Message, e), proto.Unmarshal(e.Bulk, bulk)} {
		if err != nil {
			return nil, err
		}
	}
	return bulk.Vector, nil
}

// sealedOwn is u_i(c) for those who may learn the total: under the veil, which
// the hub does not have, or to the reader's key alone.
func (m *sum) sealedOwn() ([]byte, error) {
	u := m.ownKey()
	if m.cfg.Reader != nil {
		info, aad := readerInfo(m.transcript, m.label, m.cfg.ID)
		return m.cfg.Reader.Seal(m.cfg.Rand, info, aad, u[:])
	}
	return sealOnce(m.unlockKey(m.me), u[:], m.label[:]), nil
}

func (m *sum) unlockKey(j int) [32]byte {
	return derive(m.veil[:], "unlock", m.label[:], []byte(m.id(j)))
}

// onUnlocks makes the checks of round 2 and opens the total.
func (m *sum) onUnlocks(e *wire.Envelope) error {
	body := new(wire.Unlocks)
	if err := decodeBody(e.Body, body, m.n); err != nil {
		return m.hub(wire.Code_MALFORMED, err)
	}
	if m.cfg.Reader != nil {
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
			err := m.evidence(m.unlock, t.Body)
			return errors.Join(m.abort(wire.Code_DUPLICATE, "sum %d: %s unlocked other heads or another sum: the hub showed two", m.sequence, m.id(j)), err)
		}
		unlocks[j] = u
	}
	s := m.summed
	o := opening{label: m.label, heads: s.heads, unlocks: unlocks, headsHash: s.headsHash, sumHash: s.sumHash, vector: s.vector, carry: s.carry}
	total, bad, err := o.open(m.cfg.Roster, func(j int, sealed []byte) ([]byte, bool) {
		return openOnce(m.unlockKey(j), sealed, m.label[:])
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
	if m.cfg.Reader == nil {
		return m.hub(wire.Code_MALFORMED, errors.New("secagg: a sum collected where there is no reader"))
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
