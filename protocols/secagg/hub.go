package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Hub is the adding party: one machine that serves the set-up and any number of
// sums, until every member has closed. It sees masked vectors and their sum,
// and learns who takes part, sizes and timing.
//
// Its Receive does not fail because of a member: it stops the attempt, tells
// everyone by a code, waits for the closing records and says what happened in Summary.Failure.
type Hub struct {
	cfg      HubConfig
	n        int
	ctx      round.Context
	stage    place            // what is being collected
	inbox    []*inbound       // of this stage, by member
	answered map[place]*stage // stages before, until every member must have seen the answer
	sums     adder
	session  [32]byte
	trans    [32]byte
	closes   [][]byte
	stopping bool
	summary  Summary
	done     bool
}

// Summary is what an attempt came to, as the hub saw it.
type Summary struct {
	Sums     int        // completed
	Packages [][]byte   // with ReleaseAnalyst: each sum, for OpenAtReader
	Record   Record     // the closing records
	Failure  error      // why the attempt was stopped; nil if every member closed as done
	Evidence []Evidence // originals that cannot both be honest
	Dropped  int        // messages that were repeated, or not for this attempt
}

// Evidence is two messages that a member signed for one place.
type Evidence struct {
	Member        party.ID
	First, Second []byte
}

type inbound struct {
	env *wire.Envelope
	raw []byte
}

// stage is a completed collection and what was sent in answer to each member.
type stage struct {
	inbox []*inbound
	down  []round.Message
}

// NewHub returns the hub's machine for one attempt.
func NewHub(cfg HubConfig) (*Hub, error) {
	c := cfg.Charter
	// The reader's key is the members' business; the hub needs only to know whether there is one.
	c.Release, c.Reader = ReleaseAll, [32]byte{}
	if err := c.check(cfg.Roster, nil); err != nil {
		return nil, err
	}
	if r := cfg.Charter.Release; r != ReleaseAll && r != ReleaseAnalyst {
		return nil, fmt.Errorf("secagg: charter: release is %q, want %q or %q", r, ReleaseAll, ReleaseAnalyst)
	}
	h := &Hub{cfg: cfg, n: cfg.Roster.Len(), answered: map[place]*stage{}, closes: make([][]byte, cfg.Roster.Len())}
	h.ctx = round.Context{Charter: cfg.Charter.Digest(), Roster: cfg.Charter.Roster}
	h.collect(place{wire.Type_HELLO, 0})
	return h, nil
}

var _ round.Machine[Summary] = (*Hub)(nil)

// Start returns nothing: the members begin.
func (h *Hub) Start() ([]round.Message, error) { return nil, nil }

// Result returns the summary once every member has closed, or Expire has ended the wait.
func (h *Hub) Result() (Summary, bool) {
	if !h.done {
		return Summary{}, false
	}
	return h.summary, true
}

func (h *Hub) collect(at place) {
	h.stage, h.inbox = at, make([]*inbound, h.n)
}

// Receive takes one member's message.
func (h *Hub) Receive(m round.Message) ([]round.Message, error) {
	i := h.cfg.Roster.Index(m.From)
	if i < 0 || m.To != party.Hub || h.done {
		h.summary.Dropped++
		return nil, nil
	}
	e, err := wire.Open(m.Body, h.cfg.Charter.Limits)
	if err != nil {
		return h.stop(h.blame(i, wire.Code_MALFORMED, err))
	}
	if !bytes.Equal(e.Plan, h.cfg.Charter.Plan[:]) || e.Attempt != h.cfg.Charter.Attempt {
		h.summary.Dropped++
		return nil, nil
	}
	if e.Sender != string(m.From) || e.Recipient != string(party.Hub) {
		return h.stop(h.blame(i, wire.Code_MALFORMED, errors.New("secagg: sender or recipient is not who sent it to whom")))
	}
	if e.Type == wire.Type_CLOSE {
		return h.onClose(i, m.Body)
	}
	at := place{e.Type, e.Sequence}
	switch {
	case h.closes[i] != nil || h.stopping:
		h.summary.Dropped++
		return nil, nil
	case at == h.stage && h.inbox[i] != nil:
		return h.repeated(i, h.inbox[i], &inbound{e, m.Body}, nil)
	case at == h.stage && h.left() != nil:
		return h.stop(h.left())
	case at == h.stage:
		return h.accept(i, &inbound{e, m.Body})
	case h.answered[at] != nil:
		s := h.answered[at]
		return h.repeated(i, s.inbox[i], &inbound{e, m.Body}, s.down[i:i+1])
	}
	h.summary.Dropped++ // of the past or of the future
	return nil, nil
}

// session in which messages of a type are signed.
func (h *Hub) context(t wire.Type) round.Context {
	ctx := h.ctx
	switch t {
	case wire.Type_SEAL:
		ctx.Session = h.session
	case wire.Type_MASKED, wire.Type_UNLOCK:
		ctx.Session = h.trans
	}
	return ctx
}

// repeated answers a repetition with the same answer, if it was given already,
// and keeps two different signed messages as evidence.
func (h *Hub) repeated(i int, before, now *inbound, answer []round.Message) ([]round.Message, error) {
	if bytes.Equal(before.env.Body, now.env.Body) {
		h.summary.Dropped++
		return answer, nil
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(now.env.Type), now.env); err != nil {
		return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
	}
	h.summary.Evidence = append(h.summary.Evidence, Evidence{h.cfg.Roster.At(i).ID, before.raw, now.raw})
	return h.stop(h.blame(i, wire.Code_DUPLICATE, fmt.Errorf("secagg: two different messages of type %v for sum %d", now.env.Type, now.env.Sequence)))
}

// accept checks a message that is due, and answers all when it was the last.
func (h *Hub) accept(i int, in *inbound) ([]round.Message, error) {
	var err error
	switch h.stage.kind {
	case wire.Type_HELLO:
		err = h.checkHello(i, in)
	case wire.Type_SEAL:
		err = h.checkSeal(i, in)
	case wire.Type_MASKED:
		err = h.checkMasked(i, in)
	case wire.Type_UNLOCK:
		err = h.checkUnlock(i, in)
	}
	if err != nil {
		return h.stop(err)
	}
	h.inbox[i] = in
	for _, in := range h.inbox {
		if in == nil {
			return nil, nil
		}
	}
	return h.complete()
}

// complete answers a stage and begins the next. Answers are kept for repetition
// until all members have spoken in a later stage than the next.
func (h *Hub) complete() ([]round.Message, error) {
	var down []round.Message
	var err error
	was, next := h.stage, h.stage
	switch h.stage.kind {
	case wire.Type_HELLO:
		down, err = h.hellos()
		next.kind = wire.Type_SEAL
	case wire.Type_SEAL:
		down, err = h.seals()
		next = place{wire.Type_MASKED, 1}
	case wire.Type_MASKED:
		clear(h.answered)
		down, err = h.summed()
		next.kind = wire.Type_UNLOCK
	case wire.Type_UNLOCK:
		down, err = h.unlocks()
		next = place{wire.Type_MASKED, h.stage.sequence + 1}
		h.summary.Sums++
	}
	if err != nil {
		return nil, err
	}
	h.answered[was] = &stage{h.inbox, down}
	h.collect(next)
	return down, nil
}

// Expire gives up waiting: the first time for the messages of this stage,
// the second time for the closing records.
// stop ends the attempt and tells every member that has not closed.
// onClose takes a closing record: the attempt is over for its sender.
// leftError is the failure of an attempt that one member closed while others
// had need of it. Its code is that member's reason, which blames nobody.
// left returns who has closed, if anybody has.
// waiting reports whether a stage has been begun by somebody.
// finish hands out the closing records.
func (h *Hub) blame(i int, code Code, err error) error {
	return &round.Blame{Who: h.cfg.Roster.At(i).ID, Code: code, Err: err}
}

func (h *Hub) to(i int, body []byte) round.Message {
	return round.Message{From: party.Hub, To: h.cfg.Roster.At(i).ID, Body: body}
}

// envelope encodes a message of the hub; without a recipient it is for all.
func (h *Hub) envelope(t wire.Type, sequence uint64, recipient party.ID, m body) ([]byte, error) {
	b, err := wire.Encode(m)
	if err != nil {
		return nil, err
	}
	return wire.Encode(&wire.Envelope{
		Version: wire.Version, Plan: h.cfg.Charter.Plan[:], Attempt: h.cfg.Charter.Attempt, Type: t, Sequence: sequence,
		Sender: string(party.Hub), Recipient: string(recipient), Body: b,
	})
}

// Original returns the signed message of member for the present sum or the
// stage before it, without its bulk: what a member asks for in a dispute about a head or an unlock.
func (h *Hub) Original(member party.ID, kind wire.Type, sequence uint64) ([]byte, bool) {
	i := h.cfg.Roster.Index(member)
	if i < 0 {
		return nil, false
	}
	in := h.inbox[i]
	if at := (place{kind, sequence}); at != h.stage {
		s := h.answered[at]
		if s == nil {
			return nil, false
		}
		in = s.inbox[i]
	}
	if in == nil {
		return nil, false
	}
	b, err := original(in.env)
	return b, err == nil
}

// original is a signed message without its bulk, which the body binds by hashes.
func original(e *wire.Envelope) ([]byte, error) {
	return wire.Encode(&wire.Envelope{
		Version: e.Version, Plan: e.Plan, Attempt: e.Attempt, Type: e.Type, Sequence: e.Sequence,
		Sender: e.Sender, Recipient: e.Recipient, Body: e.Body, Signatures: e.Signatures,
	})
}
