package stat

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// rankProducts opens the pooled histogram of every variable, from which every
// hospital knows the midrank of each value, and then the sums of products of
// the midranks of every two variables, less their mean (N+1)/2. Numbers are
// kept doubled: twice a midrank is whole.
type rankProducts struct {
	grids []*gridPart
	vars  []string
	asks  []Ask
	sums  []*big.Int // of the products, times 4; pairs i < j row by row
	ended bool
}

func newRankProducts(fields []*table.Field, vars []string, rules Rules) (*rankProducts, error) {
	p := &rankProducts{vars: vars}
	most := math.Pow(float64(maxRows(rules)), 2)
	var cells []Cell
	for i, f := range fields {
		g, err := newGridPart(f, rules, vars...)
		if err != nil {
			return nil, err
		}
		p.grids = append(p.grids, g)
		for _, h := range fields[i+1:] {
			cells = append(cells, Cell{Cell: fixed.Cell{Max: most, Step: fixed.One()}, Name: "sum of products of twice the ranks of " + f.Name + " and " + h.Name})
		}
	}
	p.asks = []Ask{{Opening: len(p.grids), Cells: cells}}
	return p, nil
}

func (p *rankProducts) plan() (plan []Opening) {
	for _, g := range p.grids {
		plan = append(plan, g.plan()...)
	}
	return append(plan, Opening{
		What:  fmt.Sprintf("sums of products of the ranks of every two of %s: they give the rank correlations", strings.Join(p.vars, ", ")),
		Cells: len(p.asks[0].Cells), MaxTimes: 1, Released: true})
}

// counted reports whether all histograms are complete.
func (p *rankProducts) counted() bool {
	for _, g := range p.grids {
		if !g.done() {
			return false
		}
	}
	return true
}

func (p *rankProducts) ask() (asks []Ask) {
	switch {
	case p.ended:
		return nil
	case p.counted():
		return p.asks
	}
	for i, g := range p.grids {
		for _, a := range g.ask() {
			a.Opening = i
			asks = append(asks, a)
		}
	}
	return asks
}

func (p *rankProducts) stop() { p.ended = true }

func (p *rankProducts) add(rows *table.View, out *fixed.Sums) error {
	if !p.counted() {
		at := 0
		for _, g := range p.grids {
			n := cells(g.ask())
			if n == 0 {
				continue
			}
			if err := g.add(rows, out.Slice(at, at+n)); err != nil {
				return err
			}
			at += n
		}
		return nil
	}
	deviations := make([][]int64, len(p.grids)) // by variable, row after row
	for i, g := range p.grids {
		twice, lost := midranks(g.leaves), false
		var total int64
		for _, l := range g.leaves {
			total += l.total()
		}
		if _, err := g.values(rows, func(_ int, k int64, _ float64) {
			at := g.leafOf(k)
			if lost = lost || at < 0; !lost {
				deviations[i] = append(deviations[i], twice[at]-total-1)
			}
		}); err != nil {
			return err
		}
		if lost {
			return errors.New("correlation: a value of this hospital is not in the pooled histogram: its records changed while the study ran")
		}
	}
	c := 0
	for i, x := range deviations {
		for _, y := range deviations[i+1:] {
			for row := range x {
				out.AddProduct(c, x[row], y[row])
			}
			c++
		}
	}
	return nil
}

func (p *rankProducts) reduce(total fixed.Totals) error {
	if !p.counted() {
		at := 0
		for _, g := range p.grids {
			n := cells(g.ask())
			if n == 0 {
				continue
			}
			if err := g.reduce(total.Slice(at, at+n)); err != nil {
				return err
			}
			at += n
		}
		return nil
	}
	for i := range total.Len() {
		p.sums = append(p.sums, total.Int(i))
	}
	p.ended = true
	return nil
}

// product returns four times the sum of products of the deviations of the
// midranks of two variables from their mean; of one, (N^3 - N - sum(t^3 - t))/3.
func (p *rankProducts) product(i, j int) *big.Int {
	if i != j {
		return p.sums[upper(i, j, len(p.grids))]
	}
	var n int64
	for _, l := range p.grids[i].leaves {
		n += l.total()
	}
	s := new(big.Int).Sub(cubeLess(n), ties(p.grids[i].leaves))
	return s.Div(s, big.NewInt(3))
}
