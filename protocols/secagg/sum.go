package secagg

import (
	"bytes"
	"fmt"
	"slices"

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
	if !m.due(e) {
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
	}
	if err != nil {
		return m.fail(err)
	}
	return out, nil
}

// due reports whether a message of that type may come now: not one of a
// protocol beside this one, late, which has numbers of its own. Answers to an unlock that this life
// of the process has not sent yet come from before a restart; the hub will repeat them.
func (m *sum) due(e *wire.Envelope) bool {
	switch e.Type {
	case wire.Type_SUMMED:
		return e.Sequence == m.sequence
	case wire.Type_UNLOCKS, wire.Type_COLLECTED:
		return e.Sequence == m.sequence && m.summed != nil
	}
	return false
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
		Transcript: m.transcript[:], Label: m.label[:], Ask: m.ask.Digest[:], State: m.ask.State[:], Cells: uint32(m.ask.Cells), Shown: m.ask.Shown,
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
	if h.Shown != m.ask.Shown {
		return m.abort(wire.Code_ASK, "sum %d: %s and this member differ about who learns the total: members too: %v, %v", m.sequence, m.id(j), h.Shown, m.ask.Shown)
	}
	if !bytes.Equal(h.Label, m.label[:]) {
		return m.blame(j, wire.Code_MALFORMED, "sum %d: %s labels the same ask differently", m.sequence, m.id(j))
	}
	return nil
}

// unlocking reveals this member's own mask for this label to the other members,
// or to the reader, and claims what its vector adds to the fold: once, for one
// roster, for one set of heads and one sum; journalled first.
// again answers a hub that repeats itself after this member was restarted: with the
// same bytes if it says the same, else never.
// ownVector returns y_i as it was sent, from the journal.
// sealedOwn is u_i(c) for those who may learn the total: under the veil, which
// the hub does not have, or to the reader's key alone.
// onUnlocks makes the checks of round 2 and opens the total.
// seen is how far each member's outbox has come, from what this sum showed of it.
// cannotOpen says who is to blame, as far as that can be said.
// onCollected finishes a sum that only the reader can open.
