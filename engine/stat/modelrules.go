package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
)

// The disclosure rules of models. All are decided from the census and the sums
// of the columns, before a product or a score is opened.

// smallLevels refuses a level of a factor with too few people. The reference
// level has no column of its own, but the intercept speaks of it.
func (r *regression) smallLevels(c *census) error {
	for i, f := range c.factors {
		if !slices.Contains(r.model.Factors, f.Name) {
			continue
		}
		for l, n := range c.levels[i] {
			if n > 0 && n < int64(r.args.Rules.MinCell) {
				return r.fewPeople(fmt.Sprintf("level %s of %s", f.Levels[l], f.Name))
			}
		}
	}
	return nil
}

func (r *regression) fewPeople(what string) error {
	return &Refusal{Rule: "min_cell",
		Message: fmt.Sprintf("%s has fewer than %d people: its coefficient would speak of single ones", what, r.args.Rules.MinCell),
		Remedy:  "merge it with another level, or leave the term out"}
}

// smallColumns refuses a 0/1 column with too few ones or zeros, then a model
// with too many parameters for its rows, then a table in disguise. Columns
// that are the same for everyone are aliased and do not count.
func (r *regression) smallColumns() error {
	least := int64(r.args.Rules.MinCell)
	free := 0
	for _, c := range r.columns {
		if !c.ZeroOne || c.Term < 0 {
			if c.Term < 0 || c.Min < c.Max {
				free++
			}
			continue
		}
		ones, _ := c.sum.Int64()
		switch {
		case least > 1 && ones < least:
			return r.fewPeople("column " + c.Name)
		case least > 1 && r.n-ones < least:
			return r.fewPeople("the rest beside column " + c.Name)
		case ones > 0 && (ones < r.n || !r.model.Intercept):
			free++
		}
	}
	if limit := r.args.Rules.MaxParametersPerRow; limit > 0 && float64(free) > limit*float64(r.n) {
		return &Refusal{Rule: "max_parameters_per_row",
			Message: fmt.Sprintf("%d parameters for %d rows: more than %v for each row come near to the rows themselves", free, r.n, limit),
			Remedy:  "leave out terms, or merge levels"}
	}
	return nil
}

// table is the model-matrix rows of all cells of a saturated model's cross
// table, nil for other models: with a coefficient for every cell, the number of
// people in each follows from the sums of the columns.
func (r *regression) crossTable() ([][]float64, error) {
	if r.args.Rules.MinCell <= 1 || !formula.Saturated(r.design) {
		return nil, nil
	}
	x := r.design.Cells()
	if x == nil {
		return nil, &Refusal{Rule: "saturated", Message: "the model has a coefficient for every cell of a cross table of too many cells to check",
			Remedy: "leave out the highest interaction, or merge levels"}
	}
	return x, nil
}

// smallTable refuses a saturated model whose table has a cell of
// 1..min_cell-1 people. x are the model-matrix rows of the cells; sums are the
// columns' sums, over all rows or over those with the event. With dummy
// columns this is Moebius inversion; a linear system says the same for every coding.
func (r *regression) smallTable(x [][]float64, sums []float64) error {
	if len(x) == 0 {
		return nil
	}
	n, ok := cellCounts(x, sums)
	if !ok {
		return &Refusal{Rule: "saturated", Message: "the model has a coefficient for every cell of a cross table that its sums cannot be checked for", Remedy: "leave out the highest interaction"}
	}
	for _, k := range n {
		if k > 0 && k < int64(r.args.Rules.MinCell) {
			return &Refusal{Rule: "saturated",
				Message: fmt.Sprintf("the model has a coefficient for every cell of a cross table, and a cell has fewer than %d people", r.args.Rules.MinCell),
				Remedy:  "leave out the highest interaction, or merge levels"}
		}
	}
	return nil
}

// cellCounts solves sum over cells n(cell) x(cell) = sums for the whole
// numbers n, by elimination with pivoting. There may be more columns than cells.
func cellCounts(x [][]float64, sums []float64) ([]int64, bool) {
	k := len(x)
	a := make([][]float64, len(sums))
	for i := range a {
		a[i] = make([]float64, k+1)
		for c := range k {
			a[i][c] = x[c][i]
		}
		a[i][k] = sums[i]
		top := 0.0
		for _, v := range a[i][:k] {
			top = math.Max(top, math.Abs(v))
		}
		for c := range a[i] {
			if top > 0 {
				a[i][c] /= top
			}
		}
	}
	for c := range k {
		p := c
		for i := c; i < len(a); i++ {
			if math.Abs(a[i][c]) > math.Abs(a[p][c]) {
				p = i
			}
		}
		if len(a) <= c || math.Abs(a[p][c]) < 1e-9 {
			return nil, false
		}
		a[c], a[p] = a[p], a[c]
		for i := range a {
			if f := a[i][c] / a[c][c]; i != c && f != 0 {
				for j := c; j <= k; j++ {
					a[i][j] -= f * a[c][j]
				}
			}
		}
	}
	n := make([]int64, k)
	for i := range k {
		n[i] = int64(math.Round(a[i][k] / a[i][i]))
	}
	return n, true
}
