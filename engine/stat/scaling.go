package stat

import (
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// The way from the columns of a model to standardised ones, which every fit by
// Newton's method takes: sums of the columns, then squares about the means.

// sumCells are the cells of the columns' sums.
func (r *regression) sumCells() (cells []Cell) {
	for _, c := range r.columns {
		cell := countCell("rows with "+c.Name, Plain)
		if c.grid = false; !c.counts() {
			cell = c.sumCell(r.rows)
		}
		cells = append(cells, cell)
	}
	return cells
}

// readSums takes the sums of the columns, puts the centres of a model with intercept at the means, and returns them.
func (r *regression) readSums(t fixed.Totals) []float64 {
	sums := make([]float64, len(r.columns))
	for i, c := range r.columns {
		c.sum, sums[i] = t.Big(i), t.Float(i)
		if r.model.Intercept && c.Term >= 0 {
			c.place(r.n)
		}
	}
	return sums
}

// squareCells are the cells of the squares about the centres; 0/1 columns need none.
func (r *regression) squareCells() (cells []Cell) {
	for _, c := range r.columns {
		if c.Term >= 0 && !c.ZeroOne {
			cells = append(cells, Cell{Cell: fixed.Binary(c.half, r.rows), Name: "sum of centred " + c.Name},
				Cell{Cell: fixed.Binary(c.half*c.half, r.rows), Name: "sum of squares of centred " + c.Name})
		}
	}
	return cells
}

// addSquareCells adds a hospital's terms of squareCells.
func (r *regression) addSquareCells(m *Panels, out *fixed.Sums) {
	at := 0
	for i, c := range r.columns {
		if c.Term >= 0 && !c.ZeroOne {
			addSquares(m, i, c.centre, out, at)
			at += 2
		}
	}
}

// readSquares finds the SDs (about 0 in a model without intercept) and the
// columns that vary: R's rule with tolerance 1e-11 on the column's own norm.
func (r *regression) readSquares(t fixed.Totals) (scale []float64, varies []int, err error) {
	n := float64(r.n)
	at := 0
	scale = make([]float64, len(r.columns))
	for i, c := range r.columns {
		var square, raw float64 // sums about the mean and about 0
		switch {
		case c.Term < 0:
			scale[i] = 1
			varies = append(varies, i)
			continue
		case c.ZeroOne:
			raw = rounded(c.sum)
			square = raw * (n - raw) / n
		default:
			s, d := t.Big(at+1), t.Big(at)
			raw = rounded(s) + 2*c.centre*rounded(d) + n*c.centre*c.centre
			u := newBig(0).Mul(d, d)
			square = rounded(s.Sub(s, u.Quo(u, newBig(n))))
			at += 2
		}
		if err := r.restsOnFew(c, square); err != nil {
			return nil, nil, err
		}
		if !r.model.Intercept {
			square = raw
		}
		same := !(square > 1e-22*raw)
		if !c.ZeroOne {
			if same, err = c.constant(square, raw, 1e-22, fixed.Binary(c.half*c.half, r.rows).Step.Float(), r.n); err != nil {
				return nil, nil, err
			}
		}
		if !same {
			scale[i] = Round40(math.Sqrt(square / math.Max(1, n-1)))
			varies = append(varies, i)
		}
	}
	if len(varies) == 0 {
		return nil, nil, &Refusal{Rule: "rows", Message: "every column of the model is the same for everyone", Remedy: "leave out the terms that do not vary, or widen the cohort"}
	}
	return scale, varies, nil
}

// standardise centres and scales the columns that vary, in place.
func (r *regression) standardise(m *Panels, scale []float64, varies []int) {
	for k := range m.Len() {
		n := min(PanelRows, m.N-k*PanelRows)
		for _, j := range varies {
			if r.columns[j].Term < 0 {
				continue
			}
			x := m.column(k, j)[:n]
			centre, by := r.columns[j].centre, 1/scale[j]
			for i := range x {
				x[i] = (x[i] - centre) * by
			}
		}
	}
}

// build makes the model matrix of some rows of a hospital, in their order; the outcome is 0 where the formula has none.
func (r *regression) build(t *table.Table, rows []int) (*Panels, error) {
	e, err := r.design.Eval(t)
	if err != nil {
		return nil, err
	}
	m := NewPanels(len(r.columns), len(rows), r.model.HasOffset)
	for rows := range slices.Chunk(rows, PanelRows) { // column by column: each is read and written in the order of memory
		k := m.next(len(rows))
		for j := range r.columns {
			e.Column(j, rows, m.column(k, j))
		}
		for at, i := range rows {
			m.Y[k*PanelRows+at] = e.Outcome(i)
			if m.Offset != nil {
				m.Offset[k*PanelRows+at] = e.Offset(i)
			}
		}
	}
	return m, nil
}

// addColumn adds the sum of column j, over all rows or those with the event,
// to cell at. Panels are summed plainly: means only centre, and counts are exact.
func addColumn(m *Panels, j int, c *regressor, out *fixed.Sums, at int, events bool) {
	high, low := 0.0, 0.0
	for k := range m.Len() {
		x := m.column(k, j) // zeros beyond the last row
		s := 0.0
		if events {
			s = blas1.Ddot(PanelRows, x, 1, m.Y[k*PanelRows:], 1)
		} else {
			for _, v := range x {
				s += v
			}
		}
		add(&high, &low, s)
	}
	if c.counts() {
		out.Add(at, int64(high))
		return
	}
	out.AddFloat(at, high)
	out.AddFloat(at, low)
}

// addSquares adds sum and sum of squares of column j about centre to cells at and at+1.
func addSquares(m *Panels, j int, centre float64, out *fixed.Sums, at int) {
	var high, low [2]float64
	for k := range m.Len() {
		s, s2 := 0.0, 0.0
		for _, v := range m.column(k, j)[:min(PanelRows, m.N-k*PanelRows)] {
			d := v - centre
			s += d
			s2 += d * d
		}
		add(&high[0], &low[0], s)
		add(&high[1], &low[1], s2)
	}
	for p := range 2 {
		out.AddFloat(at+p, high[p])
		out.AddFloat(at+p, low[p])
	}
}

// unscaledEstimate turns the estimate on standardised columns into that of the model matrix.
func (r *regression) unscaledEstimate(m *newton, scale []float64) []float64 {
	out := make([]float64, len(m.cols))
	shift := newBig(0)
	for a, j := range m.cols {
		b := newBig(m.estimate[a])
		b.Quo(b, newBig(scale[j]))
		out[a] = rounded(b)
		if r.columns[j].Term >= 0 {
			shift.Add(shift, b.Mul(b, newBig(r.columns[j].centre)))
		}
	}
	if r.columns[m.cols[0]].Term < 0 {
		out[0] = rounded(newBig(0).Sub(newBig(m.estimate[0]), shift))
	}
	return out
}

// unscaledCovariance is the inverse information of the model matrix, nil when it is singular.
func (r *regression) unscaledCovariance(m *newton, scale []float64) *symmetric {
	if m.info == nil {
		return nil
	}
	v := m.covariance()
	if v == nil {
		return nil
	}
	return r.unscaled(m, v, scale)
}

// robustCovariance is the sandwich about the inverse information of the model matrix.
func (r *regression) robustCovariance(f *Frame, m *newton, scale []float64) *symmetric {
	v := m.covariance()
	if v == nil {
		return nil
	}
	v, none := r.sandwich.around(v, r.n)
	if none != "" {
		f.Warnings = append(f.Warnings, "no standard errors: "+none)
		return nil
	}
	return r.unscaled(m, v, scale)
}

// unscaled turns a covariance matrix on standardised columns into that of the model matrix.
func (r *regression) unscaled(m *newton, v *symmetric, scale []float64) *symmetric {
	if r.columns[m.cols[0]].Term < 0 {
		centre := make([]*big.Float, v.n)
		centre[0] = newBig(-1)
		for a, j := range m.cols[1:] {
			c := newBig(r.columns[j].centre)
			centre[a+1] = c.Quo(c, newBig(scale[j]))
		}
		v = uncentre(v, centre)
	}
	out := newSymmetric(v.n)
	for a, j := range m.cols {
		for b, k := range m.cols[a:] {
			x := out.at(a, a+b)
			x.Quo(v.at(a, a+b), newBig(scale[j]))
			x.Quo(x, newBig(scale[k]))
		}
	}
	return out
}

// vcov is the covariance matrix of the finite coefficients.
func (r *regression) vcov(m *newton, cov *symmetric, finite []int) *Matrix {
	if cov == nil || len(finite) == 0 {
		return nil
	}
	v := &Matrix{}
	for _, a := range finite {
		v.Terms = append(v.Terms, r.columns[m.cols[a]].Name)
		row := make([]float64, len(finite))
		for i, b := range finite {
			row[i] = rounded(cov.at(a, b))
		}
		v.Matrix = append(v.Matrix, row)
	}
	return v
}
