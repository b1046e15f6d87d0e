package formula

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// maxCells bounds the cross table whose rank is computed.
const maxCells = 200

// CellVariables returns the variables of the model's terms when all take few
// values (categories, binaries, numbers of at most table.MaxFactorPoints grid
// points), so that its rows fall into the cells of a table; else nil.
func (d *Design) CellVariables() []string {
	names, _ := d.cells()
	return names
}

// cells returns the variables of the terms and the stored values each can take; nil when one takes many.
func (d *Design) cells() (names []string, values [][]float64) {
	for _, parts := range d.parts {
		for _, p := range parts {
			v := d.model.variables[p.variable]
			if v.factor {
				if !slices.Contains(names, v.field) {
					var x []float64
					for _, l := range d.levels[p.variable] {
						x = append(x, v.first+float64(l))
					}
					names, values = append(names, v.field), append(values, x)
				}
				continue
			}
			for _, f := range v.value.fields() {
				if slices.Contains(names, f.Name) {
					continue
				}
				x := fewValues(f)
				if x == nil {
					return nil, nil
				}
				names, values = append(names, f.Name), append(values, x)
			}
		}
	}
	return names, values
}

// fewValues returns the values a number or binary can take, nil when they are many.
func fewValues(f *table.Field) (x []float64) {
	if f.Kind == table.Binary {
		return []float64{0, 1}
	}
	if fieldLattice(f) == nil {
		return nil
	}
	lo, hi := f.Points()
	if hi-lo >= table.MaxFactorPoints {
		return nil
	}
	for k := lo; k <= hi; k++ {
		x = append(x, f.Value(k))
	}
	return x
}

// fields returns the dictionary variables below e.
func (e *expr) fields() (out []*table.Field) {
	if e.op == opName {
		out = append(out, e.field)
	}
	for _, a := range e.args {
		out = append(out, a.fields()...)
	}
	return out
}

// Saturated reports whether the model is a table in disguise: its variables
// take few values and its columns span every cell of their cross table, so
// that the fitted values are the cells' own means. A model without variables is
// not. Beyond maxCells cells it is enough that there is a column for each.
func Saturated(d *Design) bool {
	names, values := d.cells()
	if len(names) == 0 {
		return false
	}
	n := 1
	for _, v := range values {
		if n *= len(v); n > len(d.Columns) {
			return false // fewer columns than cells
		}
	}
	return n > maxCells || d.Cells() != nil
}

// Cells returns the model-matrix rows of all cells of the cross table of a
// saturated model; nil when the model is not saturated or has more than maxCells cells.
func (d *Design) Cells() [][]float64 {
	rows := d.cellRows()
	if rows == nil {
		return nil
	}
	scratch := make([][]float64, len(rows))
	for i := range rows {
		scratch[i] = slices.Clone(rows[i])
	}
	if rank(scratch) < len(rows) {
		return nil
	}
	return rows
}

// cellRows returns a model-matrix row per cell, nil when there are none, more than columns or more than maxCells.
func (d *Design) cellRows() [][]float64 {
	names, values := d.cells()
	n := 1
	for _, v := range values {
		if n *= len(v); n > len(d.Columns) || n > maxCells {
			return nil
		}
	}
	if len(names) == 0 {
		return nil
	}
	cells := make(map[string][]float64, len(names))
	every := 1
	for i, name := range names {
		c := make([]float64, n)
		for r := range c {
			c[r] = values[i][r/every%len(values[i])]
		}
		cells[name] = c
		every *= len(values[i])
	}
	e, err := d.bind(func(name string) ([]float64, error) {
		if c, ok := cells[name]; ok {
			return c, nil
		}
		return make([]float64, n), nil // outcome and offset do not matter here
	}, n)
	if err != nil {
		return nil
	}
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, len(d.Columns))
		e.Row(i, rows[i])
	}
	return rows
}

// rank returns the numerical rank of a matrix by elimination with complete
// pivoting on columns scaled to a largest entry of 1. It overwrites rows.
func rank(rows [][]float64) int {
	if len(rows) == 0 {
		return 0
	}
	for j := range rows[0] {
		top := 0.0
		for _, r := range rows {
			top = math.Max(top, math.Abs(r[j]))
		}
		for _, r := range rows {
			if top > 0 {
				r[j] /= top
			}
		}
	}
	for k := range rows {
		pi, pj, top := k, 0, 0.0
		for i := k; i < len(rows); i++ {
			for j, x := range rows[i] {
				if math.Abs(x) > top {
					pi, pj, top = i, j, math.Abs(x)
				}
			}
		}
		if top < 1e-9 {
			return k
		}
		rows[k], rows[pi] = rows[pi], rows[k]
		for i := k + 1; i < len(rows); i++ {
			if f := rows[i][pj] / rows[k][pj]; f != 0 {
				for j := range rows[i] {
					rows[i][j] -= f * rows[k][j]
				}
				rows[i][pj] = 0
			}
		}
	}
	return len(rows)
}
