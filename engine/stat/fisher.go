package stat

import "math"

// Fisher's exact test. In a table with fixed margins the probability of a 2x2
// table with upper left cell x is, at odds ratio psi, proportional to
//
//	w(x) psi^x,  w(x) = C(m, x) C(n, k-x),
//
// m and n the column totals and k the total of the first row: the noncentral
// hypergeometric distribution.

// relativeTie is R's: a table counts as not more probable than the observed
// one up to this relative difference of the probabilities.
const relativeTie = 1 + 1e-7

// fisherP returns the two-sided p-value of a table of counts: the probability,
// with the margins fixed, of all tables not more probable than this one. ok is
// false when there is no test or it would take too long.
func fisherP(counts [][]int64) (p float64, ok bool) {
	t := dropEmpty(counts)
	if len(t) < 2 || len(t[0]) < 2 {
		return math.NaN(), false
	}
	if len(t) == 2 && len(t[0]) == 2 {
		return hypergeometricOf(t).twoSided(), true
	}
	return exactP(t)
}

// dropEmpty returns the table without its empty rows and columns.
func dropEmpty(counts [][]int64) [][]int64 {
	rows, cols, _, _, _ := margins(counts)
	var t [][]int64
	for i, line := range counts {
		if rows[i] == 0 {
			continue
		}
		var kept []int64
		for j, n := range line {
			if cols[j] > 0 {
				kept = append(kept, n)
			}
		}
		t = append(t, kept)
	}
	return t
}

// hypergeometric is the distribution of the upper left cell of a 2x2 table with fixed margins.
type hypergeometric struct {
	m, n, k int64 // column totals, total of the first row
	lo, hi  int64 // support
	x       int64 // observed
}

func hypergeometricOf(t [][]int64) hypergeometric {
	h := hypergeometric{m: t[0][0] + t[1][0], n: t[0][1] + t[1][1], k: t[0][0] + t[0][1], x: t[0][0]}
	h.lo, h.hi = max(0, h.k-h.n), min(h.k, h.m)
	return h
}

// ratio returns w(x+1)/w(x).
func (h hypergeometric) ratio(x int64) float64 {
	return float64(h.m-x) / float64(x+1) * (float64(h.k-x) / float64(h.n-h.k+x+1))
}

// mode returns the x of largest w(x) psi^x: the last at which going one further back would not gain.
func (h hypergeometric) mode(psi float64) int64 {
	lo, hi := h.lo, h.hi
	for lo < hi {
		if mid := lo + (hi-lo)/2; h.ratio(mid)*psi > 1 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// walk calls f with every x of the support and its weight w(x) psi^x relative
// to that of the mode, both ways from there, down to weights of 1e-300.
func (h hypergeometric) walk(psi float64, f func(x int64, weight float64)) {
	mode := h.mode(psi)
	f(mode, 1)
	for x, w := mode, 1.0; x < h.hi && w > 1e-300; x++ {
		w *= h.ratio(x) * psi
		f(x+1, w)
	}
	for x, w := mode, 1.0; x > h.lo && w > 1e-300; x-- {
		w /= h.ratio(x-1) * psi
		f(x-1, w)
	}
}

// twoSided returns the probability at psi = 1 of all x not more probable than the observed one.
func (h hypergeometric) twoSided() float64 {
	observed := 0.0
	h.walk(1, func(x int64, w float64) {
		if x == h.x {
			observed = w
		}
	})
	var tail, all kahan
	h.walk(1, func(_ int64, w float64) {
		all.add(w)
		if w <= observed*relativeTie {
			tail.add(w)
		}
	})
	return min(1, tail.sum/all.sum)
}

// oddsRatio returns the conditional maximum likelihood estimate of the odds
// ratio and its exact 95 % limits, to full precision; 0 or an infinity at the
// ends of the support.
func (h hypergeometric) oddsRatio() (estimate, low, high float64) {
	if h.lo == h.hi {
		return math.NaN(), 0, math.Inf(1)
	}
	if h.x == h.lo {
		estimate, low = 0, 0
	} else {
		low = math.Exp(zero(func(l float64) float64 { _, upper := h.tails(math.Exp(l)); return upper - 0.025 }))
	}
	if h.x == h.hi {
		estimate, high = math.Inf(1), math.Inf(1)
	} else {
		high = math.Exp(zero(func(l float64) float64 { lower, _ := h.tails(math.Exp(l)); return 0.025 - lower }))
	}
	if h.lo < h.x && h.x < h.hi {
		estimate = math.Exp(zero(func(l float64) float64 { return h.mean(math.Exp(l)) - float64(h.x) }))
	}
	return estimate, low, high
}

// mean returns the expectation at odds ratio psi.
func (h hypergeometric) mean(psi float64) float64 {
	var s, all kahan
	h.walk(psi, func(x int64, w float64) {
		s.add(w * float64(x-h.lo))
		all.add(w)
	})
	return s.sum/all.sum + float64(h.lo)
}

// tails returns the probabilities of at most and of at least the observed cell at odds ratio psi.
func (h hypergeometric) tails(psi float64) (lower, upper float64) {
	var l, u, all kahan
	h.walk(psi, func(x int64, w float64) {
		all.add(w)
		if x <= h.x {
			l.add(w)
		}
		if x >= h.x {
			u.add(w)
		}
	})
	return l.sum / all.sum, u.sum / all.sum
}

// zero returns the root of an increasing function by bisection, NaN when there is none within +-700.
func zero(f func(float64) float64) float64 {
	lo, hi := -1.0, 1.0
	for f(lo) > 0 {
		if lo *= 2; lo < -700 {
			return math.NaN()
		}
	}
	for f(hi) < 0 {
		if hi *= 2; hi > 700 {
			return math.NaN()
		}
	}
	for range 200 {
		mid := lo + (hi-lo)/2
		if mid <= lo || mid >= hi {
			break
		}
		if f(mid) < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + (hi-lo)/2
}

// kahan is a compensated sum.
type kahan struct{ sum, lost float64 }

func (k *kahan) add(x float64) {
	y := x - k.lost
	t := k.sum + y
	k.lost = (t - k.sum) - y
	k.sum = t
}
