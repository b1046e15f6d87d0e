package stat

import (
	"container/heap"
	"math"
	"math/big"
)

// scored is a class of people by a score: those from a value up to the next class.
type scored struct {
	from          float64
	without, with int64 // the event
	single        bool  // all have the same score
}

func (s scored) plus(o scored) scored {
	return scored{from: s.from, without: s.without + o.without, with: s.with + o.with}
}

// small reports whether a count of the class is one that may not be shown.
func (s scored) small(minCell int64) bool {
	return s.without > 0 && s.without < minCell || s.with > 0 && s.with < minCell
}

// thresholdRow is a point of the curve; below are those under the threshold.
func thresholdRow(threshold float64, below, all scored) Record {
	tp, fp, tn, fn := all.with-below.with, all.without-below.without, below.without, below.with
	return Record{}.Put("threshold", threshold).Put("tp", tp).Put("fp", fp).Put("tn", tn).Put("fn", fn).
		Put("sensitivity", float64(tp)/float64(all.with)).Put("specificity", float64(tn)/float64(all.without))
}

// curveRows returns the points of the curve by rising threshold; the first counts everyone as an event.
func curveRows(classes []scored) (rows []Record) {
	var all, below scored
	for _, s := range classes {
		all = all.plus(s)
	}
	for _, s := range classes {
		rows = append(rows, thresholdRow(s.from, below, all))
		below = below.plus(s)
	}
	return rows
}

// mergeSmall merges the smallest class with a count of 1..minCell-1 into its
// smaller neighbour (the lower one on a tie) until none is left or all are one.
func mergeSmall(classes []scored, minCell int64) (merged []scored) {
	n := len(classes)
	q := &smallest{classes: append([]scored(nil), classes...)}
	prev, next, gone := make([]int, n), make([]int, n), make([]bool, n)
	for i := range n {
		prev[i], next[i] = i-1, i+1
		if classes[i].small(minCell) {
			q.order = append(q.order, entry{i, q.size(i)})
		}
	}
	heap.Init(q)
	for q.Len() > 0 {
		e := heap.Pop(q).(entry)
		i := e.class
		if gone[i] || e.size != q.size(i) || !q.classes[i].small(minCell) {
			continue
		}
		switch lo, hi := prev[i], next[i]; {
		case lo < 0 && hi >= n:
			continue
		case lo >= 0 && (hi >= n || q.size(lo) <= q.size(hi)):
			i = lo
		}
		j := next[i] // i absorbs j
		q.classes[i] = q.classes[i].plus(q.classes[j])
		gone[j] = true
		if next[i] = next[j]; next[i] < n {
			prev[next[i]] = i
		}
		if q.classes[i].small(minCell) {
			heap.Push(q, entry{i, q.size(i)})
		}
	}
	for i, s := range q.classes {
		if !gone[i] {
			merged = append(merged, s)
		}
	}
	return merged
}

// smallest is a heap of classes by number of people, then position.
type smallest struct {
	classes []scored
	order   []entry
}

type entry struct {
	class int
	size  int64
}

func (q *smallest) size(i int) int64 { return q.classes[i].with + q.classes[i].without }
func (q *smallest) Len() int         { return len(q.order) }
func (q *smallest) Swap(i, j int)    { q.order[i], q.order[j] = q.order[j], q.order[i] }
func (q *smallest) Push(x any)       { q.order = append(q.order, x.(entry)) }
func (q *smallest) Less(i, j int) bool {
	a, b := q.order[i], q.order[j]
	return a.size < b.size || a.size == b.size && a.class < b.class
}

func (q *smallest) Pop() any {
	x := q.order[len(q.order)-1]
	q.order = q.order[:len(q.order)-1]
	return x
}

// area is the area under a curve with its 95 % limits.
type area struct{ auc, se, low, high, bound float64 }

// areaOf returns the area under the curve of classes by rising score: of all
// pairs of one with and one without the event, the share in which the former
// scores higher, ties counting half. se is DeLong's (Biometrics 1988;44:837),
// NaN with one person of either sort, as all are with none. bound is how far the area can be off
// because classes hold different scores: their pairs count half.
func areaOf(classes []scored) area {
	var e, u int64
	for _, c := range classes {
		e, u = e+c.with, u+c.without
	}
	// Twice what a person with the event outscores, and twice by how many a
	// person without it is outscored; both sum to the same.
	var belowU int64
	aboveE := e
	sum, squaresE, squaresU := new(big.Int), new(big.Int), new(big.Int)
	unsurePairs := new(big.Int)
	for _, c := range classes {
		aboveE -= c.with
		v, w := big.NewInt(2*belowU+c.without), big.NewInt(2*aboveE+c.with)
		belowU += c.without
		n, m := big.NewInt(c.with), big.NewInt(c.without)
		t := new(big.Int).Mul(n, v)
		sum.Add(sum, t)
		squaresE.Add(squaresE, t.Mul(t, v))
		t = new(big.Int).Mul(m, w)
		squaresU.Add(squaresU, t.Mul(t, w))
		if !c.single {
			unsurePairs.Add(unsurePairs, t.Mul(n, m))
		}
	}
	whole := func(x *big.Int) *big.Rat { return new(big.Rat).SetInt(x) }
	return areaFrom(e, u, whole(sum), whole(squaresE), whole(squaresU), whole(unsurePairs))
}

// areaFrom returns the area from numbers of people with and without the event
// and the sums of areaOf.
func areaFrom(e, u int64, sum, squaresE, squaresU, unsurePairs *big.Rat) area {
	if e == 0 || u == 0 {
		none := math.NaN()
		return area{none, none, none, none, none}
	}
	twicePairs := new(big.Rat).SetInt(new(big.Int).Lsh(new(big.Int).Mul(big.NewInt(e), big.NewInt(u)), 1))
	a := area{auc: nearest(new(big.Rat).Quo(sum, twicePairs)), se: math.NaN(), bound: nearest(new(big.Rat).Quo(unsurePairs, twicePairs))}
	a.low, a.high = math.NaN(), math.NaN()
	if e < 2 || u < 2 {
		return a
	}
	// (sum of squares - sum^2/n) / (n - 1) / (twice the other number)^2 / n
	spread := func(squares *big.Rat, n, other int64) *big.Rat {
		s := new(big.Rat).Mul(sum, sum)
		s.Sub(squares, s.Quo(s, new(big.Rat).SetInt64(n)))
		d := new(big.Int).Mul(big.NewInt(n), big.NewInt(n-1))
		d.Mul(d, new(big.Int).Mul(big.NewInt(2*other), big.NewInt(2*other)))
		return s.Quo(s, new(big.Rat).SetInt(d))
	}
	a.se = root(new(big.Rat).Add(spread(squaresE, e, u), spread(squaresU, u, e)))
	a.low, a.high = max(0, a.auc-z975*a.se), min(1, a.auc+z975*a.se)
	return a
}
