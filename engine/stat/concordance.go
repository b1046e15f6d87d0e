package stat

import "math"

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
