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
// sums, and what its guests do between them, until every member has closed. It sees masked
// vectors and their sum, and learns who takes part, sizes and timing.
//
// Its Receive does not fail because of a member: it stops the attempt, tells
// everyone by a code, waits for the closing records and says what happened in
// Summary.Failure. There is no other way to stop, for guests neither.
type Hub struct {
	cfg      HubConfig
	n        int
	ctx      round.Context
	sums     *sums
	lines    []*line // the sums', then each guest's
	closes   [][]byte
	asked    []int // questions of each member that were handed on
	answered []int // its answers
	stopping bool
	summary  Summary
	done     bool
}

// Summary is what an attempt came to, as the hub saw it.
type Summary struct {
	Sums     int              // completed
	Steps    int              // completed, of guests
	Packages [][]byte         // with ReleaseAnalyst: each sum, for OpenAtReader
	Record   Record           // the closing records
	Failure  error            // why the attempt was stopped; nil if every member closed as done
	Evidence []round.Evidence // originals that cannot both be honest
	Dropped  int              // messages that were repeated, or not for this attempt
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
	if len(cfg.Guests) > 0 && cfg.Charter.Limits.Share == 0 {
		return nil, errors.New("secagg: hub: guests, yet the charter's limits leave no room for shares")
	}
	h := &Hub{cfg: cfg, n: cfg.Roster.Len(), closes: make([][]byte, cfg.Roster.Len())}
	h.asked, h.answered = make([]int, h.n), make([]int, h.n)
	h.ctx = round.Context{Charter: cfg.Charter.Digest(), Roster: cfg.Charter.Roster}
	h.sums = &sums{charter: cfg.Charter, digest: h.ctx.Charter, roster: cfg.Roster, n: h.n}
	for _, g := range append([]round.Guest{h.sums}, cfg.Guests...) {
		l := &line{Guest: g, answered: map[round.Place]*stage{}}
		if l.opens = g.First().Kind; g == h.sums {
			l.opens = wire.Type_MASKED // what comes before is the set-up
		}
		h.lines = append(h.lines, l)
		h.collect(l, g.First(), 0)
	}
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

// Summary returns what has come of the attempt so far.
func (h *Hub) Summary() Summary { return h.summary }

// Receive takes one member's message.
func (h *Hub) Receive(m round.Message) ([]round.Message, error) {
	i := h.cfg.Roster.Index(m.From)
	if i < 0 || m.To != party.Hub || h.done {
		return h.drop()
	}
	e, err := wire.Open(m.Body, h.cfg.Charter.limits())
	if err != nil {
		return h.stop(h.blame(i, wire.Code_MALFORMED, err))
	}
	if !bytes.Equal(e.Plan, h.cfg.Charter.Plan[:]) || e.Attempt != h.cfg.Charter.Attempt {
		return h.drop()
	}
	if e.Sender != string(m.From) || e.Recipient != string(party.Hub) {
		return h.stop(h.blame(i, wire.Code_MALFORMED, errors.New("secagg: hub: sender or recipient is not who sent it to whom")))
	}
	if e.Type == wire.Type_CLOSE {
		return h.onClose(i, m.Body)
	}
	if e.Type == wire.Type_RECALL || e.Type == wire.Type_SEEN {
		return h.relay(i, e, m.Body)
	}
	for _, l := range h.lines {
		if l.Serves(e.Type) && h.closes[i] == nil && !h.stopping {
			return h.take(l, i, e)
		}
	}
	return h.drop()
}

func (h *Hub) drop() ([]round.Message, error) {
	h.summary.Dropped++
	return nil, nil
}

func (h *Hub) blame(i int, code Code, err error) error {
	return &round.Blame{Who: h.cfg.Roster.At(i).ID, Code: code, Err: err}
}

func (h *Hub) to(i int, body []byte) round.Message {
	return round.Message{From: party.Hub, To: h.cfg.Roster.At(i).ID, Body: body}
}

// envelope wraps a message of the hub; without a recipient it is for all.
func (h *Hub) envelope(at round.Place, recipient party.ID, body []byte) ([]byte, error) {
	return wire.Encode(&wire.Envelope{
		Version: wire.Version, Plan: h.cfg.Charter.Plan[:], Attempt: h.cfg.Charter.Attempt, Type: at.Kind, Sequence: at.Sequence, Part: at.Part,
		Sender: string(party.Hub), Recipient: string(recipient), Body: body,
	})
}

// Original returns the signed message of member for what is due or was answered
// last, without its bulk: what a member asks for in a dispute about a head or an unlock.
func (h *Hub) Original(member party.ID, kind wire.Type, sequence uint64) ([]byte, bool) {
	i, at := h.cfg.Roster.Index(member), round.Place{Kind: kind, Sequence: sequence}
	for _, l := range h.lines {
		inbox := l.inbox
		if s := l.answered[at]; s != nil {
			inbox = s.inbox
		} else if at != l.due {
			continue
		}
		if i < 0 || inbox[i] == nil {
			return nil, false
		}
		b, err := wire.Original(inbox[i])
		return b, err == nil
	}
	return nil, false
}
