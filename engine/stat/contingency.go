package stat

import "math"

// Tests of independence in a table of counts. Rows and columns without a
// count play no part: R's droplevels.

// margins returns the totals of rows and columns and the number of rows and columns that are not empty.
func margins(counts [][]int64) (rows, cols []int64, n int64, r, c int) {
	rows = make([]int64, len(counts))
	for i, line := range counts {
		if cols == nil {
			cols = make([]int64, len(line))
		}
		for j, k := range line {
			rows[i] += k
			cols[j] += k
			n += k
		}
	}
	for _, k := range rows {
		if k > 0 {
			r++
		}
	}
	for _, k := range cols {
		if k > 0 {
			c++
		}
	}
	return rows, cols, n, r, c
}

// overCells calls f with the observed and expected count of every cell whose row and column are not empty.
func overCells(counts [][]int64, f func(observed, expected float64)) {
	rows, cols, n, _, _ := margins(counts)
	for i, line := range counts {
		for j, k := range line {
			if rows[i] > 0 && cols[j] > 0 {
				f(float64(k), float64(rows[i])*float64(cols[j])/float64(n))
			}
		}
	}
}

// chiSquared returns Pearson's chi-squared of a table of counts, without
// correction, its degrees of freedom and its upper tail. With fewer than two
// rows or columns that are not empty there is no test: NaN with 0 degrees of freedom.
func chiSquared(counts [][]int64) (statistic, df, p float64) {
	_, _, _, r, c := margins(counts)
	df = float64(r-1) * float64(c-1)
	if r < 2 || c < 2 {
		return math.NaN(), 0, math.NaN()
	}
	overCells(counts, func(o, e float64) { statistic += (o - e) * (o - e) / e })
	return statistic, df, chiUpper(statistic, df)
}

// yates returns chi-squared of a 2x2 table with Yates' correction as R makes
// it, min(0.5, |observed - expected|), and its upper tail.
func yates(counts [][]int64) (statistic, p float64) {
	correction := 0.5
	overCells(counts, func(o, e float64) { correction = min(correction, math.Abs(o-e)) })
	overCells(counts, func(o, e float64) {
		d := math.Abs(o-e) - correction
		statistic += d * d / e
	})
	return statistic, chiUpper(statistic, 1)
}

// likelihoodRatio returns G = 2 sum O log(O/E) and its upper tail.
func likelihoodRatio(counts [][]int64) (statistic, p float64) {
	_, _, _, r, c := margins(counts)
	overCells(counts, func(o, e float64) {
		if o > 0 {
			statistic += 2 * o * math.Log(o/e)
		}
	})
	statistic = max(statistic, 0) // rounding, in a table of equal rows
	return statistic, chiUpper(statistic, float64(r-1)*float64(c-1))
}

// cramersV returns sqrt(chi2 / (n (min(r, c) - 1))).
func cramersV(counts [][]int64) float64 {
	_, _, n, r, c := margins(counts)
	x, _, _ := chiSquared(counts)
	return math.Sqrt(x / (float64(n) * float64(min(r, c)-1)))
}
