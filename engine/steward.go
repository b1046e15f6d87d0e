package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// Request is a run as a hospital's steward sees it.
type Request struct {
	Run      RunID
	Study    string
	Analyst  party.ID
	Made     time.Time // by the analyst's clock
	Spec     *study.Spec
	Text     []byte       // of the study file
	Plan     *report.Plan // WriteText says it in a steward's words
	Columns  []string     // variables that it uses
	Stage    Stage
	Attempt  uint32
	Decision *store.Decision // the latest of this hospital's; nil: none yet
	Refusal  string          // why the policy leaves no choice; "": it does
}

// Scope is what a steward approves.
type Scope struct {
	Analyses []string  // none: all of the plan's
	Columns  []string  // none: all of the plan's
	Runs     int       // how many; 0: one
	Expires  time.Time // zero: as the policy says, else in 30 days
}

// Answer is what Ask says: an approval, or why not.
type Answer struct {
	Scope *Scope
	Why   string // of a refusal, when Scope is nil; the analyst reads it
}

const approvalLasts = 30 * 24 * time.Hour

// ErrUnknownRun is returned for runs that a party has not heard of.
var ErrUnknownRun = errors.New("engine: no such run")

// Studies returns every run this gateway has been asked for, the earliest first.
func (g *Gateway) Studies() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Request
	for _, id := range g.order {
		all = append(all, g.request(g.runs[id]))
	}
	return all
}

// Study returns one of them.
func (g *Gateway) Study(id RunID) (Request, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.runs[id]
	if r == nil {
		return Request{}, fmt.Errorf("%w: %s", ErrUnknownRun, id)
	}
	return g.request(r), nil
}

func (g *Gateway) request(r *gatewayRun) Request {
	q := Request{Run: r.sub.Run, Study: r.spec.Name, Analyst: r.sub.Analyst, Made: r.sub.Made, Spec: r.spec, Text: r.sub.Text,
		Plan: r.plan.Plan, Columns: r.wanted.Columns, Stage: r.stage, Decision: r.decision, Refusal: r.forbidden}
	if r.proposal != nil {
		q.Attempt = r.proposal.Attempt
	}
	return q
}

// Approve approves a run in this hospital's name.
func (g *Gateway) Approve(id RunID, scope Scope) error { return g.answer(id, &scope, "") }

// Refuse refuses a run, or takes an approval back: no attempt begins after it.
// why is for the analyst.
func (g *Gateway) Refuse(id RunID, why string) error { return g.answer(id, nil, why) }

func (g *Gateway) answer(id RunID, scope *Scope, why string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, err := g.live(id)
	if err != nil {
		return err
	}
	d, err := g.sign(r, scope, why)
	if err != nil {
		return err
	}
	return g.decide(r, d)
}

// Decide takes a decision that the steward has signed elsewhere.
func (g *Gateway) Decide(id RunID, d store.Decision) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, err := g.live(id)
	if err != nil {
		return err
	}
	return g.decide(r, d)
}

// Wanted returns an unsigned decision that approves a run in the given scope,
// or, when scope is nil, refuses it: for a steward who signs elsewhere.
func (g *Gateway) Wanted(id RunID, scope *Scope, why string) (store.Decision, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, err := g.live(id)
	if err != nil {
		return store.Decision{}, err
	}
	return g.draft(r, scope, why), nil
}

func (g *Gateway) live(id RunID) (*gatewayRun, error) {
	r := g.runs[id]
	switch {
	case g.journal == nil:
		return nil, errors.New("engine: gateway: it is not running")
	case r == nil:
		return nil, fmt.Errorf("%w: %s", ErrUnknownRun, id)
	case r.over:
		return nil, fmt.Errorf("engine: gateway: study %q: the run is over", r.spec.Name)
	}
	return r, nil
}

// draft is a decision that nobody has signed. It is later than the one before, as it must be.
func (g *Gateway) draft(r *gatewayRun, scope *Scope, why string) store.Decision {
	now := g.cfg.Now().UTC().Truncate(time.Second)
	d := store.Decision{Study: r.spec.Name, Plan: r.sub.Plan, Roster: r.wanted.Roster, Member: g.cfg.ID, Made: now}
	if last, ok := g.latest(r); ok && !now.After(last.Made) {
		d.Made = last.Made.Add(time.Second)
	}
	if scope == nil {
		d.Why = why
		return d
	}
	d.Approve, d.Analyst, d.Analyses, d.Columns = true, r.wanted.Analyst, scope.Analyses, scope.Columns
	d.Runs, d.Expires = orElse(scope.Runs, 1), scope.Expires.UTC().Truncate(time.Second)
	if scope.Expires.IsZero() {
		d.Expires = now.Add(orElse(g.cfg.Policy.ApprovalsLast, approvalLasts)).Truncate(time.Second)
	}
	return d
}

func (g *Gateway) sign(r *gatewayRun, scope *Scope, why string) (store.Decision, error) {
	d := g.draft(r, scope, why)
	return d, d.Sign(g.cfg.Steward)
}

// decide makes a decision durable and tells everybody.
func (g *Gateway) decide(r *gatewayRun, d store.Decision) error {
	if d.Member != g.cfg.ID || d.Plan != store.Digest(r.sub.Plan) {
		return fmt.Errorf("engine: gateway: the decision is of %s about another plan or in another name", d.Member)
	}
	if d.Approve && r.forbidden != "" {
		return fmt.Errorf("engine: gateway: study %q: this hospital's policy forbids it: %s", r.spec.Name, r.forbidden)
	}
	if d.Approve {
		if err := r.wanted.Covers(d, g.cfg.Now()); err != nil {
			return err
		}
	}
	if err := g.cfg.Store.Decide(d, g.keys[g.cfg.ID].Steward); err != nil {
		return err
	}
	r.decision = &d
	stage, metric := StageApproved, "decisions_approved"
	if !d.Approve {
		stage, metric = StageDeclined, "decisions_refused"
	}
	g.cfg.Metrics.Add(metric, 1)
	g.cfg.Log.Info("decided", "study", r.spec.Name, "run", r.sub.Run, "approved", d.Approve)
	if !d.Approve && r.task != nil {
		r.task.stop(errRefused)
	}
	if d.Approve || r.task == nil {
		g.tell(r, Status{Stage: stage})
	}
	g.post(control.Decide(g.author, r.sub.Run, d))
	return nil
}

var errRefused = errors.New("engine: the steward has taken the approval back")

// Restored says that an operator knows that this gateway's store is an older
// copy than what other hospitals have seen of it, as after the loss of a
// machine: the next attempt at the run goes on from there, on the same roster.
// It is an error where no other hospital has noticed anything.
func (g *Gateway) Restored(id RunID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, err := g.live(id)
	switch {
	case err != nil:
		return err
	case r.task != nil:
		return fmt.Errorf("engine: gateway: study %q: an attempt is under way: if the store is an older copy than the others have seen, it will stop and say so, and then it is time to confirm", r.spec.Name)
	}
	j, err := g.cfg.Store.Journal(store.Plan{Study: r.spec.Name, Digest: r.sub.Plan})
	if err != nil {
		return err
	}
	rolled, err := runner.RolledBack(j, r.sub.Plan)
	j.Close()
	switch {
	case err != nil:
		return err
	case !rolled:
		return fmt.Errorf("engine: gateway: study %q: no other hospital has seen more of this one than its store holds: there is nothing to confirm", r.spec.Name)
	}
	r.restored = true
	defer g.tell(r, Status{Stage: StageApproved}) // it is ready: the hub proposes another attempt
	return g.cfg.Store.Record(store.Event{Kind: store.KindOperator, Study: r.spec.Name, Plan: r.sub.Plan, Run: id.String(),
		What: "the operator confirms that the store was restored from an older copy"})
}
