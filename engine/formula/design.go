package formula

import (
	"fmt"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// MaxColumns is the largest width of a model matrix.
const MaxColumns = 5000

// Design is a model matrix without its rows.
type Design struct {
	Columns  []Column
	Warnings []string // factors left out, reference levels without rows

	model  *Model
	levels [][]int // per variable of the model: a factor's declared levels that remain, reference first
	parts  [][]part
}

// Column is one column of a model matrix, or the outcome.
type Column struct {
	Name     string      // R's name: (Intercept), sexmale, age:sexmale, log(chol)
	Term     int         // index into Model.Terms; -1 for the intercept and the outcome
	Min, Max float64     // every value lies here, from the declared ranges
	ZeroOne  bool        // takes 0 and 1 only: a dummy, a binary, a product of such
	Grid     *table.Grid // every value is a whole multiple of this unit; nil: values as read or computed
	Levels   []Level     // the factor levels whose dummies the column multiplies
	Numbers  []string    // labels of the numbers the column multiplies
}

// Level names a level of a factor.
type Level struct {
	Factor string // dictionary variable
	Level  string
	Index  int // of the declared levels
}

// part is a factor of the product that a column is: a number, or a dummy of a level.
type part struct {
	variable int
	level    int // index of the declared levels; -1 for a number
}

// Design lays out the columns: within a term the first variable varies fastest.
// present says which declared levels of a factor of Model.Factors have rows;
// nil means all. Levels without rows are dropped (R's droplevels), the first
// that remains is the reference unless factor(x, ref = ...) names another that
// remains. A factor left with one level is left out of every term, and the
// model is laid out as if it had not been written.
func (m *Model) Design(present func(factor string) []bool) (*Design, error) {
	d := &Design{model: m, levels: make([][]int, len(m.variables))}
	constant := make([]bool, len(m.variables))
	for i, v := range m.variables {
		if !v.factor || !slices.Contains(m.Factors, v.field) {
			continue
		}
		if err := d.settle(i, v, present); err != nil {
			return nil, err
		}
		constant[i] = len(d.levels[i]) < 2
	}
	sets, terms := m.reduced(constant)
	if m.Intercept {
		d.add(Column{Name: "(Intercept)", Term: -1, Min: 1, Max: 1, Grid: &table.Grid{M: 1}}, nil)
	}
	code := codes(sets, m.variables, m.Intercept)
	for j, t := range sets {
		if err := d.layOut(t, terms[j], code[j]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// FactorLevels are the levels of a factor that a design is laid out with, in the order of the dictionary.
type FactorLevels struct {
	Factor string   `json:"factor"`
	Levels []string `json:"levels"`
}

// Levels lists the factors of the model with their levels that have rows.
func (d *Design) Levels() (all []FactorLevels) {
	for i, v := range d.model.variables {
		if d.levels[i] == nil || slices.ContainsFunc(all, func(f FactorLevels) bool { return f.Factor == v.field }) {
			continue
		}
		f := FactorLevels{Factor: v.field}
		for _, l := range slices.Sorted(slices.Values(d.levels[i])) {
			f.Levels = append(f.Levels, v.levels[l])
		}
		all = append(all, f)
	}
	return all
}

func (d *Design) add(c Column, p []part) {
	d.Columns = append(d.Columns, c)
	d.parts = append(d.parts, p)
}

func (d *Design) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(d.Warnings, w) {
		d.Warnings = append(d.Warnings, w)
	}
}

// settle decides which levels of factor i remain, the reference first.
func (d *Design) settle(i int, v *variable, present func(string) []bool) error {
	have := make([]bool, len(v.levels))
	if present == nil {
		for l := range have {
			have[l] = true
		}
	} else if p := present(v.field); len(p) == len(have) {
		have = p
	} else {
		return fmt.Errorf("formula: factor %s: %d levels counted, want %d", v.field, len(p), len(have))
	}
	var remain []int
	for l, h := range have {
		if h {
			remain = append(remain, l)
		} else {
			d.warn("factor %s: level %q has no rows and is dropped", v.field, v.levels[l])
		}
	}
	if v.ref >= 0 && have[v.ref] {
		remain = slices.DeleteFunc(remain, func(l int) bool { return l == v.ref })
		remain = slices.Insert(remain, 0, v.ref)
	} else if v.ref >= 0 && len(remain) > 0 {
		d.warn("factor %s: reference level %q has no rows; the reference is %q", v.field, v.levels[v.ref], v.levels[remain[0]])
	}
	if len(remain) == 1 {
		d.warn("factor %s: all rows have the level %q; it is left out", v.field, v.levels[remain[0]])
	} else if len(remain) == 0 {
		d.warn("factor %s: no rows; it is left out", v.field)
	}
	d.levels[i] = remain
	return nil
}

// reduced returns the terms less the constant factors, in R's order again, and each one's place in m.Terms.
// A term that becomes empty or repeats another has no columns.
func (m *Model) reduced(constant []bool) (sets []set, terms []int) {
	seen := map[string]bool{}
	for j, t := range m.sets {
		for _, v := range t.members() {
			if constant[v] {
				t = t.without(v)
			}
		}
		if k := t.key(); t.count() > 0 && !seen[k] {
			seen[k] = true
			sets, terms = append(sets, t), append(terms, j)
		}
	}
	order := make([]int, len(sets))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sets[a].count() - sets[b].count() })
	s, n := make([]set, len(sets)), make([]int, len(sets))
	for i, o := range order {
		s[i], n[i] = sets[o], terms[o]
	}
	return s, n
}

// layOut adds the columns of a term.
func (d *Design) layOut(t set, term int, code []uint8) error {
	members := t.members()
	choices := make([][]part, len(members)) // per variable of the term, the columns it has by itself
	width := 1
	for i, v := range members {
		if !d.model.variables[v].factor {
			choices[i] = []part{{variable: v, level: -1}}
			continue
		}
		levels := d.levels[v]
		if code[v] == 1 {
			levels = levels[1:]
		}
		for _, l := range levels {
			choices[i] = append(choices[i], part{variable: v, level: l})
		}
		if width *= len(levels); width > MaxColumns {
			break
		}
	}
	if len(d.Columns)+width > MaxColumns {
		return fmt.Errorf("formula: the model matrix has more than %d columns at term %s; merge levels or leave out interactions", MaxColumns, d.model.Terms[term].Label)
	}
	at := make([]int, len(members))
	for range width {
		p := make([]part, len(members))
		for i := range members {
			p[i] = choices[i][at[i]]
		}
		d.add(d.column(p, term), p)
		for i := range at { // the first variable varies fastest
			if at[i]++; at[i] < len(choices[i]) {
				break
			}
			at[i] = 0
		}
	}
	return nil
}

// column describes the product of the parts.
func (d *Design) column(parts []part, term int) Column {
	c := Column{Term: term, Min: 1, Max: 1}
	grid := &lattice{Grid: table.Grid{M: 1}, max: 1}
	var names []string
	dummy := false
	for _, p := range parts {
		v := d.model.variables[p.variable]
		if p.level < 0 {
			names = append(names, v.label)
			c.Numbers = append(c.Numbers, v.label)
			c.Min, c.Max = product(c.Min, c.Max, v.value.min, v.value.max)
			grid = times(grid, v.value.grid)
			continue
		}
		dummy = true
		names = append(names, v.label+v.levels[p.level])
		c.Levels = append(c.Levels, Level{Factor: v.field, Level: v.levels[p.level], Index: p.level})
	}
	if dummy {
		c.Min, c.Max = min(c.Min, 0), max(c.Max, 0)
	}
	c.Name, c.Grid, c.ZeroOne = strings.Join(names, ":"), grid.unit(), isZeroOne(grid, c.Min, c.Max)
	return c
}
