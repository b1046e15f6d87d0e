package stat

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// DecisionCurve is the kind decision_curve: the net benefit of treating those
// whose predicted risk reaches a threshold, beside that of treating everyone
// (Vickers and Elkin, Med Decis Making 2006;26:565), among the people whom a
// logistic or a Cox model was fitted to:
//
//	net benefit = tp/n - fp/n * threshold/(1 - threshold)
//
// Of a Cox model the risk is that of the event by one time, and the true positives
// are those that Kaplan and Meier's curve of the treated tells of.
//
// Keys: model, the id of a logistic or cox analysis before this one; at (cox: the time); thresholds?
// (default 0.05, 0.1, ... 0.95). People are counted between neighbouring
// thresholds; a threshold next to fewer than min_cell people with the event, or
// without, is left out, so that no two of those shown differ by few people.
type DecisionCurve struct{}

var _ Statistic = DecisionCurve{}

// Begin implements Statistic.
func (DecisionCurve) Begin(args Args, s *table.Schema) (Program, error) {
	if args.Of == nil {
		return nil, fmt.Errorf("decision_curve: no model %q", args.Model)
	}
	if args.Thresholds == nil {
		for k := 1; k < 20; k++ {
			args.Thresholds = append(args.Thresholds, float64(k)/20)
		}
	}
	switch {
	case args.Of.Kind != "logistic" && args.Of.Kind != "cox":
		return nil, fmt.Errorf("decision_curve: %s is of kind %s, want logistic or cox", args.Model, args.Of.Kind)
	case args.Of.Kind == "logistic" && args.At != 0:
		return nil, fmt.Errorf("decision_curve: at is of Cox models, %s is of kind logistic: leave it out", args.Model)
	case args.Of.Firth:
		return nil, fmt.Errorf("decision_curve: %s has a Firth penalty, whose risks are not evaluated", args.Model)
	case args.Veil:
		return nil, fmt.Errorf("decision_curve: the risks of an encrypted model are not opened; use privacy.reveal: sums")
	case len(args.Thresholds) > maxEvaluate:
		return nil, fmt.Errorf("decision_curve: %d thresholds, want at most %d", len(args.Thresholds), maxEvaluate)
	}
	for i, t := range args.Thresholds {
		if !(t > 0 && t < 1) || i > 0 && t <= args.Thresholds[i-1] {
			return nil, fmt.Errorf("decision_curve: threshold %s: thresholds are risks between 0 and 1 in increasing order", number(t))
		}
	}
	if args.Of.Kind == "cox" {
		return beginCoxDecision(args, s)
	}
	p, err := refitted(*args.Of, args, s)
	if err != nil {
		return nil, err
	}
	d := &decisionPart{args: args, model: p.parts[0].(*logisticPart)}
	p.parts[0] = d
	p.finish = func() (Frame, error) { return d.finish(p.census.counts()), nil }
	return p, nil
}

// decisionPart fits the model and counts people between the thresholds.
type decisionPart struct {
	args    Args
	model   *logisticPart
	fitted  bool
	asks    []Ask
	classes []scored
}

func (d *decisionPart) plan() []Opening {
	return append(d.model.plan(), Opening{What: "people with and without the event between neighbouring thresholds of predicted risk: those next to few people are left out before it is written",
		Cells: 2 * (len(d.args.Thresholds) + 1), MaxTimes: 1, CountsPeople: true, Released: true})
}

func (d *decisionPart) ask() []Ask {
	if !d.fitted {
		return d.model.ask()
	}
	return d.asks
}

func (d *decisionPart) add(rows *table.View, out *fixed.Sums) error {
	if !d.fitted {
		return d.model.add(rows, out)
	}
	m, err := d.model.matrix(rows)
	if err != nil {
		return err
	}
	m.each(d.model.main.cols, d.asks[0].State, func(row int, eta float64) {
		at := 2 * thresholdsReached(d.args.Thresholds, 1/(1+math.Exp(-eta)))
		if m.Y[row] == 1 {
			at++
		}
		out.Add(at, 1)
	})
	return nil
}

// thresholdsReached is the number of thresholds that a risk reaches: those equal but for the rounding of the model count.
func thresholdsReached(thresholds []float64, risk float64) int {
	risk *= 1 + 0x1p-40
	return sort.Search(len(thresholds), func(i int) bool { return thresholds[i] > risk })
}

func (d *decisionPart) reduce(t fixed.Totals) error {
	if d.fitted {
		d.asks = nil
		from := math.Inf(-1)
		for k := range len(d.args.Thresholds) + 1 {
			if k > 0 {
				from = d.args.Thresholds[k-1]
			}
			d.classes = append(d.classes, scored{from: from, without: t.Count(2 * k), with: t.Count(2*k + 1)})
		}
		return nil
	}
	if err := d.model.reduce(t); err != nil || len(d.model.ask()) > 0 {
		return err
	}
	if d.model.main.separated {
		return separatedRefusal()
	}
	d.fitted = true
	var cells []Cell
	for k := range len(d.args.Thresholds) + 1 {
		in := "below " + number(d.args.Thresholds[0])
		if k > 0 {
			in = "from " + number(d.args.Thresholds[k-1]) + " up to the next threshold"
		}
		cells = append(cells, countCell("people without the event, predicted risk "+in, Plain), countCell("events, predicted risk "+in, Plain))
	}
	var state []float64
	for _, b := range d.model.main.estimate {
		state = append(state, Round40(b))
	}
	d.asks = []Ask{{Opening: len(d.model.plan()), Cells: cells, State: state}}
	return nil
}

// finish writes a row for each threshold that may be shown.
func (d *decisionPart) finish(f Frame) Frame {
	f.Warnings = append(d.model.warnings, d.model.lastRound()...)
	f.Warnings = append(f.Warnings, "the net benefit is among the people whom the model was fitted to: among others it is smaller")
	least := int64(d.args.Rules.MinCell)
	classes := mergeSmall(d.classes, least)
	if len(classes) < len(d.classes) {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, fmt.Sprintf("%d of %d thresholds are shown: between the others are fewer than %d people with the event, or without", len(classes)-1, len(d.args.Thresholds), least))
	}
	var all, below scored
	for _, c := range classes {
		all = all.plus(c)
	}
	n := float64(all.with + all.without)
	for i, c := range classes {
		if i > 0 {
			f.cutByRisk(d.args.Of, below.with+below.without, all.with+all.without, below.with, all.with)
			tp, fp, odds := all.with-below.with, all.without-below.without, c.from/(1-c.from)
			everyone := float64(all.with)/n - float64(all.without)/n*odds
			benefit := float64(tp)/n - float64(fp)/n*odds
			f.Tidy = append(f.Tidy, Record{}.Put("threshold", c.from).Put("n_treated", tp+fp).Put("true_positives", tp).Put("false_positives", fp).
				Put("net_benefit", benefit).Put("treat_all", everyone).Put("treat_none", 0.0).Put("avoided", (benefit-everyone)/odds))
		}
		below = below.plus(c)
	}
	f.Glance = Record{}.Put("n", all.with+all.without).Put("n_event", all.with).Put("thresholds", int64(len(f.Tidy)))
	f.Warnings = slices.Compact(f.Warnings)
	return f
}
