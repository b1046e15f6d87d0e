package stat

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// series is a column of numbers as sums take it: a variable, or the difference
// of two variables of the same row. Where the grid of recording is declared a
// value is a whole number of steps and sums of it are exact; otherwise values
// are taken as read.
type series struct {
	name     string
	a, b     *table.Field // the value is a, or a - b when b is not nil
	exact    bool         // values are whole numbers of step
	step     fixed.Step   // exact only
	ka, kb   int64        // exact only: the steps of a and b in units of step
	min, max float64      // of the value
}

// maxPoint bounds the number of a grid point that sums take exactly: float64 holds all smaller integers.
const maxPoint = 1 << 53

// numbers returns a variable that can be averaged: a number, or a binary as its 0 and 1.
func numbers(s *table.Schema, name string) (*table.Field, error) {
	f, err := s.Field(name)
	if err != nil {
		return nil, err
	}
	switch f.Kind {
	case table.Binary:
		g := *f
		g.Min, g.Max, g.Grid, g.GridDeclared, g.Integer = 0, 1, table.Grid{M: 1}, true, true
		return &g, nil
	case table.Category:
		return nil, fmt.Errorf("variable %q is a category, want a number", name)
	}
	return f, nil
}

func newSeries(f *table.Field) *series {
	lo, hi := f.Point(f.Min), f.Point(f.Max)
	return &series{name: f.Name, a: f, exact: f.GridDeclared && max(-lo, hi, lo, -hi) < maxPoint,
		step: fixed.Decimal(f.Grid.M, f.Grid.E10), ka: 1, min: f.Min, max: f.Max}
}

// newDifference returns a - b, exact on the coarsest grid that holds both.
func newDifference(a, b *table.Field) *series {
	q := &series{name: a.Name + " - " + b.Name, a: a, b: b, min: a.Min - b.Max, max: a.Max - b.Min}
	qa, qb := newSeries(a), newSeries(b)
	if !qa.exact || !qb.exact || max(a.Grid.E10-b.Grid.E10, b.Grid.E10-a.Grid.E10) > 15 {
		return q
	}
	e := min(a.Grid.E10, b.Grid.E10)
	ma, mb := scaled(a.Grid, e), scaled(b.Grid, e)
	g := new(big.Int).GCD(nil, nil, ma, mb)
	ka, kb := new(big.Int).Quo(ma, g), new(big.Int).Quo(mb, g)
	step := fixed.Decimal(g.Int64(), e)
	if !g.IsInt64() || !ka.IsInt64() || !kb.IsInt64() || math.Max(math.Abs(q.min), math.Abs(q.max))/step.Float() >= maxPoint {
		return q
	}
	q.exact, q.step, q.ka, q.kb = true, step, ka.Int64(), kb.Int64()
	return q
}

// scaled returns a grid's unit as a multiple of 10^e, e not above the grid's own exponent.
func scaled(g table.Grid, e int) *big.Int {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(g.E10-e)), nil)
	return p.Mul(p, big.NewInt(g.M))
}

// reader returns the value of a row, and its number of steps when exact; ok is false where a value is missing.
func (q *series) reader(t *table.Table) (func(row int) (x float64, k int64, ok bool), error) {
	a, err := t.Column(q.a.Name)
	if err != nil {
		return nil, err
	}
	if q.b == nil {
		return func(i int) (float64, int64, bool) {
			x := a[i]
			if math.IsNaN(x) {
				return 0, 0, false
			}
			if !q.exact {
				return x, 0, true
			}
			return x, q.a.Point(x), true
		}, nil
	}
	b, err := t.Column(q.b.Name)
	if err != nil {
		return nil, err
	}
	return func(i int) (float64, int64, bool) {
		x, y := a[i], b[i]
		if math.IsNaN(x) || math.IsNaN(y) {
			return 0, 0, false
		}
		if !q.exact {
			return x - y, 0, true
		}
		return x - y, q.a.Point(x)*q.ka - q.b.Point(y)*q.kb, true
	}, nil
}

// cell returns the cell of a sum of k-th powers of numbers at most h in
// absolute value, and whether its terms are whole numbers of steps: where these
// do not fit, a binary step as fine as the bound on the rows allows.
func (q *series) cell(h float64, k int, rows uint64) (c fixed.Cell, exact bool, err error) {
	bound := math.Pow(h, float64(k))
	if q.exact && q.step.Small(k) {
		c = fixed.Cell{Max: max(bound, q.step.Float()), Step: q.step.Pow(k)}
		// From the third power on, a term is a product of a square and a factor, each an int64.
		if c.Fits(rows) && (k < 3 || h/q.step.Float() < 1<<31) {
			return c, true, nil
		}
	}
	c = fixed.Binary(bound, rows)
	if math.IsInf(bound, 0) || !c.Fits(rows) {
		return c, false, fmt.Errorf("variable %q: %s powers up to %g of %d rows do not fit a 128-bit sum: declare a narrower range or another unit", q.name, ordinal(k), h, rows)
	}
	return c, false, nil
}

func ordinal(k int) string { return [...]string{"", "first", "second", "third", "fourth"}[k] }

// rational returns a step as an exact fraction.
func rational(s fixed.Step) *big.Rat {
	r := new(big.Rat).SetInt64(s.M)
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(s.E10, -s.E10))), nil))
	two := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(s.E2, -s.E2))))
	for _, f := range []struct {
		by   *big.Rat
		sign int
	}{{p, s.E10}, {two, s.E2}} {
		if f.sign < 0 {
			r.Quo(r, f.by)
		} else {
			r.Mul(r, f.by)
		}
	}
	return r
}
