package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// gatewayRun is a run at a hospital.
type gatewayRun struct {
	*submitted
	decision  *store.Decision // this hospital's latest about the plan
	forbidden string          // why the policy leaves no choice
	asked     bool            // Ask was called
	over      bool            // nothing follows

	proposal  *control.Proposal            // the latest that was adopted
	next      *control.Proposal            // adopted when the attempt under way has ended
	task      *task                        // the attempt under way
	left      []byte                       // what was said when the latest attempt ended badly
	delivered []byte                       // the report as sent
	tried     map[uint32]*control.Proposal // every attempt that was adopted

	conclusion *control.Conclusion // the latest: the run is ended before it is finished
	answered   uint32              // number of the latest that was answered
	concluded  []byte              // the report of what was finished, as sent
	restored   bool                // an operator knows that the journal is an older copy
	witnessed  uint32              // the attempt of which evidence was kept

	stage  Stage
	status Status // what was told last
	told   uint64
	untold bool
}

// task is an attempt under way.
type task struct {
	stop       context.CancelCauseFunc
	concluding bool // or what follows the last one
}

func (g *Gateway) underWay(analyst party.ID) (n int) {
	for _, r := range g.runs {
		if r.sub.Analyst == analyst && !r.over && r.delivered == nil && r.conclusion == nil && (r.decision == nil || r.decision.Approve) {
			n++
		}
	}
	return n
}

// enter reads a submission. The lock is held.
func (g *Gateway) enter(n *control.Notice) (*gatewayRun, error) {
	sub, err := control.ReadSubmission(n, g.cfg.Analysts[n.Sender])
	if err != nil {
		return nil, err
	}
	s, err := readSubmission(sub, g.cfg.Roster, g.cfg.insecureTest)
	if err != nil {
		return nil, err
	}
	if s.roster.Index(g.cfg.ID) < 0 {
		return nil, fmt.Errorf("engine: study %q is not for this hospital", s.spec.Name)
	}
	r := &gatewayRun{submitted: s, stage: StageWaiting, forbidden: g.cfg.Policy.forbids(s), tried: map[uint32]*control.Proposal{}}
	g.runs[sub.Run] = r
	g.order = append(g.order, sub.Run)
	return r, nil
}

// consider decides what can be decided without the steward: by an approval of
// the same plan that stands, or by the policy. What is left is asked. A refusal
// holds for the runs that were there when it was made: another run asks again.
func (g *Gateway) consider(r *gatewayRun, fresh bool) {
	g.recall(r, fresh)
	var err error
	switch d := r.decision; {
	case d != nil && !d.Approve, r.proposal != nil:
		if r.stage == StageWaiting && d != nil && !d.Approve {
			g.tell(r, Status{Stage: StageDeclined})
		}
		return
	case d != nil && r.wanted.Covers(*d, g.cfg.Now()) == nil && g.cfg.Store.Used(r.sub.Plan, g.cfg.ID) < d.Runs && r.forbidden == "":
		g.tell(r, Status{Stage: StageApproved})
		g.post(control.Decide(g.author, r.sub.Run, *d))
		return
	case r.forbidden != "":
		err = g.automatic(r, nil, r.forbidden)
	case g.cfg.Policy.approves(r.submitted):
		err = g.automatic(r, &g.cfg.Policy.Scope, "")
	default:
		g.ask(r)
	}
	if err != nil {
		g.cfg.Log.Warn("the policy's decision could not be made: the steward has to", "study", r.spec.Name, "run", r.sub.Run, "why", err)
	}
}

// recall finds the decision that holds for a run.
func (g *Gateway) recall(r *gatewayRun, fresh bool) {
	if d, ok := g.latest(r); ok && (d.Approve || !fresh && !d.Made.Before(r.sub.Made)) {
		r.decision = &d
	}
}

// latest is what this hospital has decided about a plan last, for whichever run.
func (g *Gateway) latest(r *gatewayRun) (last store.Decision, ok bool) {
	for _, d := range g.cfg.Store.Decisions(r.sub.Plan) {
		if d.Member == g.cfg.ID {
			last, ok = d, true
		}
	}
	return last, ok
}

// automatic decides in the policy's name.
func (g *Gateway) automatic(r *gatewayRun, scope *Scope, why string) error {
	d, err := g.sign(r, scope, why)
	if err != nil {
		return err
	}
	return g.decide(r, d)
}

// ask calls Ask, in a task of its own, once in a life.
func (g *Gateway) ask(r *gatewayRun) {
	if g.cfg.Ask == nil || r.asked {
		return
	}
	r.asked = true
	q, ctx := g.request(r), g.ctx
	g.tasks.Go(func() error {
		a := g.cfg.Ask(ctx, q)
		if a == nil || ctx.Err() != nil {
			return nil
		}
		return g.answer(q.Run, a.Scope, a.Why)
	}, func(err error) {
		if err != nil {
			g.cfg.Log.Warn("the answer to a study was not taken", "study", q.Study, "run", q.Run, "why", err)
		}
	})
}

// errStale is the error of a proposal that was made while this hospital's steward decided again.
var errStale = errors.New("engine: it is proposed under a decision of this hospital that is not its latest")

// admit checks a proposal that is heard for the first time, or (not fresh) was
// adopted before: what has begun goes on although approvals have expired since.
func (g *Gateway) admit(r *gatewayRun, p *control.Proposal, fresh bool) (*attempt, error) {
	now := time.Time{}
	if fresh && r.proposal == nil {
		now = g.cfg.Now()
	}
	if r.decision == nil || !r.decision.Approve {
		return nil, fmt.Errorf("engine: attempt %d of study %q is proposed, which this hospital has not approved: %w", p.Attempt, r.spec.Name, errRefused)
	}
	if !slices.Contains(p.Members, g.cfg.ID) {
		return nil, fmt.Errorf("engine: attempt %d of study %q is proposed to this hospital without it", p.Attempt, r.spec.Name)
	}
	decisions, err := p.Admit(r.wanted, g.keys, now)
	if err != nil {
		return nil, err
	}
	for _, d := range decisions {
		if d.Member == g.cfg.ID && d.Digest() != r.decision.Digest() {
			return nil, fmt.Errorf("engine: attempt %d of study %q: %w", p.Attempt, r.spec.Name, errStale)
		}
		if !fresh {
			continue
		}
		// Kept, so that an approval that was taken back is not shown as one again.
		if err := g.cfg.Store.Decide(d, g.keys[d.Member].Steward); err != nil {
			return nil, err
		}
	}
	return r.attempt(p, decisions, g.cfg.insecureTest)
}

// adopted makes an attempt again that was admitted once, whatever was decided since.
func (g *Gateway) adopted(r *gatewayRun, p *control.Proposal) (*attempt, error) {
	decisions, err := p.Admit(r.wanted, g.keys, time.Time{})
	if err != nil {
		return nil, err
	}
	return r.attempt(p, decisions, g.cfg.insecureTest)
}

// adopt makes a proposal durable and begins.
func (g *Gateway) adopt(r *gatewayRun, p *control.Proposal) error {
	if err := g.keep(recordProposed, p.Bytes); err != nil {
		return err
	}
	r.proposal, r.left, r.tried[p.Attempt] = p, nil, p
	g.start(r)
	return nil
}

// finish ends a run in the audit log.
func (g *Gateway) finish(r *gatewayRun, why string) {
	if r.proposal == nil {
		return
	}
	if err := g.cfg.Store.End(r.sub.Plan, r.sub.Run.String(), why); err != nil {
		g.cfg.Log.Error("the end of a run was not recorded", "study", r.spec.Name, "run", r.sub.Run, "why", err)
	}
}
