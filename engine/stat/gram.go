package stat

import (
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// gram opens the sums of columns and then the products of their deviations
// from centres near the means, from which every linear model follows without
// reading a row again. The last column is the outcome.
//
// Where all values are multiples of their units, products are sums of whole
// numbers and nothing is rounded. Otherwise deviations are taken in float64,
// their products exactly (two-product, Dekker 1971) and the sums with 106
// bits, so that the matrix belongs to deviations with a relative error of
// 2^-53 at most, whatever the order of the rows.
type gram struct {
	*regression
	read    func(*table.View) (*reading, error)
	columns []*regressor // slopes, then the outcome
	centred bool         // the model has an intercept: sums of deviations are asked too

	products *symmetric // of deviations: intercept if any, slopes, outcome
}

// reading gives the rows of a table as the gram's columns.
type reading struct {
	rows   []int
	values func(row int, x []float64) // as read
	points func(row int, k []int64)   // in units, for grid columns
}

func (g *gram) sumCells() []Cell {
	cells := make([]Cell, len(g.columns))
	for i, c := range g.columns {
		cells[i] = c.sumCell(g.rows)
	}
	return cells
}

func (g *gram) addSums(rows *table.View, out *fixed.Sums) error {
	in, err := g.read(rows)
	if err != nil {
		return err
	}
	x, k := make([]float64, len(g.columns)), make([]int64, len(g.columns))
	for _, row := range in.rows {
		in.values(row, x)
		in.points(row, k)
		for i, c := range g.columns {
			if c.grid {
				out.Add(i, k[i])
			} else {
				out.AddFloat(i, x[i])
			}
		}
	}
	return nil
}

// takeSums reads the sums and places the centres.
func (g *gram) takeSums(t fixed.Totals) {
	exact := true
	for i, c := range g.columns {
		c.sum = t.Big(i)
		if g.centred {
			c.place(g.n)
		}
		// Without a centre near the mean the products may need more bits than there are.
		c.grid = c.grid && c.half/c.unit.Float() < gridPoints
		exact = exact && c.grid
	}
	for _, c := range g.columns {
		// Beside columns as read, a decimal grid is read too: both as R's doubles.
		c.whole = c.grid && (exact || c.unit.E10 >= 0)
	}
}

// productCell is the cell of the product of two deviations.
func (g *gram) productCell(i, j int) fixed.Cell {
	a, b := g.columns[i], g.columns[j]
	if a.whole && b.whole {
		return fixed.Cell{Max: a.half * b.half, Step: a.unit.Mul(b.unit)}
	}
	return fixed.Binary(a.half*b.half, g.rows)
}

func (g *gram) productCells() []Cell {
	var cells []Cell
	if g.centred {
		for _, c := range g.columns {
			cell := fixed.Binary(c.half, g.rows)
			if c.whole {
				cell = fixed.Cell{Max: c.half, Step: c.unit}
			}
			cells = append(cells, Cell{Cell: cell, Name: "sum of centred " + c.Name})
		}
	}
	for i, a := range g.columns {
		for j := i; j < len(g.columns); j++ {
			cells = append(cells, Cell{Cell: g.productCell(i, j), Name: "product of " + a.Name + ", " + g.columns[j].Name})
		}
	}
	return cells
}

// cellsOf returns how many product cells m columns have.
func productCells(m int, centred bool) int {
	n := m * (m + 1) / 2
	if centred {
		n += m
	}
	return n
}

func (g *gram) addProducts(rows *table.View, out *fixed.Sums) error {
	in, err := g.read(rows)
	if err != nil {
		return err
	}
	m := len(g.columns)
	x, d, k := make([]float64, m), make([]float64, m), make([]int64, m)
	high, low := make([]float64, out.Len()), make([]float64, out.Len())
	for _, row := range in.rows {
		in.values(row, x)
		in.points(row, k)
		at := 0
		for i, c := range g.columns {
			d[i] = x[i] - c.centre
			k[i] -= c.k
			if !g.centred {
				continue
			}
			if c.whole {
				out.Add(at, k[i])
			} else {
				addProduct(&high[at], &low[at], d[i], 1)
			}
			at++
		}
		for i := range m {
			for j := i; j < m; j++ {
				if g.columns[i].whole && g.columns[j].whole {
					out.AddProduct(at, k[i], k[j])
				} else {
					addProduct(&high[at], &low[at], d[i], d[j])
				}
				at++
			}
		}
	}
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
	return nil
}

// addProduct adds a·b to high + low.
func addProduct(high, low *float64, a, b float64) {
	p := a * b
	*low += math.FMA(a, b, -p)
	s := *high + p
	v := s - *high
	*low += (*high - (s - v)) + (p - v)
	*high = s
}

// takeProducts reads the matrix of products; it refuses a column whose range hides its spread.
func (g *gram) takeProducts(t fixed.Totals) error {
	m, first := len(g.columns), 0
	if g.centred {
		first = 1
	}
	g.products = newSymmetric(m + first)
	at := 0
	if g.centred {
		g.products.at(0, 0).SetInt64(g.n)
		for i := range m {
			g.products.at(0, i+1).Set(t.Big(at))
			at++
		}
	}
	for i := range m {
		for j := i; j < m; j++ {
			g.products.at(i+first, j+first).Set(t.Big(at))
			at++
		}
	}
	for i, c := range g.columns {
		if c.whole {
			continue // nothing was rounded
		}
		if _, err := c.constant(rounded(g.spread(i)), rounded(g.raw(i)), 1e-14, g.productCell(i, i).Step.Float(), g.n); err != nil {
			return err
		}
	}
	return nil
}

// spread is the sum of squares of slope i (or the outcome, last) about its mean; about 0 in a model without intercept.
func (g *gram) spread(i int) *big.Float {
	if !g.centred {
		return newBig(0).Set(g.products.at(i, i))
	}
	t := g.products.at(0, i+1)
	s := newBig(0).Mul(t, t)
	s.Quo(s, newBig(float64(g.n)))
	return s.Sub(g.products.at(i+1, i+1), s)
}

// raw is the squared norm of slope i as the model matrix holds it: what R's rule for aliasing compares with.
func (g *gram) raw(i int) *big.Float {
	if !g.centred {
		return newBig(0).Set(g.products.at(i, i))
	}
	c := g.columns[i].exactCentre()
	s := newBig(0).Mul(newBig(float64(g.n)), c)
	s.Add(s, newBig(0).Mul(newBig(2), g.products.at(0, i+1)))
	s.Mul(s, c)
	return s.Add(s, g.products.at(i+1, i+1))
}
