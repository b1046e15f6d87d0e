package report

import (
	"math"
	"strconv"
	"strings"
)

// Numbers are printed as R prints them: a column shares its decimals, with as
// many as the element needs that is hardest to show in so many significant
// digits (R's formatReal), and fixed notation unless it is wider than scientific.

const (
	absent = "NA" // a quantity that does not exist
	hidden = "·"  // suppressed by a disclosure rule
)

// scientific is |x| to at most digits significant ones: kept digits without trailing zeros, and the exponent.
func scientific(x float64, digits int) (significant, exponent int) {
	s := strconv.FormatFloat(math.Abs(x), 'e', digits-1, 64)
	mantissa, e, _ := strings.Cut(s, "e")
	exponent, _ = strconv.Atoi(e)
	return len(strings.TrimRight(strings.Replace(mantissa, ".", "", 1), "0")), exponent
}

// column formats numbers together as R's format(x, digits = digits); NaN is NA. The strings are not padded.
func column(xs []float64, digits int) []string {
	left, right, significant, small, large, negative := 1, 0, 1, math.MaxInt, math.MinInt, 0
	for _, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		if x < 0 {
			negative = 1
		}
		sig, e := 1, 0
		if x != 0 {
			sig, e = scientific(x, digits)
		}
		right, significant = max(right, sig-e-1), max(significant, sig)
		small, large = min(small, e), max(large, e)
		sign := 0
		if x < 0 {
			sign = 1
		}
		left = max(left, e+1+sign, 1+sign)
	}
	fixed := left
	if right > 0 {
		fixed += right + 1
	}
	sci := negative + significant + 4
	if significant > 1 {
		sci++
	}
	if large >= 100 || small <= -100 {
		sci++
	}
	out := make([]string, len(xs))
	for i, x := range xs {
		switch {
		case x == 0:
			x = 0 // a negative zero loses its sign
		case math.IsNaN(x):
			out[i] = absent
			continue
		case math.IsInf(x, 0):
			out[i] = strings.TrimPrefix(strconv.FormatFloat(x, 'g', -1, 64), "+")
			continue
		}
		if fixed <= sci {
			out[i] = strconv.FormatFloat(x, 'f', right, 64)
		} else {
			out[i] = strconv.FormatFloat(x, 'e', significant-1, 64)
		}
	}
	return out
}

// alone formats one number to so many significant digits, as R's format.
func alone(x float64, digits int) string { return column([]float64{x}, digits)[0] }

// precise formats one number to so many significant digits, trailing zeros included: a column of ratios reads 0.332, 1.40.
func precise(x float64, digits int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
		return alone(x, digits)
	}
	_, e := scientific(x, digits)
	if e < -4 || e >= 7 {
		return strconv.FormatFloat(x, 'e', digits-1, 64)
	}
	return strconv.FormatFloat(x, 'f', max(0, digits-1-e), 64)
}

// ratios formats a ratio and its limits, each to three significant digits, and
// to more where these would not tell a limit from the estimate, or any of them from 1.
func ratios(estimate, low, high float64) (e, lo, hi string) {
	digits := 3
	for ; digits < 6; digits++ {
		e, lo, hi = precise(estimate, digits), precise(low, digits), precise(high, digits)
		if (lo != e || low == estimate) && (hi != e || high == estimate) {
			break
		}
	}
	notOne := func(x float64, s string) string {
		for n := digits + 1; n <= 6 && x != 1 && parse(s) == 1; n++ {
			s = precise(x, n)
		}
		return s
	}
	return notOne(estimate, e), notOne(low, lo), notOne(high, hi)
}

// decimals formats a number with a fixed number of decimals; a negative zero loses its sign, NaN is NA.
func decimals(x float64, n int) string {
	if math.IsNaN(x) {
		return absent
	}
	s := strconv.FormatFloat(x, 'f', n, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return s
}

// epsilon is R's .Machine$double.eps: smaller p-values print as "<2e-16".
const epsilon = 2.220446049250313e-16

// pvalues formats p-values as R's format.pval(p, digits, eps); NaN is NA.
func pvalues(ps []float64, digits int) []string {
	// R formats p-values below 1e-4 apart from the others.
	common := func(p float64) bool {
		e := math.Floor(math.Log10(p))
		return e >= -3 || e == -4 && digits > 1
	}
	var plain, tiny []float64
	below := false
	for _, p := range ps {
		switch {
		case math.IsNaN(p):
		case p < epsilon:
			below = true
		case common(p):
			plain = append(plain, p)
		default:
			tiny = append(tiny, p)
		}
	}
	a, b := column(plain, digits), column(tiny, digits)
	least := ""
	if below {
		least = leastP(append(append([]string{}, a...), b...), digits)
	}
	out := make([]string, len(ps))
	for i, p := range ps {
		switch {
		case math.IsNaN(p):
			out[i] = absent
		case p < epsilon:
			out[i] = least
		case common(p):
			out[i], a = a[0], a[1:]
		default:
			out[i], b = b[0], b[1:]
		}
	}
	return out
}

// leastP is what R prints for a p-value below epsilon, given its neighbours.
func leastP(others []string, digits int) string {
	digits = max(1, digits-2)
	sep := " "
	if len(others) == 0 {
		if digits == 1 {
			sep = ""
		}
	} else {
		width := 0
		for _, s := range others {
			width = max(width, len(s))
		}
		if digits > 1 && digits+6 > width {
			digits = max(1, width-7)
		}
		if digits == 1 && width <= 6 {
			sep = ""
		}
	}
	return "<" + sep + alone(epsilon, digits)
}

// stars are R's significance codes.
func stars(p float64) string {
	switch {
	case math.IsNaN(p):
		return ""
	case p <= 0.001:
		return "***"
	case p <= 0.01:
		return "**"
	case p <= 0.05:
		return "*"
	case p <= 0.1:
		return "."
	}
	return ""
}

// pEquals writes "p = 0.0042" or "p < 2.2e-16", as R's print.htest.
func pEquals(p float64) string {
	s := pvalues([]float64{p}, 4)[0]
	if rest, ok := strings.CutPrefix(s, "<"); ok {
		return "p < " + strings.TrimSpace(rest)
	}
	return "p = " + s
}

// plain writes a number as it stands in a study file: shortest, without exponent where a person would.
func plain(x float64) string {
	if a := math.Abs(x); a == 0 || a >= 1e-6 && a < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// whole writes a quantile: seven significant digits, and never fewer than the unit.
func whole(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return alone(x, 7)
	}
	_, e := scientific(x, 17)
	return plain(toSignificant(x, min(max(7, e+1), 17)))
}

// count writes an integer with a thin separation of thousands, as 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// bytes writes a size in a unit that a person reads: 812 B, 9.6 kB, 1.2 MB.
func bytes(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	x := float64(n)
	for _, unit := range []string{" kB", " MB", " GB"} {
		x /= 1000
		if x < 999.5 {
			if x < 9.95 {
				return decimals(x, 1) + unit
			}
			return decimals(x, 0) + unit
		}
	}
	return decimals(x/1000, 1) + " TB"
}
