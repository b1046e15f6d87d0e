package stat

import "math"

// negbinTerms are a row's log-likelihood, and score and observed information of
// theta, which R's theta.ml takes. Differences of lgamma, digamma and trigamma at
// theta + y and theta are sums over 0, 1, ..., y-1: nothing cancels where theta is large.
func negbinTerms(y, mean, theta float64) (logLik, score, info float64) {
	factorial, _ := math.Lgamma(y + 1)
	logLik = -factorial - theta*math.Log1p(mean/theta)
	if y > 0 {
		logLik += y * math.Log(mean)
	}
	for k := 0.0; k < y; k++ {
		logLik += math.Log((theta + k) / (theta + mean))
		score += 1 / (theta + k)
		info += 1 / ((theta + k) * (theta + k))
	}
	score += (mean-y)/(mean+theta) - math.Log1p(mean/theta)
	info += -1/theta + 2/(mean+theta) - (y+theta)/((mean+theta)*(mean+theta))
	return logLik, score, info
}

// negbinDevianceOf is a row's deviance at a given theta.
func negbinDevianceOf(y, mean, theta float64) float64 {
	d := -(y + theta) * math.Log1p((y-mean)/(mean+theta))
	if y > 0 {
		d += y * math.Log(y/mean)
	}
	return 2 * d
}
