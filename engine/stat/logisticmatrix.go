package stat

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// panelCache is the hospital's model matrix: built at the first sum after the
// census, standardised in place at the first Newton round.
type panelCache struct {
	of       *table.Table
	selected int // rows of the view
	m        *Panels
	standard bool
}

// matrix returns the model matrix of the rows, standardised once the scale is known.
func (l *logisticPart) matrix(rows *table.View) (*Panels, error) {
	c := l.cache
	if c == nil || c.of != rows.Table || c.selected != len(rows.Rows) {
		m, err := l.build(rows)
		if err != nil {
			return nil, err
		}
		c = &panelCache{of: rows.Table, selected: len(rows.Rows), m: m}
		l.cache = c
	}
	if l.stage > logisticSquares && !c.standard {
		for k := range c.m.Len() {
			n := min(PanelRows, c.m.N-k*PanelRows)
			for _, j := range l.varies {
				if l.columns[j].Term < 0 {
					continue
				}
				x := c.m.column(k, j)[:n]
				centre, by := l.columns[j].centre, 1/l.scale[j]
				for i := range x {
					x[i] = (x[i] - centre) * by
				}
			}
		}
		c.standard = true
	}
	return c.m, nil
}

func (l *logisticPart) build(rows *table.View) (*Panels, error) {
	used, _, err := rows.Complete(l.model.Variables...)
	if err != nil {
		return nil, err
	}
	e, err := l.design.Eval(rows.Table)
	if err != nil {
		return nil, err
	}
	m := NewPanels(len(l.columns), len(used.Rows), l.model.HasOffset)
	const chunk = 16
	q := len(l.columns)
	x, y, offset := make([]float64, chunk*q), make([]float64, chunk), make([]float64, chunk)
	for rows := range slices.Chunk(used.Rows, chunk) {
		for k, i := range rows {
			e.Row(i, x[k*q:(k+1)*q])
			y[k], offset[k] = e.Outcome(i), e.Offset(i)
		}
		m.Append(x, y[:len(rows)], offset)
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

func (l *logisticPart) takeSums(t fixed.Totals) error {
	q := len(l.columns)
	sums, events := make([]float64, q), make([]float64, q)
	for i, c := range l.columns {
		c.sum = t.Big(i)
		sums[i] = t.Float(i)
		if l.cells != nil {
			events[i] = t.Float(q + i)
		}
		if l.model.Intercept && c.Term >= 0 {
			c.place(l.n)
		}
	}
	if err := l.smallColumns(); err != nil {
		return err
	}
	if err := l.smallTable(l.cells, sums); err != nil {
		return err
	}
	if err := l.smallTable(l.cells, events); err != nil {
		return err
	}
	for i := range sums {
		sums[i] -= events[i]
	}
	if err := l.smallTable(l.cells, sums); err != nil {
		return err
	}
	if err := l.smallInteractions(); err != nil {
		return err
	}
	var cells []Cell
	for _, c := range l.columns {
		if c.Term >= 0 && !c.ZeroOne {
			cells = append(cells, Cell{Cell: fixed.Binary(c.half, l.rows), Name: "sum of centred " + c.Name},
				Cell{Cell: fixed.Binary(c.half*c.half, l.rows), Name: "sum of squares of centred " + c.Name})
		}
	}
	l.stage = logisticSquares
	if len(cells) == 0 {
		return l.takeSquares(fixed.Totals{})
	}
	l.asks = []Ask{{Opening: l.place.squares, Cells: cells, State: centres(l.columns)}}
	return nil
}

// takeSquares finds the SDs (about 0 in a model without intercept) and the
// columns that vary: R's rule with tolerance 1e-11 on the column's own norm.
func (l *logisticPart) takeSquares(t fixed.Totals) error {
	n := float64(l.n)
	at := 0
	l.scale, l.varies = make([]float64, len(l.columns)), nil
	for i, c := range l.columns {
		var square, raw float64 // sums about the mean and about 0
		switch {
		case c.Term < 0:
			l.scale[i] = 1
			l.varies = append(l.varies, i)
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
		if err := l.restsOnFew(c, square); err != nil {
			return err
		}
		if !l.model.Intercept {
			square = raw
		}
		same := !(square > 1e-22*raw)
		if !c.ZeroOne {
			var err error
			if same, err = c.constant(square, raw, 1e-22, fixed.Binary(c.half*c.half, l.rows).Step.Float(), l.n); err != nil {
				return err
			}
		}
		if !same {
			l.scale[i] = Round40(math.Sqrt(square / math.Max(1, n-1)))
			l.varies = append(l.varies, i)
		}
	}
	if len(l.varies) == 0 {
		return &Refusal{Rule: "rows", Message: "every column of the model is the same for everyone", Remedy: "leave out the terms that do not vary, or widen the cohort"}
	}
	if l.veiled != nil {
		l.startVeiled()
	} else {
		l.startNewton()
	}
	return nil
}
