package engine

import (
	"bytes"
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

// take implements clerk: what the hub says, or hands on.
func (g *Gateway) take(from party.ID, b []byte) {
	n, err := control.Read(b)
	if err == nil && from != party.Hub {
		err = fmt.Errorf("engine: a notice through %s and not the hub", from)
	}
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch n.Act {
		case control.Submits:
			err = g.onSubmission(n)
		case control.Proposes:
			err = g.onProposal(n)
		case control.Concludes:
			err = g.onConclusion(n)
		case control.Stands:
			err = g.onStanding(n)
		default:
			err = fmt.Errorf("engine: a notice of kind %v is not for a gateway", n.Act)
		}
	}
	if err != nil {
		g.cfg.Metrics.Add("notices_dropped", 1)
		g.cfg.Log.Warn("a notice was dropped", "why", err)
	}
}

// onSubmission takes a new study.
func (g *Gateway) onSubmission(n *control.Notice) error {
	key, known := g.cfg.Analysts[n.Sender]
	if !known {
		return fmt.Errorf("engine: a study in the name of %s, of whom no key is pinned", n.Sender)
	}
	if r := g.runs[n.Names(key)]; r != nil {
		g.again(r)
		return nil
	}
	if g.draining {
		return nil
	}
	if limit := orElse(g.cfg.Policy.Studies, 16); g.underWay(n.Sender) >= limit {
		return fmt.Errorf("engine: a study of %s, of whom %d are undecided or under way already", n.Sender, limit)
	}
	r, err := g.enter(n)
	if err != nil {
		return err
	}
	if err := g.keep(recordSubmitted, n.Bytes); err != nil {
		delete(g.runs, r.sub.Run)
		g.order = g.order[:len(g.order)-1]
		return err
	}
	g.cfg.Metrics.Add("studies_received", 1)
	g.cfg.Log.Info("a study was received", "study", r.spec.Name, "run", r.sub.Run, "analyst", r.sub.Analyst, "plan", r.plan.Digest)
	g.tell(r, Status{Stage: StageWaiting})
	g.consider(r, true)
	return nil
}

// again answers a hub that shows a study once more: it has forgotten what was said of it.
func (g *Gateway) again(r *gatewayRun) {
	if r.decision != nil {
		g.post(control.Decide(g.author, r.sub.Run, *r.decision))
	}
	for _, b := range [][]byte{r.left, r.delivered, r.concluded} {
		if b != nil {
			g.post(b, nil)
		}
	}
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
	if d, ok := g.latest(r); ok && (d.Approve || !fresh && !d.Made.Before(r.sub.Made)) {
		r.decision = &d
	}
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

// onProposal takes part in an attempt, if everything about it is as it must be.
func (g *Gateway) onProposal(n *control.Notice) error {
	r := g.runs[n.Run]
	if r == nil || n.Plan != r.sub.Plan {
		return fmt.Errorf("%w, of which an attempt is proposed: %s", ErrUnknownRun, n.Run)
	}
	p, err := control.ReadProposal(n)
	if err != nil {
		return err
	}
	switch last := r.proposal; {
	case r.over || g.draining:
		return nil
	case r.conclusion != nil: // a hub that has forgotten it
		g.again(r)
		return nil
	case last != nil && p.Attempt == last.Attempt && !bytes.Equal(p.Bytes, last.Bytes):
		g.accuse(r, p, control.CodeDuplicate, party.Hub, fmt.Sprintf("the hub proposes attempt %d a second time, and differently", p.Attempt), last.Bytes)
		g.leave(r, errSuperseded)
		return nil
	case last != nil && p.Attempt < last.Attempt: // it has forgotten the one under way
		g.leave(r, errSuperseded)
		return nil
	case last != nil && p.Attempt == last.Attempt:
		if r.left != nil {
			g.post(r.left, nil)
		}
		return nil
	case p.Attempt > g.cfg.Attempts:
		return fmt.Errorf("engine: attempt %d of study %q, at most %d", p.Attempt, r.spec.Name, g.cfg.Attempts)
	case r.next != nil && p.Attempt <= r.next.Attempt:
		return nil
	}
	if _, err := g.admit(r, p, true); err != nil {
		if forged := (*control.Forged)(nil); errors.As(err, &forged) {
			g.accuse(r, p, control.CodeSignature, party.Hub, forged.Error(), r.sub.Bytes)
		}
		return err
	}
	if r.task != nil { // it has outlived its attempt
		r.next = p
		g.leave(r, errSuperseded)
		return nil
	}
	return g.adopt(r, p)
}

// leave ends the attempt under way for why; if there is none, it is said how the last one ended.
func (g *Gateway) leave(r *gatewayRun, why error) {
	switch {
	case r.task != nil:
		r.task.stop(why)
	case r.left != nil:
		g.post(r.left, nil)
	case r.delivered != nil:
		g.post(r.delivered, nil)
	}
}

var errSuperseded = errors.New("engine: another attempt was proposed")

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
			return nil, fmt.Errorf("engine: attempt %d of study %q is proposed under a decision of this hospital that is not its latest", p.Attempt, r.spec.Name)
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

// here answers a hub that waits for this hospital. What it no longer waits for is
// the attempt that it names: that has ended.
func (g *Gateway) here(r *gatewayRun, attempt uint32) {
	if r.task != nil && !r.task.concluding && r.proposal.Attempt == attempt {
		r.task.stop(errSuperseded)
		return // and it is said how it ended
	}
	g.again(r)
	if r.status.Number > 0 {
		g.tell(r, r.status)
	}
}

// onStanding hears that the hub gives a run up: that is in its power.
func (g *Gateway) onStanding(n *control.Notice) error {
	r := g.runs[n.Run]
	s, err := control.ReadStanding(n)
	if err != nil || r == nil || r.over {
		return err
	}
	if s.Stage == StageWaiting && slices.Contains(s.Waiting, g.cfg.ID) {
		g.here(r, s.Attempt)
	}
	if s.Stage != StageOver || r.delivered != nil || r.concluded != nil {
		return nil
	}
	g.cfg.Log.Info("the hub has ended a run", "study", r.spec.Name, "run", r.sub.Run, "code", s.Code)
	if err := g.keep(recordOver, n.Bytes); err != nil {
		return err
	}
	r.over = true
	if r.task != nil {
		r.task.stop(errOver)
	} else {
		g.finish(r, "the hub has ended the run: "+s.Code.String())
	}
	g.tell(r, Status{Stage: StageOver})
	return nil
}

var errOver = errors.New("engine: the hub has ended the run")

// finish ends a run in the audit log.
func (g *Gateway) finish(r *gatewayRun, why string) {
	if r.proposal == nil {
		return
	}
	if err := g.cfg.Store.End(r.sub.Plan, r.sub.Run.String(), why); err != nil {
		g.cfg.Log.Error("the end of a run was not recorded", "study", r.spec.Name, "run", r.sub.Run, "why", err)
	}
}
