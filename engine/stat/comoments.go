package stat

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// comoments opens, over the rows complete in all variables, the sum of each
// variable and then, with the squares, the sums of products of the deviations
// of every two from centres near their means. What comes of them are exact
// fractions.
type comoments struct {
	*moments
	vars  []string
	pairs []comoment
	asks  []Ask // of the products; made once the centres are known
}

// comoment is of two samples, the first earlier in the list of variables.
type comoment struct {
	x, y *sample
	i, j int

	cell  fixed.Cell
	exact bool     // terms are whole numbers of steps
	sum   *big.Rat // of products of the deviations from the means
}

func newComoments(fields []*table.Field, rules Rules) (*comoments, error) {
	m := &comoments{moments: newMoments(nil, 2, maxRows(rules))}
	for _, f := range fields {
		if _, err := m.sample(newSeries(f), everyone); err != nil {
			return nil, err
		}
		m.vars = append(m.vars, f.Name)
	}
	for i, x := range m.samples {
		for j := i + 1; j < len(m.samples); j++ {
			m.pairs = append(m.pairs, comoment{x: x, y: m.samples[j], i: i, j: j})
		}
	}
	return m, nil
}

// begin tells the part how many rows there are; 0 opens nothing.
func (m *comoments) begin(n int64) {
	for _, s := range m.samples {
		s.n = n
	}
}

func (m *comoments) plan() []Opening {
	return append(m.moments.plan(), Opening{
		What: fmt.Sprintf("sums of products of the deviations of every two of %s from about their means; with the above they give the covariances, that is the sum of the product of any two",
			strings.Join(m.vars, ", ")),
		Cells: len(m.pairs), MaxTimes: 1, Released: true})
}

func (m *comoments) ask() []Ask {
	asks := m.moments.ask()
	if len(asks) == 0 || m.opened == 0 {
		return asks
	}
	if m.asks == nil {
		a := Ask{Opening: 2}
		for i := range m.pairs {
			p := &m.pairs[i]
			p.settle(m.rows)
			a.Cells = append(a.Cells, Cell{Cell: p.cell, Name: "sum of products of deviations of " + p.x.label + " and " + p.y.label})
		}
		m.asks = []Ask{a}
	}
	return append(asks, m.asks...)
}

// settle chooses the cell: whole steps of both grids where they fit.
func (p *comoment) settle(rows uint64) {
	h := func(s *sample) float64 { return max(s.of.max-s.centre, s.centre-s.of.min) }
	if x, y := p.x.of.step, p.y.of.step; p.x.of.exact && p.y.of.exact && x.Small(2) && y.Small(2) {
		p.cell = fixed.Cell{Max: max(h(p.x)*h(p.y), x.Float()*y.Float()), Step: x.Mul(y)}
		if p.exact = p.cell.Fits(rows); p.exact {
			return
		}
	}
	p.cell = fixed.Binary(h(p.x)*h(p.y), rows)
}

func (m *comoments) add(rows *table.View, out *fixed.Sums) error {
	used, _, err := rows.Complete(m.vars...)
	if err != nil {
		return err
	}
	own := cells(m.moments.ask())
	if err := m.moments.add(used, out.Slice(0, own)); err != nil || m.opened == 0 {
		return err
	}
	out = out.Slice(own, out.Len())
	read := make([]func(int) (float64, int64, bool), len(m.samples))
	for i, s := range m.samples {
		if read[i], err = s.of.reader(rows.Table); err != nil {
			return err
		}
	}
	d, k := make([]float64, len(read)), make([]int64, len(read))
	for _, row := range used.Rows {
		for i, s := range m.samples {
			x, at, _ := read[i](row)
			d[i], k[i] = x-s.centre, at-s.k
		}
		for c := range m.pairs {
			if p := &m.pairs[c]; p.exact {
				out.AddProduct(c, k[p.i], k[p.j])
			} else {
				out.AddFloat(c, d[p.i]*d[p.j])
			}
		}
	}
	return nil
}

func (m *comoments) reduce(total fixed.Totals) error {
	own := cells(m.moments.ask())
	if m.opened == 1 {
		for c := range m.pairs {
			p := &m.pairs[c]
			p.sum = new(big.Rat).Mul(new(big.Rat).SetInt(total.Int(own+c)), rational(p.cell.Step))
			// sum (x-a)(y-b) - n (mean x - a)(mean y - b)
			shift := new(big.Rat).Mul(p.shift(p.x), p.shift(p.y))
			p.sum.Sub(p.sum, shift.Mul(shift, new(big.Rat).SetInt64(p.x.n)))
		}
	}
	return m.moments.reduce(total.Slice(0, own))
}

// shift returns how far the mean lies above the centre that the products were taken about.
func (p *comoment) shift(s *sample) *big.Rat {
	d := s.exactMean()
	if p.exact {
		return d.Sub(d, s.exactCentre())
	}
	return d.Sub(d, new(big.Rat).SetFloat64(s.centre))
}
