package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// DefaultCells is the number of classes of predicted probability a fit is
// evaluated in; of an encrypted one, whose classes nobody sees, as many as fill one polynomial.
const (
	DefaultCells       = 100
	DefaultVeiledCells = 8192
)

// maxEvaluate bounds evaluate: {cells: ...}.
const maxEvaluate = 65536

// evaluation counts events and others in equal classes of the predicted
// probability, from which the area under the ROC curve follows up to ties
// within a class, and sums squared errors.
type evaluation struct {
	cells          int
	events, others []int64
	squares        float64 // sum of (y-p)^2
	veiled         *areaOpened
	part           *productsPart // that opens it
}

func (e *evaluation) ask(rows uint64) []Cell {
	var cells []Cell
	if e.part != nil {
		return []Cell{e.squaresCell(rows)}
	}
	for _, what := range []string{"events, predicted in ", "others, predicted in "} {
		for c := range e.cells {
			low, high := float64(c)/float64(e.cells), float64(c+1)/float64(e.cells)
			cells = append(cells, countCell(what+"["+number(low)+", "+number(high)+")", Plain))
		}
	}
	return append(cells, e.squaresCell(rows))
}

func (e *evaluation) squaresCell(rows uint64) Cell {
	return Cell{Cell: fixed.Binary(1, rows), Name: "sum of squared errors of prediction"}
}

// add counts the rows of m predicted at beta; those of an encrypted evaluation are counted elsewhere.
func (e *evaluation) add(m *Panels, cols []int, beta []float64, out *fixed.Sums) {
	high, low := 0.0, 0.0
	e.each(m, cols, beta, func(class int, y, p float64) {
		add(&high, &low, (y-p)*(y-p))
		switch {
		case e.part != nil:
		case y == 0:
			out.Add(e.cells+class, 1)
		default:
			out.Add(class, 1)
		}
	})
	at := 2 * e.cells
	if e.part != nil {
		at = 0
	}
	out.AddFloat(at, high)
	out.AddFloat(at, low)
}

// each visits the rows of m predicted at beta, with their class, outcome and prediction.
func (e *evaluation) each(m *Panels, cols []int, beta []float64, visit func(class int, y, p float64)) {
	m.each(cols, beta, func(row int, eta float64) {
		p := 1 / (1 + math.Exp(-eta))
		visit(min(int(p*float64(e.cells)), e.cells-1), m.Y[row], p)
	})
}

func (e *evaluation) take(t fixed.Totals) {
	if e.part != nil {
		e.squares = t.Float(0)
		return
	}
	for c := range e.cells {
		e.events, e.others = append(e.events, t.Count(c)), append(e.others, t.Count(e.cells+c))
	}
	e.squares = t.Float(2 * e.cells)
}

// auc returns the area under the ROC curve with ties in a class counted half,
// the largest error of that, and DeLong's standard error on the classes
// (DeLong, DeLong, Clarke-Pearson 1988).
func (e *evaluation) auc() (auc, bound, se float64) {
	if e.veiled != nil {
		a := e.veiled.area()
		if a.se == 0 && a.bound > 0 {
			a.se = math.NaN()
		}
		return a.auc, a.bound, a.se
	}
	var n, m float64 // events, others
	for c := range e.cells {
		n += float64(e.events[c])
		m += float64(e.others[c])
	}
	below := 0.0 // others in lower classes
	for c := range e.cells {
		x, u := float64(e.events[c]), float64(e.others[c])
		auc += x * (below + u/2)
		bound += x * u
		below += u
	}
	auc /= n * m
	bound /= 2 * n * m
	var s10, s01 float64
	below, belowEvents := 0.0, 0.0
	for c := range e.cells {
		x, u := float64(e.events[c]), float64(e.others[c])
		d := (below+u/2)/m - auc
		s10 += x * d * d
		d = 1 - (belowEvents+x/2)/n - auc
		s01 += u * d * d
		below += u
		belowEvents += x
	}
	se = math.Sqrt(s10/(n-1)/n + s01/(m-1)/m)
	if se == 0 && bound > 0 { // all in one class: nothing is known of the order within
		se = math.NaN()
	}
	return auc, bound, se
}

// put appends the figures to a glance row.
func (e *evaluation) put(g Record, n int64, deviance float64) Record {
	auc, bound, se := e.auc()
	return g.Put("auc", auc).Put("auc_bound", bound).Put("auc_std_error", se).
		Put("auc_low", math.Max(0, auc-z975*se)).Put("auc_high", math.Min(1, auc+z975*se)).
		Put("brier", e.squares/float64(n)).Put("log_loss", deviance/2/float64(n)).Put("evaluate_cells", e.cells)
}
