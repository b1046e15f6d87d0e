package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/protocols/party"
)

// pace is how much a party may say.
type pace struct {
	free float64
	last time.Time
}

// What a party may say at once, and in a second; a quarter of a megabyte counts as one notice.
const (
	paceBurst  = 512
	paceSecond = 64
	paceBytes  = 256 << 10
	mostHeard  = 64 // decisions of one hospital about one run
)

func (p *pace) allows(n int) bool {
	now := runner.Clock()
	p.free = min(paceBurst, p.free+now.Sub(p.last).Seconds()*paceSecond)
	p.last = now
	if cost := 1 + float64(n)/paceBytes; p.free >= cost {
		p.free -= cost
		return true
	}
	return false
}

// take implements clerk.
func (h *Hub) take(from party.ID, b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pace[from] == nil {
		h.pace[from] = &pace{free: paceBurst, last: runner.Clock()}
	}
	if !h.pace[from].allows(len(b)) {
		h.cfg.Metrics.Add("notices_dropped", 1)
		return
	}
	if err := h.read(from, b); err != nil {
		h.cfg.Metrics.Add("notices_dropped", 1)
		h.cfg.Log.Warn("a notice was dropped", "from", from, "why", err)
	}
}

func (h *Hub) read(from party.ID, b []byte) error {
	n, err := control.Read(b)
	if err != nil {
		return err
	}
	if n.Act == control.Submits { // a hospital shows the hub what it may have forgotten
		return h.onSubmission(from, n)
	}
	if n.Sender != from {
		return fmt.Errorf("engine: a notice in the name of %s", n.Sender)
	}
	switch n.Act {
	case control.Here:
		return h.onHere(n)
	case control.Ends:
		return h.onWish(n)
	}
	r := h.runs[n.Run]
	if r == nil || n.Plan != r.sub.Plan {
		return ErrUnknownRun
	}
	if r.over && n.Act != control.Tells || r.roster.Index(from) < 0 {
		return nil // nothing follows
	}
	switch n.Act {
	case control.Decides:
		return h.onDecision(r, n)
	case control.Leaves:
		return h.onLeaving(r, n)
	case control.Delivers:
		return h.onDelivery(r, n)
	case control.Tells:
		return h.onTelling(r, n)
	}
	return fmt.Errorf("engine: a notice of kind %v is not for a hub", n.Act)
}

// left takes what a hospital says of the end of an attempt; it reports whether it is news.
func (h *Hub) left(r *hubRun, n *control.Notice) (news bool, err error) {
	l, err := control.ReadLeaving(n, h.keys[n.Sender].Gateway)
	if err != nil {
		return false, err
	}
	if len(l.Closing) > 0 {
		c, err := runner.ParseClosing(l.Closing, r.roster)
		if err != nil {
			return false, err
		}
		if c.Member != l.From || c.Plan != r.sub.Plan || c.Attempt != l.Attempt {
			return false, errors.New("engine: a closing record of another attempt")
		}
	}
	if l.Conclusion > r.answers[l.From].number {
		r.answers[l.From] = answer{l.Conclusion, l.Opened}
		news = true
	}
	switch {
	case l.Attempt < r.last:
		return news, nil
	case l.Attempt > r.last && len(l.Closing) == 0:
		return false, fmt.Errorf("engine: %s has left attempt %d, which nobody has proposed", l.From, l.Attempt)
	case l.Attempt > r.last: // this hub has forgotten it
		r.last, r.proposal, r.ended, r.closings = l.Attempt, nil, true, map[party.ID]control.Closed{}
		if r.task != nil {
			r.task.stop(errSuperseded)
		}
	}
	switch l.Code {
	case control.CodeRefused:
		r.refusing[l.From] = true
	case control.CodeRollback:
		r.rolled[l.From], r.failures = true, 0 // a person is needed, not another try
	}
	if c, ok := r.closings[l.From]; ok && c.Closing != nil {
		return news, nil
	}
	r.closings[l.From] = control.Closed{Code: l.Code, Closing: l.Closing}
	return true, nil
}

func (h *Hub) onLeaving(r *hubRun, n *control.Notice) error {
	news, err := h.left(r, n)
	if err != nil {
		return err
	}
	delete(r.silent, n.Sender)
	if !news {
		return nil
	}
	if err := h.keep(recordLeft, n.Bytes); err != nil || r.answers[n.Sender].number == 0 {
		return err
	}
	return h.onAnswer(r, r.answers[n.Sender])
}

// onDelivery passes a sealed report on; a hospital has one for a run, and one for its conclusion.
func (h *Hub) onDelivery(r *hubRun, n *control.Notice) error {
	if err := n.Verify(h.keys[n.Sender].Gateway); err != nil {
		return err
	}
	delete(r.silent, n.Sender)
	if news, err := h.delivered(r, n); !news || err != nil {
		return err
	}
	if err := h.keep(recordDelivered, n.Bytes); err != nil {
		return err
	}
	h.post(r.sub.Analyst, n.Bytes)
	return nil
}

// delivered notes a report that was verified; it reports whether it is news.
func (h *Hub) delivered(r *hubRun, n *control.Notice) (bool, error) {
	number, err := control.Concluded(n)
	switch {
	case err != nil:
		return false, err
	case number == 0 && r.delivered[n.Sender] == nil:
		r.delivered[n.Sender] = n.Bytes
		return true, nil
	case number > r.concluded[n.Sender].number:
		r.concluded[n.Sender] = concluded{number, n.Bytes}
		return true, nil
	}
	return false, nil
}

func (h *Hub) onTelling(r *hubRun, n *control.Notice) error {
	s, err := control.ReadTelling(n, h.keys[n.Sender].Gateway)
	if err != nil {
		return err
	}
	r.present(n.Sender)
	if s.Stage == StageApproved && s.Attempt >= r.last { // ready for another attempt
		delete(r.rolled, n.Sender)
	}
	if s.Number <= r.told[n.Sender].number && r.told[n.Sender].notice != nil {
		return nil
	}
	r.told[n.Sender] = told{s.Number, n.Bytes}
	h.post(r.sub.Analyst, n.Bytes)
	return nil
}
