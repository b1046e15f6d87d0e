package fixed

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

// Sums is one hospital's term of the cells of an ask: the place where rows
// dissolve. Values are two's complement, [low, high] words.
type Sums struct {
	cells []Cell
	v     [][2]uint64
	fail  *error // the first failure, shared by slices of the same sums
}

// New returns zero sums for the cells.
func New(cells []Cell) *Sums {
	return &Sums{cells: cells, v: make([][2]uint64, len(cells)), fail: new(error)}
}

// Len returns the number of cells.
func (s *Sums) Len() int { return len(s.cells) }

// Cells returns the declarations of the cells; the slice is not a copy.
func (s *Sums) Cells() []Cell { return s.cells }

// Slice returns the cells lo to hi-1 as sums of their own over the same numbers.
func (s *Sums) Slice(lo, hi int) *Sums {
	return &Sums{cells: s.cells[lo:hi:hi], v: s.v[lo:hi:hi], fail: s.fail}
}

// Add adds k steps to cell i.
func (s *Sums) Add(i int, k int64) {
	var c uint64
	v := &s.v[i]
	v[0], c = bits.Add64(v[0], uint64(k), 0)
	v[1], _ = bits.Add64(v[1], uint64(k>>63), c)
}

// AddProduct adds a·b steps to cell i, without rounding.
func (s *Sums) AddProduct(i int, a, b int64) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	hi -= uint64(a>>63)&uint64(b) + uint64(b>>63)&uint64(a) // unsigned to signed product
	var c uint64
	v := &s.v[i]
	v[0], c = bits.Add64(v[0], lo, 0)
	v[1], _ = bits.Add64(v[1], hi, c)
}

// AddFloat adds x, rounded to the nearest step, to cell i.
// A NaN, an infinity or a number the cell cannot hold makes Check fail.
func (s *Sums) AddFloat(i int, x float64) {
	st := s.cells[i].Step
	if x == 0 {
		return
	}
	if st.M != 1 || st.E10 != 0 {
		x /= st.Float()
	} else {
		x = math.Ldexp(x, -st.E2)
	}
	if !(math.Abs(x) < 0x1p126) {
		s.err(fmt.Errorf("fixed: cell %d: a term is not a number its bound %g allows", i, s.cells[i].Max))
		return
	}
	lo, hi := split(math.RoundToEven(x))
	var c uint64
	v := &s.v[i]
	v[0], c = bits.Add64(v[0], lo, 0)
	v[1], _ = bits.Add64(v[1], hi, c)
}

// split writes a whole float64 below 2^126 as two's complement.
func split(x float64) (lo, hi uint64) {
	a := math.Abs(x)
	frac, e := math.Frexp(a)          // a = frac·2^e
	m := uint64(math.Ldexp(frac, 53)) // 53 bits
	switch sh := e - 53; {
	case sh <= 0:
		lo = m >> uint(-sh)
	case sh < 64:
		lo, hi = m<<uint(sh), m>>uint(64-sh)
	default:
		hi = m << uint(sh-64)
	}
	if x < 0 {
		var c uint64
		lo, c = bits.Add64(^lo, 1, 0)
		hi, _ = bits.Add64(^hi, 0, c)
	}
	return lo, hi
}

func (s *Sums) err(err error) {
	if *s.fail == nil {
		*s.fail = err
	}
}

// Check returns the first failure, or an error when a cell is larger than
// rows terms of its bound can make it (with one part in 2^40 for rounding).
func (s *Sums) Check(rows uint64) error {
	if *s.fail != nil {
		return *s.fail
	}
	for i := range s.v {
		if err := inBound(s.cells[i], s.v[i], rows); err != nil {
			return fmt.Errorf("fixed: cell %d: %w", i, err)
		}
	}
	return nil
}

// inBound checks |v| against rows terms of the cell's bound.
func inBound(c Cell, v [2]uint64, rows uint64) error {
	x := math.Abs(toFloat(v)) * c.Step.Float()
	if limit := float64(rows) * c.Max; x > limit*(1+0x1p-40) {
		return fmt.Errorf("the sum exceeds %d terms of at most %g", rows, c.Max)
	}
	return nil
}

func toFloat(v [2]uint64) float64 {
	lo, hi := v[0], v[1]
	if int64(hi) < 0 {
		var c uint64
		lo, c = bits.Add64(^lo, 1, 0)
		hi, _ = bits.Add64(^hi, 0, c)
		return -(float64(hi)*0x1p64 + float64(lo))
	}
	return float64(hi)*0x1p64 + float64(lo)
}

// Words returns the cells for the wire: [low, high] of two's complement. The slice is not a copy.
func (s *Sums) Words() [][2]uint64 { return s.v }

// Totals is the sum over all hospitals, decoded.
type Totals struct {
	cells []Cell
	v     [][2]uint64
}

// Decode checks every word against rows terms of its cell's bound.
func Decode(cells []Cell, words [][2]uint64, rows uint64) (Totals, error) {
	if len(cells) != len(words) {
		return Totals{}, fmt.Errorf("fixed: %d words for %d cells", len(words), len(cells))
	}
	for i, w := range words {
		if err := inBound(cells[i], w, rows); err != nil {
			return Totals{}, fmt.Errorf("fixed: total of cell %d: %w", i, err)
		}
	}
	return Totals{cells: cells, v: words}, nil
}

// Len returns the number of cells.
func (t Totals) Len() int { return len(t.cells) }

// Slice returns the totals lo to hi-1.
func (t Totals) Slice(lo, hi int) Totals {
	return Totals{cells: t.cells[lo:hi:hi], v: t.v[lo:hi:hi]}
}

// Int returns cell i as a number of steps.
func (t Totals) Int(i int) *big.Int {
	x := new(big.Int).SetUint64(t.v[i][1])
	x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(t.v[i][0]))
	if int64(t.v[i][1]) < 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return x
}

// Count returns cell i, a count, as an int64.
func (t Totals) Count(i int) int64 { return int64(t.v[i][0]) }

// Step returns the step of cell i.
func (t Totals) Step(i int) Step { return t.cells[i].Step }

// Big returns the value of cell i with Prec bits.
func (t Totals) Big(i int) *big.Float {
	f := new(big.Float).SetPrec(Prec).SetInt(t.Int(i))
	return f.Mul(f, t.cells[i].Step.Big())
}

// Float returns the value of cell i, rounded once.
func (t Totals) Float(i int) float64 {
	if st := t.cells[i].Step; st.M == 1 && st.E10 == 0 {
		f, _ := new(big.Float).SetPrec(Prec).SetInt(t.Int(i)).Float64()
		return math.Ldexp(f, st.E2)
	}
	f, _ := t.Big(i).Float64()
	return f
}
