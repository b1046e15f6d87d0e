package engine

import (
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/protocols/party"
)

// previous is what an attempt at a plan follows: another one, of this run or an earlier one of the same plan.
type previous struct {
	last     uint32
	members  []party.ID
	closings map[party.ID]control.Closed
	busy     bool // another run of the plan is under way: a plan has one at a time
}

func (h *Hub) previous(r *hubRun) (p previous) {
	for _, id := range h.order {
		o := h.runs[id]
		if o.sub.Plan != r.sub.Plan {
			continue
		}
		p.busy = p.busy || o.task != nil || o != r && !o.over && o.proposal != nil
		if o.last > p.last {
			p.last, p.closings, p.members = o.last, o.closings, nil
			if o.proposal != nil {
				p.members = o.proposal.Members
			}
		}
	}
	return p
}

// advance does what is due of a run: an attempt, or its end. The lock is held.
func (h *Hub) advance(r *hubRun) {
	if r.over || r.task != nil {
		return
	}
	r.due = time.Time{}
	if h.complete(r) {
		h.stand(r, StageOver, control.CodeDone, nil)
		return
	}
	if r.ending != nil {
		h.concluding(r)
		return
	}
	before := h.previous(r)
	if before.busy {
		return
	}
	if r.failures >= h.cfg.Attempts {
		h.giveUp(r, control.CodeInternal)
		return
	}
	now := runner.Clock()
	if pause := r.since.Add(pauseOf(r.failures)); r.failures > 0 && now.Before(pause) {
		r.due = pause
		return
	}
	members, waiting, lost := h.choose(r, before, now)
	switch {
	case lost:
		h.stand(r, StageOver, control.CodeRefused, waiting)
	case members == nil && h.cfg.GiveUp > 0 && r.last > 0 && !now.Before(r.since.Add(h.cfg.GiveUp)):
		h.giveUp(r, control.CodeSilence)
	case members == nil:
		if until := r.since.Add(h.cfg.GiveUp); h.cfg.GiveUp > 0 && r.last > 0 && (r.due.IsZero() || until.Before(r.due)) {
			r.due = until
		}
		h.stand(r, StageWaiting, h.blocked(r, waiting), waiting)
	default:
		h.propose(r, before, members)
	}
}

// giveUp ends a run with what is finished of it.
func (h *Hub) giveUp(r *hubRun, code control.Code) {
	if err := h.end(r, code); err != nil {
		h.cfg.Log.Error("a run could not be ended", "study", r.spec.Name, "run", r.sub.Run, "why", err)
		r.due = runner.Clock().Add(longPause)
	}
	h.desk.nudge()
}

// blocked is why an attempt needs a person at one of the hospitals first; 0: it does not.
func (h *Hub) blocked(r *hubRun, waiting []party.ID) control.Code {
	if slices.ContainsFunc(waiting, func(id party.ID) bool { return r.rolled[id] }) {
		return control.CodeRollback
	}
	now := h.cfg.Now()
	if slices.ContainsFunc(waiting, func(id party.ID) bool {
		d, ok := r.decisions[id]
		return ok && d.Approve && r.proposal == nil && r.wanted.Covers(d.Decision, now) != nil
	}) {
		return control.CodeRefused // there is an approval, and it does not hold
	}
	return 0
}

// complete reports whether every hospital of the attempt has delivered its report.
func (h *Hub) complete(r *hubRun) bool {
	if r.proposal == nil {
		return len(r.delivered) > 0 && len(r.delivered) == r.roster.Len()
	}
	for _, id := range r.proposal.Members {
		if r.delivered[id] == nil {
			return false
		}
	}
	return true
}

// troubled are the hospitals that left the latest attempt for reasons of their own.
func (h *Hub) troubled(r *hubRun) (ids []party.ID) {
	for _, m := range r.roster.Members() {
		if c, ok := r.closings[m.ID]; ok && c.Code == control.CodeInternal {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// choose says who takes part in the next attempt, or for whom it waits. lost:
// there can be none.
//
// The same hospitals may always try again. Others may only as long as none of
// them has unlocked anything: the gateways insist on it, and the hub spares them the attempt.
func (h *Hub) choose(r *hubRun, before previous, now time.Time) (members, waiting []party.ID, lost bool) {
	base := before.members
	if base == nil {
		for _, m := range r.roster.Members() {
			base = append(base, m.ID)
		}
	}
	refused, closing := false, before.last == 0
	var ready []party.ID
	for _, id := range base {
		d, ok := r.decisions[id]
		declines := r.refusing[id] || ok && !d.Approve
		refused = refused || declines
		if !ok || declines || r.silent[id] || r.rolled[id] || r.wanted.Covers(d.Decision, h.cfg.Now()) != nil && r.proposal == nil {
			waiting = append(waiting, id)
			continue
		}
		closing = closing || before.closings[id].Closing != nil
		ready = append(ready, id)
	}
	if waiting == nil && closing {
		return ready, nil, false
	}
	if waiting == nil { // somebody has to close the attempt before
		return nil, ready, false
	}
	movable := h.cfg.Wait > 0 && len(ready) >= r.spec.Privacy.MinSites && h.untouched(r, before, ready)
	if movable {
		// Who refuses is not waited for.
		if until := r.since.Add(h.cfg.Wait); now.Before(until) && len(waiting) > len(declining(r, base)) {
			r.due = until
			return nil, waiting, false
		}
		return ready, nil, false
	}
	// Who has not decided or is silent may come yet; who refuses does not.
	hope := h.cfg.Wait > 0 && len(base)-len(declining(r, base)) >= r.spec.Privacy.MinSites && (before.last == 0 || h.untouched(r, before, nil))
	if refused && !hope {
		return nil, declining(r, base), true
	}
	return nil, waiting, false
}

// declining are the hospitals whose steward or house refuses.
func declining(r *hubRun, base []party.ID) (ids []party.ID) {
	for _, id := range base {
		if d, ok := r.decisions[id]; r.refusing[id] || ok && !d.Approve {
			ids = append(ids, id)
		}
	}
	return ids
}

// untouched reports whether each of the hospitals has shown that it unlocked
// nothing, and no other has shown that it did.
func (h *Hub) untouched(r *hubRun, before previous, ready []party.ID) bool {
	if before.last == 0 {
		return true
	}
	for _, c := range before.closings {
		if c.Closing == nil {
			continue
		}
		if cl, err := runner.ParseClosing(c.Closing, r.roster); err != nil || cl.Unlocked {
			return false
		}
	}
	for _, id := range ready {
		if before.closings[id].Closing == nil {
			return false
		}
	}
	return true
}
