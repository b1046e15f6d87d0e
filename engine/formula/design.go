package formula

import (
	"errors"

	"github.com/consilium-health/consilium/engine/table"
)

// Design is a model matrix without its rows.
type Design struct {
	Columns  []Column
	Warnings []string // factors left out, reference levels without rows
	model    *Model
}

// Column is one column of a model matrix.
type Column struct {
	Name     string      // R's name: (Intercept), sexmale, age:sexmale, log(chol)
	Term     int         // index into Model.Terms; -1 for the intercept
	Min, Max float64     // every value lies here, from the declared ranges
	ZeroOne  bool        // takes 0 and 1 only: a dummy, a binary, a product of such
	Grid     *table.Grid // every value is a whole multiple of this unit; nil: values as read
	Levels   []Level     // the factor levels whose dummies the column multiplies
	Numbers  []string    // the labels of the numeric variables the column multiplies
}

// Level names a level of a factor.
type Level struct {
	Factor string // dictionary variable
	Level  string
	Index  int // of the declared levels
}

// Design lays out the columns. present says which declared levels of a factor
// (of Model.Factors) have rows; the others are dropped as R's droplevels does.
func (m *Model) Design(present func(factor string) []bool) (*Design, error) {
	return nil, errors.New("formula: no columns")
}

// Saturated reports whether the model is a table in disguise: all variables
// take few values and the columns span every cell of their cross table.
func Saturated(d *Design) bool { return false }

// CellVariables returns the variables of the cross table that Saturated speaks
// of, nil when a variable is a measured number.
func (d *Design) CellVariables() []string { return nil }

// Eval binds the design to the columns of a table.
func (d *Design) Eval(t *table.Table) (*Eval, error) {
	return &Eval{}, nil
}

// Eval computes model-matrix rows of one table. It is used by one goroutine.
type Eval struct{}

// Row writes row i of the model matrix into x, which has a place per column.
func (e *Eval) Row(i int, x []float64) {}

// Points writes the grid numbers of row i: value = number times unit for columns that have a Grid, 0 for others.
func (e *Eval) Points(i int, k []int64) {}

// Outcome returns the outcome of row i.
func (e *Eval) Outcome(i int) float64 { return 0 }

// OutcomePoint returns the grid number of the outcome of row i, 0 when the outcome has no grid.
func (e *Eval) OutcomePoint(i int) int64 { return 0 }

// Offset returns the sum of the offsets of row i, 0 without one.
func (e *Eval) Offset(i int) float64 { return 0 }
