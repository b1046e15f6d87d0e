package mhe

import (
	"bytes"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// task is what one step does.
type task struct {
	name  string
	work  [32]byte                            // digest of what it does, to what
	shape shape                               // of a share; nil for a step that only confirms the one before
	full  bool                                // shares go to all members whatever the study says
	share func() (share, []byte, error)       // this member's; called once; nobody else has its rows. Raw shares are the second result
	done  func(sum share, raw [][]byte) error // after the fold; the sum's rows are its own; raw is set for raw shares, by member
}

// step is the member's machine for one task.
type step[R any] struct {
	*Session
	task
	result func() R
	vow    []byte   // own body
	vowed  []byte   // the message with it
	packed [][]byte // the share's parts
	hashes []byte   // of them
	salt   []byte
	own    share
	vows   []*wire.Vow
	bodies [][]byte
	shared [][]byte   // the SHARE messages
	sum    share      // as far as it has come
	sums   [][32]byte // hashes of the messages with its parts
	coming int        // parts that have not come
	over   bool
	dead   error
}

// begin returns the machine of the session's next step.
func begin[R any](s *Session, t task, result func() R) (round.Machine[R], error) {
	if s.burnt {
		return nil, ErrBurnt
	}
	if s.busy {
		return nil, errBusy
	}
	s.busy = true
	t.full = t.full || s.cfg.Verify == VerifyFull && t.shape != nil
	return &step[R]{Session: s, task: t, result: result}, nil
}

// Start makes the share and vows it, once. Called again it returns the same bytes.
func (m *step[R]) Start() ([]round.Message, error) {
	return m.safely(func() ([]round.Message, error) {
		if m.over {
			return nil, nil
		}
		if m.vowed == nil {
			if err := m.prepare(); err != nil {
				return nil, err
			}
		}
		return m.toHub(append([][]byte{m.vowed}, m.shared...)...), nil
	})
}

// Expire gives up: without the hub's answer there is no going on, and a key that
// waits is a key that can be stolen.
func (m *step[R]) Expire() ([]round.Message, error) {
	return m.safely(func() ([]round.Message, error) {
		if m.over {
			return nil, nil
		}
		return nil, &round.TooFew{Missing: []party.ID{party.Hub}}
	})
}

// Result returns what the step yielded.
func (m *step[R]) Result() (r R, ok bool) {
	if !m.over {
		return r, false
	}
	return m.result(), true
}

// Receive takes the vows, then the sum.
func (m *step[R]) Receive(msg round.Message) ([]round.Message, error) {
	return m.safely(func() ([]round.Message, error) {
		if m.vowed == nil || m.over {
			m.dropped++
			return nil, nil
		}
		e, err := m.open(msg)
		if err != nil || e == nil {
			return nil, err
		}
		hash := m.accept(e)
		if e.Type == wire.Type_VOWS {
			return m.onVows(e)
		}
		return nil, m.onFolded(e, hash)
	})
}

// safely runs one call: an error or a panic burns the key before anything is said. What
// panicked is named by its type only, since its text might quote a record.
func (m *step[R]) safely(f func() ([]round.Message, error)) (out []round.Message, err error) {
	if m.dead != nil {
		return nil, m.dead
	}
	if m.burnt && !m.over {
		return nil, ErrBurnt
	}
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("mhe: internal fault (%T): the session is over", p)
		}
		if err != nil {
			m.dead, m.own, m.packed = err, nil, nil
			out, err = m.fail(err)
		}
		m.heard = nil
	}()
	return f()
}

// prepare makes the share, commits to it and claims what the last one adds to
// its fold. The vow is journalled before it leaves, and the share exists in one copy only.
func (m *step[R]) prepare() error {
	vow := &wire.Vow{Transcript: m.transcript(), Work: m.work[:], Before: m.before[:], Full: m.full}
	if m.prior != nil {
		vow.Claims = m.params.encodeClaim(m.prior.own)
	}
	if m.shape != nil {
		own, raw, err := m.task.share()
		if err != nil {
			return err
		}
		if !m.shape.raw() {
			if raw, err = m.params.pack(m.shape, own, m.packing); err != nil {
				return err
			}
			m.packing = raw
		}
		m.own, m.packed, m.salt = own, m.params.cut(m.shape, m.full, raw), make([]byte, 32)
		if _, err := (reader{m.cfg.Rand}).Read(m.salt); err != nil {
			return fmt.Errorf("mhe: salt: randomness: %w", err)
		}
		for _, part := range m.packed {
			h := partHash(part)
			m.hashes = append(m.hashes, h[:]...)
		}
		h := shareHash(m.hashes)
		c := commitment(m.transcript(), m.next, m.cfg.Session.ID, m.salt, h[:])
		vow.Share, vow.Shape = c[:], m.shape.encode()
	}
	plain, err := wire.Encode(vow)
	if err != nil {
		return err
	}
	out, body, err := m.envelope(wire.Type_VOW, 0, vow, m.tags(plain))
	if err != nil {
		return err
	}
	sent := &wire.Sent{Plan: m.cfg.Session.Plan[:], Attempt: m.cfg.Session.Attempt, Sequence: m.next, Label: m.work[:], Message: out}
	if err := m.record(KindVowed, sent); err != nil {
		return err
	}
	m.vow, m.vowed = body, out
	return nil
}

// onVows lets the share go if all members mean the same step and the step before
// was what all of them signed.
func (m *step[R]) onVows(e *wire.Envelope) ([]round.Message, error) {
	list := new(wire.Vows)
	if err := decodeBody(e.Body, list, m.n); err != nil {
		return nil, m.hub(wire.Code_MALFORMED, err)
	}
	if err := m.peers(list.Vows, m.vow); err != nil {
		return nil, err
	}
	for j, t := range list.Vows {
		v := new(wire.Vow)
		if err := decodeBody(t.Body, v, m.n); err != nil {
			return nil, m.blame(j, wire.Code_MALFORMED, "vow of %s: %w", m.id(j), err)
		}
		if err := m.sameStep(j, v); err != nil {
			return nil, err
		}
		m.vows, m.bodies = append(m.vows, v), append(m.bodies, t.Body)
	}
	if err := m.confirm(); err != nil {
		return nil, err
	}
	if m.shape == nil {
		return nil, m.finish(nil, nil, party.Hash("nothing folded"), nil)
	}
	for k, part := range m.packed {
		out, _, err := m.envelope(wire.Type_SHARE, k, &wire.Share{Salt: m.salt, Parts: m.hashes}, part)
		if err != nil {
			return nil, err
		}
		m.shared = append(m.shared, out)
	}
	m.coming, m.sums = len(m.packed), make([][32]byte, len(m.packed))
	if !m.full {
		m.sum = make(share, len(m.params.primes(m.shape)))
	}
	return m.toHub(m.shared...), nil
}

// sameStep checks that peer j means the same step, after the same one.
func (m *step[R]) sameStep(j int, v *wire.Vow) error {
	var shape []byte
	if m.shape != nil {
		shape = m.shape.encode()
	}
	for _, f := range []struct {
		what      string
		got, want []byte
		code      wire.Code
	}{
		{"transcript", v.Transcript, m.transcript(), wire.Code_TRANSCRIPT},
		{"step before", v.Before, m.before[:], wire.Code_STATE},
		{"work", v.Work, m.work[:], wire.Code_ASK},
		{"shape of the share", v.Shape, shape, wire.Code_ASK},
	} {
		if !bytes.Equal(f.got, f.want) {
			return m.abort(f.code, "step %d (%s): the %s of %s (%x) is not this member's (%x)", m.next, m.name, f.what, m.id(j), head(f.got), head(f.want))
		}
	}
	if v.Full != m.full {
		return m.abort(wire.Code_ASK, "step %d (%s): %s has another mind about who sees the shares", m.next, m.name, m.id(j))
	}
	return nil
}
