package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// beginCoxDecision is the program of a decision curve of a Cox model.
func beginCoxDecision(args Args, s *table.Schema) (Program, error) {
	if err := coxAt(args, s); err != nil {
		return nil, err
	}
	p, err := refitted(*args.Of, args, s)
	if err != nil {
		return nil, err
	}
	d := &coxDecisionPart{args: args, model: p.parts[0].(*coxPart)}
	p.parts[0] = d
	p.finish = func() (Frame, error) { return d.finish(p.census.counts()), nil }
	return p, nil
}

// coxDecisionPart fits a Cox model and counts people between the thresholds, by
// when they leave: how many of those treated have the event by the horizon is Kaplan
// and Meier's estimate among them (Vickers, Cronin, Elkin and Gonen, BMC Med Inform Decis Mak 2008;8:53).
type coxDecisionPart struct {
	args    Args
	model   *coxPart
	horizon *horizon // nil: not yet fitted
	asks    []Ask
	classes []timedRisk
}

func (d *coxDecisionPart) plan() []Opening {
	return append(slices.Clone(d.model.plan()), Opening{What: fmt.Sprintf("people between neighbouring thresholds of predicted risk, and how many of them leave at each time up to %s = %s, with and without the event, single people included: "+
		"thresholds next to few people are left out, and times at which too few leave are merged, before it is written", d.args.Of.Time, number(d.args.At)),
		Cells: mostTimed(d.model, d.args.At, len(d.args.Thresholds)+1), MaxTimes: 1, CountsPeople: true, Released: true})
}

func (d *coxDecisionPart) ask() []Ask {
	if d.horizon == nil {
		return d.model.ask()
	}
	return d.asks
}

func (d *coxDecisionPart) add(rows *table.View, out *fixed.Sums) error {
	if d.horizon == nil {
		return d.model.add(rows, out)
	}
	m, err := d.model.matrix(rows)
	if err != nil {
		return err
	}
	addTimed(d.horizon, m, out, func(p person) int { return thresholdsReached(d.args.Thresholds, p.risk) })
	return nil
}

func (d *coxDecisionPart) reduce(t fixed.Totals) (err error) {
	if d.horizon != nil {
		d.asks = nil
		d.classes, _ = takeTimed(d.horizon, t, len(d.args.Thresholds)+1)
		d.classes[0].from = math.Inf(-1)
		for k, at := range d.args.Thresholds {
			d.classes[k+1].from = at
		}
		return nil
	}
	if err := d.model.reduce(t); err != nil || len(d.model.ask()) > 0 {
		return err
	}
	if d.horizon, err = newHorizon(d.model, d.args.At); err != nil {
		return err
	}
	if err := d.horizon.fits(len(d.args.Thresholds) + 1); err != nil {
		return err
	}
	classes := []string{"with a predicted risk below " + number(d.args.Thresholds[0])}
	for _, at := range d.args.Thresholds {
		classes = append(classes, "with a predicted risk from "+number(at)+" up to the next threshold")
	}
	d.asks = []Ask{{Opening: len(d.model.plan()), Cells: timedCells(d.horizon, classes), State: d.horizon.state()}}
	return nil
}

// finish writes a row for each threshold that may be shown.
func (d *coxDecisionPart) finish(f Frame) Frame {
	d.horizon.warnings(&f)
	least := int64(d.args.Rules.MinCell)
	shown := d.classes
	if least > 1 {
		shown = joined(shown, timedRisk.people, func(r timedRisk) bool { return r.small(least) }, timedRisk.plus)
	}
	if len(shown) < len(d.classes) {
		f.Suppressed = true
		f.warn(fmt.Sprintf("%d of %d thresholds are shown: between the others are fewer than %d people with the event, without it, or still under observation", len(shown)-1, len(d.args.Thresholds), least))
	}
	n := float64(d.horizon.n)
	all, _, _, _ := observed(d.horizon.exits, d.horizon.n, least)
	treated, few := timedRisk{exits: make([]exit, len(d.horizon.exits))}, false
	var rows []Record
	for i := len(shown) - 1; i > 0; i-- {
		treated = shown[i].plus(treated)
		f.cutByHazard(d.args.Of, d.args.At, d.horizon.n-treated.n, d.horizon.n)
		share, _, _, merged := observed(treated.exits, treated.n, least)
		few = few || merged
		tp, odds := share*float64(treated.n), treated.from/(1-treated.from)
		fp := float64(treated.n) - tp
		everyone, benefit := all-(1-all)*odds, tp/n-fp/n*odds
		rows = append(rows, Record{}.Put("threshold", treated.from).Put("n_treated", treated.n).Put("true_positives", tp).Put("false_positives", fp).
			Put("net_benefit", benefit).Put("treat_all", everyone).Put("treat_none", 0.0).Put("avoided", (benefit-everyone)/odds))
	}
	slices.Reverse(rows)
	if few {
		f.Suppressed = true
		f.warn(fmt.Sprintf("true positives: among those treated times are merged until at least %d people leave at each, and counted at the last of them; losses then count as later than events, so they are a little low", least))
	}
	f.Tidy = rows
	f.Glance = Record{}.Put("at", d.args.At).Put("n", d.horizon.n).Put("n_event", d.horizon.events).Put("observed_risk", all).Put("thresholds", int64(len(rows)))
	return f
}
