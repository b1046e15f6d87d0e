package engine

import (
	"path/filepath"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/store"
)

// count draws the run on the steward's approval, once.
func (g *Gateway) count(r *gatewayRun) error {
	g.mu.Lock()
	done := r.delivered != nil
	g.mu.Unlock()
	if done {
		return nil // others need this hospital once more, for what it has the report of
	}
	_, err := g.cfg.Store.Begin(store.Request{Study: r.spec.Name, Plan: r.sub.Plan, Roster: r.wanted.Roster, Member: g.cfg.ID,
		Run: r.sub.Run.String(), Analyst: r.wanted.Analyst, Analyses: r.wanted.Analyses, Columns: r.wanted.Columns})
	return err
}

// progress follows an attempt.
func (g *Gateway) progress(r *gatewayRun, opened disclosures, x Progress) {
	s := Status{Stage: StageSumming, Round: x.Round}
	if x.Phase == nil {
		g.cfg.Metrics.Add("sums_opened", 1)
		for _, o := range x.Opened {
			k := disclosure{o.Analysis, o.Opening}
			opened[k] = max(opened[k], o.Cells)
		}
	} else {
		stage, ok := phases[x.Phase.Name]
		if !ok {
			return
		}
		s.Stage, s.Step, s.Of = stage, x.Phase.Step, x.Phase.Of
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell(r, s)
}

var phases = map[string]Stage{"keys": StageKeys, "encrypt": StageEncrypting, "solve": StageSolving, "open": StageOpening, "final step": StageFinishing}

// disclosures are what an attempt opened: the largest number of cells at once, per opening.
type disclosures map[disclosure]int

type disclosure struct {
	analysis string
	opening  int
}

// disclosed writes them into the audit log, in the plan's words.
func (g *Gateway) disclosed(r *gatewayRun, a *attempt, opened disclosures) {
	record := func(analysis, what string, cells int, to string) {
		if analysis != "" {
			what = analysis + ": " + what
		}
		e := store.Event{Kind: store.KindDisclosed, Study: r.spec.Name, Plan: r.sub.Plan, Run: r.sub.Run.String(), What: what, Cells: cells, To: []string{to}}
		if err := g.cfg.Store.Record(e); err != nil {
			g.cfg.Log.Error("a disclosure was not recorded", "study", r.spec.Name, "run", r.sub.Run, "why", err)
		}
	}
	for i, o := range r.plan.Openings {
		if n, ok := opened[disclosure{"", i}]; ok {
			record("", o.What, n, report.ToWhom(o, a.spec.Privacy))
		}
	}
	for _, p := range r.plan.Analyses {
		for i, o := range p.Openings {
			if n, ok := opened[disclosure{p.ID, i}]; ok {
				record(p.ID, o.What, n, report.ToWhom(o, a.spec.Privacy))
			}
		}
	}
}

// deliver hands in the report of an attempt that went well.
func (g *Gateway) deliver(r *gatewayRun, a *attempt, p *control.Proposal, outcome *runner.Outcome, seconds float64) error {
	rep := outcome.Report
	rep.Absent, rep.Cost = a.absent, cost(g.cfg.ID, outcome, seconds)
	if err := g.handIn(r, a, control.Outcome{Attempt: p.Attempt}, rep); err != nil {
		return err
	}
	g.cfg.Metrics.Add("attempts_done", 1)
	g.cfg.Log.Info("a study is done", "study", r.spec.Name, "run", r.sub.Run, "attempt", p.Attempt)
	return nil
}

// write puts the report into the house's own directory. It comes before anything
// is said of it: after a crash in between it is made and written again.
func (g *Gateway) write(r *gatewayRun, rep *report.Report) {
	if g.cfg.Results == "" || r.reader != nil {
		return
	}
	dir := filepath.Join(g.cfg.Results, r.spec.Name+"-"+r.sub.Run.String()[:12])
	if err := rep.WriteDir(dir); err != nil {
		g.cfg.Log.Error("the report was not written", "study", r.spec.Name, "run", r.sub.Run, "why", err)
	}
}
