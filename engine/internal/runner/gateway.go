package runner

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// Party is what a gateway and the hub have in common.
type Party struct {
	ID       party.ID
	Link     transport.Link
	Roster   party.Roster
	Charter  secagg.Charter
	Deadline time.Duration // of a round; 0 waits for ever
}

// Gateway is one hospital's side of a study.
type Gateway struct {
	Party
	Identity *party.Identity
	Reader   *party.PublicKey // release: analyst; nil otherwise
	Spec     *study.Spec
	Table    *table.Table
	Gate     policy.Gate
	Journal  secagg.Journal
	Rand     io.Reader
	Progress func(Progress) // called after every sum; may be nil
	Turns    Turns          // shared by the parties of one process; nil for a gateway of its own
}

// Progress tells how far a study is.
type Progress struct {
	Round   int      // masked sums done
	Opened  []Opened // what the last one opened
	Running []string // analyses that still need sums
}

// Opened is what one sum opened of one declared opening.
type Opened struct {
	Analysis string // "" for the study as a whole
	Opening  int    // in the analysis's plan, or in Openings
	Cells    int
}

// Outcome is what a gateway knows at the end.
type Outcome struct {
	Report *report.Report // without cost
	Rounds int
}

// Run takes part in the study until every analysis is finished, then closes.
func (g *Gateway) Run(ctx context.Context) (*Outcome, error) {
	if err := g.Gate.Admit(g.Spec, g.Roster); err != nil {
		return nil, err
	}
	steps, err := newLockstep(g.Spec, g.Gate, g.Table)
	if err != nil {
		return nil, err
	}
	data, err := g.Identity.Commitment(g.Spec.Digest(), g.Table.Digest())
	if err != nil {
		return nil, err
	}
	w := wire{self: g.ID, link: g.Link, deadline: g.Deadline}
	setup, err := secagg.NewMember(secagg.Config{Charter: g.Charter, Roster: g.Roster, ID: g.ID, Identity: g.Identity,
		Reader: g.Reader, Data: data, Rand: g.Rand, Journal: g.Journal})
	if err != nil {
		return nil, err
	}
	session, err := drive(ctx, w, setup)
	if err != nil {
		return nil, fmt.Errorf("%s: set-up: %w", g.ID, err)
	}
	out := &Outcome{}
	for {
		done, err := g.sum(ctx, w, session, steps, out)
		if err != nil {
			// The others learn that this hospital stopped, never why. Whether they can be told is not worth a second error.
			if last, e := session.Close(wireformat.Code_REFUSED).Start(); e == nil {
				_ = w.send(ctx, last)
			}
			return nil, fmt.Errorf("%s: sum %d: %w", g.ID, out.Rounds+1, err)
		}
		if done {
			break
		}
	}
	if _, err := drive(ctx, w, session.Close(wireformat.Code_DONE)); err != nil {
		return nil, fmt.Errorf("%s: closing: %w", g.ID, err)
	}
	out.Report = steps.report(g.Charter)
	return out, nil
}

// sum is one round: ask, map, masked sum, reduce.
func (g *Gateway) sum(ctx context.Context, w wire, session *secagg.Session, steps *lockstep, out *Outcome) (done bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	g.Turns.take()
	digest, x, err := steps.ask(g.Charter.Plan)
	g.Turns.give()
	if err != nil || len(x) == 0 {
		return len(x) == 0, err
	}
	machine, err := session.Sum(secagg.Ask{Digest: digest, State: steps.state, Cells: len(x)}, x)
	if err != nil {
		return false, err
	}
	total, err := drive(ctx, w, machine)
	if err != nil {
		return false, err
	}
	out.Rounds++
	opened := steps.opened()
	if g.Reader != nil {
		steps.skip()
	} else if err := steps.reduce(total.Sum); err != nil {
		return false, err
	}
	if g.Progress != nil {
		p := Progress{Round: out.Rounds, Opened: opened}
		for _, a := range steps.running() {
			p.Running = append(p.Running, a.args.ID)
		}
		g.Progress(p)
	}
	return false, nil
}

// report gathers the outcome of every analysis and what was opened on the way.
func (l *lockstep) report(c secagg.Charter) *report.Report {
	r := &report.Report{Spec: l.spec, PlanDigest: fmt.Sprintf("sha256:%x", c.Plan), Consilium: c.Version,
		Cohort: report.Cohort{Rows: l.rows, Filtered: l.filtered}}
	to := report.To(l.spec.Privacy)
	study := Openings(l.spec)
	r.Disclosed = append(r.Disclosed, disclosed(study[0], 2, 1, to))
	if l.vetoed {
		r.Disclosed = append(r.Disclosed, disclosed(study[1], l.vetoCells, 1, to))
	}
	for _, a := range l.all {
		one := report.Analysis{ID: a.args.ID, Kind: a.args.Kind, Refused: a.refused, N: a.n}
		if a.refused == nil && a.done {
			f := a.program.Result()
			f.Warnings = append(f.Warnings, a.warnings...)
			one.Frame = &f
		}
		for o, p := range a.plan {
			if a.times[o] > 0 {
				one.Disclosed = append(one.Disclosed, disclosed(seenBy(released(p, a.refused), l.spec.Privacy), a.cells[o], a.times[o], to))
			}
		}
		r.Analyses = append(r.Analyses, one)
	}
	return r
}

// released: what a refused analysis opened on the way is not written to the result.
func released(o stat.Opening, refused *stat.Refusal) stat.Opening {
	o.Released = o.Released && refused == nil
	return o
}

func disclosed(o stat.Opening, cells, times int, to string) report.Disclosed {
	return report.Disclosed{What: o.What, Cells: cells, Times: times, MaxTimes: o.MaxTimes,
		CountsPeople: o.CountsPeople, PerHospital: o.PerHospital, Released: o.Released, To: to}
}
