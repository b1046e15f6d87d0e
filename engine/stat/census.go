package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// census is the first ask of every program: how many rows are used, dropped
// and filtered, how many hospitals contribute, and how many rows each declared
// level of the analysis's factors has. All programs make it in the same sum.
type census struct {
	args    Args
	vars    []string // rows missing one of these are excluded; may be empty
	factors []table.Factor
	shown   bool // with release: analyst, hospitals see it as well

	n, excluded, filtered, sites int64
	levels                       [][]int64 // per factor, per declared level; nil before take
}

// Every census cell counts people, so its terms are 0 or 1 per row.
func countCell(name string, m Meaning) Cell {
	return Cell{Cell: fixed.Cell{Max: 1, Step: fixed.One()}, Name: name, Meaning: m}
}

func newCensus(args Args, s *table.Schema, vars []string, factors []string) (*census, error) {
	c := &census{args: args, vars: vars}
	for _, name := range factors {
		f, err := s.Factor(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args.Kind, err)
		}
		c.factors = append(c.factors, f)
	}
	return c, nil
}

// opening is the declaration of the census; it is always Plan()[0].
func (c *census) opening() Opening {
	what := "how many rows are used, dropped for missing values and filtered; how many hospitals contribute"
	if len(c.factors) > 0 {
		what += "; how many rows each level has"
	}
	return Opening{What: what, Cells: c.cells(), MaxTimes: 1, CountsPeople: true, PerHospital: c.args.PerHospital, Released: true, Shown: c.shown}
}

func (c *census) cells() int {
	n := 4
	for _, f := range c.factors {
		n += len(f.Levels)
	}
	return n
}

func (c *census) ask() Ask {
	a := Ask{Opening: 0, Cells: []Cell{
		countCell("rows used", People), countCell("rows with a missing value", Plain),
		countCell("rows filtered", Plain), countCell("hospitals", Contributors)}}
	for _, f := range c.factors {
		for _, l := range f.Levels {
			c := countCell(f.Name+" = "+l, Plain)
			c.Part = Part{Factor: f.Name, Level: l}
			a.Cells = append(a.Cells, c)
		}
	}
	return a
}

// count writes a hospital's terms into the first cells of out.
func (c *census) count(rows *table.View, out *fixed.Sums) error {
	used, dropped, err := rows.Complete(c.vars...)
	if err != nil {
		return err
	}
	out.Add(0, int64(len(used.Rows)))
	out.Add(1, int64(dropped))
	out.Add(2, int64(rows.Filtered))
	if len(used.Rows) >= max(1, c.args.Rules.MinCell) {
		out.Add(3, 1)
	}
	at := 4
	for _, f := range c.factors {
		col, err := rows.Table.Column(f.Name)
		if err != nil {
			return err
		}
		for _, i := range used.Rows {
			if l := f.Level(col[i]); l >= 0 {
				out.Add(at+l, 1)
			}
		}
		at += len(f.Levels)
	}
	return nil
}

// take reads the totals.
func (c *census) take(t fixed.Totals) {
	c.n, c.excluded, c.filtered, c.sites = t.Count(0), t.Count(1), t.Count(2), t.Count(3)
	at := 4
	for _, f := range c.factors {
		var l []int64
		for range f.Levels {
			l = append(l, t.Count(at))
			at++
		}
		c.levels = append(c.levels, l)
	}
}

// frame starts the outcome with the counts.
func (c *census) counts() Frame {
	return Frame{N: c.n, Excluded: c.excluded, Filtered: c.filtered, Sites: c.sites}
}
