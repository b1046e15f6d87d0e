package engine

import (
	"fmt"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// remember rebuilds what an earlier life knew. The lock is held.
func (h *Hub) remember() error {
	foreign := 0
	err := h.journal.Replay(func(kind string, record []byte) error {
		if kind == store.RecordEvidence {
			return nil
		}
		n, err := control.Read(clone(record))
		if err != nil {
			return fmt.Errorf("engine: hub: a record of kind %q is damaged: %w", kind, err)
		}
		if kind == recordSubmitted {
			if _, err := h.enter(n); err != nil { // it was good when it was written
				foreign++
			}
			return nil
		}
		r := h.runs[n.Run]
		if r == nil {
			return nil
		}
		switch kind {
		case recordDecided:
			_, _ = h.hear(r, n) // a decision under a key that is no longer in the roster is none
		case recordProposed:
			var p *control.Proposal
			if p, err = control.ReadProposal(n); err == nil {
				r.proposal, r.last, r.closings, r.ended = p, max(r.last, p.Attempt), map[party.ID]control.Closed{}, false
			}
		case recordLeft:
			_, _ = h.left(r, n)
		case recordDelivered:
			_, err = h.delivered(r, n)
		case recordConcluding:
			r.ending, err = control.ReadConclusion(n)
		case recordHanded:
			r.handed = append(r.handed, n.Bytes)
		case recordOver:
			r.over = true
			r.standing, err = control.ReadStanding(n)
		}
		return err
	})
	if err != nil {
		return err
	}
	if foreign > 0 {
		h.cfg.Log.Warn("studies of an earlier roster or version of the program are left alone", "studies", foreign)
	}
	for _, id := range h.order {
		if r := h.runs[id]; !r.over && r.proposal != nil && !r.ended && r.ending == nil {
			h.start(r) // a log gives again what was said in it; where there is none, the attempt ends for lack of answers
		}
	}
	return nil
}

// opened implements clerk: whoever was away learns what is under way.
func (h *Hub) opened() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.cfg.Roster.Members() {
		h.brief(m.ID)
	}
	for _, id := range h.order {
		h.standAgain(h.runs[id])
	}
}

// brief tells a hospital what concerns it. The lock is held.
func (h *Hub) brief(id party.ID) {
	for _, run := range h.order {
		r := h.runs[run]
		if r.over || r.roster.Index(id) < 0 {
			continue
		}
		if r.delivered[id] == nil {
			h.post(id, r.sub.Bytes)
		}
		if r.ending != nil {
			h.post(id, r.ending.Bytes)
		}
		if r.task != nil {
			h.post(id, r.proposal.Bytes)
		}
	}
}

// post puts a notice into the box. The lock is held.
func (h *Hub) post(to party.ID, b []byte) {
	h.box = append(h.box, letter{to, b})
	h.desk.nudge()
}

// due implements clerk.
func (h *Hub) due(send func(party.ID, []byte) error) error {
	for {
		h.mu.Lock()
		box := h.box
		h.box = nil
		h.mu.Unlock()
		if len(box) == 0 {
			return nil
		}
		for i, l := range box {
			if err := send(l.to, l.b); err != nil {
				h.mu.Lock()
				h.box = append(box[i:], h.box...)
				h.mu.Unlock()
				return err
			}
		}
	}
}

// next implements clerk: while anything waits, the hub looks after it now and then.
func (h *Hub) next() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, soonest := runner.Clock(), time.Duration(0)
	for _, r := range h.runs {
		if r.over || r.task != nil || r.due.IsZero() {
			continue
		}
		if d := max(time.Millisecond, r.due.Sub(now)); soonest == 0 || d < soonest {
			soonest = d
		}
	}
	return soonest
}

// tick implements clerk.
func (h *Hub) tick() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	busy := len(h.box) > 0
	for _, id := range h.order {
		r := h.runs[id]
		if !h.drained {
			h.advance(r)
		}
		busy = busy || r.task != nil
	}
	return h.drained && !busy
}
