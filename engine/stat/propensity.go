package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Propensity is the kind of that name: weighting by the probability of
// treatment (Rosenbaum and Rubin 1983), and whether it balances the covariates. With e
// the probability that a logistic model gives a row's treatment T, the weight is
//
//	ate  T/e + (1-T)/(1-e)      att  T + (1-T) e/(1-e)
//
// Keys: formula, treatment ~ covariates (the second level is treated); estimand?
// (ate, att); stabilized? (weights of ate times the share of the row's group);
// truncate?, [low, high] limits of e; outcome?, a number or binary: the difference
// of its weighted means (Hajek), with the robust standard error that takes the
// weights as known (hc0 of the weighted regression on treatment; conservative for ate).
//
// The balance table has a row for each column of the model: means of both groups
// and the standardised difference, before and after, over the unweighted SD of the treated (att)
// or the root of the mean of both groups' variances (ate).
type Propensity struct{}

var _ Statistic = Propensity{}

// Begin implements Statistic.
func (Propensity) Begin(args Args, s *table.Schema) (Program, error) {
	if args.Estimand == "" {
		args.Estimand = "ate"
	}
	switch t := args.Truncate; {
	case args.Estimand != "ate" && args.Estimand != "att":
		return nil, fmt.Errorf("propensity: estimand %q, want ate or att", args.Estimand)
	case args.Stabilized && args.Estimand != "ate":
		return nil, fmt.Errorf("propensity: stabilized weights are those of estimand ate")
	case t != nil && (len(t) != 2 || !(t[0] >= 0 && t[0] < t[1] && t[1] <= 1)):
		return nil, fmt.Errorf("propensity: truncate is %v, want [low, high] between 0 and 1", t)
	case args.Veil:
		return nil, fmt.Errorf("propensity: weights need the model; use privacy.reveal: sums")
	}
	of := args
	of.Kind, of.Evaluate = "logistic", &Evaluate{}
	p, err := Logistic{}.Begin(of, s)
	if err != nil { // of a model that the study file calls by another name
		return nil, fmt.Errorf("propensity: the model of treatment: %w", err)
	}
	q := p.(*program)
	w := &propensityPart{args: args, model: q.parts[0].(*logisticPart)}
	if args.Outcome != "" {
		f, err := s.Field(args.Outcome)
		switch {
		case err != nil:
			return nil, fmt.Errorf("propensity: outcome: %w", err)
		case f.Kind == table.Category:
			return nil, fmt.Errorf("propensity: outcome %s is a category, want a number or a binary", f.Name)
		case slices.Contains(w.model.model.Variables, f.Name):
			return nil, fmt.Errorf("propensity: outcome %s is in the formula of the treatment", f.Name)
		}
		w.outcome, w.two = f, f.Kind == table.Binary || f.GridDeclared && f.Max-f.Min == fixed.Decimal(f.Grid.M, f.Grid.E10).Float()
		w.low, w.high = f.Min, f.Max
		if f.Kind == table.Binary {
			w.low, w.high = 0, 1
		}
	}
	w.vars = slices.Clone(w.model.model.Variables)
	if args.Outcome != "" {
		w.vars = append(w.vars, args.Outcome)
	}
	q.census.vars = w.vars
	q.parts[0] = w
	q.finish = func() (Frame, error) { return w.finish(q.census.counts()), nil }
	return q, nil
}

// propensityPart fits the model of treatment and sums with its weights.
type propensityPart struct {
	args      Args
	model     *logisticPart
	vars      []string // without which a row is not used
	outcome   *table.Field
	two       bool    // the outcome has two values
	low, high float64 // its declared range

	stage  int
	asks   []Ask
	beta   []float64
	groups [2]weighted // control, treated
	cut    int64       // rows whose e was truncated
}

// weighted are the sums of a group; columns are standardised.
type weighted struct {
	n              int64
	weight, square float64   // sum w, sum w^2
	x, xx, wx      []float64 // of each column
	y              float64   // sum w y, y from the middle of its range
	spread         float64   // sum w^2 (y - weighted mean)^2
}

const (
	propensityFit = iota
	propensitySums
	propensitySpread
	propensityDone
)

// mostWeight is the largest weight of a row. Beyond, hardly anybody like it had the other treatment.
const mostWeight = 1 << 16

func (w *propensityPart) plan() []Opening {
	q := len(w.model.most.Columns)
	plan := slices.Clone(w.model.plan())
	what := "for each treatment: sums of the weights, of their squares, and of the columns, their squares and the columns times the weights; how many rows were truncated, or have a weight too large"
	cells := 2*(2+3*q) + 2
	if w.outcome == nil {
		return append(plan, Opening{What: what, Cells: cells, MaxTimes: 1, CountsPeople: true, Released: true})
	}
	return append(plan, Opening{What: what + "; sum of " + w.outcome.Name + " times the weights, how many have its higher value if it has two", Cells: cells + 4, MaxTimes: 1, CountsPeople: true, Released: true},
		Opening{What: "for each treatment, squared deviations of " + w.outcome.Name + " from its weighted mean times squared weights: the standard error", Cells: 2, MaxTimes: 1, Released: true})
}

func (w *propensityPart) ask() []Ask {
	if w.stage == propensityFit {
		return w.model.ask()
	}
	return w.asks
}

// covariates are the columns of the balance table.
func (w *propensityPart) covariates() (cols []int) {
	for _, j := range w.model.varies {
		if w.model.columns[j].Term >= 0 {
			cols = append(cols, j)
		}
	}
	return cols
}

// weigh returns the weight of a row at its linear predictor, and whether e was truncated.
func (w *propensityPart) weigh(eta float64, treated bool) (weight float64, cut bool) {
	odds := math.Exp(eta) // e / (1-e)
	if t := w.args.Truncate; t != nil {
		e := 1 / (1 + math.Exp(-eta))
		if kept := math.Min(t[1], math.Max(t[0], e)); kept != e {
			odds, cut = kept/(1-kept), true
		}
	}
	switch {
	case w.args.Estimand == "att" && treated:
		return 1, cut
	case w.args.Estimand == "att":
		return odds, cut
	case treated:
		return 1 + 1/odds, cut
	}
	return 1 + odds, cut
}

// each visits a hospital's rows with group, weight and outcome.
func (w *propensityPart) each(rows *table.View, m *Panels, visit func(row, group int, weight, y float64, cut bool)) error {
	var y []float64
	if w.outcome != nil {
		col, err := rows.Table.Column(w.outcome.Name)
		if err != nil {
			return err
		}
		for _, i := range rows.Rows {
			y = append(y, col[i]-w.middle())
		}
	}
	m.each(w.model.main.cols, w.beta, func(row int, eta float64) {
		out := 0.0
		if y != nil {
			out = y[row]
		}
		weight, cut := w.weigh(eta, m.Y[row] == 1)
		visit(row, int(m.Y[row]), weight, out, cut)
	})
	return nil
}

// middle is that of the outcome's declared range.
func (w *propensityPart) middle() float64 { return w.low + (w.high-w.low)/2 }

func (w *propensityPart) add(rows *table.View, out *fixed.Sums) error {
	used, _, err := rows.Complete(w.vars...)
	if err != nil {
		return err
	}
	if w.stage == propensityFit {
		return w.model.add(used, out)
	}
	m, err := w.model.matrix(used)
	if err != nil {
		return err
	}
	n := out.Len()
	high, low := make([]float64, n), make([]float64, n)
	put := func(i int, x float64) { add(&high[i], &low[i], x) }
	cols := w.covariates()
	each := 2 + 3*len(cols)
	err = w.each(used, m, func(row, g int, weight, y float64, cut bool) {
		if w.stage == propensitySpread {
			d := y - w.asks[0].State[len(w.asks[0].State)-2+g]
			put(g, weight*weight*d*d)
			return
		}
		if cut {
			out.Add(2*each, 1)
		}
		if !(weight <= mostWeight) {
			out.Add(2*each+1, 1)
			return
		}
		at := g * each
		put(at, weight)
		put(at+1, weight*weight)
		for a, j := range cols {
			x := m.column(row/PanelRows, j)[row%PanelRows]
			put(at+2+3*a, x)
			put(at+3+3*a, x*x)
			put(at+4+3*a, weight*x)
		}
		if w.outcome != nil {
			put(2*each+2+2*g, weight*y)
			if w.two && y > 0 {
				out.Add(2*each+3+2*g, 1)
			}
		}
	})
	for i := range high {
		if high[i] != 0 || low[i] != 0 {
			out.AddFloat(i, high[i])
			out.AddFloat(i, low[i])
		}
	}
	return err
}
