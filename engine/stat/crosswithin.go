package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// A fold's people tell of a column only where they differ from most of their
// hospital's stratum: in every fold nobody does, or enough, as in the whole.

// firstWithin is the place of these counts in the sum of the folds' sizes.
func (c *coxCross) firstWithin() int { return (2 + len(c.levels)) * c.k }

// askWithin asks for them, one of each column and fold.
func (c *coxCross) askWithin() {
	if c.stage != crossCounts || c.of.args.Rules.MinCell <= 1 {
		return
	}
	for k := range c.k {
		for _, j := range c.of.fit.cols {
			c.asks[0].Cells = append(c.asks[0].Cells, countCell(fmt.Sprintf("people of fold %d who differ from their stratum in %s", k+1, c.of.columns[j].Name), Plain))
		}
	}
}

func (c *coxCross) addWithin(f *coxFolds, out *fixed.Sums) {
	if c.stage != crossCounts || c.of.args.Rules.MinCell <= 1 {
		return
	}
	cols := c.of.fit.cols
	for a, j := range cols {
		f.rows.differing(j, func(i int) { out.Add(c.firstWithin()+f.fold[i]*len(cols)+a, 1) })
	}
}

// thinWithin names a column in which 1..min_cell-1 people of a fold differ, "" when there is none.
func (c *coxCross) thinWithin(t fixed.Totals) string {
	if c.of.args.Rules.MinCell <= 1 {
		return ""
	}
	cols := c.of.fit.cols
	for k := range c.k {
		for a, j := range cols {
			if n := t.Count(c.firstWithin() + k*len(cols) + a); n > 0 && n < int64(c.of.args.Rules.MinCell) {
				return c.of.columns[j].Name
			}
		}
	}
	return ""
}
