package stat

import (
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// tally counts, with the census, every variable of an analysis that treats each
// on its own: values and missing values per group, levels of categories per
// group, and the hospitals that contribute.
type tally struct {
	by      *table.Factor // nil: one group, all rows
	minCell int
	vars    []*tallied
}

// tallied is the counts of one variable. Groups are the levels of the tally's factor.
type tallied struct {
	name    string
	factor  *table.Factor // categories and binaries: their levels
	field   *table.Field
	finer   bool      // count the values that lie off the grid
	n       []int64   // per group: values
	missing []int64   // per group
	levels  [][]int64 // per group and level
	sites   int64     // hospitals with at least max(1, min_cell) values
	offGrid int64     // values off the grid
}

func (y *tally) groups() int {
	if y.by == nil {
		return 1
	}
	return len(y.by.Levels)
}

// head is the number of cells of a variable before those of its groups: hospitals and, where they are wanted, values off the grid.
func (v *tallied) head() int {
	if v.finer {
		return 2
	}
	return 1
}

// per is the number of cells of a group: missing values, then values or levels.
func (v *tallied) per() int {
	if v.factor != nil {
		return 1 + len(v.factor.Levels)
	}
	return 2
}

// width is the number of cells of a variable.
func (y *tally) width(v *tallied) int { return v.head() + v.per()*y.groups() }

func (y *tally) plan() []Opening {
	cells := 0
	var names, finer []string
	levels := ""
	for _, v := range y.vars {
		cells += y.width(v)
		names = append(names, v.name)
		if v.factor != nil {
			levels = ", of categories how many of each level"
		}
		if v.finer {
			finer = append(finer, v.name)
		}
	}
	each := ""
	if y.by != nil {
		each = " in each group of " + y.by.Name
	}
	what := "how many values and missing values " + strings.Join(names, ", ") + " have" + each + levels + "; how many hospitals record each"
	if len(finer) > 0 {
		what += "; how many values of " + strings.Join(finer, ", ") + " are finer than the grid of their quantiles"
	}
	return []Opening{{
		What:  what,
		Cells: cells, MaxTimes: 1, CountsPeople: true, Released: true}}
}

// ask is part of the first round only, where tallyProgram makes it.
func (y *tally) ask() []Ask { return nil }

func (y *tally) first() Ask {
	a := Ask{Opening: 1}
	for _, v := range y.vars {
		a.Cells = append(a.Cells, countCell("hospitals with "+v.name, Plain))
		if v.finer {
			a.Cells = append(a.Cells, countCell(v.name+" off its grid", Plain))
		}
		for g := range y.groups() {
			in := inGroup(y.by, g)
			a.Cells = append(a.Cells, countCell(v.name+" missing"+in, Plain))
			part := Part{Variable: v.name}
			if y.by != nil {
				part.Factor, part.Level = y.by.Name, y.by.Levels[g]
			}
			names := []string{v.name}
			if v.factor != nil {
				names = nil
				for _, l := range v.factor.Levels {
					names = append(names, v.name+" = "+l)
				}
			}
			for _, name := range names {
				c := countCell(name+in, Plain)
				c.Part = part
				a.Cells = append(a.Cells, c)
			}
		}
	}
	return a
}

func (y *tally) add(rows *table.View, out *fixed.Sums) error {
	group, _, err := levelsOf(y.by, rows.Table)
	if err != nil {
		return err
	}
	at := 0
	for _, v := range y.vars {
		col, err := rows.Table.Column(v.name)
		if err != nil {
			return err
		}
		own := 0
		for _, i := range rows.Rows {
			g := group(i)
			if g < 0 {
				continue
			}
			cell, l := at+v.head()+g*v.per(), 0
			switch x := col[i]; {
			case x != x:
				out.Add(cell, 1)
				continue
			case v.factor != nil:
				l = v.factor.Level(x)
			case v.finer && !v.field.OnGrid(x):
				out.Add(at+1, 1)
			}
			out.Add(cell+1+l, 1)
			own++
		}
		if own >= max(1, y.minCell) {
			out.Add(at, 1)
		}
		at += y.width(v)
	}
	return nil
}

func (y *tally) reduce(t fixed.Totals) error {
	at := 0
	next := func() int64 { at++; return t.Count(at - 1) }
	for _, v := range y.vars {
		v.sites = next()
		if v.finer {
			v.offGrid = next()
		}
		for range y.groups() {
			v.missing = append(v.missing, next())
			counts := []int64{0}
			if v.factor != nil {
				counts = make([]int64, len(v.factor.Levels))
			}
			n := int64(0)
			for l := range counts {
				counts[l] = next()
				n += counts[l]
			}
			v.n, v.levels = append(v.n, n), append(v.levels, counts)
		}
	}
	return nil
}

// tallyProgram is a program whose first sum carries a tally beside the census. The tally is its first part.
type tallyProgram struct {
	program
	tally *tally
}

var _ Program = (*tallyProgram)(nil)

// Ask implements Program.
func (p *tallyProgram) Ask() []Ask {
	if p.counted {
		return p.program.Ask()
	}
	return append(p.program.Ask(), p.tally.first())
}

// Map implements Program.
func (p *tallyProgram) Map(rows *table.View, out *fixed.Sums) error {
	if p.counted {
		return p.program.Map(rows, out)
	}
	n := p.census.cells()
	if err := p.census.count(rows, out.Slice(0, n)); err != nil {
		return err
	}
	return p.tally.add(rows, out.Slice(n, out.Len()))
}

// Reduce implements Program.
func (p *tallyProgram) Reduce(total fixed.Totals) (bool, error) {
	if p.counted {
		return p.program.Reduce(total)
	}
	n := p.census.cells()
	if err := p.tally.reduce(total.Slice(n, total.Len())); err != nil {
		return false, err
	}
	return p.program.Reduce(total.Slice(0, n))
}
