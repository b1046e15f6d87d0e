package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/table"
)

// With `reveal: model` the way to the model is encrypted:
//
//	census ──► column sums ──► squares ──► [each hospital's polynomials, added and solved under encryption]
//	       ──► two residuals ──► start model ──► final_steps exact Newton steps
//
// The start model is the root of the sum of the hospitals' score polynomials (projection). It is within a few
// tenths of a standard error of the maximum of the likelihood, farther the more hospitals differ.
// Each final step opens score, information and deviance at the model that is already open, and
// leads to the maximum quadratically: from 0.1 standard errors to 0.001, then 1e-7. Standard errors and
// vcov are those of the model before the last step, as glm's are of the last but one: off
// by about a tenth of a percent after one step. The deviance is that of the sums less what the step gains.

// veiledLogistic is what logisticPart needs beside for that.
type veiledLogistic struct {
	root       Root
	steps      int
	projection projection

	correction float64 // squared length of the last one
	noise      float64 // largest standard deviation of what the opening added to a standardised coefficient
	lastStep   float64 // largest change of a coefficient by the last final step, in standard errors
	remains    float64 // what the next would be about
}

const (
	// veiledColumns is the most columns an encrypted model has: what a hospital sends grows as their fourth power.
	veiledColumns = 72
	// cubicColumns is the most columns with degree 3, whose coefficients grow as their fourth power.
	cubicColumns = 34
	// veiledCorrections bring the start model to its place: each leaves at most half of what the one before left, mostly a fifth.
	veiledCorrections = 4
	// DefaultCondition is what columns may be near collinear by: n p/4 over the smallest eigenvalue of the
	// information of standardised columns is at most 3,100 in all reference models that have a sound fit.
	DefaultCondition = 1 << 13
	mostCondition    = 1 << 20
	defaultSteps     = 1
	mostSteps        = 2
)

// veil checks the keys of an encrypted model, and refuses what is known to be without rows.
func (l *logisticPart) veil() error {
	a := l.args
	v := &veiledLogistic{steps: defaultSteps}
	if a.FinalSteps != nil {
		v.steps = *a.FinalSteps
	}
	dim := len(l.most.Columns)
	v.root = Root{Dim: dim, Degree: a.Degree, Corrections: veiledCorrections, Condition: a.Condition}
	if v.root.Degree == 0 {
		if v.root.Degree = 3; dim > cubicColumns {
			v.root.Degree = 2
		}
	}
	if v.root.Condition == 0 {
		v.root.Condition = DefaultCondition
	}
	switch {
	case v.steps < 0 || v.steps > mostSteps:
		return fmt.Errorf("logistic: final_steps is %d, want 0 to %d", v.steps, mostSteps)
	case v.root.Degree != 2 && v.root.Degree != 3:
		return fmt.Errorf("logistic: degree is %d, want 2 or 3", v.root.Degree)
	case !(v.root.Condition >= 2) || v.root.Condition > mostCondition:
		return fmt.Errorf("logistic: condition is %v, want 2 to %d", v.root.Condition, mostCondition)
	case dim > veiledColumns:
		return fmt.Errorf("logistic: the model has up to %d columns, encrypted models at most %d: merge levels, leave out terms, or use privacy.reveal: sums", dim, veiledColumns)
	case v.root.Degree == 3 && dim > cubicColumns:
		return fmt.Errorf("logistic: degree 3 is for at most %d columns, the model has up to %d: leave out degree", cubicColumns, dim)
	case a.Drop1:
		return fmt.Errorf("logistic: drop1 fits further models, whose ways would be open: leave it out, or use privacy.reveal: sums")
	}
	if a.Sealed && v.steps > 0 {
		return &Refusal{Rule: "release", Message: fmt.Sprintf("%d exact Newton steps at the model need the model at the hospitals, which do not see it under release: analyst", v.steps),
			Remedy: "final_steps: 0, or release: all"}
	}
	if a.Rules.MinCell > 1 && formula.Saturated(l.most) {
		return saturatedRefusal()
	}
	if err := l.veilEvaluation(); err != nil {
		return err
	}
	v.projection = projection{degree: v.root.Degree}
	v.root.Largest = largestInputs(dim, v.root.Degree, math.Max(math.Abs(l.model.OffsetMin), math.Abs(l.model.OffsetMax)), farthestCentre)
	l.veiled = v
	return nil
}

func saturatedRefusal() error {
	return &Refusal{Rule: "saturated", Message: "the model has a coefficient for every cell of a cross table, and under encryption nobody can see whether a cell has too few people",
		Remedy: "leave out the highest interaction, or use a crosstab"}
}

// layVeiled declares what an encrypted model opens after the squares.
func (l *logisticPart) layVeiled(put func(what string, cells, times int, people bool) int) {
	v := l.veiled
	l.place.residuals = put("of the solution under encryption, two numbers that should be 0: whether the information matrix could be inverted, and how long the last correction was", 2, 1, false)
	l.place.solution = put("the start model: a coefficient for each standardised column, with noise. It is near the result; how near depends on how different the hospitals are", v.root.Dim, 1, false)
	l.openings[l.place.residuals].Released = true // glance has the second
	// What hospitals do next depends on these, but on no model.
	for i := range l.openings[:l.place.solution] {
		l.openings[i].Shown = true
	}
	if v.steps == 0 {
		l.openings[l.place.solution].Released = true
	} else {
		l.place.fit = put("score, information and deviance at the model that is already open, once for each final step. The information is what the result's vcov is the inverse of; at full precision a reader can compute sums of covariates, weighted by it, from either. The score is near 0",
			newtonCells(v.root.Dim), v.steps, false)
	}
	if l.evaluation.part != nil {
		l.place.evaluate = put("the sum of squared errors of the model's predictions: its Brier score", 1, 1, false)
	}
}

// veilEvaluation lays the evaluation of a model that hospitals know: where they do not, there is none.
func (l *logisticPart) veilEvaluation() error {
	e := l.evaluation
	switch {
	case l.args.Sealed && l.args.Evaluate != nil && e.cells > 0:
		return &Refusal{Rule: "release", Message: "evaluating a model needs it at the hospitals, which do not see it under release: analyst", Remedy: "evaluate: {cells: 0}, or release: all"}
	case l.args.Sealed:
		e.cells = 0
	case l.args.Evaluate == nil:
		e.cells = DefaultVeiledCells
	}
	if e.cells == 0 {
		return nil
	}
	e.part = &productsPart{name: "evaluation", number: 1, ended: true, products: areaProducts(e.cells, true), legend: areaLegend(true),
		what: "computed from encrypted histograms of predicted risk with and without the event, of which nothing else is opened: the area under the curve, how exact it is, and DeLong's sums for its error",
		take: func(o openedProducts) {
			a := openArea(o, l.nEvent, l.n-l.nEvent, true)
			e.veiled = &a
		},
		count: func(rows *table.View, h [][]int64) error {
			m, err := l.matrix(rows)
			if err != nil {
				return err
			}
			e.each(m, l.main.cols, e.part.state, func(class int, y, _ float64) {
				of := areaOthers
				if y != 0 {
					of = areaEvents
				}
				h[of][class]++
			})
			return nil
		}}
	return nil
}

// startVeiled asks for the residuals of the solution.
func (l *logisticPart) startVeiled() {
	l.stage = logisticResiduals
	l.asks = []Ask{{Opening: l.place.residuals, From: &From{Outcome: RootResiduals},
		Cells: []Cell{{Name: "eigenvalues of the product of the information and its inverse, together"}, {Name: "squared length of the last correction"}}}}
}

// circuit implements veiledPart.
func (l *logisticPart) circuit() Circuit {
	r := l.veiled.root
	return Circuit{Name: "model", Root: &r, Outcomes: []Outcome{{Name: "residuals", Cells: 2}, {Name: "solution", Cells: r.Dim}}}
}

// input implements veiledPart: everything divided by n columns / 4, more than the information's trace.
// Columns that do not vary here, and places of levels without rows, have coefficient 0 by the first hospital's term.
func (l *logisticPart) input(rows *table.View, first bool) (Input, error) {
	m, err := l.matrix(rows)
	if err != nil {
		return Input{}, err
	}
	v := l.veiled
	n, dim := float64(l.n), v.root.Dim
	centre := make([]float64, len(l.varies))
	centre[0] = l.centre()
	c := n*float64(dim)/4 + l.penalty()
	term := v.projection.sums(m, l.varies, centre).root(dim, l.varies, c)
	if !first {
		return Input{Root: term}, nil
	}
	idle := make([]float64, dim)
	for j := range idle {
		idle[j] = 1
	}
	for _, j := range l.varies {
		idle[j] = 0
		if l.columns[j].Term >= 0 {
			idle[j] = l.penalty() / c
		}
	}
	columns := newMonomials(dim, 1)
	for j, x := range idle {
		term.A[j][j] += x
		term.Score[j][columns.at([]int{j})] -= x
	}
	return Input{Root: term}, nil
}

// centre is the intercept of all hospitals without any other column, from which the
// solution under encryption counts; 0 without an intercept, or with offsets.
func (l *logisticPart) centre() float64 {
	if !l.model.Intercept || l.model.HasOffset {
		return 0
	}
	e := float64(l.nEvent)
	return Round40(math.Max(-farthestCentre, math.Min(farthestCentre, math.Log(e/(float64(l.n)-e)))))
}
