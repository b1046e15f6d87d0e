package stat

import (
	"math"
	"slices"
	"sort"
)

// The end of the network of Fisher's test, the bounds by which it stops early,
// and an estimate of the work.

// finish fills the last two columns in every way.
func (w *network) finish(need []int64, p past) bool {
	a, b := w.cols[len(w.cols)-2], w.cols[len(w.cols)-1]
	return w.lastTwo(need, 0, a, p.value+w.lf[a]+w.lf[b], p.ways)
}

// lastTwo fills the last two columns: rows i and after share m of the first of
// them, and the rest goes to the second. value is that of the past and the rows
// before. With two rows left the value is concave in what the first of them
// takes, so that what counts is two tails.
func (w *network) lastTwo(need []int64, i int, m int64, value, ways float64) bool {
	var rest int64 // what the rows after i can take
	for _, r := range need[i+1:] {
		rest += r
	}
	lo, hi := max(0, m-rest), min(m, need[i])
	if i == len(need)-2 {
		return w.tails(need[i], need[i+1], m, lo, hi, value, ways)
	}
	for x := lo; x <= hi; x++ {
		if !w.lastTwo(need, i+1, m-x, value-w.lf[x]-w.lf[need[i]-x], ways) {
			return false
		}
	}
	return true
}

// tails counts the tables in which two rows of r and q take x and m-x, lo <= x <= hi.
func (w *network) tails(r, q, m, lo, hi int64, value, ways float64) bool {
	if w.work++; w.work > maxWork {
		return false
	}
	f := func(x int64) float64 { return value - w.lf[x] - w.lf[r-x] - w.lf[m-x] - w.lf[q-m+x] }
	mode := max(lo, min(hi, int64(float64(m+1)*float64(r+1)/float64(r+q+2))))
	for _, x := range []int64{max(lo, mode-1), min(hi, mode+1)} { // the formula may be one off
		if f(x) > f(mode) {
			mode = x
		}
	}
	if f(mode) <= w.limit {
		w.tail.add(ways * math.Exp(value+w.lf[r+q]-w.lf[m]-w.lf[r+q-m]-w.lf[r]-w.lf[q]-w.base))
		return true
	}
	below := mode - lo - int64(sort.Search(int(mode-lo+1), func(d int) bool { return f(mode-int64(d)) <= w.limit })) // of the mode
	if x := lo + below; below >= 0 {
		p := ways * math.Exp(f(x)-w.base)
		s := 0.0
		for ; p > s*1e-13; x-- {
			s += p
			if x == lo {
				break
			}
			p *= float64(x) / float64(r-x+1) * (float64(q-m+x) / float64(m-x+1))
		}
		w.tail.add(s)
	}
	if x := mode + int64(sort.Search(int(hi-mode+1), func(d int) bool { return f(mode+int64(d)) <= w.limit })); x <= hi {
		p := ways * math.Exp(f(x)-w.base)
		s := 0.0
		for ; p > s*1e-13; x++ {
			s += p
			if x == hi {
				break
			}
			p *= float64(r-x) / float64(x+1) * (float64(m-x) / float64(q-m+x+1))
		}
		w.tail.add(s)
	}
	return true
}

// boundsOf returns bounds for any number of rows. The largest value is bounded
// by the Lagrange dual of sum log x_ij! at the multipliers log(r_i c_j/n); the
// smallest by letting each row, or each column, be as uneven as it can.
func (w *network) boundsOf(stage int, need []int64) (least, most float64) {
	cols := w.cols[stage:]
	var n int64
	sum := 0.0 // of log c_j!
	for _, c := range cols {
		n += c
		sum += w.lf[c]
	}
	dual := 0.0
	for _, r := range need {
		for _, c := range cols {
			e := float64(r) * float64(c) / float64(n)
			if r == 0 {
				continue
			}
			x := int64(e) // log x! - x log e is smallest at floor(e)
			dual += w.lf[x] - float64(x)*math.Log(e) + e*math.Log(e)
		}
	}
	byRow := w.uneven(need, cols)
	byCol := w.uneven(cols, need)
	return sum - min(byRow, byCol) - 1e-9, sum - dual + 1e-9
}

// uneven returns the largest sum of log x_ij! when each line has its total but
// only x_ij <= cross_j ties the lines together.
func (w *network) uneven(lines, cross []int64) (s float64) {
	caps := slices.Clone(cross)
	slices.Sort(caps)
	slices.Reverse(caps)
	for _, left := range lines {
		for _, c := range caps {
			x := min(left, c)
			s += w.lf[x]
			left -= x
		}
	}
	return s
}

// estimate returns about how many tails there are to count: the number of
// grid points in the ellipsoid of tables more probable than the observed one,
// in the cells that are looped over. g is the likelihood ratio statistic.
func (w *network) estimate(rows []int64, g float64) float64 {
	k, c := len(rows), len(w.cols)
	// Covariance n (diag(a) - aa') x (diag(b) - bb') of the first k-1 rows and c-2 columns.
	logDet, left := 0.0, 1.0
	for _, r := range rows {
		logDet += float64(c-2) * math.Log(float64(r)/float64(w.n))
	}
	for _, n := range w.cols[:c-2] {
		b := float64(n) / float64(w.n)
		left -= b
		logDet += float64(k-1) * math.Log(b)
	}
	logDet += float64(k-1) * math.Log(left)
	dims := (k - 1) * (c - 2)
	logDet += float64(dims) * math.Log(float64(w.n))
	for _, r := range rows[:k-2] { // and of the next column all rows but two
		v := float64(r) * float64(w.cols[c-2]) / float64(w.n) * float64(w.cols[c-1]) / float64(w.cols[c-2]+w.cols[c-1])
		logDet += math.Log(max(v, 1))
		dims++
	}
	d := float64(dims)
	lg, _ := math.Lgamma(d/2 + 1)
	return math.Exp(d/2*math.Log(math.Pi*max(g, 1)) - lg + logDet/2)
}
