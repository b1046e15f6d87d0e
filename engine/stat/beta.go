package stat

import "math"

// incBeta returns the regularised incomplete beta function I_x(a, b), y = 1 - x
// given by its own digits: a tail far out or many degrees of freedom leave x
// so near 1 that 1 - x would have lost them. Relative error about 1e-13
// (Didonato and Morris, ACM TOMS 708, whose continued fraction BFRAC this is).
func incBeta(a, b, x, y float64) float64 {
	lambda := (a+b)*y - b // distance from the middle of the distribution; a - (a+b)x is the same
	if a <= b {
		lambda = a - (a+b)*x
	}
	switch {
	case math.IsNaN(x) || math.IsNaN(y):
		return math.NaN()
	case x <= 0:
		return 0
	case y <= 0:
		return 1
	case lambda < 0:
		return 1 - incBeta(b, a, y, x)
	}
	// x^a y^b / B(a, b), each logarithm from whichever of x and y is small
	logX, logY := math.Log(x), math.Log(y)
	if x > y {
		logX = math.Log1p(-y)
	} else {
		logY = math.Log1p(-x)
	}
	return math.Exp(a*logX+b*logY-logBeta(a, b)) * betaFraction(a, b, x, y, lambda)
}

// betaFraction is BFRAC without its factor: the continued fraction of I_x(a, b) for lambda >= 0.
func betaFraction(a, b, x, y, lambda float64) float64 {
	c, c0, c1 := 1+lambda, b/a, 1+1/a
	p, s := 1.0, a+1
	an, bn, an1, bn1 := 0.0, 1.0, 1.0, c/c1
	r := c1 / c
	for n := 1.0; n < 1e6; n++ {
		t, w, e := n/a, n*(b-n)*x, a/s
		alpha := p * (p + c0) * e * e * (w * x)
		e = (1 + t) / (c1 + t + t)
		beta := n + w/s + e*(c+n*(1+y))
		p, s = 1+t, s+2
		an, an1 = an1, alpha*an+beta*an1
		bn, bn1 = bn1, alpha*bn+beta*bn1
		before := r
		r = an1 / bn1
		if math.Abs(r-before) <= 1e-15*r {
			break
		}
		an, bn, an1, bn1 = an/bn1, bn/bn1, r, 1 // rescaled: only ratios matter
	}
	return r
}

// logBeta returns log B(a, b) without the cancellation of log-gammas of large arguments, as R's lbeta.
func logBeta(a, b float64) float64 {
	p, q := min(a, b), max(a, b)
	r := p / (p + q)
	switch {
	case p >= 10:
		return -0.5*math.Log(q) + 0.5*math.Log(2*math.Pi) + stirling(p) + stirling(q) - stirling(p+q) + (p-0.5)*math.Log(r) + q*math.Log1p(-r)
	case q >= 10:
		g, _ := math.Lgamma(p)
		return g + stirling(q) - stirling(p+q) + p - p*math.Log(p+q) + (q-0.5)*math.Log1p(-r)
	}
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	gab, _ := math.Lgamma(a + b)
	return ga + gb - gab
}

// stirling returns log Γ(x) - (x-1/2) log x + x - log √2π for x >= 10.
func stirling(x float64) float64 {
	z := 1 / (x * x)
	return (1.0/12 - z*(1.0/360-z*(1.0/1260-z*(1.0/1680-z*(1.0/1188-z*(691.0/360360-z/156)))))) / x
}
