package table

import (
	"math"
	"strconv"
)

// ParseNumber reads a number as study files and CSV fields write it: optional
// sign, digits with at most one decimal point, optional exponent. Thousands
// marks, NaN, Inf and hexadecimal are not numbers; neither is what float64
// cannot hold. The result is the float64 nearest to the decimal digits; -0 is 0.
func ParseNumber(s string) (float64, bool) {
	x, _, ok := parseNumber(s)
	return x, ok
}

// unknownDecimals is more decimals than any step has.
const unknownDecimals = math.MaxInt

// parseNumber is ParseNumber and says how many digits stand after the point; of an exponent or of many digits it does not know.
func parseNumber(s string) (x float64, decimals int, ok bool) {
	unsigned := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		unsigned = s[1:]
	}
	if x, decimals, ok := shortDecimal(unsigned); ok {
		if s[0] == '-' && x != 0 {
			x = -x
		}
		return x, decimals, true
	}
	if n := numberPrefix(unsigned); n == 0 || n != len(unsigned) {
		return 0, 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(x, 0) {
		return 0, 0, false
	}
	if x == 0 {
		x = 0 // not -0
	}
	return x, unknownDecimals, true
}

// shortDecimal reads up to 16 digits, or up to 15 and a point: a whole number is
// rounded once, and 15 digits and a power of ten are exact, so that one division rounds once.
func shortDecimal(s string) (x float64, decimals int, ok bool) {
	if len(s) == 0 || len(s) > 16 {
		return 0, 0, false
	}
	var n int64
	point := -1
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if point < 0 {
		return float64(n), 0, true
	}
	decimals = len(s) - 1 - point
	return float64(n) / tens[decimals], decimals, len(s) > 1 // a point alone is no number
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// numberPrefix returns the length of the unsigned decimal number at the start of s; 0 when there is none.
func numberPrefix(s string) int {
	digits := func(i int) int {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	i := digits(0)
	mantissa := i
	if i < len(s) && s[i] == '.' {
		j := digits(i + 1)
		mantissa += j - i - 1
		i = j
	}
	if mantissa == 0 {
		return 0
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		if k := digits(j); k > j {
			return k
		}
	}
	return i
}
