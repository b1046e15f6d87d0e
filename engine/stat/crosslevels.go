package stat

import "fmt"

// The sums of a fit without a fold, less those of the whole at the same
// coefficients, are sums over the fold: for a column that one of its people
// has, that person's outcome and covariates. So a column of two values has
// enough of both in every fold, as in the whole, or one alone.

// foldLevel is people who have the higher value of a column, or none of a term's columns.
type foldLevel struct {
	name    string
	at      []int     // places in the fit
	middles []float64 // of the standardised columns
	none    bool
}

// foldLevels lists those of a fit of some of the columns, standardised by scale.
func (r *regression) foldLevels(cols []int, scale []float64) (levels []foldLevel) {
	if r.args.Rules.MinCell <= 1 {
		return nil
	}
	terms := make(map[int]foldLevel)
	var order []int
	for a, j := range cols {
		c := r.columns[j]
		l := c.levelOf(r.n, scale[j])
		if !l.two {
			continue
		}
		levels = append(levels, foldLevel{name: c.Name, at: []int{a}, middles: []float64{l.middle}})
		t, known := terms[c.Term]
		if !known {
			order = append(order, c.Term)
		}
		terms[c.Term] = foldLevel{"none of the columns of " + r.model.Terms[c.Term].Label, append(t.at, a), append(t.middles, l.middle), true}
	}
	for _, t := range order {
		if l := terms[t]; len(l.at) > 1 {
			levels = append(levels, l)
		}
	}
	return levels
}

// has reports whether a row of the fit is one of them.
func (l foldLevel) has(x []float64) bool {
	for i, a := range l.at {
		if x[a] > l.middles[i] {
			return !l.none
		}
	}
	return l.none
}

// cells are the counts of the levels in k folds.
func levelCells(levels []foldLevel, k int) (cells []Cell) {
	for fold := range k {
		for _, l := range levels {
			cells = append(cells, countCell(fmt.Sprintf("people of fold %d with %s", fold+1, l.name), Plain))
		}
	}
	return cells
}

// thinLevel says which level a fold of n people has too few with, or without; "" when none.
func thinLevel(levels []foldLevel, count func(level int) int64, n int64, least int64) string {
	few := func(n int64) bool { return n > 0 && n < least }
	for i, l := range levels {
		if with := count(i); few(with) || few(n-with) {
			return fmt.Sprintf("a fold has fewer than %d people with %s, or without", least, l.name)
		}
	}
	return ""
}
