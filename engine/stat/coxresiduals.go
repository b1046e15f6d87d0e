package stat

import (
	"math"
	"slices"
)

// jump is what the baseline hazard of a stratum rises by at a time, for weights exp(eta - top).
type jump struct {
	stratum   int
	time, top float64
	hazard    float64
	drift     []float64 // hazard times the means of the columns in the risk set
}

// residuals are the score residuals of a hospital's people at the linear
// predictors in use, row by row (Therneau, Grambsch and Fleming, Biometrika 1990;77:147):
// an event's columns less their mean over the risk set, and, at each time with
// events while a person is at risk, less exp(eta) times the rise of the hazard times that
// person's columns less the mean. They sum to the score. Of d events at a time each
// counts as 1/d in d risk sets, in which with Efron's ties they weigh 1, 1-1/d, ..., 1/d, as in R's residuals.coxph.
func (m *coxRows) residuals(efron bool) []float64 {
	q := len(m.cols)
	u, mean := make([]float64, len(m.stop)*q), make([]float64, q)
	var jumps []jump
	m.eachTime(func(from, to int, risk, tied *riskSums, d int64, top float64) {
		j := jump{stratum: m.stratum[from], time: m.stop[from], top: top, drift: make([]float64, q)}
		for k := range d {
			gone := 0.0
			if efron {
				gone = float64(k) / float64(d)
			}
			z := risk.w - gone*tied.w
			for a := range mean {
				mean[a] = (risk.wx[a] - gone*tied.wx[a]) / z
				j.drift[a] += mean[a] / z
			}
			j.hazard += 1 / z
			for i := from; i < to; i++ {
				if !m.event[i] {
					continue
				}
				w := 1/float64(d) + gone*math.Exp(m.eta[i]-top)/z
				for a, x := range m.row(i) {
					u[i*q+a] += w * (x - mean[a])
				}
			}
		}
		jumps = append(jumps, j)
	})
	slices.Reverse(jumps)
	byStop := make([]int, len(m.stop))
	for i := range byStop {
		byStop[i] = i
	}
	m.expected(jumps, byStop, m.stop, -1, u)
	m.expected(jumps, m.entries, m.start, 1, u)
	return u
}

// expected adds to u sign times exp(eta) times what the hazard has risen by at each row's time, times the row's columns less the
// means. order are the rows by stratum, the last times first; jumps the first ones first, strata from the last.
func (m *coxRows) expected(jumps []jump, order []int, time []float64, sign float64, u []float64) {
	q, at, stratum := len(m.cols), 0, -1
	top, hazard, drift := 0.0, 0.0, make([]float64, q)
	for o := len(order) - 1; o >= 0; o-- {
		i := order[o]
		if m.stratum[i] != stratum {
			stratum, hazard = m.stratum[i], 0
			clear(drift)
			for at < len(jumps) && jumps[at].stratum > stratum {
				at++
			}
		}
		for ; at < len(jumps) && jumps[at].stratum == stratum && jumps[at].time <= time[i]; at++ {
			j := jumps[at]
			by := 1.0
			if hazard > 0 { // later tops are no higher
				by = math.Exp(j.top - top)
			}
			hazard, top = by*hazard+j.hazard, j.top
			for a := range drift {
				drift[a] = by*drift[a] + j.drift[a]
			}
		}
		if hazard == 0 {
			continue
		}
		w := sign * math.Exp(m.eta[i]-top)
		for a, x := range m.row(i) {
			u[i*q+a] += w * (x*hazard - drift[a])
		}
	}
}
