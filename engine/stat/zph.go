package stat

import (
	"cmp"
	"math"
	"math/big"
	"slices"
)

// zph is the test that hazards are proportional: the score test of a further
// column x times g(time) (Grambsch and Therneau, Biometrika 1994;81:515), as
// R's cox.zph since version 3. g is a transform of time, centred over the events.
type zph struct {
	mean  float64 // of g over the events
	score []float64
	info  []float64 // of the model, at its maximum
	g, gg []float64 // the same, weighted by g and by its square
}

// newZPH centres g: u are sums over the events of g times x less the mean of x over the risk set; plain those without g.
func newZPH(mean float64, u, plain, info, g, gg []float64) *zph {
	z := &zph{mean: mean, score: make([]float64, len(u)), info: info, g: make([]float64, len(g)), gg: make([]float64, len(gg))}
	for a := range u {
		z.score[a] = u[a] - mean*plain[a]
	}
	for k := range info {
		z.g[k] = g[k] - mean*info[k]
		z.gg[k] = gg[k] - 2*mean*g[k] + mean*mean*info[k]
	}
	return z
}

// test is the chi-squared statistic of the columns in cols, NaN where they have none.
func (z *zph) test(cols []int) (statistic, df float64) {
	q := len(z.score)
	m := newSymmetric(q + len(cols))
	at := func(v []float64, a, b int) float64 {
		if a > b {
			a, b = b, a
		}
		return v[a*(2*q-a-1)/2+b]
	}
	for a := range q {
		for b := a; b < q; b++ {
			m.at(a, b).SetFloat64(at(z.info, a, b))
		}
		for k, b := range cols {
			m.at(a, q+k).SetFloat64(at(z.g, a, b))
		}
	}
	u := make([]*big.Float, q+len(cols))
	for a := range u {
		u[a] = newBig(0)
	}
	for k, a := range cols {
		u[q+k].SetFloat64(z.score[a])
		for l := k; l < len(cols); l++ {
			m.at(q+k, q+l).SetFloat64(at(z.gg, a, cols[l]))
		}
	}
	f := factorize(m, func(j int, pivot *big.Float) bool { return rounded(pivot) < 1e-12*rounded(m.at(j, j)) })
	if len(f.kept) < len(u) {
		return math.NaN(), math.NaN()
	}
	x, s := f.solve(u), newBig(0)
	for a := range u {
		s.Add(s, newBig(0).Mul(u[a], x[a]))
	}
	return rounded(s), float64(len(cols))
}

// zphRows are the rows of the test, a term each and the whole.
func (c *coxPart) zphRows() (rows []Record, warning string) {
	put := func(name string, cols []int) {
		s, df := c.test.test(cols)
		p := math.NaN()
		if math.IsNaN(s) {
			warning = "the test of proportional hazards does not exist for some term: there are too few times with events"
		} else {
			p = chiUpper(s, df)
		}
		rows = append(rows, Record{}.Put("term", name).Put("statistic", s).Put("df", df).Put("p_value", p))
	}
	for t, term := range c.model.Terms {
		var cols []int
		for a, j := range c.fit.cols {
			if c.columns[j].Term == t {
				cols = append(cols, a)
			}
		}
		if len(cols) > 0 {
			put(term.Label, cols)
		}
	}
	all := make([]int, len(c.fit.cols))
	for a := range all {
		all[a] = a
	}
	put("GLOBAL", all)
	return rows, warning
}

// transformOf is g: a function of time between 0 and 1.
func (c *coxPart) transformOf() func(t float64) float64 {
	lo, hi := c.u.time.Min, c.u.time.Max
	switch c.transform {
	case "identity":
		return func(t float64) float64 { return (t - lo) / (hi - lo) }
	case "log":
		return func(t float64) float64 { return math.Log(t/lo) / math.Log(hi/lo) }
	}
	// One less the survival of everyone just before, strata together.
	var all []exit
	var groups []int
	for g := range c.u.groups() {
		groups = append(groups, g)
		if c.own {
			all = append(all, c.u.exits(g)...)
		} else {
			all = append(all, c.strata[g].exits...)
		}
	}
	joined := together(all)
	c.u.enter(joined, groups...)
	return failing(joined)
}

// together adds up the exits of several groups at the same time, in order of time. A group's people are at
// risk before its own first exit, too: who comes when, and who is at risk, is for all groups to be found anew.
func together(all []exit) (joined []exit) {
	slices.SortStableFunc(all, func(a, b exit) int { return cmp.Compare(a.time, b.time) })
	for _, e := range all {
		if n := len(joined); n > 0 && joined[n-1].time == e.time {
			joined[n-1].events += e.events
			joined[n-1].lost += e.lost
			continue
		}
		joined = append(joined, exit{time: e.time, events: e.events, lost: e.lost})
	}
	return joined
}

// failing is one less the Kaplan-Meier estimate just before a time.
func failing(joined []exit) func(t float64) float64 {
	k := kaplanMeier(joined)
	return func(t float64) float64 {
		i, _ := slices.BinarySearchFunc(joined, t, func(e exit, t float64) int {
			if e.time < t {
				return -1
			}
			return 1
		})
		if i == 0 {
			return 0
		}
		return 1 - k.survival[i-1]
	}
}
