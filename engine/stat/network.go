package stat

import (
	"cmp"
	"math"
	"slices"
)

// Fisher's exact test of tables larger than 2x2, by a network as in Mehta and
// Patel (JASA 1983;78:427). Given the margins, a table has the probability
//
//	prod_j (c_j! / prod_i x_ij!) / (n! / prod_i r_i!)
//
// Columns are filled one after the other. A node is what the rows still need,
// in any order; a past is the value, prod over the columns filled, with which
// it was reached. With bounds on the value of its completions most pasts are
// settled early: all completions are at most as probable as the observed table
// and count with their closed total, or none is.

// The work is bounded: so many tails of two rows, a past kept counting as pastCost of them.
const (
	maxWork  = 8_000_000
	pastCost = 8
)

// past is a number of ways to reach a node with (nearly) the same log value.
type past struct{ value, ways float64 }

type network struct {
	cols  []int64   // column totals, the smallest first
	lf    []float64 // log factorials
	tail  kahan     // probability of what counts
	n     int64
	limit float64 // log value of the observed table, with R's tolerance
	base  float64 // log n!/prod r_i!
	work  int
}

// exactP returns the two-sided p-value of a table without empty rows or columns.
func exactP(t [][]int64) (p float64, ok bool) {
	rows, cols, n, _, _ := margins(t)
	if len(rows) > len(cols) { // the shorter side makes the nodes
		t = transpose(t)
		rows, cols = cols, rows
	}
	if n > 1<<20 || float64(len(rows)-1)*math.Log2(float64(n+1)) > 62 {
		return math.NaN(), false
	}
	w := network{n: n, lf: logFactorials(n)}
	w.limit = math.Log(relativeTie)
	for _, c := range cols {
		w.limit += w.lf[c]
	}
	for _, line := range t {
		for _, x := range line {
			w.limit -= w.lf[x]
		}
	}
	w.base = w.total(rows)
	w.cols = slices.Clone(cols)
	slices.SortFunc(w.cols, func(a, b int64) int { return cmp.Compare(a, b) })
	// Only in small tables of two rows do many pasts coincide.
	if g, _ := likelihoodRatio(t); w.estimate(rows, g) > maxWork && (len(rows) > 2 || n > 500) {
		return math.NaN(), false
	}
	if !w.fill(rows) {
		return math.NaN(), false
	}
	return min(1, w.tail.sum), true
}

func transpose(t [][]int64) [][]int64 {
	u := make([][]int64, len(t[0]))
	for j := range u {
		for i := range t {
			u[j] = append(u[j], t[i][j])
		}
	}
	return u
}

func logFactorials(n int64) []float64 {
	lf := make([]float64, n+1)
	for i := range lf {
		lf[i], _ = math.Lgamma(float64(i) + 1)
	}
	return lf
}

// total returns the log of the sum of the values of all completions: n!/prod r_i!.
func (w *network) total(need []int64) float64 {
	var n int64
	s := 0.0
	for _, r := range need {
		n += r
		s -= w.lf[r]
	}
	return s + w.lf[n]
}

// node is what the rows still need, sorted, and the pasts that reach it by quantised value.
type node struct {
	need  []int64
	pasts map[int64]past
}

// fill runs the network; false when it takes too much work.
func (w *network) fill(rows []int64) bool {
	layer := map[uint64]*node{}
	push(layer, w.key(rows), rows, past{0, 1})
	for stage := range len(w.cols) - 2 {
		next := map[uint64]*node{}
		for _, k := range sortedKeys(layer) {
			if !w.expand(stage, layer[k], next) {
				return false
			}
		}
		layer = next
	}
	for _, k := range sortedKeys(layer) {
		nd := layer[k]
		least, most := w.boundsOf(len(w.cols)-2, nd.need)
		for _, p := range w.settle(nd, least, most, w.total(nd.need)) {
			if !w.finish(nd.need, p) {
				return false
			}
		}
	}
	return true
}

func sortedKeys[V any](m map[uint64]V) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// settle counts the pasts whose completions all count, drops those of which
// none does, and returns the others in order of value.
func (w *network) settle(nd *node, least, most, total float64) (open []past) {
	keys := make([]int64, 0, len(nd.pasts))
	for q := range nd.pasts {
		keys = append(keys, q)
	}
	slices.Sort(keys)
	for _, q := range keys {
		switch p := nd.pasts[q]; {
		case p.value+most <= w.limit:
			w.tail.add(p.ways * math.Exp(p.value+total-w.base))
		case p.value+least <= w.limit:
			open = append(open, p)
		}
	}
	return open
}

// expand fills the column of this stage in every way for the pasts that are not settled.
func (w *network) expand(stage int, nd *node, next map[uint64]*node) bool {
	least, most := w.boundsOf(stage, nd.need)
	open := w.settle(nd, least, most, w.total(nd.need))
	if len(open) == 0 {
		return true
	}
	// In a large table with two rows hardly two pasts are alike: no use to keep them.
	direct := stage == len(w.cols)-3 && len(nd.need) == 2 && w.n > 1000
	cost := pastCost
	if direct {
		cost = 0
	}
	c := w.cols[stage]
	x := make([]int64, len(nd.need))
	var rest int64 // what the rows after i can take at most
	for _, r := range nd.need {
		rest += r
	}
	var choose func(i int, left, rest int64, value float64) bool
	choose = func(i int, left, rest int64, value float64) bool {
		rest -= nd.need[i]
		if i == len(x)-1 {
			x[i] = left
			need := make([]int64, len(x))
			for k := range x {
				need[k] = nd.need[k] - x[k]
			}
			value -= w.lf[left]
			key := w.key(need)
			if w.work += len(open) * cost; w.work > maxWork {
				return false
			}
			for _, p := range open {
				if direct {
					if !w.finish(need, past{p.value + value, p.ways}) {
						return false
					}
					continue
				}
				push(next, key, need, past{p.value + value, p.ways})
			}
			return true
		}
		for x[i] = max(0, left-rest); x[i] <= min(left, nd.need[i]); x[i]++ {
			if !choose(i+1, left-x[i], rest, value-w.lf[x[i]]) {
				return false
			}
		}
		return true
	}
	return choose(0, c, rest, w.lf[c])
}

// key sorts what the rows need, for the order does not matter, and numbers it.
func (w *network) key(need []int64) uint64 {
	slices.Sort(need)
	var k uint64
	for _, r := range need[1:] { // the first follows from the columns left
		k = k*uint64(w.n+1) + uint64(r)
	}
	return k
}

// push merges a past into a node. Values within 1e-9 are one past at their mean.
func push(layer map[uint64]*node, key uint64, need []int64, p past) {
	nd := layer[key]
	if nd == nil {
		nd = &node{need: need, pasts: map[int64]past{}}
		layer[key] = nd
	}
	q := int64(math.Round(p.value * 1e9))
	if o, ok := nd.pasts[q]; ok {
		ways := o.ways + p.ways
		p = past{o.value + (p.value-o.value)*(p.ways/ways), ways}
	}
	nd.pasts[q] = p
}
