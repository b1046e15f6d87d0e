package secagg

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Code is a reason that may cross the wire.
type Code = wire.Code

// Record is the closing records of an attempt: how it ended, for each member.
type Record struct {
	Closings [][]byte   // as signed, in roster order
	Missing  []party.ID // members that did not close in time
}

// For returns the closings of those members that are in roster too: what
// the next attempt, with that roster, is given.
func (r Record) For(roster party.Roster) [][]byte {
	var out [][]byte
	for _, b := range r.Closings {
		if _, err := ParseClosing(b, roster); err == nil {
			out = append(out, b)
		}
	}
	return out
}

// RecordDigest is what the next attempt's charter names as previous.
func RecordDigest(closings [][]byte) [32]byte { return party.Hash("closing record", closings...) }

// Closing is one member's end of an attempt: after signing it, it answers
// nothing of that attempt any more.
type Closing struct {
	Member   party.ID
	Plan     [32]byte
	Attempt  uint32
	Charter  [32]byte
	Roster   [32]byte // of the attempt
	Session  [32]byte // S, zero if it was never reached
	Label    [32]byte // the last sum this member sent a vector for, or zero
	Unlocked bool     // anything under this plan, in any attempt
	Frozen   [32]byte // the roster of the first unlock, or zero
	Code     Code
}

// closingLimit is more than any closing record has.
const closingLimit = 4096

// ParseClosing reads a signed closing record and verifies it under the key that
// roster has for its sender.
func ParseClosing(b []byte, roster party.Roster) (Closing, error) {
	if len(b) > closingLimit {
		return Closing{}, fmt.Errorf("secagg: a closing record has %d bytes, want at most %d", len(b), closingLimit)
	}
	e := new(wire.Envelope)
	if err := wire.Decode(b, e); err != nil {
		return Closing{}, fmt.Errorf("secagg: closing record: %w", err)
	}
	if err := e.Check(); err != nil {
		return Closing{}, fmt.Errorf("secagg: closing record: %w", err)
	}
	m := new(wire.Close)
	if err := wire.Decode(e.Body, m); err != nil {
		return Closing{}, fmt.Errorf("secagg: closing record: %w", err)
	}
	if err := m.Check(0); err != nil {
		return Closing{}, fmt.Errorf("secagg: closing record: %w", err)
	}
	i := roster.Index(party.ID(e.Sender))
	if e.Type != wire.Type_CLOSE || e.Recipient != string(party.Hub) || i < 0 {
		return Closing{}, errors.New("secagg: closing record: not one of a member of the roster")
	}
	ctx := round.Context{Charter: digest(m.Charter), Roster: digest(m.Roster)}
	if err := round.Verify(roster.At(i).Key, ctx, e); err != nil {
		return Closing{}, fmt.Errorf("secagg: closing record of %s: %w", e.Sender, err)
	}
	return Closing{
		Member: party.ID(e.Sender), Plan: digest(e.Plan), Attempt: e.Attempt, Charter: ctx.Charter, Roster: ctx.Roster,
		Session: digest(m.Session), Label: digest(m.Label), Unlocked: m.Unlocked, Frozen: digest(m.Frozen), Code: m.Code,
	}, nil
}

// Abandon closes an attempt that has no session: it never got one, or the
// process died since. If the attempt was never begun, it is closed all the same.
func Abandon(cfg Config, code Code) (round.Machine[Record], error) {
	if cfg.Journal == nil {
		return nil, errors.New("secagg: abandon: a journal is needed")
	}
	l, err := openLedger(cfg.Journal, cfg.Charter.Plan)
	if err != nil {
		return nil, err
	}
	me := cfg.Roster.Index(cfg.ID)
	if me < 0 || cfg.Identity == nil || !cfg.Roster.At(me).Key.Equal(cfg.Identity.Public()) {
		return nil, fmt.Errorf("secagg: abandon: %q is not in the roster with this identity", cfg.ID)
	}
	return round.Guard[Record](&closer{member: newMember(cfg, l), code: code}), nil
}

// closer sends the closing record and waits for the others'.
type closer struct {
	*member
	code   Code
	record *Record
}

func (c *closer) Start() ([]round.Message, error) { return c.close(c.code) }

func (c *closer) Receive(m round.Message) ([]round.Message, error) {
	if c.record != nil {
		c.dropped++
		return nil, nil
	}
	e, err := c.open(m)
	if e == nil || err != nil {
		return nil, nil // too late to complain: the attempt is over
	}
	if e.Type != wire.Type_CLOSED {
		c.dropped++
		return nil, nil
	}
	// A record that is none is dropped, and the wait goes on.
	if r, err := c.parseRecord(e.Body); err != nil {
		c.dropped++
	} else {
		c.record = r
	}
	return nil, nil
}

// parseRecord believes signatures, not the hub: a record that lacks this
// member's own closing, or has somebody's twice, is none.
func (c *closer) parseRecord(body []byte) (*Record, error) {
	m := new(wire.Closed)
	if err := decodeBody(body, m, c.n); err != nil {
		return nil, err
	}
	r, own, last := &Record{}, false, -1
	present := make([]bool, c.n)
	for _, b := range m.Closes {
		cl, err := ParseClosing(b, c.cfg.Roster)
		if err != nil {
			return nil, err
		}
		i := c.cfg.Roster.Index(cl.Member)
		if i <= last || cl.Plan != c.cfg.Charter.Plan || cl.Attempt != c.cfg.Charter.Attempt || cl.Roster != c.cfg.Charter.Roster {
			return nil, errors.New("secagg: closing record of another attempt, or out of order")
		}
		last, present[i] = i, true
		own = own || i == c.me && bytes.Equal(b, c.log.closed)
		r.Closings = append(r.Closings, slices.Clone(b))
	}
	if !own {
		return nil, errors.New("secagg: the closing record lacks this member's own")
	}
	for i, ok := range present {
		if !ok {
			r.Missing = append(r.Missing, c.cfg.Roster.At(i).ID)
		}
	}
	return r, nil
}

// Expire ends the wait: the own closing is what there is.
func (c *closer) Expire() ([]round.Message, error) {
	if c.record == nil {
		c.record = &Record{}
		for i := range c.n {
			if i == c.me {
				c.record.Closings = [][]byte{c.log.closed}
			} else {
				c.record.Missing = append(c.record.Missing, c.cfg.Roster.At(i).ID)
			}
		}
	}
	return nil, nil
}

func (c *closer) Result() (Record, bool) {
	if c.record == nil {
		return Record{}, false
	}
	return *c.record, true
}
