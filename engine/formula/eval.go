package formula

import "github.com/consilium-health/consilium/engine/table"

// Eval computes model-matrix rows of one table. It is not changed by use:
// several goroutines may share it.
type Eval struct {
	columns []column
	outcome func(i int) float64
	point   func(i int) int64
	offsets [][]float64
}

// column is how one column of the matrix is computed: where all dummies are 1
// the numbers are multiplied in the order of the term, as R does.
type column struct {
	plain   []float64 // the one number the column is, without dummies; else nil
	dummies []dummy
	numbers [][]float64         // values per row
	points  []func(i int) int64 // grid numbers per row; nil when the column has no grid
	gridded bool
}

type dummy struct {
	stored []float64
	level  float64 // the stored value that has the level
}

// Eval binds the design to the columns of a table. Transformed columns are
// computed here, once for all rows; rows missing a variable are NaN.
func (d *Design) Eval(t *table.Table) (*Eval, error) { return d.bind(t.Column, t.Rows()) }

func (d *Design) bind(from source, rows int) (*Eval, error) {
	e := &Eval{columns: make([]column, len(d.Columns))}
	computed := map[int][]float64{} // per variable
	number := func(v int) ([]float64, error) {
		c, ok := computed[v]
		if ok {
			return c, nil
		}
		c, err := materialise(d.model.variables[v].value, from, rows)
		computed[v] = c
		return c, err
	}
	for j, parts := range d.parts {
		c := &e.columns[j]
		c.gridded = d.Columns[j].Grid != nil
		for _, p := range parts {
			v := d.model.variables[p.variable]
			if v.factor {
				stored, err := from(v.field)
				if err != nil {
					return nil, err
				}
				c.dummies = append(c.dummies, dummy{stored, v.first + float64(p.level)})
				continue
			}
			x, err := number(p.variable)
			if err != nil {
				return nil, err
			}
			c.numbers = append(c.numbers, x)
			if c.gridded {
				k, err := v.value.points(from)
				if err != nil {
					return nil, err
				}
				c.points = append(c.points, k)
			}
		}
	}
	for j := range e.columns {
		if c := &e.columns[j]; len(c.numbers) == 1 && len(c.dummies) == 0 {
			c.plain = c.numbers[0]
		}
	}
	for i, v := range d.model.variables {
		if !v.offset {
			continue
		}
		x, err := number(i)
		if err != nil {
			return nil, err
		}
		e.offsets = append(e.offsets, x)
	}
	return e, e.bindOutcome(d.model, from, rows)
}

// materialise returns the values of x per row: the table's own column where x is a plain variable.
func materialise(x *expr, from source, rows int) ([]float64, error) {
	if x.op == opName {
		return from(x.field.Name)
	}
	f, err := x.values(from)
	if err != nil {
		return nil, err
	}
	c := make([]float64, rows)
	for i := range c {
		c[i] = f(i)
	}
	return c, nil
}

func (e *Eval) bindOutcome(m *Model, from source, rows int) error {
	e.outcome, e.point = func(int) float64 { return 0 }, func(int) int64 { return 0 }
	v := m.outcome
	if v == nil {
		return nil
	}
	if v.factor {
		stored, err := from(v.field)
		e.outcome = func(i int) float64 { return stored[i] - v.first }
		e.point = func(i int) int64 { return int64(stored[i] - v.first) }
		return err
	}
	x, err := materialise(v.value, from, rows)
	if err != nil {
		return err
	}
	e.outcome = func(i int) float64 { return x[i] }
	if m.OutcomeColumn.Grid != nil {
		e.point, err = v.value.points(from)
	}
	return err
}

// Row writes row i of the model matrix into x, which has a place per column.
func (e *Eval) Row(i int, x []float64) {
	for j := range e.columns {
		if c := &e.columns[j]; c.plain != nil {
			x[j] = c.plain[i]
		} else {
			x[j] = c.value(i)
		}
	}
}

// Column writes column j of the model matrix for some rows into x, which has a place per row.
func (e *Eval) Column(j int, rows []int, x []float64) {
	c := &e.columns[j]
	if c.plain != nil {
		for k, i := range rows {
			x[k] = c.plain[i]
		}
		return
	}
	for k, i := range rows {
		x[k] = c.value(i)
	}
}

func (c *column) value(i int) float64 {
	for _, d := range c.dummies {
		if d.stored[i] != d.level {
			return 0
		}
	}
	v := 1.0
	for _, n := range c.numbers {
		v *= n[i]
	}
	return v
}

// Points writes the grid numbers of row i: number times unit is the value of
// a column that has a Grid; others get 0. The row may miss no variable.
func (e *Eval) Points(i int, k []int64) {
	for j := range e.columns {
		k[j] = 0
		if c := &e.columns[j]; c.gridded {
			k[j] = c.point(i)
		}
	}
}

func (c *column) point(i int) int64 {
	for _, d := range c.dummies {
		if d.stored[i] != d.level {
			return 0
		}
	}
	k := int64(1)
	for _, p := range c.points {
		k *= p(i)
	}
	return k
}

// Outcome returns the outcome of row i; 0 without a left side.
func (e *Eval) Outcome(i int) float64 { return e.outcome(i) }

// OutcomePoint returns the grid number of the outcome of row i, 0 when the outcome has no grid.
func (e *Eval) OutcomePoint(i int) int64 { return e.point(i) }

// Offset returns the sum of the offsets of row i, 0 without one.
func (e *Eval) Offset(i int) float64 {
	var s float64
	for _, o := range e.offsets {
		s += o[i]
	}
	return s
}
