package formula

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// A grid is kept through arithmetic where the result is a whole multiple of a
// decimal unit again: sums, differences, products, whole powers, quotients by
// constants such as 2, 5, 10. The numbers that are added up per hospital are
// then integers, and their sums exact.

// Limits of grids: mantissas leave room for the product of two in an int64,
// numbers stay whole in a float64.
const (
	maxMantissa = 1 << 31
	maxExponent = 60
	maxNumber   = 1 << 53
	// A decimal value read from text is found again from x/unit only when two
	// roundings, 2^-52 of the number, stay below one half.
	maxRead = 1 << 50
)

// lattice is a grid and the largest absolute number on it that can occur.
type lattice struct {
	table.Grid
	max float64
}

// unit returns the grid, nil without one.
func (l *lattice) unit() *table.Grid {
	if l == nil {
		return nil
	}
	g := l.Grid
	return &g
}

// checked returns l with trailing zeros of the mantissa moved to the exponent, nil beyond the limits.
func checked(m int64, e10 int, maximum float64) *lattice {
	for m != 0 && m%10 == 0 {
		m, e10 = m/10, e10+1
	}
	if m <= 0 || m >= maxMantissa || e10 < -maxExponent || e10 > maxExponent || !(maximum <= maxNumber) {
		return nil
	}
	return &lattice{Grid: table.Grid{M: m, E10: e10}, max: maximum}
}

// fieldLattice returns the declared grid of a number or the 0/1 of a binary; nil when values are taken as read.
func fieldLattice(f *table.Field) *lattice {
	if f.Kind == table.Binary {
		return checked(1, 0, 1)
	}
	if f.Kind != table.Number || !f.GridDeclared || f.Grid.M <= 0 {
		return nil
	}
	unit := float64(f.Grid.M) * math.Pow(10, float64(f.Grid.E10))
	largest := math.Max(math.Abs(f.Min), math.Abs(f.Max)) / unit
	if !(largest < maxRead) || f.Grid.M >= maxMantissa || f.Grid.E10 < -maxExponent || f.Grid.E10 > maxExponent {
		return nil
	}
	// The grid stays as declared: its numbers are those of Field.Point.
	return &lattice{Grid: f.Grid, max: math.Ceil(largest)}
}

// literal reads the decimal digits of a constant as number·10^exponent.
func literal(lit string) (k int64, e10 int, ok bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(lit), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if err != nil || e < -maxExponent || e > maxExponent {
			return 0, 0, false
		}
		e10 = e
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	e10 -= len(fraction)
	for strings.HasSuffix(digits, "0") {
		digits, e10 = digits[:len(digits)-1], e10+1
	}
	if digits == "" {
		return 0, 0, true
	}
	k, err := strconv.ParseInt(digits, 10, 64)
	return k, e10, err == nil && k <= maxNumber && -maxExponent <= e10 && e10 <= maxExponent
}

// common returns the largest grid that holds a's and b's points, and the
// factors that turn their numbers into its numbers.
func common(a, b *lattice) (l *lattice, fa, fb int64) {
	if a == nil || b == nil {
		return nil, 0, 0
	}
	e := min(a.E10, b.E10)
	if a.E10-e > 15 || b.E10-e > 15 {
		return nil, 0, 0
	}
	ma, mb := a.M*power10(a.E10-e), b.M*power10(b.E10-e)
	if ma/power10(a.E10-e) != a.M || mb/power10(b.E10-e) != b.M {
		return nil, 0, 0
	}
	g := new(big.Int).GCD(nil, nil, big.NewInt(ma), big.NewInt(mb)).Int64()
	fa, fb = ma/g, mb/g
	top := float64(fa)*a.max + float64(fb)*b.max
	if !(top <= maxNumber) || g >= maxMantissa { // checked would move zeros, which would change fa and fb
		return nil, 0, 0
	}
	return &lattice{Grid: table.Grid{M: g, E10: e}, max: top}, fa, fb
}

// times returns the grid of products.
func times(a, b *lattice) *lattice {
	if a == nil || b == nil {
		return nil
	}
	m, e, top := a.M*b.M, a.E10+b.E10, a.max*b.max // mantissas below 2^31: no overflow
	if m >= maxMantissa || e < -maxExponent || e > maxExponent || !(top <= maxNumber) {
		return nil
	}
	return &lattice{Grid: table.Grid{M: m, E10: e}, max: top}
}

// over returns the grid of a's points divided by k·10^e10, where k has no prime factors but 2 and 5.
func over(a *lattice, k int64, e10 int) *lattice {
	if a == nil || k == 0 {
		return nil
	}
	k = max(k, -k)
	twos, fives := 0, 0
	for ; k%2 == 0; k /= 2 {
		twos++
	}
	for ; k%5 == 0; k /= 5 {
		fives++
	}
	if k != 1 || twos > 30 || fives > 12 {
		return nil
	}
	n := max(twos, fives) // 1/(2^i·5^j) = 2^(n-i)·5^(n-j) / 10^n
	m := float64(a.M) * math.Pow(2, float64(n-twos)) * math.Pow(5, float64(n-fives))
	if m >= maxMantissa {
		return nil
	}
	e := a.E10 - e10 - n
	if e < -maxExponent || e > maxExponent {
		return nil
	}
	return &lattice{Grid: table.Grid{M: int64(m), E10: e}, max: a.max}
}

func power10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}
