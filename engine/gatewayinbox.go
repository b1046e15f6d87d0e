package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/protocols/party"
)

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
		if errors.Is(err, errStale) && r.task == nil {
			g.pass(r, p)
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

// pass closes an attempt that this hospital takes no part in, so that the hub,
// which needs a closing record to propose the next one, does not wait for it for ever.
func (g *Gateway) pass(r *gatewayRun, p *control.Proposal) {
	_, stop := context.WithCancelCause(g.ctx)
	r.task = &task{stop: stop, concluding: true} // nothing of it can be stopped
	g.tasks.Go(func() error {
		closing, err := g.shut(r, p, control.CodeSilence)
		if err != nil {
			return err
		}
		return g.sayLeft(r, control.Leaving{Attempt: p.Attempt, Code: control.CodeSilence, Closing: closing})
	}, func(err error) {
		stop(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		r.task = nil
		if err != nil && g.ctx.Err() == nil {
			g.cfg.Log.Error("an attempt could not be closed", "study", r.spec.Name, "run", r.sub.Run, "attempt", p.Attempt, "why", err)
		}
		next := r.next
		r.next = nil
		switch {
		case g.ctx.Err() != nil:
		case r.conclusion != nil:
			g.conclude(r)
		case next != nil && !r.over:
			if err := g.adopt(r, next); err != nil {
				g.cfg.Log.Error("an attempt could not begin", "study", r.spec.Name, "run", r.sub.Run, "why", err)
			}
		}
		g.desk.nudge()
	})
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
