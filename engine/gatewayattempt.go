package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// start begins the attempt that was adopted, or goes on with it. The lock is held.
func (g *Gateway) start(r *gatewayRun) {
	ctx, stop := context.WithCancelCause(g.ctx)
	r.task = &task{stop: stop}
	p := r.proposal
	var end ending
	g.tasks.Go(func() error {
		err := g.pursue(ctx, r, p)
		if err != nil && g.ctx.Err() == nil {
			end = g.end(r, p, err, context.Cause(ctx))
		}
		return err
	}, func(err error) {
		stop(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		r.task = nil
		if err != nil && g.ctx.Err() == nil { // otherwise done, or to go on with in the next life
			g.ended(r, end, err)
		}
		if r.conclusion != nil && g.ctx.Err() == nil {
			g.conclude(r)
		}
		g.desk.nudge()
	})
}

// ending is how an attempt ended badly.
type ending struct {
	code    control.Code
	closing []byte
}

// end closes an attempt for ever. cause is why its context ended, if it did.
func (g *Gateway) end(r *gatewayRun, p *control.Proposal, err, cause error) (e ending) {
	var suspicious bool
	e.code, suspicious = runner.Reason(err)
	refusal := (*store.Refusal)(nil)
	switch {
	case errors.Is(cause, errSuperseded):
		e.code = control.CodeSilence
	case errors.Is(cause, errOver), errors.Is(cause, errEnded):
		e.code = control.CodeCancelled
	case errors.Is(cause, errRefused), errors.Is(err, errRefused), errors.As(err, &refusal):
		e.code = control.CodeRefused
	case suspicious && r.witnessed != p.Attempt: // what was refused before anything was heard
		g.suspect(r, Evidence{Attempt: p.Attempt, Code: e.code, Why: err.Error()})
	}
	if e.code == control.CodeRollback && runner.Blames(err, g.cfg.ID) {
		e.code = control.CodePeer // it is the other one that has to be looked after
	}
	if e.closing, err = g.shut(r, p, e.code); err != nil {
		return e
	}
	// To the hub's part of the attempt, so that nobody waits for the rest of it. That
	// may be over, too, and the channel gone: then the notice of leaving says it all.
	ctx, cancel := context.WithTimeout(g.ctx, longPause)
	defer cancel()
	if channel, err := g.cfg.Network(r.sub.Run.String(), p.Attempt); err == nil {
		defer channel.Close()
		_ = channel.Send(ctx, party.Hub, e.closing)
	}
	return e
}

// shut closes an attempt in the journal, for ever, and returns the closing record, the first there was.
func (g *Gateway) shut(r *gatewayRun, p *control.Proposal, code control.Code) ([]byte, error) {
	for n := 0; ; n++ { // a disk that is full will have room again, and until then nobody may go on
		a, err := g.adopted(r, p)
		if err == nil {
			var closing []byte
			if closing, err = g.abandon(r, a, code); err == nil {
				return closing, nil
			}
		}
		g.cfg.Log.Error("the attempt could not be closed", "study", r.spec.Name, "run", r.sub.Run, "attempt", p.Attempt, "why", err)
		if err := runner.Pause(g.ctx, pauseOf(n)); err != nil {
			return nil, err
		}
	}
}

// ended follows up an attempt that ended badly. The lock is held.
func (g *Gateway) ended(r *gatewayRun, e ending, err error) {
	if e.code == 0 { // a defect
		e.code = control.CodeInternal
	}
	g.cfg.Metrics.Add("attempts_failed", 1)
	g.cfg.Log.Warn("an attempt ended", "study", r.spec.Name, "run", r.sub.Run, "attempt", r.proposal.Attempt, "code", e.code, "why", err)
	b, lost := control.Leave(g.author, r.sub.Plan, r.sub.Run, control.Leaving{Attempt: r.proposal.Attempt, Code: e.code, Closing: e.closing})
	if lost == nil {
		_ = g.keep(recordLeft, b) // otherwise the next life closes the attempt again, with the same record
		r.left = b
		g.post(b, nil)
	}
	switch next := r.next; {
	case r.over:
		g.finish(r, "the hub has ended the run")
		g.tell(r, Status{Stage: StageOver}) // the attempt may have spoken since it was said
	case r.conclusion != nil: // see conclude
	case next != nil:
		r.next = nil
		if err := g.adopt(r, next); err != nil {
			g.cfg.Log.Error("an attempt could not begin", "study", r.spec.Name, "run", r.sub.Run, "why", err)
		}
	case r.decision != nil && !r.decision.Approve:
		g.tell(r, Status{Stage: StageDeclined})
	case r.delivered != nil:
		g.tell(r, Status{Stage: StageDelivered})
	default:
		g.tell(r, Status{Stage: StageFailed})
	}
}

// abandon returns the closing record of an attempt, the first there was.
func (g *Gateway) abandon(r *gatewayRun, a *attempt, code control.Code) ([]byte, error) {
	// The records may be out of reach, and with them the cohort; so nothing can be unlocked through this journal.
	j, err := g.cfg.Store.Journal(store.Plan{Study: r.spec.Name, Digest: r.sub.Plan})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return (&runner.Gateway{Party: a.at(g.cfg.ID, nil), Identity: g.cfg.Identity, Reader: r.reader, Journal: j}).Abandon(code)
}

// at is the attempt at one party.
func (a *attempt) at(id party.ID, link Channel) runner.Party {
	p := a.party
	p.ID, p.Link = id, link
	return p
}

// pursue goes through an attempt until it is done, for as long as its channel
// can be opened again.
func (g *Gateway) pursue(ctx context.Context, r *gatewayRun, p *control.Proposal) error {
	for n := 0; ; n++ {
		again, err := g.try(ctx, r, p)
		if !again || ctx.Err() != nil {
			return err
		}
		g.cfg.Log.Warn("the channel of an attempt ended; opening it again", "study", r.spec.Name, "run", r.sub.Run, "attempt", p.Attempt, "why", err)
		if runner.Pause(ctx, pauseOf(n)) != nil {
			return err
		}
	}
}

// try goes through an attempt once. again: its channel failed, nothing else did.
func (g *Gateway) try(ctx context.Context, r *gatewayRun, p *control.Proposal) (again bool, err error) {
	began := runner.Clock()
	g.mu.Lock()
	a, err := g.admit(r, p, false)
	if err == nil {
		g.tell(r, Status{Stage: StageReading})
	}
	g.mu.Unlock()
	if err != nil {
		return false, err
	}
	records, err := g.read(ctx, r)
	if err != nil {
		return false, err
	}
	if err := g.count(r); err != nil {
		return false, err
	}
	journal, err := g.cfg.Store.Journal(store.Plan{Study: r.spec.Name, Digest: r.sub.Plan,
		Cohort: store.Digest(party.Hash("cohort", []byte(records.Cohort))), Roster: a.party.Roster.Digest()})
	if err != nil {
		return false, err
	}
	defer journal.Close()
	channel, err := g.cfg.Network(r.sub.Run.String(), p.Attempt)
	if err != nil {
		return true, err
	}
	defer channel.Close()
	ctx, broken := context.WithCancelCause(ctx)
	defer broken(nil)
	restored, err := g.confirmed(r, journal)
	if err != nil {
		return false, err
	}
	g.cfg.Metrics.Add("attempts_begun", 1)
	g.mu.Lock()
	g.tell(r, Status{Stage: StageSettingUp})
	opened := disclosures{}
	runs := &runner.Gateway{Party: a.at(g.cfg.ID, &counted{channel, g.cfg.Metrics, broken}), Identity: g.cfg.Identity, Reader: r.reader, Spec: a.spec,
		Table: records.Table, Gate: policy.New(a.spec.Privacy), Journal: g.witnessed(r, journal), Rand: g.cfg.Rand, Closings: p.Closings, Restored: restored,
		Progress: func(x Progress) { g.progress(r, opened, x) }}
	g.mu.Unlock()
	runs.Deadline = g.cfg.Deadline
	outcome, err := runs.Run(ctx)
	g.disclosed(r, a, opened)
	if err != nil {
		return errors.Is(context.Cause(ctx), errInterrupted), err
	}
	return false, g.deliver(r, a, p, outcome, runner.Clock().Sub(began).Seconds())
}

// confirmed reports whether an operator has confirmed a loss that the journal
// does not acknowledge yet. One that it does is not confirmed any more: another loss is another question.
func (g *Gateway) confirmed(r *gatewayRun, journal *store.Journal) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !r.restored {
		return false, nil
	}
	var err error
	r.restored, err = runner.RolledBack(journal, r.sub.Plan)
	return r.restored, err
}

// read reads the records. What is wrong with them stays in the house.
func (g *Gateway) read(ctx context.Context, r *gatewayRun) (Records, error) {
	records, err := g.cfg.Source.Records(ctx, r.spec, g.cfg.ID)
	invalid := (*table.Invalid)(nil)
	switch {
	case errors.As(err, &invalid):
		return Records{}, fmt.Errorf("engine: study %q: the records of %s do not conform to its dictionary: check them against the study file", r.spec.Name, g.cfg.ID)
	case err != nil:
		return Records{}, fmt.Errorf("engine: study %q: the records of %s cannot be read: %w", r.spec.Name, g.cfg.ID, err)
	case records.Table == nil || records.Cohort == "":
		return Records{}, fmt.Errorf("engine: study %q: the source gave no table, or no name of the cohort", r.spec.Name)
	case uint64(records.Table.Rows()) > r.spec.Privacy.MaxRows:
		return Records{}, fmt.Errorf("engine: study %q: more records than the study allows over all hospitals (max_rows)", r.spec.Name)
	}
	return records, nil
}
