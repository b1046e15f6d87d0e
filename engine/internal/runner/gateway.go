package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// Party is what a gateway and the hub have in common.
type Party struct {
	ID       party.ID
	Link     transport.Link
	Roster   party.Roster
	Charter  secagg.Charter
	Veil     *blind.Plan   // what is computed under encryption; nil: nothing
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
	Progress func(Progress) // called after every sum and at every step under encryption; may be nil
	Turns    Turns          // shared by the parties of one process; nil for a gateway of its own
	Closings [][]byte       // of the attempt before, as the charter's Previous names them; nil for the first
	Restored bool           // an operator knows that the journal is older than what peers have seen, and goes on

	meter meter
}

// Outcome is what a gateway knows at the end.
type Outcome struct {
	Report *report.Report // without cost
	Rounds int            // masked sums
	Phases []report.Phase
}

// Run takes part in the study until every analysis is finished, then closes.
func (g *Gateway) Run(ctx context.Context) (*Outcome, error) {
	if err := g.Gate.Admit(g.Spec, g.Roster); err != nil {
		return nil, err
	}
	steps, err := newLockstep(g.Spec, g.Gate, g.Table, g.Veil)
	if err != nil {
		return nil, err
	}
	data, err := g.Identity.Commitment(g.Spec.Digest(), g.Table.Digest())
	if err != nil {
		return nil, err
	}
	g.meter.begin("set-up")
	doubt, err := newDoubt(ctx, g)
	if err != nil {
		return nil, err
	}
	g.Link, g.Journal = doubt, doubt
	w := wire{self: g.ID, link: g.Link, deadline: g.Deadline, meter: &g.meter}
	setup, err := secagg.NewMember(g.config(data))
	if err != nil {
		return nil, err
	}
	session, err := drive(ctx, w, setup)
	if err != nil {
		return nil, fmt.Errorf("%s: set-up: %w", g.ID, err)
	}
	v := &veil{g: g, w: w, sums: session}
	err = g.rounds(ctx, v, steps)
	err = errors.Join(err, v.burn())
	if err != nil && ctx.Err() != nil && v.under == nil {
		return nil, err // stopped, not failed: from its journal this hospital can go on where it was
	}
	if err != nil {
		// The others learn that this hospital stopped, never why. Whether they can be told is not worth a second error.
		code := wireformat.Code_REFUSED
		if round.CodeOf(err) == wireformat.Code_ROLLBACK {
			code = wireformat.Code_ROLLBACK
		}
		if last, e := session.Close(code).Start(); e == nil {
			_ = w.send(ctx, func(error) {}, last, nil).wait()
		}
		return nil, fmt.Errorf("%s: round %d: %w", g.ID, g.meter.rounds+1, err)
	}
	g.meter.begin("closing")
	last := session.Close(wireformat.Code_DONE)
	if _, err := last.Start(); err != nil {
		return nil, fmt.Errorf("%s: closing: %w", g.ID, err)
	}
	// From here on the attempt is over for this hospital, whether or not it hears
	// how it ended for the others: what it knows does not depend on that.
	w.deadline = min(w.deadline, closingWait)
	_, _ = drive(ctx, w, last)
	return &Outcome{Report: steps.report(g.Charter), Rounds: g.meter.rounds, Phases: g.meter.phases()}, nil
}

// closingWait is how long the others' closing records are waited for, in a house that has a deadline at all.
const closingWait = time.Minute

// config is what this hospital brings to the attempt, given its commitment to the table.
func (g *Gateway) config(data [32]byte) secagg.Config {
	return secagg.Config{Charter: g.Charter, Roster: g.Roster, ID: g.ID, Identity: g.Identity, Reader: g.Reader, Data: data,
		Closings: g.Closings, Restored: g.Restored, Rand: g.Rand, Journal: g.Journal}
}

// rounds advances all analyses until none has anything left to ask.
func (g *Gateway) rounds(ctx context.Context, v *veil, steps *lockstep) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := steps.begin()
		if err != nil || !more {
			return err
		}
		if err := v.lift(ctx, steps); err != nil {
			return err
		}
		for _, shown := range steps.halves() {
			if err := g.sum(ctx, v, steps, shown); err != nil {
				return err
			}
		}
		steps.end()
	}
}

// sum is one masked sum: ask, map, add under masks, reduce.
func (g *Gateway) sum(ctx context.Context, v *veil, steps *lockstep, shown bool) error {
	g.Turns.take()
	digest, x, err := steps.ask(g.Charter.Plan, shown)
	g.Turns.give()
	if err != nil || len(x) == 0 {
		return err
	}
	if name := g.meter.sum(steps); name == "final steps" {
		g.show(Phase{Name: "final step"})
	}
	ask := secagg.Ask{Digest: digest, State: steps.state, Cells: len(x), Shown: g.Reader != nil && shown}
	machine, err := v.sums.Sum(ask, x)
	if err != nil {
		return err
	}
	total, err := drive(ctx, v.w, machine)
	if err != nil {
		return err
	}
	g.meter.rounds++
	drawn := steps.drawn(shown)
	if g.Reader != nil && !shown {
		steps.skip()
	} else if err := steps.reduce(total.Sum, shown); err != nil {
		return err
	}
	for _, p := range steps.residuals {
		g.show(p)
	}
	g.tell(Progress{Round: g.meter.rounds, Opened: drawn}, steps)
	return nil
}
