package stat

import (
	"math"
	"slices"
	"sort"
)

// concordance counts the pairs of people of whom one has the event while the
// other is still at risk: with the higher risk first (concordant), the lower
// (discordant), or equal risks (Harrell, JAMA 1982;247:2543).
type concordance struct {
	concordant, discordant, tied float64
	unknown                      float64 // pairs of one class of risk or time, counted as tied

	// Sums over people of squares and products of a, twice the pairs of a person in the right order and once the
	// tied ones, and b, all their pairs: what the error is made of. NaN where it is not known who makes pairs.
	aa, ab, bb float64
}

// value is Harrell's C and how far it may be off, NaN without a pair.
func (c concordance) value() (value, bound float64) {
	all := c.concordant + c.discordant + c.tied
	return (c.concordant + c.tied/2) / all, c.unknown / 2 / all
}

// stdError is the infinitesimal jackknife's, as R's concordance has it: each
// person moves the estimate by what their pairs are off it.
func (c concordance) stdError() float64 {
	all := c.concordant + c.discordant + c.tied
	value, _ := c.value()
	return math.Sqrt(math.Max(0, c.aa/4-value*c.ab+value*value*c.bb)) / all
}

// shares are the pairs of each person within the strata of a hospital: a counts
// those in the right order twice and tied ones once, b all.
func (m *coxRows) shares() (a, b []int64) {
	n := len(m.stop)
	a, b = make([]int64, n), make([]int64, n)
	for from, to := 0, 0; from < n; from = to {
		for to = from; to < n && m.stratum[to] == m.stratum[from]; to++ {
		}
		risks := slices.Clone(m.eta[from:to])
		slices.Sort(risks)
		risks = slices.Compact(risks)
		rank := func(i int) int { return sort.SearchFloat64s(risks, m.eta[i]) }
		// As those who have the event: against whoever is still at risk, the last times first.
		tree, out := newCounts1(len(risks)), from
		for i := from; i < to; {
			t, end := m.stop[i], i
			for ; end < to && m.stop[end] == t; end++ {
				if !m.event[end] {
					tree.add(rank(end), 1)
				}
			}
			for ; out < to && m.start[m.entries[out]] >= t; out++ {
				tree.add(rank(m.entries[out]), -1)
			}
			for k := i; k < end; k++ {
				if m.event[k] {
					below, upTo := tree.below(rank(k)), tree.below(rank(k)+1)
					a[k] += below + upTo
					b[k] += tree.total
				}
			}
			for ; i < end; i++ {
				if m.event[i] {
					tree.add(rank(i), 1)
				}
			}
		}
		// As those at risk: against the events between their entry and their own end, the first times first.
		tree, out = newCounts1(len(risks)), to-1
		against := func(k int, sign int64) {
			below, upTo := tree.below(rank(k)), tree.below(rank(k)+1)
			a[k] += sign * (2*tree.total - below - upTo)
			b[k] += sign * tree.total
		}
		for i := to - 1; i >= from; {
			t, end := m.stop[i], i
			for ; out >= from && m.start[m.entries[out]] < t; out-- {
				against(m.entries[out], -1)
			}
			for ; end >= from && m.stop[end] == t; end-- {
				if m.event[end] {
					against(end, 1)
				}
			}
			for k := i; k > end; k-- {
				if m.event[k] {
					tree.add(rank(k), 1)
				}
			}
			for ; i > end; i-- {
				if !m.event[i] {
					against(i, 1)
				}
			}
		}
	}
	return a, b
}

// pairs counts those within the strata of a hospital.
func (m *coxRows) pairs() (c [3]int64) {
	n := len(m.stop)
	for from, to := 0, 0; from < n; from = to {
		for to = from; to < n && m.stratum[to] == m.stratum[from]; to++ {
		}
		risks := slices.Clone(m.eta[from:to])
		slices.Sort(risks)
		risks = slices.Compact(risks)
		tree := newCounts1(len(risks))
		rank := func(i int) int { return sort.SearchFloat64s(risks, m.eta[i]) }
		out := from
		for i := from; i < to; {
			t, end := m.stop[i], i
			for ; end < to && m.stop[end] == t; end++ {
				if !m.event[end] {
					tree.add(rank(end), 1)
				}
			}
			for ; out < to && m.start[m.entries[out]] >= t; out++ {
				tree.add(rank(m.entries[out]), -1)
			}
			for k := i; k < end; k++ {
				if m.event[k] {
					r := rank(k)
					below, upTo := tree.below(r), tree.below(r+1)
					c[0] += below
					c[1] += tree.total - upTo
					c[2] += upTo - below
				}
			}
			for ; i < end; i++ {
				if m.event[i] {
					tree.add(rank(i), 1)
				}
			}
		}
	}
	return c
}

// counts1 are counts whose partial sums are found in logarithmic time (Fenwick 1994).
type counts1 struct {
	n     []int64
	total int64
}

func newCounts1(n int) *counts1 { return &counts1{n: make([]int64, n+1)} }

func (c *counts1) add(i int, k int64) {
	c.total += k
	for i++; i < len(c.n); i += i & -i {
		c.n[i] += k
	}
}

// below is the sum of the first i counts.
func (c *counts1) below(i int) (s int64) {
	for ; i > 0; i -= i & -i {
		s += c.n[i]
	}
	return s
}

// riskClass puts a linear predictor into one of k classes of equal width in
// the logistic distribution function of eta over its typical size.
func riskClass(eta, size float64, k int) int {
	if size == 0 {
		return 0
	}
	p := 1 / (1 + math.Exp(-1.7*eta/size))
	return min(k-1, int(p*float64(k)))
}

// ofClasses counts the pairs of classes of risk: n[time][class] are those who
// leave, without and with the event, came[time][class] those who come in after that time.
func ofClasses(n [][][2]int64, came [][]int64, classes int) (c concordance) {
	at := make([]float64, classes)
	a, b := make([][]float64, len(n)), make([][]float64, len(n)) // pairs of an event
	for i := len(n) - 1; i >= 0; i-- {
		a[i], b[i] = make([]float64, classes), make([]float64, classes)
		for k := range at {
			at[k] += float64(n[i][k][0])
			if came != nil {
				at[k] -= float64(came[i][k])
			}
		}
		above, below := 0.0, 0.0
		for k := range at {
			above += at[k]
		}
		for k := range at {
			above -= at[k]
			e := float64(n[i][k][1])
			c.concordant += e * below
			c.discordant += e * above
			c.tied += e * at[k]
			total := below + above + at[k]
			a[i][k], b[i][k] = 2*below+at[k], total
			below += at[k]
		}
		for k := range at {
			at[k] += float64(n[i][k][1])
		}
	}
	c.unknown = c.tied
	if came != nil { // of a person it is not known when both came and left
		c.aa, c.ab, c.bb = math.NaN(), math.NaN(), math.NaN()
		return c
	}
	events := make([]float64, classes) // before the time
	for i := range n {
		put := func(k int, people, a, b float64) { // with those they outlive
			above, all := 0.0, 0.0
			for l, e := range events {
				all += e
				if l > k {
					above += e
				}
			}
			a, b = a+2*above+events[k], b+all
			c.aa, c.ab, c.bb = c.aa+people*a*a, c.ab+people*a*b, c.bb+people*b*b
		}
		for k := range classes {
			put(k, float64(n[i][k][1]), a[i][k], b[i][k])
		}
		for k := range classes {
			events[k] += float64(n[i][k][1])
		}
		for k := range classes {
			put(k, float64(n[i][k][0]), 0, 0)
		}
	}
	return c
}
