package stat

import "math"

// Tail probabilities and quantiles as R's p* and q* functions give them. Tails
// are computed as such, never as one minus something, so that small p-values keep their digits.

// z975 is the 97.5 % point of the normal distribution, as R's qnorm(0.975).
const z975 = 1.959963984540054

// normalTwoSided returns P(|Z| > |z|).
func normalTwoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// tTwoSided returns P(|T| > |t|) with df degrees of freedom.
func tTwoSided(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case math.IsInf(t, 0):
		return 0
	case math.IsInf(df, 1):
		return normalTwoSided(t)
	}
	x, y := shares(df, t*t)
	return betaLower(df/2, 0.5, x, y)
}

// fUpper returns P(F > f) with d1 and d2 degrees of freedom.
func fUpper(f, d1, d2 float64) float64 {
	switch {
	case math.IsNaN(f) || !(d1 > 0) || !(d2 > 0):
		return math.NaN()
	case f <= 0:
		return 1
	case math.IsInf(f, 1):
		return 0
	}
	x, y := shares(d2, d1*f)
	return betaLower(d2/2, d1/2, x, y)
}

// chiUpper returns P(X > x) of chi-squared with df degrees of freedom.
func chiUpper(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || !(df > 0):
		return math.NaN()
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return gammaUpper(df/2, x/2)
}

// tQuantile returns the p quantile, 0.5 < p < 1, of t with df degrees of freedom:
// a start from the normal quantile, then safeguarded Newton on the upper tail.
func tQuantile(p, df float64) float64 {
	if math.IsNaN(df) || df <= 0 {
		return math.NaN()
	}
	q := 1 - p // upper tail
	lo, hi := 0.0, 2.0
	for tTwoSided(hi, df)/2 > q {
		lo, hi = hi, hi*2
		if hi > 1e300 {
			return math.Inf(1)
		}
	}
	lg1, _ := math.Lgamma((df + 1) / 2)
	lg2, _ := math.Lgamma(df / 2)
	logC := lg1 - lg2 - 0.5*math.Log(df*math.Pi) // for the slope only
	t := (lo + hi) / 2
	for range 200 {
		diff := tTwoSided(t, df)/2 - q
		if diff > 0 {
			lo = t
		} else {
			hi = t
		}
		density := math.Exp(logC - (df+1)/2*math.Log1p(t*t/df))
		next := t + diff/density
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if math.Abs(next-t) <= 1e-16*math.Abs(t) || next == t {
			return next
		}
		t = next
	}
	return t
}
