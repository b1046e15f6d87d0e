package stat

import (
	"math"
)

// curve is a Kaplan-Meier estimate just after each exit.
type curve struct {
	exits     []exit
	survival  []float64
	greenwood []float64 // of log survival: sum of d / (n (n - d))
}

// kaplanMeier is the product-limit estimate (Kaplan and Meier 1958) with Greenwood's variance.
func kaplanMeier(exits []exit) *curve {
	c := &curve{exits: exits}
	s, v := 1.0, 0.0
	for _, e := range exits {
		d, n := float64(e.events), float64(e.risk)
		if e.events > 0 {
			s *= (n - d) / n
			v += d / (n * (n - d)) // +Inf when everyone has the event
		}
		c.survival, c.greenwood = append(c.survival, s), append(c.greenwood, v)
	}
	return c
}

// limits are the log-log 95 % limits of the survival after exit i; NaN where it is 0 or 1.
func (c *curve) limits(i int) (low, high float64) {
	s := c.survival[i]
	if s <= 0 || s >= 1 {
		return math.NaN(), math.NaN()
	}
	width := z975 * math.Sqrt(c.greenwood[i]) / math.Log(s)
	centre := math.Log(-math.Log(s))
	return math.Exp(-math.Exp(centre - width)), math.Exp(-math.Exp(centre + width))
}

// quantile is the time at which a falling curve passes p, as R finds it: the
// middle of a stretch that lies on p. NaN when it does not.
func (c *curve) quantile(p float64, at func(i int) float64) float64 {
	const equal = 1.4901161193847656e-08 // R's sqrt(.Machine$double.eps)
	first := -1
	for i, e := range c.exits {
		y := at(i)
		switch {
		case math.IsNaN(y) || y >= p+equal:
		case first < 0:
			if first = i; math.Abs(y-p) >= equal {
				return e.time
			}
		case y < at(first):
			return (c.exits[first].time + e.time) / 2
		}
	}
	if first < 0 {
		return math.NaN()
	}
	return c.exits[first].time
}

// mean is the restricted mean survival to tau and its standard error: the area
// under the curve, as R's survmean.
func (c *curve) mean(tau float64) (mean, se float64) {
	from, s := 0.0, 1.0
	if len(c.exits) > 0 {
		from = math.Min(0, c.exits[0].time)
	}
	var areas []float64 // between exits, the last one to tau
	for i, e := range c.exits {
		if e.time > tau {
			break
		}
		areas = append(areas, (e.time-from)*s)
		from, s = e.time, c.survival[i]
	}
	mean = (tau - from) * s
	variance := 0.0
	for i := len(areas) - 1; i >= 0; i-- { // mean is the area from exit i to tau
		if d, n := float64(c.exits[i].events), float64(c.exits[i].risk); d < n {
			variance += mean * mean * d / (n * (n - d))
		}
		mean += areas[i]
	}
	return mean, math.Sqrt(variance)
}
