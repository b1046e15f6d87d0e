package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// weightedRanking counts those with the event by a horizon and those without it
// then in classes of predicted risk, each standing for those lost before, from which the area
// under the time-dependent ROC curve follows up to ties within a class
// (cumulative cases, dynamic controls: Uno, Cai, Tian and Wei, JASA
// 2007;102:527; Blanche, Dartigues and Jacqmin-Gadda, Stat Med 2013;32:5381), and
// sums squared errors, as R's riskRegression with cens.model = "km".
type weightedRanking struct {
	cells            int
	centre, size     float64   // of the log cumulative hazard: classes are narrow where most people are
	events, squares  []float64 // sums of weights, and of their squares
	others           []int64
	brier, brierEach float64 // sum of the weighted squared errors, and of their squares
	most             float64
}

// newWeightedRanking lays classes about the log cumulative hazard that everyone is observed to have.
func newWeightedRanking(h *horizon, minCell int) *weightedRanking {
	r := &weightedRanking{cells: DefaultCells, size: h.model.typical(), most: h.most()}
	if minCell > 1 {
		r.cells = max(1, min(r.cells, int(h.n)/minCell))
	}
	share, _, _, _ := observed(h.exits, h.n, 1)
	r.centre = Round40(math.Log(-math.Log1p(-share)))
	return r
}

func (r *weightedRanking) ask(h *horizon) (cells []Cell) {
	rows := h.model.rows
	for k := range r.cells {
		in := fmt.Sprintf(" in class %d of predicted risk", k+1)
		cells = append(cells, Cell{Cell: fixed.Binary(r.most, rows), Name: "weights of the events" + in}, Cell{Cell: fixed.Binary(r.most*r.most, rows), Name: "squares of the weights of the events" + in},
			countCell("people without the event by then"+in, Plain))
	}
	return append(cells, Cell{Cell: fixed.Binary(r.most, rows), Name: "sum of weighted squared errors of prediction"},
		Cell{Cell: fixed.Binary(r.most*r.most, rows), Name: "sum of squares of weighted squared errors of prediction"})
}

func (r *weightedRanking) add(h *horizon, m *coxRows, out *fixed.Sums) {
	high, low := make([]float64, 2*r.cells+2), make([]float64, 2*r.cells+2)
	h.each(m, func(p person) {
		k := riskClass(p.log-r.centre, r.size, r.cells)
		y := 0.0
		switch {
		case p.event:
			y = 1
			add(&high[2*k], &low[2*k], p.weight)
			add(&high[2*k+1], &low[2*k+1], p.weight*p.weight)
		case p.weight > 0:
			out.Add(3*k+2, 1)
		}
		e := p.weight * (y - p.risk) * (y - p.risk)
		add(&high[2*r.cells], &low[2*r.cells], e)
		add(&high[2*r.cells+1], &low[2*r.cells+1], e*e)
	})
	for i := range high {
		at := 3*(i/2) + i%2
		out.AddFloat(at, high[i])
		out.AddFloat(at, low[i])
	}
}

func (r *weightedRanking) take(t fixed.Totals) {
	for k := range r.cells {
		r.events, r.squares, r.others = append(r.events, t.Float(3*k)), append(r.squares, t.Float(3*k+1)), append(r.others, t.Count(3*k+2))
	}
	r.brier, r.brierEach = t.Float(3*r.cells), t.Float(3*r.cells+1)
}

// auc is the area, the largest error of it, and its standard error, which takes
// the weights as known (riskRegression's conservative = TRUE).
func (r *weightedRanking) auc(people int64) (auc, bound, se float64) {
	var events, others float64
	for k := range r.cells {
		events += r.events[k]
		others += float64(r.others[k])
	}
	below := 0.0 // others in lower classes
	for k, x := range r.events {
		u := float64(r.others[k])
		auc += x * (below + u/2)
		bound += x * u / 2
		below += u
	}
	auc /= events * others
	bound /= events * others
	below = 0
	belowEvents, v := 0.0, 0.0
	for k, x := range r.events {
		u := float64(r.others[k])
		d := (below+u/2)/others - auc
		v += r.squares[k] * d * d / events / events
		d = 1 - (belowEvents+x/2)/events - auc
		v += u * d * d / others / others
		below += u
		belowEvents += x
	}
	n := float64(people)
	se = math.Sqrt(v * n / (n - 1))
	if se == 0 && bound > 0 { // all in one class: nothing is known of the order within
		se = math.NaN()
	}
	return auc, bound, se
}

// put appends the figures to a glance row. The Brier score without a model is that of the same risk for everyone.
func (r *weightedRanking) put(g Record, people int64, share float64) Record {
	n := float64(people)
	auc, bound, se := r.auc(people)
	brier := r.brier / n
	var events, others float64
	for k := range r.cells {
		events += r.events[k]
		others += float64(r.others[k]) * r.most
	}
	null := (events*(1-share)*(1-share) + others*share*share) / n
	return g.Put("auc", auc).Put("auc_bound", bound).Put("auc_std_error", se).Put("auc_low", math.Max(0, auc-z975*se)).Put("auc_high", math.Min(1, auc+z975*se)).
		Put("brier", brier).Put("brier_std_error", math.Sqrt(math.Max(0, r.brierEach-n*brier*brier)/(n-1)/n)).Put("brier_null", null).Put("ipa", 1-brier/null).Put("evaluate_cells", r.cells)
}
