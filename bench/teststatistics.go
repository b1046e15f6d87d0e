package bench

import (
	"cmp"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
)

// tests are Welch's t test and Wilcoxon's rank sum test of the first covariate by outcome.
var tests = recipe{
	analyses: []string{"{id: t, kind: ttest, variable: x1, by: y}", "{id: rank, kind: rank, variable: x2, by: y}"},
	unit:     "relative",
	plain: func(c *Cohort, _ answer) (answer, error) {
		m := c.plainMoments(1)
		var n [2]float64
		for _, y := range c.Y {
			n[int(y)]++
		}
		se := math.Hypot(m.sd[0][0]/math.Sqrt(n[0]), m.sd[0][1]/math.Sqrt(n[1]))
		return testStatistics{welch: (m.mean[0][0] - m.mean[0][1]) / se, wilcoxon: wilcoxon(c.X[1], c.Y)}, nil
	},
}

// wilcoxon is the rank sum of those with y = 0 over the least it can be, ties sharing their mean rank.
func wilcoxon(x, y []float64) float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	var sum, n float64
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			if y[i] == 0 {
				sum += float64(lo+hi+1) / 2
				n++
			}
		}
		lo = hi
	}
	return sum - n*(n+1)/2
}

type testStatistics struct{ welch, wilcoxon float64 }

func (a testStatistics) away(r *report.Report) float64 {
	return max(offBy(r.Analyses[0].Frame, "welch", a.welch), offBy(r.Analyses[1].Frame, "wilcoxon", a.wilcoxon))
}

// offBy is how far a method's statistic is from what it should be, relatively.
func offBy(f *stat.Frame, method string, want float64) float64 {
	for _, row := range f.Tidy {
		if row.Get("method") == method {
			if got, ok := row.Get("statistic").(float64); ok {
				return math.Abs(got/want - 1)
			}
		}
	}
	return math.Inf(1)
}
