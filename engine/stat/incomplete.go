package stat

import "math"

// Incomplete beta and gamma functions by continued fractions: DiDonato and
// Morris (ACM TOMS 1992;18:360, equation 9) and DLMF 8.9.2. What stands before the fraction is computed from Loader's deviances
// ("Fast and accurate computation of binomial probabilities", 2000), as R
// does, not from logarithms of large gammas: the relative error stays near
// 1e-13 whatever the degrees of freedom, down to 1e-300.

// shares returns a/(a+b) and b/(a+b).
func shares(a, b float64) (x, y float64) {
	if math.IsInf(b, 1) {
		return 0, 1
	}
	if b > a {
		r := a / b
		return r / (1 + r), 1 / (1 + r)
	}
	r := b / a
	return 1 / (1 + r), r / (1 + r)
}

// betaLower returns the regularised incomplete beta function I_x(a, b); y = 1 - x.
func betaLower(a, b, x, y float64) float64 {
	switch {
	case x <= 0:
		return 0
	case y <= 0:
		return 1
	}
	d := a*y - b*x // a - (a+b)x with all its digits
	if d < 0 {
		return 1 - betaLower(b, a, y, x)
	}
	// x^a y^b / B(a, b)
	front := math.Exp(-deviance(a, (a+b)*x, d)-deviance(b, (a+b)*y, -d)+stirling(a+b)-stirling(a)-stirling(b)) * math.Sqrt(a/(2*math.Pi)*(b/(a+b)))
	return front * lentz((1+d)/(1+1/a), func(m int) (num, den float64) {
		n := float64(m)
		s, w := a+2*n-1, n*(b-n)*x
		p := 1 + (n-1)/a
		num = p * (p + b/a) * (a / s) * (a / s) * w * x
		return num, n + w/s + (1+n/a)/(1+(1+2*n)/a)*(1+d+n*(1+y))
	})
}

// gammaUpper returns the regularised upper incomplete gamma function Q(a, x).
func gammaUpper(a, x float64) float64 {
	if x <= 0 {
		return 1
	}
	// x^a e^-x / Gamma(a)
	front := math.Exp(-deviance(a, x, a-x)-stirling(a)) * math.Sqrt(a/(2*math.Pi))
	if x < a+1 {
		sum, term := 1/a, 1/a
		for k := 1.0; term > sum*1e-17 && k < maxFraction; k++ {
			term *= x / (a + k)
			sum += term
		}
		return 1 - front*sum
	}
	return front * lentz(x+1-a, func(m int) (num, den float64) {
		k := float64(m)
		return -k * (k - a), x + 1 - a + 2*k
	})
}

// maxFraction bounds the terms of a fraction or series; they need a few times
// the root of the largest parameter.
const maxFraction = 10_000_000

// lentz returns 1/(first + num(1)/(den(1) + num(2)/(den(2) + ...))) by the modified method of Lentz.
func lentz(first float64, terms func(m int) (num, den float64)) float64 {
	const tiny = 1e-300
	c, d := math.Inf(1), 1/first
	h := d
	for m := 1; m < maxFraction; m++ {
		num, den := terms(m)
		if d = den + num*d; math.Abs(d) < tiny {
			d = tiny
		}
		if c = den + num/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return h
}

// deviance returns x log(x/m) + m - x without cancellation where x is near m; d is x - m.
func deviance(x, m, d float64) float64 {
	if v := d / (x + m); math.Abs(v) < 0.1 {
		s := d * v
		e := 2 * x * v
		for j := 3.0; ; j += 2 {
			e *= v * v
			if next := s + e/j; next == s {
				return s
			} else {
				s = next
			}
		}
	}
	return x*math.Log(x/m) - d
}

// stirling returns log Gamma(a) - ((a - 1/2) log a - a + log(2 pi)/2).
func stirling(a float64) float64 {
	if a < 15 {
		lg, _ := math.Lgamma(a)
		return lg - ((a-0.5)*math.Log(a) - a + 0.9189385332046727)
	}
	b := 1 / (a * a)
	return (1./12 - b*(1./360-b*(1./1260-b*(1./1680-b*(1./1188-b*(691./360360)))))) / a
}
