package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// countPart opens a table of counts.
type countPart struct {
	rows, cols table.Factor
	waits      bool // for another part
	asks       []Ask
	counts     [][]int64
}

func newCountPart(rows, cols table.Factor) *countPart {
	p := &countPart{rows: rows, cols: cols}
	var cells []Cell
	for _, r := range rows.Levels {
		for _, c := range cols.Levels {
			cells = append(cells, countCell(rows.Name+" = "+r+", "+cols.Name+" = "+c, Plain))
		}
	}
	p.asks = []Ask{{Cells: cells}}
	return p
}

func (p *countPart) plan() []Opening {
	return []Opening{{
		What: fmt.Sprintf("how many people have each pair of %s and %s: every cell, small ones too, is seen by the hospitals' processes; small ones and what gives them away are not written",
			p.rows.Name, p.cols.Name),
		Cells: len(p.rows.Levels) * len(p.cols.Levels), MaxTimes: 1, CountsPeople: true, Released: true}}
}

func (p *countPart) ask() []Ask {
	if p.waits {
		return nil
	}
	return p.asks
}

func (p *countPart) add(rows *table.View, out *fixed.Sums) error {
	counts, err := countTable(rows, p.rows, p.cols)
	if err != nil {
		return err
	}
	for i, line := range counts {
		for j, n := range line {
			out.Add(i*len(line)+j, n)
		}
	}
	return nil
}

func (p *countPart) reduce(t fixed.Totals) error {
	for i := range p.rows.Levels {
		p.counts = append(p.counts, make([]int64, len(p.cols.Levels)))
		for j := range p.counts[i] {
			p.counts[i][j] = t.Count(i*len(p.cols.Levels) + j)
		}
	}
	p.asks = nil
	return nil
}

// countTable counts a hospital's rows that have both variables.
func countTable(rows *table.View, r, c table.Factor) ([][]int64, error) {
	x, err := rows.Table.Column(r.Name)
	if err != nil {
		return nil, err
	}
	y, err := rows.Table.Column(c.Name)
	if err != nil {
		return nil, err
	}
	counts := make([][]int64, len(r.Levels))
	for i := range counts {
		counts[i] = make([]int64, len(c.Levels))
	}
	for _, k := range rows.Rows {
		if i, j := r.Level(x[k]), c.Level(y[k]); i >= 0 && j >= 0 {
			counts[i][j]++
		}
	}
	return counts, nil
}
