package stat

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// ROC is the kind of that name: how well a score tells those with an event
// from those without; a higher score speaks for the event. AUC and DeLong's
// standard error are exact on the grid of the score.
type ROC struct{}

var _ Statistic = ROC{}

// Begin implements Statistic.
func (ROC) Begin(args Args, s *table.Schema) (Program, error) {
	outcome, err := s.Factor(args.Outcome)
	if err != nil {
		return nil, fmt.Errorf("roc: %w", err)
	}
	if f, _ := s.Field(args.Outcome); f.Kind == table.Number || len(outcome.Levels) != 2 {
		return nil, fmt.Errorf("roc: outcome %q is not a binary or a category of two levels", args.Outcome)
	}
	if args.Outcome == args.Score {
		return nil, fmt.Errorf("roc: outcome and score are both %q, want two variables", args.Score)
	}
	score, err := s.Field(args.Score)
	if err != nil {
		return nil, fmt.Errorf("roc: %w", err)
	}
	c, err := newCensus(args, s, []string{args.Outcome, args.Score}, []string{args.Outcome})
	if err != nil {
		return nil, err
	}
	r := &roc{args: args, outcome: outcome}
	if r.grid, err = newScoreGrid(score, outcome, args); err != nil {
		return nil, fmt.Errorf("roc: %w", err)
	}
	if args.Veil {
		return beginVeiledROC(args, r, c)
	}
	p := &program{census: c, parts: []part{r.grid}, blind: r.grid.rounds == 0}
	if len(args.Thresholds) > 0 {
		r.cuts = newCutPart(score, outcome, args.Thresholds)
		p.parts = append(p.parts, r.cuts)
	}
	p.start = func() error { return r.start(c) }
	p.finish = func() (Frame, error) { return r.frame(c), nil }
	return p, nil
}

// newScoreGrid counts those without and with the event per class of the score.
func newScoreGrid(score *table.Field, outcome table.Factor, args Args) (*gridPart, error) {
	own := score
	if score.Kind == table.Number && args.Grid != 0 {
		var err error
		if score, err = coarser(score, args.Grid); err != nil {
			return nil, err
		}
	}
	g, err := newGridPart(score, args.Rules, outcome.Name)
	if err != nil {
		return nil, err
	}
	g.below = score != own
	g.classes, g.points = 2, []string{", " + outcome.Name + " = " + outcome.Levels[0], ", " + outcome.Name + " = " + outcome.Levels[1]}
	g.classOf = func(rows *table.View) (func(int) int, error) {
		level, _, err := levelsOf(&outcome, rows.Table)
		return level, err
	}
	g.released = len(args.Thresholds) == 0
	g.what = fmt.Sprintf("how many people have each value of %s, with and without %s = %s: their joint distribution over all hospitals, single people included; it gives the area under the curve",
		score.Name, outcome.Name, outcome.Levels[1])
	if g.released {
		g.what += ", and the curve, of which classes of too few people are merged before it is written"
	}
	g.begin()
	return g, nil
}

// coarser returns the score on classes of width step, [k step, (k+1) step);
// the field itself where that is its declared step.
func coarser(f *table.Field, step float64) (*table.Field, error) {
	own := f.Value(1) - f.Value(0)
	if !(step > 0) || math.IsInf(step, 0) || f.GridDeclared && step < own*(1-1e-9) {
		return nil, fmt.Errorf("grid %s is not a number at least the step of %q, %s", number(step), f.Name, number(own))
	}
	if f.GridDeclared && step < own*(1+1e-9) {
		return f, nil
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(step, 'e', -1, 64), "e")
	whole, fraction, _ := strings.Cut(digits, ".")
	m, _ := strconv.ParseInt(whole+fraction, 10, 64)
	e, _ := strconv.Atoi(exponent)
	g := *f
	g.Grid = table.Grid{M: m, E10: e - len(fraction)}
	return &g, nil
}

// roc is what one analysis keeps.
type roc struct {
	args    Args
	outcome table.Factor
	grid    *gridPart
	cuts    *cutPart // nil without thresholds

	undefined string // why there is no curve
}

func (r *roc) start(c *census) error {
	minCell := int64(r.args.Rules.MinCell)
	for i, n := range c.levels[0] {
		if n >= max(1, minCell) {
			continue
		}
		if minCell > 1 {
			return &Refusal{Rule: "min_cell",
				Message: fmt.Sprintf("roc: fewer than %d people have %s = %s", minCell, r.outcome.Name, r.outcome.Levels[i]),
				Remedy:  "take an outcome that is more frequent, or a wider cohort"}
		}
		r.undefined = fmt.Sprintf("nobody has %s = %s: there is no curve", r.outcome.Name, r.outcome.Levels[i])
		r.grid.stop()
		if r.cuts != nil {
			r.cuts.asks = nil
		}
		break
	}
	return nil
}

func (r *roc) frame(c *census) Frame {
	f := c.counts()
	if r.undefined != "" {
		f.Warnings = append(f.Warnings, r.undefined)
		return f
	}
	var scores []scored // without and with the event, by rising score
	for _, l := range r.grid.leaves {
		scores = append(scores, scored{r.grid.value(l.lo), l.n[0], l.n[1], r.grid.single(l)})
	}
	minCell := int64(r.args.Rules.MinCell)
	var merged bool
	if r.cuts != nil {
		f.Tidy, merged = r.cuts.rows(minCell)
	} else {
		scores[0].from = r.grid.floor() // never the smallest value found
		curve := mergeSmall(scores, minCell)
		f.Tidy, merged = curveRows(curve), len(curve) < len(scores)
	}
	f.Suppressed = merged
	var from []float64 // where the curve is shown
	for _, row := range f.Tidy {
		if row.Get("tp") != nil {
			with, without := row.Get("fn").(int64), row.Get("tn").(int64)
			f.cutBy(with+without, c.n, r.args.Score)
			f.cutBy(with, c.levels[0][1], r.args.Score, r.outcome.Name+" = "+r.outcome.Levels[1])
			f.cutBy(without, c.levels[0][0], r.args.Score, r.outcome.Name+" = "+r.outcome.Levels[0])
			from = append(from, row.Get("threshold").(float64))
		}
	}
	a, warning := areaGiven(scores, from, minCell)
	if warning != "" {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, r.args.Score+warning)
	}
	r.glance(&f, c, a)
	step, more := r.grid.resolution()
	if !math.IsNaN(step) {
		f.Glance = f.Glance.Put("resolution", step)
	}
	f.Warnings = append(f.Warnings, more...)
	if merged {
		f.Warnings = append(f.Warnings, fmt.Sprintf("neighbouring thresholds between which there are fewer than %d people with or without the event are not told apart", minCell))
	}
	return f
}

// glance writes the area.
func (r *roc) glance(f *Frame, c *census, a area) {
	if a.se == 0 && a.bound > 0 {
		a.se, a.low, a.high = math.NaN(), math.NaN(), math.NaN()
		f.Warnings = append(f.Warnings, "all values of "+r.args.Score+" are in one class of the grid: the area has no standard error")
	}
	f.Glance = Record{}.Put("auc", a.auc).Put("std_error", a.se).Put("conf_low", a.low).Put("conf_high", a.high).
		Put("auc_bound", a.bound).Put("n_event", c.levels[0][1])
	if min(c.levels[0][0], c.levels[0][1]) == 1 {
		f.Warnings = append(f.Warnings, "one person alone has or lacks the event: the area has no standard error")
	}
}
