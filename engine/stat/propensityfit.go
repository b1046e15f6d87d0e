package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
)

func (w *propensityPart) reduce(t fixed.Totals) error {
	switch w.stage {
	case propensityFit:
		if err := w.model.reduce(t); err != nil {
			return err
		}
		if len(w.model.ask()) == 0 {
			return w.fitted()
		}
	case propensitySums:
		w.asks = nil
		return w.take(t)
	case propensitySpread:
		w.asks = nil
		for g := range w.groups {
			w.groups[g].spread = t.Float(g)
		}
		w.stage = propensityDone
	}
	return nil
}

// fitted asks for the sums with the weights of the fitted model.
func (w *propensityPart) fitted() error {
	m := w.model.main
	if m.separated {
		return &Refusal{Rule: "separation", Message: "the covariates tell the treatment of some people for certain: they have no counterpart in the other group", Remedy: "leave out the terms that separate, or widen the cohort"}
	}
	state := append(centres(w.model.columns), w.model.scale...)
	for _, b := range m.estimate {
		w.beta = append(w.beta, Round40(b))
	}
	binary := func(bound float64, name string) Cell {
		return Cell{Cell: fixed.Binary(bound*(1+0x1p-20), w.model.rows), Name: name}
	}
	var cells []Cell
	for _, of := range []string{", control", ", treated"} {
		cells = append(cells, binary(mostWeight, "sum of weights"+of), binary(mostWeight*mostWeight, "sum of squared weights"+of))
		for _, j := range w.covariates() {
			name, reach := w.model.columns[j].Name+of, w.model.reach(j)
			cells = append(cells, binary(reach, "sum of "+name), binary(reach*reach, "sum of squares of "+name), binary(mostWeight*reach, "weighted sum of "+name))
		}
	}
	cells = append(cells, countCell("rows truncated", Plain), countCell("rows of too large a weight", Plain))
	if w.outcome != nil {
		for _, of := range []string{", control", ", treated"} {
			cells = append(cells, binary(mostWeight*math.Max((w.high-w.low)/2, math.SmallestNonzeroFloat32), "weighted sum of "+w.outcome.Name+of), countCell("higher value of "+w.outcome.Name+of, Plain))
		}
	}
	w.stage = propensitySums
	w.asks = []Ask{{Opening: len(w.model.plan()), Cells: cells, State: append(state, w.beta...)}}
	return nil
}

// take applies the rules on groups and asks for the outcome's spread.
func (w *propensityPart) take(t fixed.Totals) error {
	q := len(w.covariates())
	each := 2 + 3*q
	w.groups[1].n = w.model.nEvent
	w.groups[0].n = w.model.n - w.model.nEvent
	w.cut = t.Count(2 * each)
	if t.Count(2*each+1) > 0 {
		return &Refusal{Rule: "positivity", Message: "somebody's weight is beyond 65536: hardly anybody like them had the other treatment", Remedy: "limit the probabilities, as with truncate: [0.01, 0.99], or leave out terms"}
	}
	for i := range w.groups {
		g := &w.groups[i]
		g.weight, g.square = t.Float(i*each), t.Float(i*each+1)
		for a := range q {
			g.x, g.xx, g.wx = append(g.x, t.Float(i*each+2+3*a)), append(g.xx, t.Float(i*each+3+3*a)), append(g.wx, t.Float(i*each+4+3*a))
		}
		if least := w.args.Rules.MinCell; least > 1 && g.weight*g.weight/g.square < float64(least) {
			return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("the weights of a group amount to fewer than %d people (effective sample size)", least), Remedy: "use truncate:, or leave out terms"}
		}
		if w.outcome == nil {
			continue
		}
		g.y = t.Float(2*each + 2 + 2*i)
		events, least := t.Count(2*each+3+2*i), int64(w.args.Rules.MinCell)
		if w.two && (events > 0 && events < least || events < g.n && g.n-events < least) {
			return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("fewer than %d people of a group have one of the two values of %s", least, w.outcome.Name), Remedy: "widen the cohort, or choose a more frequent outcome"}
		}
	}
	if w.stage = propensityDone; w.outcome == nil {
		return nil
	}
	w.stage = propensitySpread
	state := append(append(centres(w.model.columns), w.model.scale...), w.beta...)
	var cells []Cell
	for i := range w.groups {
		g := &w.groups[i]
		state = append(state, Round40(g.y/g.weight))
		far := w.high - w.low
		cells = append(cells, Cell{Cell: fixed.Binary((1+0x1p-8)*math.Max(far*far*math.Min(g.square, mostWeight*mostWeight), math.SmallestNonzeroFloat32), w.model.rows), Name: "squared deviations, squared weights"})
	}
	w.asks = []Ask{{Opening: len(w.model.plan()) + 1, Cells: cells, State: state}}
	return nil
}

// sum is that of column j over a group.
func (w *propensityPart) sum(g, j int) float64 {
	c, n := w.model.columns[j], float64(w.groups[g].n)
	switch a := slices.Index(w.covariates(), j); {
	case c.Term < 0:
		return n
	case a < 0: // the same for everyone
		return math.Round(rounded(c.sum) / float64(w.model.n) * n)
	default:
		return n*c.centre + w.model.scale[j]*w.groups[g].x[a]
	}
}

// small are the terms of which nothing is written, since a level, one of two
// values or a cell of an interaction has few people in a group: their means would
// tell how many. A term with a variable of such a one goes, too.
func (w *propensityPart) small() map[int]bool {
	least := float64(w.args.Rules.MinCell)
	rare := func(n float64) bool { n = math.Round(n); return n > 0 && n < least }
	var variables []string
	for t, term := range w.model.model.Terms {
		for g := range w.groups {
			rest, counts, few := float64(w.groups[g].n), false, false
			for a, j := range w.covariates() {
				c := w.model.columns[j]
				if c.Term != t || !c.ZeroOne && !c.support.Two {
					continue
				}
				lo, hi := 0.0, 1.0
				if !c.ZeroOne {
					lo, hi = c.support.Low, c.support.High
				}
				n := float64(w.groups[g].n)
				ones := (n*c.centre + w.model.scale[j]*w.groups[g].x[a] - n*lo) / (hi - lo)
				counts, few = true, few || rare(ones) || rare(n-ones)
				rest -= ones
			}
			if few || counts && rare(rest) { // the rest has the reference level
				variables = append(variables, term.Variables...)
			}
		}
	}
	for _, table := range w.model.design.CrossTables() {
		for g := range w.groups {
			var sums []float64
			for _, j := range table.Columns {
				sums = append(sums, w.sum(g, j))
			}
			if n, ok := cellCounts(table.Rows, sums); ok && slices.ContainsFunc(n, func(k int64) bool { return rare(float64(k)) }) {
				i := slices.IndexFunc(w.model.model.Terms, func(t formula.Term) bool { return t.Label == table.Label })
				variables = append(variables, w.model.model.Terms[i].Variables...)
			}
		}
	}
	out := make(map[int]bool)
	for t, term := range w.model.model.Terms {
		out[t] = slices.ContainsFunc(term.Variables, func(v string) bool { return slices.Contains(variables, v) })
	}
	return out
}

// finish writes the balance table, the weights and the effect.
func (w *propensityPart) finish(f Frame) Frame {
	f.Warnings = w.model.warnings
	small := w.small()
	worst, after := 0.0, 0.0
	for a, j := range w.covariates() {
		c, scale := w.model.columns[j], w.model.scale[j]
		r := Record{}.Put("term", c.Name)
		if small[c.Term] {
			for _, k := range []string{"mean_treated", "mean_control", "smd", "weighted_treated", "weighted_control", "weighted_smd"} {
				r = r.Put(k, nil)
			}
			f.Tidy, f.Suppressed = append(f.Tidy, r.Put("suppressed", true)), true
			continue
		}
		var mean, weighted, variance [2]float64
		for i, g := range w.groups {
			n := float64(g.n)
			mean[i], weighted[i] = g.x[a]/n, g.wx[a]/g.weight
			variance[i] = (g.xx[a] - n*mean[i]*mean[i]) / (n - 1)
		}
		sd := math.Sqrt((variance[0] + variance[1]) / 2)
		if w.args.Estimand == "att" {
			sd = math.Sqrt(variance[1])
		}
		smd, weightedSMD := (mean[1]-mean[0])/sd, (weighted[1]-weighted[0])/sd
		worst, after = math.Max(worst, math.Abs(smd)), math.Max(after, math.Abs(weightedSMD))
		f.Tidy = append(f.Tidy, r.Put("mean_treated", c.centre+scale*mean[1]).Put("mean_control", c.centre+scale*mean[0]).Put("smd", smd).
			Put("weighted_treated", c.centre+scale*weighted[1]).Put("weighted_control", c.centre+scale*weighted[0]).Put("weighted_smd", weightedSMD))
	}
	if f.Suppressed {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the balance of terms is not shown where a level has fewer than %d people in a group", w.args.Rules.MinCell))
		worst, after = math.NaN(), math.NaN()
	}
	control, treated := &w.groups[0], &w.groups[1]
	n := float64(w.model.n)
	share := [2]float64{1, 1}
	if w.args.Stabilized {
		share = [2]float64{float64(control.n) / n, float64(treated.n) / n}
	}
	f.Glance = Record{}.Put("estimand", w.args.Estimand).Put("n_treated", treated.n).Put("n_control", control.n).
		Put("effective_treated", treated.weight*treated.weight/treated.square).Put("effective_control", control.weight*control.weight/control.square).
		Put("mean_weight_treated", share[1]*treated.weight/float64(treated.n)).Put("mean_weight_control", share[0]*control.weight/float64(control.n)).
		Put("largest_smd", worst).Put("largest_weighted_smd", after)
	if w.args.Truncate != nil {
		f.Glance = f.Glance.Put("truncated", w.shownCut(&f))
	}
	if after > 0.1 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("weighting leaves a standardised difference of %.2g: above 0.1, the groups are hardly comparable", after))
	}
	if !w.model.main.converged {
		f.Warnings = append(f.Warnings, "the model of treatment did not converge: the weights are those of its last round")
	}
	if w.outcome != nil {
		w.effect(&f)
	}
	return f
}

// shownCut is how many rows were truncated, nil when few were, or were not.
func (w *propensityPart) shownCut(f *Frame) any {
	least := int64(w.args.Rules.MinCell)
	if rest := w.model.n - w.cut; w.cut > 0 && w.cut < least || rest > 0 && rest < least {
		f.Suppressed = true
		return nil
	}
	return w.cut
}

// effect adds the difference of weighted means.
func (w *propensityPart) effect(f *Frame) {
	var mean [2]float64
	variance := 0.0
	for i, g := range w.groups {
		mean[i] = w.middle() + g.y/g.weight
		variance += g.spread / (g.weight * g.weight)
	}
	d, se := mean[1]-mean[0], math.Sqrt(variance)
	f.Glance = f.Glance.Put("outcome_treated", mean[1]).Put("outcome_control", mean[0]).
		Put("estimate", d).Put("std_error", se).Put("statistic", d/se).Put("p_value", normalTwoSided(d/se)).Put("conf_low", d-z975*se).Put("conf_high", d+z975*se)
}
