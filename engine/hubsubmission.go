package engine

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/protocols/party"
)

// onHere answers a party that has just come.
func (h *Hub) onHere(n *control.Notice) error {
	if i := h.cfg.Roster.Index(n.Sender); i >= 0 {
		if err := n.Verify(h.keys[n.Sender].Gateway); err != nil {
			return err
		}
		for _, r := range h.runs {
			r.present(n.Sender)
		}
		h.brief(n.Sender)
		return nil
	}
	key, known := h.cfg.Analysts[n.Sender]
	if !known {
		return fmt.Errorf("engine: %q is no party", n.Sender)
	}
	if err := n.Verify(key); err != nil {
		return err
	}
	for _, id := range h.order {
		if r := h.runs[id]; r.sub.Analyst == n.Sender && (n.Run.IsZero() || n.Run == id) {
			h.report(r, !n.Run.IsZero())
		}
	}
	b, err := control.Stand(hubAuthor, [32]byte{}, Status{Run: endOf(n.Bytes), Number: 1, Stage: StageWaiting})
	h.post(n.Sender, b)
	return err
}

// onSubmission takes a study and shows it to its hospitals.
func (h *Hub) onSubmission(from party.ID, n *control.Notice) error {
	key, known := h.cfg.Analysts[n.Sender]
	if !known {
		return fmt.Errorf("engine: a study in the name of %q, who is no analyst", n.Sender)
	}
	if r := h.runs[n.Names(key)]; r != nil {
		h.closed(r, from)
		return nil
	}
	if h.drained {
		return nil
	}
	under := 0
	for _, r := range h.runs {
		if r.sub.Analyst == n.Sender && !r.over {
			under++
		}
	}
	r, err := (*hubRun)(nil), fmt.Errorf("engine: %d studies of %s are not over", under, n.Sender)
	if under < h.cfg.Studies {
		r, err = h.enter(n)
	}
	if err != nil {
		if verified := n.Verify(key); verified != nil {
			return verified
		}
		s := Status{From: party.Hub, Run: n.Run, Number: 1, Stage: StageOver, Code: control.CodeMalformed}
		if under >= h.cfg.Studies {
			s.Code = control.CodeRefused
		}
		if b, e := control.Stand(hubAuthor, n.Plan, s); e == nil {
			h.post(n.Sender, b)
		}
		return err
	}
	if err := h.keep(recordSubmitted, n.Bytes); err != nil {
		delete(h.runs, r.sub.Run)
		h.order = h.order[:len(h.order)-1]
		return err
	}
	h.cfg.Metrics.Add("studies_received", 1)
	h.cfg.Log.Info("a study was received", "study", r.spec.Name, "run", r.sub.Run, "analyst", n.Sender)
	for _, m := range r.roster.Members() {
		h.post(m.ID, n.Bytes)
	}
	return nil
}

// enter reads a submission. The lock is held.
func (h *Hub) enter(n *control.Notice) (*hubRun, error) {
	sub, err := control.ReadSubmission(n, h.cfg.Analysts[n.Sender])
	if err != nil {
		return nil, err
	}
	s, err := readSubmission(sub, h.cfg.Roster, h.cfg.insecureTest)
	if err != nil {
		return nil, err
	}
	r := &hubRun{submitted: s, decisions: map[party.ID]decided{}, heard: map[party.ID]int{}, delivered: map[party.ID][]byte{}, told: map[party.ID]told{},
		closings: map[party.ID]control.Closed{}, silent: map[party.ID]bool{}, refusing: map[party.ID]bool{},
		rolled: map[party.ID]bool{}, answers: map[party.ID]answer{}, concluded: map[party.ID]concluded{}, since: runner.Clock()}
	h.runs[sub.Run] = r
	h.order = append(h.order, sub.Run)
	return r, nil
}

// hear takes a decision; it reports whether it is news.
func (h *Hub) hear(r *hubRun, n *control.Notice) (bool, error) {
	k := h.keys[n.Sender]
	d, err := control.ReadDecision(n, k.Gateway, k.Steward)
	if err != nil {
		return false, err
	}
	if last, ok := r.decisions[n.Sender]; ok && (last.Digest() == d.Digest() || !d.Made.After(last.Made)) {
		return false, nil
	}
	if r.heard[n.Sender]++; r.heard[n.Sender] > mostHeard {
		return false, fmt.Errorf("engine: %s has decided about study %q %d times", n.Sender, r.spec.Name, mostHeard)
	}
	r.decisions[n.Sender] = decided{d, n.Bytes}
	delete(r.refusing, n.Sender)
	return true, nil
}

func (h *Hub) onDecision(r *hubRun, n *control.Notice) error {
	news, err := h.hear(r, n)
	if err != nil {
		return err
	}
	r.present(n.Sender)
	if !news {
		return nil
	}
	h.cfg.Log.Info("a steward has decided", "study", r.spec.Name, "run", r.sub.Run, "hospital", n.Sender, "approved", r.decisions[n.Sender].Approve)
	h.post(r.sub.Analyst, n.Bytes)
	return h.keep(recordDecided, n.Bytes)
}
