package mhe

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

func head(b []byte) []byte { return b[:min(len(b), 8)] }

// confirm adds the claims about the step before.
func (m *step[R]) confirm() error {
	total := claim{}
	for j, v := range m.vows {
		if m.prior == nil {
			if len(v.Claims) > 0 {
				return m.blame(j, wire.Code_MALFORMED, "step %d (%s): %s claims where there is nothing to claim", m.next, m.name, m.id(j))
			}
			continue
		}
		c, err := m.params.parseClaim(m.prior.shape, v.Claims)
		if err != nil {
			return m.blame(j, wire.Code_MALFORMED, "vow of %s: %w", m.id(j), err)
		}
		m.params.addClaim(total, c)
	}
	if m.prior == nil {
		return nil
	}
	for i, want := range m.prior.sum {
		if total[i] != want {
			return m.abort(wire.Code_FOLD, "step %d: the sum is not the sum of the shares that the members signed", m.next-1)
		}
	}
	return nil
}

// onFolded takes a part of the sum, or all shares, and ends the step when all is there. The
// messages' hashes are what binds them.
func (m *step[R]) onFolded(e *wire.Envelope, hash [32]byte) error {
	f := new(wire.Folded)
	if err := decodeBody(e.Body, f, m.n); err != nil {
		return m.hub(wire.Code_MALFORMED, err)
	}
	k := int(e.Part)
	if m.shared == nil || m.full != (len(f.Shares) > 0) || k >= len(m.sums) {
		return m.hub(wire.Code_MALFORMED, fmt.Errorf("mhe: step %d (%s): a sum out of turn, or shares instead of one", m.next, m.name))
	}
	m.sums[k] = hash
	if m.full {
		return m.onShares(f, sumHash(m.sums))
	}
	if err := m.params.unpackPart(m.shape, k, m.sum, m.tool.rows, f.Sum); err != nil {
		return m.hub(wire.Code_MALFORMED, err)
	}
	if m.coming--; m.coming > 0 {
		return nil
	}
	sum := m.sum
	return m.finish(sum, nil, sumHash(m.sums), func(o [32]byte) *folded {
		at := m.params.challenge(m.shape, o)
		return &folded{shape: m.shape, own: m.params.fold(m.shape, m.own, at), sum: m.params.fold(m.shape, sum, at)}
	})
}

// onShares checks every share against its vow and adds them here: nothing is
// left to claim.
func (m *step[R]) onShares(f *wire.Folded, result [32]byte) error {
	var sum share
	var raw [][]byte
	for j, r := range f.Shares {
		part := partHash(r.Share)
		hash := shareHash(part[:])
		c := commitment(m.transcript(), m.next, m.id(j), r.Salt, hash[:])
		if !bytes.Equal(c[:], m.vows[j].Share) {
			return m.blame(j, wire.Code_OPENING, "step %d (%s): the share of %s is not the one it vowed, or the hub changed it", m.next, m.name, m.id(j))
		}
		if m.shape.raw() {
			if len(r.Share) != rawSize {
				return m.blame(j, wire.Code_MALFORMED, "step %d (%s): %s shares %d bytes, want %d", m.next, m.name, m.id(j), len(r.Share), rawSize)
			}
			raw = append(raw, r.Share)
			continue
		}
		sh, err := m.params.unpack(m.shape, r.Share)
		if err != nil {
			return m.blame(j, wire.Code_MALFORMED, "share of %s: %w", m.id(j), err)
		}
		if sum == nil {
			sum = sh
		} else {
			m.params.addTo(m.shape, sum, sh)
		}
	}
	return m.finish(sum, raw, result, nil)
}

// finish hands the sum to the task, and makes this step the one before.
func (m *step[R]) finish(sum share, raw [][]byte, result [32]byte, claims func([32]byte) *folded) error {
	before, prior := outcome(m.next, m.bodies, result), (*folded)(nil)
	if claims != nil {
		prior = claims(before) // before the task makes of the sum what it likes
	}
	if err := m.task.done(sum, raw); err != nil {
		var blame *round.Blame
		var abort *round.Abort
		if !errors.As(err, &blame) && !errors.As(err, &abort) {
			err = m.abort(wire.Code_INTERNAL, "step %d (%s): %w", m.next, m.name, err)
		}
		return err
	}
	m.tool.rows.give(m.own...) // packed, sent and folded
	m.before, m.prior = before, prior
	m.vows, m.bodies, m.own, m.packed, m.sum = nil, nil, nil, nil, nil
	m.over, m.busy = true, false
	m.next++
	return nil
}
