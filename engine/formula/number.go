package formula

import (
	"math"
)

// Functions of R on doubles. Go's own are within one unit in the last place of
// the true value, except where written out here.

// evaluate applies a transformation.
func evaluate(function string, x float64) float64 {
	switch function {
	case "log":
		return math.Log(x)
	case "log2":
		if f, e := math.Frexp(x); f == 0.5 {
			return float64(e - 1) // a power of two
		}
		return math.Log(x) / math.Ln2
	case "log10":
		v := math.Log(x) / math.Ln10
		if r := math.Round(v); math.Abs(r) <= 22 && math.Abs(v-r) < 1e-14*math.Abs(r) && math.Pow10(int(r)) == x {
			return r
		}
		return v
	case "sqrt":
		return math.Sqrt(x)
	case "exp":
		return math.Exp(x)
	}
	return x // I
}

// maxWhole is the largest exponent that is computed by multiplication.
const maxWhole = 256

// whole reports whether y is an exponent computed by multiplication.
func whole(y float64) bool { return y == math.Trunc(y) && math.Abs(y) <= maxWhole }

// power returns x^y as R's ^ does. Whole exponents are computed with twice the
// digits and rounded once: the result is monotone in x, so that the powers of
// the ends of a range bound the powers within.
func power(x, y float64) float64 {
	switch {
	case !whole(y):
		return math.Pow(x, y)
	case y == 0:
		return 1
	}
	hi, lo := 1.0, 0.0 // the power so far is hi+lo
	bh, bl := x, 0.0
	for n := int(math.Abs(y)); n > 0; n >>= 1 {
		if n&1 == 1 {
			hi, lo = multiply(hi, lo, bh, bl)
		}
		bh, bl = multiply(bh, bl, bh, bl)
	}
	switch {
	case math.IsInf(hi, 0) || hi == 0 || math.IsNaN(lo): // beyond the range of doubles
		return math.Pow(x, y)
	case y < 0:
		q := 1 / hi
		return q + q*(math.FMA(-hi, q, 1)-lo*q)
	}
	return hi
}

// multiply returns (ah+al)·(bh+bl) as a rounded double and its remainder (Dekker 1971).
func multiply(ah, al, bh, bl float64) (hi, lo float64) {
	p := ah * bh
	e := math.FMA(ah, bh, -p) + (ah*bl + al*bh)
	hi = p + e
	return hi, e - (hi - p)
}

// outward widens [lo, hi] by what a function's rounding may add.
func outward(lo, hi, relative float64) (float64, float64) {
	return lo - relative*math.Abs(lo), hi + relative*math.Abs(hi)
}
