package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Expire gives up waiting: the first time for the messages that are due,
// the second time for the closing records.
func (h *Hub) Expire() ([]round.Message, error) {
	if h.done {
		return nil, nil
	}
	if h.stopping {
		return h.finish()
	}
	l := h.underWay()
	if l == nil {
		l = h.lines[0] // nothing was begun
	}
	var few round.TooFew
	for i, e := range l.inbox {
		if e == nil && h.closes[i] == nil {
			few.Missing = append(few.Missing, h.cfg.Roster.At(i).ID)
		}
	}
	return h.stop(&few)
}

// stop ends the attempt and tells every member that has not closed.
func (h *Hub) stop(err error) ([]round.Message, error) {
	if h.stopping {
		return nil, nil
	}
	h.stopping, h.summary.Failure = true, err
	s := &wire.Stop{Code: round.CodeOf(err)}
	var blame *round.Blame
	var few *round.TooFew
	var left *leftError
	switch {
	case errors.As(err, &blame):
		s.Who = string(blame.Who)
	case errors.As(err, &few) && len(few.Missing) > 0:
		s.Who = string(few.Missing[0])
	case errors.As(err, &left):
		s.Code, s.Who = left.code, string(left.who)
	}
	b, err := h.notice(wire.Type_STOP, s)
	if err != nil {
		return nil, err
	}
	var out []round.Message
	for i := range h.n {
		if h.closes[i] == nil {
			out = append(out, h.to(i, b))
		}
	}
	return out, nil
}

// onClose takes a closing record: the attempt is over for its sender.
func (h *Hub) onClose(i int, raw []byte) ([]round.Message, error) {
	if bytes.Equal(h.closes[i], raw) {
		h.summary.Dropped++
		return nil, nil
	}
	cl, err := ParseClosing(raw, h.cfg.Roster)
	if err == nil && (cl.Charter != h.ctx.Charter || cl.Roster != h.ctx.Roster) {
		err = errors.New("secagg: a closing record of another charter")
	}
	if err != nil {
		return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
	}
	if h.closes[i] != nil {
		h.summary.Evidence = append(h.summary.Evidence, round.Evidence{Member: cl.Member, First: h.closes[i], Second: bytes.Clone(raw)})
		return h.stop(h.blame(i, wire.Code_DUPLICATE, errors.New("secagg: two different closing records")))
	}
	h.closes[i] = bytes.Clone(raw)
	var out []round.Message
	if cl.Code != wire.Code_DONE || h.underWay() != nil {
		out, err = h.stop(&leftError{cl.Member, cl.Code})
		if err != nil {
			return nil, err
		}
	}
	for _, c := range h.closes {
		if c == nil {
			return out, nil
		}
	}
	last, err := h.finish()
	return append(out, last...), err
}

// leftError is the failure of an attempt that one member closed while others
// had need of it. Its code is that member's reason, which blames nobody.
type leftError struct {
	who  party.ID
	code Code
}

func (e *leftError) Error() string {
	return fmt.Sprintf("secagg: %s closed with code %v", e.who, e.code)
}

// left returns who has closed, if anybody has.
func (h *Hub) left() error {
	for i, c := range h.closes {
		if c != nil {
			return &leftError{h.cfg.Roster.At(i).ID, wire.Code_DONE}
		}
	}
	return nil
}

// finish hands out the closing records.
func (h *Hub) finish() ([]round.Message, error) {
	closed := &wire.Closed{}
	for i, c := range h.closes {
		if c == nil {
			h.summary.Record.Missing = append(h.summary.Record.Missing, h.cfg.Roster.At(i).ID)
			continue
		}
		closed.Closes = append(closed.Closes, c)
	}
	h.summary.Record.Closings = closed.Closes
	b, err := h.notice(wire.Type_CLOSED, closed)
	if err != nil {
		return nil, err
	}
	h.done, h.stopping = true, true
	var out []round.Message
	for i := range h.n {
		if h.closes[i] != nil {
			out = append(out, h.to(i, b))
		}
	}
	return out, nil
}

// notice encodes what the hub says to all outside of sums and steps.
func (h *Hub) notice(t wire.Type, m wire.Message) ([]byte, error) {
	b, err := wire.Encode(m)
	if err != nil {
		return nil, err
	}
	return h.envelope(round.Place{Kind: t}, "", b)
}
