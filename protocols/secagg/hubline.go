package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// line is one protocol at the hub: what is due of it, and what came.
type line struct {
	round.Guest
	opens    wire.Type
	due      round.Place
	inbox    []*wire.Envelope                 // for it, by member
	parts    uint32                           // of it
	ahead    map[round.Place][]*wire.Envelope // its later parts, by member: their signatures are verified
	answered map[round.Place]*stage           // places before, until every member must have seen the answer
}

// stage is a completed place: what came, without bulk, and what was sent in answer to each member.
type stage struct {
	inbox []*wire.Envelope
	down  []round.Message
}

func (h *Hub) collect(l *line, at round.Place, parts uint32) {
	l.due, l.inbox, l.parts = at, make([]*wire.Envelope, h.n), parts
	if at.Part == 0 {
		l.ahead = map[round.Place][]*wire.Envelope{}
	}
}

// later reports whether a place is a later part of what is due.
func (l *line) later(at round.Place) bool {
	return at.Kind == l.due.Kind && at.Sequence == l.due.Sequence && at.Part > l.due.Part && at.Part < l.parts
}

// under reports whether member i is in the middle of a sum or step.
func (l *line) under(i int) bool { return l.due.Kind != l.opens || l.inbox[i] != nil }

// underWay returns the line in the middle of which anybody is, or nil.
func (h *Hub) underWay() *line {
	for _, l := range h.lines {
		for i := range h.n {
			if l.under(i) {
				return l
			}
		}
	}
	return nil
}

// take finds the place of a message.
func (h *Hub) take(l *line, i int, e *wire.Envelope) ([]round.Message, error) {
	at := round.PlaceOf(e)
	switch {
	case at == l.due && l.inbox[i] != nil:
		return h.repeated(i, l.inbox[i], e, nil)
	case at == l.due && l != h.lines[0] && h.sums.trans == [32]byte{}:
		return h.drop() // of the future: the set-up is not complete
	case (at == l.due || l.later(at)) && h.left() != nil:
		return h.stop(h.left())
	case at == l.due:
		return h.accept(l, i, e)
	case l.later(at):
		return h.hold(l, i, at, e)
	case l.answered[at] != nil:
		s := l.answered[at]
		answer := s.down[i : i+1]
		if o := h.underWay(); o != nil && o != l && o.under(i) {
			answer = nil // it has gone on: it had that answer
		}
		return h.repeated(i, s.inbox[i], e, answer)
	}
	return h.drop() // of the past or of the future
}

// context in which messages of a type are signed.
func (h *Hub) context(t wire.Type) round.Context {
	ctx := h.ctx
	switch t {
	case wire.Type_HELLO:
	case wire.Type_SEAL:
		ctx.Session = h.sums.session
	default:
		ctx.Session = h.sums.trans
	}
	return ctx
}

// repeated answers a repetition with the same answer, if it was given already,
// and keeps two different signed messages as evidence.
func (h *Hub) repeated(i int, before, now *wire.Envelope, answer []round.Message) ([]round.Message, error) {
	if bytes.Equal(before.Body, now.Body) {
		h.summary.Dropped++
		return answer, nil
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(now.Type), now); err != nil {
		return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
	}
	first, err1 := wire.Original(before)
	second, err2 := wire.Original(now)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	h.summary.Evidence = append(h.summary.Evidence, round.Evidence{Member: h.cfg.Roster.At(i).ID, First: first, Second: second})
	return h.stop(h.blame(i, wire.Code_DUPLICATE, fmt.Errorf("secagg: two different messages for %v %d", now.Type, now.Sequence)))
}

// accept takes a message that is due, and answers all when it was the last.
func (h *Hub) accept(l *line, i int, e *wire.Envelope) ([]round.Message, error) {
	if e.Type != wire.Type_HELLO { // which says itself under what it is signed
		if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(e.Type), e); err != nil {
			return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
		}
	}
	return h.admit(l, i, e)
}

// hold keeps a later part until those before it are complete.
func (h *Hub) hold(l *line, i int, at round.Place, e *wire.Envelope) ([]round.Message, error) {
	if l.ahead[at] == nil {
		l.ahead[at] = make([]*wire.Envelope, h.n)
	}
	if before := l.ahead[at][i]; before != nil {
		return h.repeated(i, before, e, nil)
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(e.Type), e); err != nil {
		return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
	}
	l.ahead[at][i] = e
	return nil, nil
}

// admit judges a message that is due and properly signed.
func (h *Hub) admit(l *line, i int, e *wire.Envelope) ([]round.Message, error) {
	if o := h.underWay(); o != nil && o != l {
		return h.stop(&round.Abort{Code: wire.Code_ASK, Err: fmt.Errorf("secagg: %s sends %v %d while %v %d is due: the members are not at one point of the study",
			h.cfg.Roster.At(i).ID, e.Type, e.Sequence, o.due.Kind, o.due.Sequence)})
	}
	if err := l.Check(h.context(e.Type), i, e); err != nil {
		return h.stop(err)
	}
	l.inbox[i] = e
	for _, e := range l.inbox {
		if e == nil {
			return nil, nil
		}
	}
	out, err := h.complete(l)
	at := l.due // the next part may be there, of some or of all
	for i, e := range l.ahead[at] {
		if err != nil || h.stopping {
			break
		}
		if e == nil {
			continue
		}
		var more []round.Message
		more, err = h.admit(l, i, e)
		out = append(out, more...)
	}
	delete(l.ahead, at)
	return out, err
}

// complete answers a place and goes on to the next. Answers are kept for repetition
// until all members have opened a later sum or step.
func (h *Hub) complete(l *line) ([]round.Message, error) {
	a, err := l.Complete(l.inbox)
	if err != nil {
		return nil, err
	}
	down, err := h.answer(round.Place{Kind: a.Kind, Sequence: l.due.Sequence, Part: l.due.Part}, a)
	if err != nil {
		return nil, err
	}
	if l.due.Kind == l.opens {
		clear(l.answered)
	}
	for _, e := range l.inbox {
		e.Bulk = nil // the largest thing the hub holds
	}
	l.answered[l.due] = &stage{l.inbox, down}
	if a.Next.Kind == l.opens && l.due.Sequence > 0 { // a sum or step is done
		if l == h.lines[0] {
			h.summary.Sums, h.summary.Packages = h.summary.Sums+1, h.sums.packages
		} else {
			h.summary.Steps++
		}
	}
	h.collect(l, a.Next, a.Parts)
	return down, nil
}

// answer addresses a line's answer: the same to all, or to each its own.
func (h *Hub) answer(at round.Place, a round.Answer) ([]round.Message, error) {
	out := make([]round.Message, h.n)
	var b []byte
	for i := range out {
		if i < len(a.Bodies) {
			recipient := h.cfg.Roster.At(i).ID
			if len(a.Bodies) == 1 {
				recipient = ""
			}
			var err error
			if b, err = h.envelope(at, recipient, a.Bodies[i]); err != nil {
				return nil, err
			}
		}
		out[i] = h.to(i, b)
	}
	return out, nil
}
