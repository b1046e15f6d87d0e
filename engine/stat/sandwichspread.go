package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// spreadPart counts, before the meat of standard errors clustered by hospital
// is opened, in how many hospitals each column tells anything. A column that is
// 0 but in two of them has a score there only: the two sum to 0, and the
// column's square in the meat is that of each.
type spreadPart struct {
	*regression
	vars  []string     // who misses one is no row
	event table.Factor // of a hazard model: only hospitals with the event have a score; no name otherwise

	done bool
}

// spread returns the part for a model with standard errors clustered by hospital, nil for others.
func (r *regression) spread(vars []string, event table.Factor) []part {
	if r.sandwich == nil || !r.sandwich.clustered() || r.args.Rules.MinCell <= 1 {
		return nil
	}
	return []part{&spreadPart{regression: r, vars: vars, event: event}}
}

// plan implements part.
func (p *spreadPart) plan() []Opening {
	return []Opening{{What: "for each column of the model, in how many hospitals it is not the same for everyone and in how many it is not 0, and for each term of yes/no columns in how many somebody has none of them: standard errors clustered by hospital are not opened where few hospitals tell of a column",
		Cells: len(p.cells(p.most.Columns)), MaxTimes: 1}}
}

// ask implements part: in the round of the columns' sums, which the rules on the census go before.
func (p *spreadPart) ask() []Ask {
	if p.done || p.columns == nil {
		return nil
	}
	return []Ask{{Cells: p.cells(p.design.Columns)}}
}

// cells are two for each column but the intercept, then one for each term of 0/1 columns.
func (p *spreadPart) cells(columns []formula.Column) (cells []Cell) {
	for _, c := range columns {
		if c.Term >= 0 {
			cells = append(cells, countCell("hospitals in which "+c.Name+" varies", Plain), countCell("hospitals in which "+c.Name+" is not 0", Plain))
		}
	}
	for _, t := range indicated(columns) {
		cells = append(cells, countCell("hospitals with people in none of the columns of "+columns[t[0]].Name, Plain))
	}
	return cells
}

// indicated lists the columns of each term that has none but 0/1 columns.
func indicated(columns []formula.Column) (terms [][]int) {
	for j := 0; j < len(columns); {
		term, all := []int{}, true
		for first := columns[j].Term; j < len(columns) && columns[j].Term == first; j++ {
			term, all = append(term, j), all && columns[j].ZeroOne && columns[j].Term >= 0
		}
		if all {
			terms = append(terms, term)
		}
	}
	return terms
}

// add implements part.
func (p *spreadPart) add(rows *table.View, out *fixed.Sums) error {
	used, _, err := rows.Complete(p.vars...)
	if err != nil {
		return err
	}
	e, err := p.design.Eval(rows.Table)
	if err != nil {
		return err
	}
	events := p.event.Name == ""
	var event []float64
	if !events {
		if event, err = rows.Table.Column(p.event.Name); err != nil {
			return err
		}
	}
	columns, terms := p.design.Columns, indicated(p.design.Columns)
	x, first := make([]float64, len(columns)), make([]float64, len(columns))
	varies, some, none := make([]bool, len(columns)), make([]bool, len(columns)), make([]bool, len(terms))
	for i, row := range used.Rows {
		e.Row(row, x)
		if i == 0 {
			copy(first, x)
		}
		events = events || p.event.Level(event[row]) == 1
		for j := range x {
			varies[j], some[j] = varies[j] || x[j] != first[j], some[j] || x[j] != 0
		}
		for k, t := range terms {
			sum := 0.0
			for _, j := range t {
				sum += x[j]
			}
			none[k] = none[k] || sum == 0
		}
	}
	at := 0
	put := func(yes bool) {
		if yes && events {
			out.Add(at, 1)
		}
		at++
	}
	for j, c := range columns {
		if c.Term >= 0 {
			put(varies[j])
			put(some[j])
		}
	}
	for _, yes := range none {
		put(yes)
	}
	return nil
}

// reduce implements part.
func (p *spreadPart) reduce(t fixed.Totals) error {
	p.done = true
	for i, c := range p.cells(p.design.Columns) {
		least := int64(len(p.columns)) + 3
		if n := t.Count(i); n > 0 && n < least {
			return &Refusal{Rule: "clusters", Message: fmt.Sprintf("standard errors clustered by hospital need at least %d %s: with fewer they come near to each hospital's own score", least, c.Name),
				Remedy: "leave out the term or merge its levels, or use se: hc3 (cox: hc0)"}
		}
	}
	return nil
}
