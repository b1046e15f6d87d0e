package runner

import (
	"context"
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// circuit is one computation under encryption of an analysis.
type circuit struct {
	plan *blind.Plan
	job  int // in the plan
	ran  bool
}

// Veil plans what a study computes under encryption; nil when that is nothing.
// insecureTest is 0, or the logarithm of the degree of a ring for tests.
func Veil(s *study.Spec, insecureTest int) (*blind.Plan, error) {
	var jobs []blind.Job
	for _, args := range s.Analyses {
		program, _, err := begin(args, s)
		if err != nil {
			return nil, err
		}
		if v, ok := program.(stat.Veiled); ok {
			for _, c := range v.Circuits() {
				jobs = append(jobs, blind.Job{Analysis: args.ID, Circuit: c})
			}
		}
	}
	if jobs == nil {
		return nil, nil
	}
	if len(s.Sites) < 2 {
		return nil, fmt.Errorf("study: privacy.reveal: model needs at least two hospitals: with one there is nothing to keep from anybody; use reveal: sums")
	}
	if insecureTest > 0 {
		return blind.NewPlan(mhe.InsecureTest(insecureTest), len(s.Sites), verify(s.Privacy), jobs)
	}
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		return nil, err
	}
	return blind.NewPlan(p, len(s.Sites), verify(s.Privacy), jobs)
}

// verify says who sees the shares of encrypted steps.
func verify(p study.Privacy) string {
	if p.Verify == "full" {
		return mhe.VerifyFull
	}
	return mhe.VerifyFold
}

// measure gives cells that are opened from under encryption the step and bound of their opening.
// What a solve opens has none but the word's: corrections that run away exceed any, which its program then says.
func (a *analysis) measure() {
	a.unveiled = make([][]*mhe.Opening, len(a.asks))
	for i := range a.asks {
		ask := &a.asks[i]
		if ask.From == nil {
			continue
		}
		c, at := a.circuits[ask.From.Circuit], 0
		for _, o := range c.plan.Outcome(c.job, ask.From.Outcome) {
			step := fixed.Pow2(-o.Grid)
			most := o.Max + o.Eps + 20*o.Spread(c.plan.Members())
			if c.solves() {
				most = math.Ldexp(step.Float(), 127)
			}
			for range o.Cells {
				ask.Cells[at].Noise = o.Spread(c.plan.Members())
				ask.Cells[at].Cell = fixed.Cell{Max: most, Step: step}
				at++
			}
		}
	}
}

// solves reports whether the circuit is a root.
func (c circuit) solves() bool { return c.plan.Jobs()[c.job].Circuit.Root != nil }

// unveil writes this hospital's terms of what is opened from under encryption.
func (a *analysis) unveil() {
	at := 0
	for i, ask := range a.asks {
		words := a.out.Words()[at : at+len(ask.Cells)]
		for _, o := range a.unveiled[i] {
			words = words[copy(words, o.Terms):]
		}
		at += len(ask.Cells)
	}
}

// opened checks that totals from under encryption are within what their circuits can yield, solves apart.
func (a *analysis) opened(total [][2]uint64) error {
	for i, ask := range a.asks {
		rest := total[:len(ask.Cells)]
		total = total[len(ask.Cells):]
		if ask.From == nil || a.circuits[ask.From.Circuit].solves() {
			continue
		}
		for _, o := range a.unveiled[i] {
			if _, err := o.Read(rest[:len(o.Terms)]); err != nil {
				return err
			}
			rest = rest[len(o.Terms):]
		}
	}
	return nil
}

// residuals reads what solves have left of the identity, which is opened to decide whether to go on.
func (a *analysis) residuals(t fixed.Totals) (all []Phase) {
	at := 0
	for _, ask := range a.asks {
		if f := ask.From; f != nil && f.Outcome == stat.RootResiduals {
			if root := a.program.(stat.Veiled).Circuits()[f.Circuit].Root; root != nil {
				r := float64(root.Dim) - t.Float(at)
				all = append(all, Phase{Analysis: a.args.ID, Name: "residual", Residual: &r})
			}
		}
		at += len(ask.Cells)
	}
	return all
}

// veil is a gateway's encrypted session: one key for the study, made when the
// first analysis needs it.
type veil struct {
	g     *Gateway
	w     wire
	sums  *secagg.Session
	under *blind.Session
}

// lift runs the circuits that this round's asks open something of, and makes
// this hospital's terms of those openings.
func (v *veil) lift(ctx context.Context, steps *lockstep) error {
	for _, a := range steps.all {
		for i, ask := range a.asks {
			if ask.From == nil {
				continue
			}
			c := &a.circuits[ask.From.Circuit]
			if err := v.run(ctx, a, c, ask.From.Circuit); err != nil {
				return fmt.Errorf("analysis %s: %w", a.args.ID, err)
			}
			var err error
			if a.unveiled[i], err = v.under.Open(c.job, ask.From.Outcome); err != nil {
				return fmt.Errorf("analysis %s: %w", a.args.ID, err)
			}
		}
	}
	return nil
}

// run computes a circuit, once: one pass over this hospital's rows, keys if there are none yet, then the steps.
func (v *veil) run(ctx context.Context, a *analysis, c *circuit, index int) error {
	if c.ran {
		return nil
	}
	c.ran = true
	v.g.phase(Phase{Analysis: a.args.ID, Name: "project"})
	v.g.Turns.take()
	in, err := a.program.(stat.Veiled).Input(index, a.rows, v.g.Roster.Index(v.g.ID) == 0)
	v.g.Turns.give()
	if err != nil {
		return err
	}
	if v.under == nil {
		v.g.phase(Phase{Name: blind.PhaseKeys})
		cfg := mhe.Config{Session: v.sums.Beside("encrypted"), Rand: v.g.Rand, Journal: v.g.Journal}
		v.under, err = c.plan.Begin(cfg, func(m round.Machine[struct{}]) error {
			_, err := drive(ctx, v.w, m)
			return err
		})
		if err != nil {
			return err
		}
		if err := v.under.Keys(); err != nil {
			return err
		}
	}
	err = v.under.Run(c.job, in, func(phase string, step, of int) {
		v.g.phase(Phase{Analysis: a.args.ID, Name: phase, Step: step, Of: of})
	})
	if c.solves() && round.CodeOf(err) == wireformat.Code_RANGE {
		return fmt.Errorf("the solution under encryption ran away, or a hospital's share was wrong: leave out terms, correct a large offset, use ridge, or reveal: sums, which tells why: %w", err)
	}
	return err
}

// burn ends the encrypted session; its key is of no more use.
func (v *veil) burn() error {
	if v.under == nil {
		return nil
	}
	return v.under.Burn()
}
