package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// A run that something was opened in can be ended before it is finished: a
// hospital is gone for good, or the analyst does not want to wait. The hub says
// so (Conclusion); a gateway that has heard it takes part in no attempt at the
// run any more, closes the one under way and tells in which attempts it has
// opened how many sums. The hub then names one attempt and a number of sums that
// all who are there have opened, and each gateway makes the report of those from
// its own journal. What the hub says can make the report poorer, nothing else.

var errEnded = errors.New("engine: the run is ended with what is finished")

// onConclusion ends a run, or concludes an ended one.
func (g *Gateway) onConclusion(n *control.Notice) error {
	r := g.runs[n.Run]
	if r == nil || n.Plan != r.sub.Plan {
		return fmt.Errorf("%w, which is to be concluded: %s", ErrUnknownRun, n.Run)
	}
	c, err := control.ReadConclusion(n)
	if err != nil || r.over {
		return err
	}
	if r.conclusion != nil && c.Number <= r.conclusion.Number {
		g.again(r)
		return nil
	}
	if err := g.keep(recordConcluding, n.Bytes); err != nil {
		return err
	}
	r.conclusion, r.next = c, nil
	switch {
	case r.task == nil:
		g.conclude(r)
	case !r.task.concluding: // otherwise it does this one next
		r.task.stop(errEnded)
	}
	return nil
}

// conclude does what the latest conclusion asks for, in a task of its own. The lock is held.
func (g *Gateway) conclude(r *gatewayRun) {
	c := r.conclusion
	g.cfg.Log.Info("a run is being concluded", "study", r.spec.Name, "run", r.sub.Run, "number", c.Number, "code", c.Code, "attempt", c.Attempt, "sums", c.Sums)
	ctx, stop := context.WithCancelCause(g.ctx)
	r.task = &task{stop: stop, concluding: true}
	g.tasks.Go(func() error { return g.settle(ctx, r, c) }, func(err error) {
		stop(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		r.task = nil
		if err != nil && g.ctx.Err() == nil {
			g.cfg.Log.Error("a run could not be concluded", "study", r.spec.Name, "run", r.sub.Run, "why", err)
		}
		if r.conclusion.Number > c.Number && g.ctx.Err() == nil {
			g.conclude(r)
		}
		g.desk.nudge()
	})
}

// settle closes what is open, then says what there is to conclude from, or makes the report.
func (g *Gateway) settle(ctx context.Context, r *gatewayRun, c *control.Conclusion) error {
	g.mu.Lock()
	last, refuses, tried := r.proposal, r.decision != nil && !r.decision.Approve, r.tried
	g.mu.Unlock()
	l := control.Leaving{Code: control.CodeCancelled, Conclusion: c.Number}
	if last != nil {
		var err error
		if l.Closing, err = g.shut(r, last, control.CodeCancelled); err != nil {
			return err
		}
		l.Attempt = last.Attempt
	}
	opened, err := g.histories(r)
	if err != nil {
		return err
	}
	if refuses { // whoever has taken an approval back gives nothing more out
		l.Code = control.CodeRefused
	} else {
		l.Opened = map[uint32]int{}
		for n, h := range opened {
			if tried[n] != nil { // in this run
				l.Opened[n] = h.Sums()
			}
		}
	}
	if refuses || c.Attempt == 0 {
		return g.sayLeft(r, l)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p, h := tried[c.Attempt], opened[c.Attempt]
	if p == nil || h == nil {
		return errors.Join(fmt.Errorf("engine: study %q: the hub concludes from attempt %d, in which this hospital has opened nothing", r.spec.Name, c.Attempt), g.sayLeft(r, l))
	}
	a, err := g.adopted(r, p)
	if err != nil {
		return err
	}
	gone := slices.DeleteFunc(slices.Clone(c.Gone), func(id party.ID) bool { return !slices.Contains(a.members, id) })
	if slices.Contains(gone, g.cfg.ID) || 2*(len(a.members)-len(gone)) < len(a.members) {
		return errors.Join(fmt.Errorf("engine: study %q: the hub concludes without this hospital, or with less than half of them: gone are %v", r.spec.Name, gone), g.sayLeft(r, l))
	}
	rep, err := runner.Conclude(a.spec, a.party.Charter, a.party.Veil, h, c.Sums, unfinished(gone, c.Code))
	if err != nil {
		return errors.Join(err, g.sayLeft(r, l))
	}
	rep.Absent = a.absent
	rep.Cost = report.Cost{Rounds: c.Sums, BytesUp: map[string]int64{string(g.cfg.ID): 0}, BytesDown: map[string]int64{string(g.cfg.ID): 0}}
	return g.handIn(r, a, control.Outcome{Attempt: c.Attempt, Conclusion: c.Number, Sums: c.Sums, Gone: gone}, rep)
}

// histories are what this hospital has opened of a plan, by closed attempt.
func (g *Gateway) histories(r *gatewayRun) (map[uint32]*runner.History, error) {
	j, err := g.cfg.Store.Journal(store.Plan{Study: r.spec.Name, Digest: r.sub.Plan})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return runner.Histories(j, r.sub.Plan)
}

// sayLeft tells the hub that an attempt is over, and what there is of the run.
func (g *Gateway) sayLeft(r *gatewayRun, l control.Leaving) error {
	b, err := control.Leave(g.author, r.sub.Plan, r.sub.Run, l)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.keep(recordLeft, b); err != nil {
		return err
	}
	r.left, r.answered = b, l.Conclusion
	g.post(b, nil)
	return nil
}

// ruleUnfinished refuses what a run was ended before.
const ruleUnfinished = "unfinished"

// unfinished is the refusal of what a run was ended before. It is the same at
// every hospital, and at the analyst.
func unfinished(gone []party.ID, code control.Code) stat.Refusal {
	why := "the study was ended before this analysis was finished"
	switch names := joined(gone); {
	case len(gone) == 1:
		why += ": hospital " + names + " was gone"
	case len(gone) > 1:
		why += ": hospitals " + names + " were gone"
	case code == control.CodeCancelled:
		why += ", as the analyst wished"
	default:
		why += ", as attempts at it failed"
	}
	return stat.Refusal{Rule: ruleUnfinished, Message: why, Remedy: "submit the study again when all its hospitals are there; what is finished comes out the same"}
}

func joined(ids []party.ID) string {
	var names []string
	for _, id := range ids {
		names = append(names, string(id))
	}
	return strings.Join(names, ", ")
}

// handIn keeps a report, in the house's own directory first, and sends it to the analyst.
func (g *Gateway) handIn(r *gatewayRun, a *attempt, o control.Outcome, rep *report.Report) error {
	var err error
	if o.Report, err = rep.Encode(); err != nil {
		return err
	}
	if o.Cost, err = json.Marshal(rep.Cost); err != nil {
		return err
	}
	c := a.party.Charter
	o.Members, o.Roster, o.Approvals, o.Previous = a.members, c.Roster, c.Approvals, c.Previous
	b, err := control.Deliver(g.author, r.sub.Plan, r.sub.Run, o, r.sub.Key, g.cfg.Rand)
	if err != nil {
		return err
	}
	g.write(r, rep)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.keep(recordDelivered, b); err != nil {
		return err
	}
	if o.Conclusion > 0 {
		r.concluded, r.answered = b, o.Conclusion
		g.finish(r, "it was ended before it was finished, and what was finished was delivered")
	} else {
		r.delivered = b
		g.finish(r, "")
	}
	g.post(b, nil)
	g.cfg.Metrics.Add("results_delivered", 1)
	g.tell(r, Status{Stage: StageDelivered, Round: rep.Cost.Rounds})
	return nil
}
