package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
)

// The disclosure rules of models. What the census and the sums of the columns
// can decide they decide before a product or a score is opened.

// smallLevels refuses a level of a factor with too few people, and a variable
// of two values that no column counts. The reference level has no column of its
// own, but the intercept speaks of it.
func (r *regression) smallLevels(c *census) error {
	for i, f := range c.factors {
		if !slices.Contains(r.model.Factors, f.Name) && !slices.Contains(r.rare, f.Name) {
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

// smallColumns refuses a column of two values, one of which too few people
// have, then a model with too many parameters for its rows. Columns that are
// the same for everyone are aliased and do not count.
func (r *regression) smallColumns() error {
	least := int64(r.args.Rules.MinCell)
	free := 0
	for _, c := range r.columns {
		ones, two := c.ones(r.n)
		switch {
		case least > 1 && two && ones < least:
			return r.fewPeople("column " + c.Name)
		case least > 1 && two && r.n-ones < least:
			return r.fewPeople("the rest beside column " + c.Name)
		case !c.ZeroOne && (c.Term < 0 || c.Min < c.Max), c.ZeroOne && ones > 0 && (ones < r.n || !r.model.Intercept):
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

// ones returns how many of n people have the higher of the two values that a column takes.
func (c *regressor) ones(n int64) (ones int64, two bool) {
	if c.Term < 0 || !c.ZeroOne && !c.support.Two {
		return 0, false
	}
	lo, hi := 0.0, 1.0
	if !c.ZeroOne {
		lo, hi = c.support.Low, c.support.High
	}
	up := newBig(lo)
	up.Sub(c.sum, up.Mul(up, newBig(float64(n))))
	return int64(math.Round(rounded(up.Quo(up, newBig(hi-lo))))), true
}

// restsOnFew refuses a computed column, or a product over few people that no
// other column counts, which is near one end of its range for nearly everyone:
// what varies then are a few people, as in an indicator. Of numbers u at least 0
// at least (sum u)^2 / sum u^2 are not 0, and exactly so many when these are equal.
// spread is the sum of squares about the mean.
func (r *regression) restsOnFew(c *regressor, spread float64) error {
	if least := r.args.Rules.MinCell; least <= 1 || !(spread > 0) || c.Term < 0 || c.ZeroOne || !c.support.Computed && r.counted(c) {
		return nil
	}
	n := float64(r.n)
	mean := newBig(0).Quo(c.sum, newBig(n))
	for _, end := range []float64{c.support.Low, c.support.High} {
		d := rounded(newBig(0).Sub(mean, newBig(end)))
		if people := n * n * d * d / (spread + n*d*d); people < float64(r.args.Rules.MinCell)*(1-1e-9) {
			return &Refusal{Rule: "min_cell",
				Message: fmt.Sprintf("column %s is nearly the same for all but fewer than %d people: its coefficient would speak of single ones", c.Name, r.args.Rules.MinCell),
				Remedy:  "use a transformation that does not single out few people"}
		}
	}
	return nil
}

// counted reports whether the people for whom a column is not 0 are known to
// be enough: it multiplies at most one indicator, or just those of a 0/1 column of the model.
func (r *regression) counted(c *regressor) bool {
	return len(c.support.Indicators) < 2 || slices.ContainsFunc(r.columns, func(o *regressor) bool {
		return o.ZeroOne && slices.Equal(o.support.Indicators, c.support.Indicators)
	})
}

// smallInteractions refuses an interaction of categories with a cell of too
// few people, whichever level is the reference: with another it would have a column.
func (r *regression) smallInteractions() error {
	if r.args.Rules.MinCell <= 1 {
		return nil
	}
	for _, t := range r.design.CrossTables() {
		sums := make([]float64, len(t.Columns))
		for i, j := range t.Columns {
			if sums[i] = float64(r.n); r.columns[j].Term >= 0 {
				sums[i] = rounded(r.columns[j].sum)
			}
		}
		n, ok := cellCounts(t.Rows, sums)
		if !ok {
			continue // its columns alone do not count the cells
		}
		for _, k := range n {
			if k > 0 && k < int64(r.args.Rules.MinCell) {
				return r.fewPeople("a cell of the interaction " + t.Label)
			}
		}
	}
	return nil
}

// smallSums applies the rules that the sums of a linear model's columns decide:
// thin columns, the table of a saturated model, thin interactions, and an outcome of two values that few people have one of.
func (r *regression) smallSums(table [][]float64, outcome *regressor) error {
	if err := r.smallColumns(); err != nil {
		return err
	}
	if table != nil {
		var sums []float64
		if r.model.Intercept {
			sums = append(sums, float64(r.n))
		}
		for _, c := range r.slopes() {
			sums = append(sums, rounded(c.sum))
		}
		if err := r.smallTable(table, sums); err != nil {
			return err
		}
	}
	if err := r.smallInteractions(); err != nil {
		return err
	}
	least := int64(r.args.Rules.MinCell)
	if ones, two := outcome.ones(r.n); least > 1 && two && min(ones, r.n-ones) < least {
		return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("the outcome has two values, and fewer than %d people have one of them", least),
			Remedy: "widen the cohort, or choose a more frequent outcome"}
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
