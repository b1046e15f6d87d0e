package engine

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// Evidence is two messages, as they were received, that show that a party said
// what no honest party says. Where one message shows it, the other is what this party had said last.
type Evidence = runner.Evidence

// ParseEvidence reads a record of evidence, as store.Reader.Proved gives it.
func ParseEvidence(record []byte) (Evidence, error) { return runner.ParseEvidence(record) }

// mostEvidence is how many pieces are kept of one run in one life of the
// process, so that a hub cannot fill a disk with what it is accused of.
const mostEvidence = 32

// event is e in an audit log.
func (r *submitted) event(e Evidence) store.Event {
	return store.Event{Kind: store.KindEvidence, Study: r.spec.Name, Plan: r.sub.Plan, Run: r.sub.Run.String(), Who: string(e.Who),
		What: fmt.Sprintf("attempt %d: %s (%v)", e.Attempt, runner.Rule(e.Code), e.Code), Why: strings.Join(strings.Fields(e.Why), " ")}
}

// prove keeps evidence in a journal, and says so in the audit log.
func (r *submitted) prove(j *store.Journal, e Evidence, record []byte) error {
	if r.proved++; r.proved > mostEvidence {
		return nil
	}
	if record == nil {
		var err error
		if record, err = e.Encode(); err != nil {
			return err
		}
	}
	return j.Prove(record, r.event(e), e.First, e.Second)
}

// witnessed is the journal of an attempt: evidence enters the audit log with it.
func (g *Gateway) witnessed(r *gatewayRun, j *store.Journal) runner.Witnessed {
	return runner.Witnessed{Journal: j, Prove: func(record []byte) error {
		e, err := runner.ParseEvidence(record)
		if err != nil {
			return err
		}
		g.cfg.Log.Error("evidence", "study", r.spec.Name, "run", r.sub.Run, "attempt", e.Attempt, "who", e.Who, "code", e.Code, "why", e.Why)
		g.mu.Lock()
		defer g.mu.Unlock()
		r.witnessed = e.Attempt
		return r.prove(j, e, record)
	}}
}

// accuse keeps evidence of what the hub said on the control channel. The lock is held.
func (g *Gateway) accuse(r *gatewayRun, p *control.Proposal, code control.Code, who party.ID, why string, first []byte) {
	e := Evidence{Plan: r.sub.Plan, Attempt: p.Attempt, Code: code, Who: who, Why: why, First: first, Second: p.Bytes}
	g.cfg.Log.Error("evidence", "study", r.spec.Name, "run", r.sub.Run, "attempt", e.Attempt, "who", e.Who, "code", e.Code, "why", e.Why)
	if err := r.prove(g.journal, e, nil); err != nil {
		g.cfg.Log.Error("the evidence was not recorded", "why", err)
	}
}

// suspect notes in the audit log what cannot be proved by messages.
func (g *Gateway) suspect(r *gatewayRun, e Evidence) {
	g.cfg.Log.Error("evidence", "study", r.spec.Name, "run", r.sub.Run, "attempt", e.Attempt, "code", e.Code, "why", e.Why)
	if err := g.cfg.Store.Record(r.event(e)); err != nil {
		g.cfg.Log.Error("the evidence was not recorded", "why", err)
	}
}

// accuse keeps two messages that a member signed for one place of an attempt. The lock is held.
func (h *Hub) accuse(r *hubRun, p *control.Proposal, x runner.Pair) {
	e := Evidence{Plan: r.sub.Plan, Attempt: p.Attempt, Code: control.CodeDuplicate, Who: x.Member, First: x.First, Second: x.Second,
		Why: fmt.Sprintf("%s signed two different messages for one place of the attempt", x.Member)}
	h.cfg.Log.Error("evidence", "study", r.spec.Name, "run", r.sub.Run, "attempt", e.Attempt, "who", e.Who, "why", e.Why)
	if err := r.prove(h.journal, e, nil); err != nil {
		h.cfg.Log.Error("the evidence was not recorded", "why", err)
	}
}
