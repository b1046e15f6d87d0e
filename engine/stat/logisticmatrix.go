package stat

import (
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
		used, _, err := rows.Complete(l.model.Variables...)
		if err != nil {
			return nil, err
		}
		m, err := l.build(rows.Table, used.Rows)
		if err != nil {
			return nil, err
		}
		c = &panelCache{of: rows.Table, selected: len(rows.Rows), m: m}
		l.cache = c
	}
	if l.stage > logisticSquares && !c.standard {
		l.standardise(c.m, l.scale, l.varies)
		c.standard = true
	}
	return c.m, nil
}

func (l *logisticPart) takeSums(t fixed.Totals) error {
	q := len(l.columns)
	sums, events := l.readSums(t), make([]float64, q)
	if l.cells != nil {
		for i := range events {
			events[i] = t.Float(q + i)
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
	cells := l.squareCells()
	l.stage = logisticSquares
	if len(cells) == 0 {
		return l.takeSquares(fixed.Totals{})
	}
	l.asks = []Ask{{Opening: l.place.squares, Cells: cells, State: centres(l.columns)}}
	return nil
}

func (l *logisticPart) takeSquares(t fixed.Totals) (err error) {
	if l.scale, l.varies, err = l.readSquares(t); err != nil {
		return err
	}
	switch {
	case l.veiled != nil:
		l.startVeiled()
	case l.firth != nil:
		l.startFirth()
	default:
		l.startNewton()
	}
	return nil
}
