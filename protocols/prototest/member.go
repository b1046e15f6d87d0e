package prototest

import (
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// Member is one hospital: what survives a crash, and what does not.
type Member struct {
	ID       party.ID
	Identity *party.Identity
	Journal  *secagg.MemoryJournal
	Config   secagg.Config
	Session  *secagg.Session
	Totals   []secagg.Total
	Record   *secagg.Record
	Err      error // of its last machine
	asked    []asked
	setup    round.Machine[*secagg.Session]
	sum      round.Machine[secagg.Total]
	closing  round.Machine[secagg.Record]
}

// asked is a sum that a member was told to take part in.
type asked struct {
	ask secagg.Ask
	x   secagg.Vector
}

// receive gives msg to the machine that is running.
func (m *Member) receive(msg round.Message) (out []round.Message) {
	var err error
	switch {
	case m.closing != nil:
		if out, err = m.closing.Receive(msg); err == nil {
			if r, ok := m.closing.Result(); ok {
				m.Record = &r
			}
		}
	case m.sum != nil:
		out, err = m.sum.Receive(msg)
		m.collect()
	case m.setup != nil:
		out, err = m.setup.Receive(msg)
		m.collect()
	}
	if err != nil && m.Err == nil {
		m.Err = err
	}
	return out
}

// Kill loses everything but the journal.
func (m *Member) Kill() {
	m.Session, m.setup, m.sum, m.closing, m.Totals, m.Record, m.Err = nil, nil, nil, nil, nil, nil, nil
}

// machine returns what the member is running, whatever it yields.
func (m *Member) machine() round.Machine[any] {
	switch {
	case m.closing != nil:
		return untyped[secagg.Record]{m.closing}
	case m.sum != nil:
		return untyped[secagg.Total]{m.sum}
	case m.setup != nil:
		return untyped[*secagg.Session]{m.setup}
	}
	return nil
}

type untyped[R any] struct{ round.Machine[R] }

func (u untyped[R]) Result() (any, bool) { return u.Machine.Result() }

func (m *Member) collect() {
	if m.sum != nil {
		if t, ok := m.sum.Result(); ok {
			m.Totals, m.sum = append(m.Totals, t), nil
		}
		return
	}
	if m.setup == nil {
		return
	}
	if s, ok := m.setup.Result(); ok {
		m.Session = s
	}
}

// Stuck reports whether a machine of m is running and has not failed.
func (m *Member) Stuck() bool {
	return m.Err == nil && m.machine() != nil && (m.sum != nil || m.closing != nil || m.Session == nil)
}
