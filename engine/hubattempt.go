package engine

import (
	"context"
	"errors"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/protocols/party"
)

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
