package engine

import (
	"context"
	"errors"
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
		h.stand(r, StageWaiting, r.blocked(waiting), waiting)
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
func (r *hubRun) blocked(waiting []party.ID) control.Code {
	if slices.ContainsFunc(waiting, func(id party.ID) bool { return r.rolled[id] }) {
		return control.CodeRollback
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

// propose begins an attempt.
func (h *Hub) propose(r *hubRun, before previous, members []party.ID) {
	var closings [][]byte
	notices := map[party.ID][]byte{}
	for _, id := range members { // sorted, as the roster is
		notices[id] = r.decisions[id].notice
		if c := before.closings[id].Closing; c != nil {
			closings = append(closings, c)
		}
	}
	p, err := control.Propose(hubAuthor, r.sub.Plan, r.sub.Run, before.last+1, members, notices, closings)
	if err == nil {
		err = h.keep(recordProposed, p.Bytes)
	}
	if err != nil {
		h.cfg.Log.Error("an attempt could not be proposed", "study", r.spec.Name, "run", r.sub.Run, "why", err)
		r.failures++
		r.since, r.due = runner.Clock(), runner.Clock().Add(pauseOf(r.failures))
		return
	}
	r.proposal, r.last, r.ended, r.done = p, p.Attempt, false, false
	r.closings = map[party.ID]control.Closed{}
	for _, id := range members {
		h.post(id, p.Bytes)
	}
	h.start(r)
	h.clearSoon()
}

// start runs the adding role of the attempt that was proposed. The lock is held.
func (h *Hub) start(r *hubRun) {
	ctx, stop := context.WithCancelCause(h.ctx)
	r.task = &task{stop: stop}
	p := r.proposal
	h.cfg.Metrics.Add("attempts_begun", 1)
	h.stand(r, StageSettingUp, 0, nil)
	var summary runner.Summary
	h.tasks.Go(func() (err error) {
		summary, err = h.add(ctx, r.submitted, p)
		return err
	}, func(err error) {
		cause := context.Cause(ctx)
		stop(nil)
		h.mu.Lock()
		defer h.mu.Unlock()
		r.task = nil
		if h.ctx.Err() == nil {
			h.ended(r, p, summary, err, cause)
		}
		h.desk.nudge()
	})
}

// add goes through an attempt, for as long as its channel can be opened again.
func (h *Hub) add(ctx context.Context, s *submitted, p *control.Proposal) (runner.Summary, error) {
	for n := 0; ; n++ {
		summary, err := h.try(ctx, s, p)
		if !errors.Is(err, errInterrupted) || ctx.Err() != nil || runner.Pause(ctx, pauseOf(n)) != nil {
			return summary, err
		}
		h.cfg.Log.Warn("the channel of an attempt ended; opening it again", "study", s.spec.Name, "run", s.sub.Run, "attempt", p.Attempt, "why", err)
	}
}

func (h *Hub) try(ctx context.Context, s *submitted, p *control.Proposal) (runner.Summary, error) {
	decisions, err := p.Admit(s.wanted, h.keys, time.Time{})
	if err != nil {
		return runner.Summary{}, err
	}
	a, err := s.attempt(p, decisions, h.cfg.insecureTest)
	if err != nil {
		return runner.Summary{}, err
	}
	channel, err := h.cfg.Network(s.sub.Run.String(), p.Attempt, p.Members...)
	if err != nil {
		return runner.Summary{}, errors.Join(errInterrupted, err)
	}
	defer channel.Close()
	ctx, broken := context.WithCancelCause(ctx)
	defer broken(nil)
	hub := &runner.Hub{Party: a.at(party.Hub, &counted{channel, h.cfg.Metrics, broken})}
	hub.Deadline = h.cfg.Deadline
	summary, err := hub.Run(ctx)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errInterrupted) {
		err = cause
	}
	return summary, err
}

// ended follows up an attempt.
func (h *Hub) ended(r *hubRun, p *control.Proposal, summary runner.Summary, err, cause error) {
	if r.proposal != p {
		return // it was forgotten, and remembered otherwise
	}
	r.ended, r.since = true, runner.Clock()
	for _, e := range summary.Evidence {
		h.accuse(r, p, e)
	}
	for _, b := range summary.Record.Closings {
		if c, e := runner.ParseClosing(b, r.roster); e == nil {
			r.closings[c.Member] = control.Closed{Code: c.Code, Closing: b}
		}
	}
	if err == nil {
		h.cfg.Metrics.Add("attempts_done", 1)
		h.cfg.Log.Info("an attempt is done", "study", r.spec.Name, "run", r.sub.Run, "attempt", p.Attempt, "sums", summary.Sums)
		r.failures, r.done = 0, true
		h.hand(r, p, summary.Packages)
		for _, id := range p.Members { // whose reports are on their way
			r.silent[id] = r.delivered[id] == nil
		}
		return
	}
	code, _ := runner.Reason(err)
	h.cfg.Metrics.Add("attempts_failed", 1)
	h.cfg.Log.Warn("an attempt failed", "study", r.spec.Name, "run", r.sub.Run, "attempt", p.Attempt, "code", code, "why", err)
	h.hand(r, p, summary.Packages) // what was collected for the analyst before
	everybody := true
	for _, id := range p.Members {
		if _, ok := r.closings[id]; !ok {
			r.silent[id], everybody = true, false
		}
	}
	if everybody && len(r.rolled) == 0 {
		r.failures++
	}
	h.stand(r, StageFailed, code, nil)
}

// hand keeps the sealed sums for the analyst.
func (h *Hub) hand(r *hubRun, p *control.Proposal, packages [][]byte) {
	all, err := control.Hand(hubAuthor, r.sub.Plan, r.sub.Run, p.Attempt, packages)
	for _, b := range all {
		if err == nil {
			err = h.keep(recordHanded, b)
		}
		h.post(r.sub.Analyst, b)
	}
	if err != nil {
		h.cfg.Log.Error("the sealed sums could not be kept", "study", r.spec.Name, "run", r.sub.Run, "why", err)
	}
	r.handed = append(r.handed, all...)
}
