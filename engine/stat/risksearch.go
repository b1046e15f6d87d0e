package stat

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// riskBits is the resolution of predicted risks, 2^-36: risks that differ less count as equal.
const riskBits = 36

// probes is how many risks are probed at once on the way to a limit.
const probes = 15

// riskSearch looks for the limits between classes of equally many people by
// predicted risk: rounds of counts of those at or below probed risks, until a count is that of the class.
type riskSearch struct {
	limits []*riskLimit
	at     []int64 // the limits found, once there is nothing to probe
}

// riskLimit is a limit between two classes on its way: the lowest risk at or below which at least rank people are.
type riskLimit struct {
	rank   int64
	lo, hi int64 // more than those at or below lo, at most those at or below hi
	probed []int64
	found  bool
	below  int64 // people at or below lo
}

// newRiskSearch looks for the limits of bins classes of n people.
func newRiskSearch(n int64, bins int) *riskSearch {
	s := &riskSearch{}
	for k := 1; k < bins; k++ { // R's type 7: the limit lies at order statistic (n-1) k/bins + 1 or between it and the next
		rank := (n-1)*int64(k)/int64(bins) + 1
		s.limits = append(s.limits, &riskLimit{rank: rank, lo: -1, hi: 1 << riskBits})
	}
	return s
}

// searchOpening declares the search.
func searchOpening(bins int) Opening {
	return Opening{What: "how many people have at most a predicted risk, at probed risks: the search for the limits between classes of equally many people",
		Cells: (bins - 1) * probes, MaxTimes: riskBits/4 + 2, CountsPeople: true}
}

// cells probes for the limits that are not found, evenly between what is known; nil once all are.
func (s *riskSearch) cells() (cells []Cell) {
	for i, l := range s.limits {
		l.probed = nil
		if l.found {
			continue
		}
		for k := int64(1); k <= probes; k++ {
			if x := l.lo + (l.hi-l.lo)*k/(probes+1); x > l.lo && x < l.hi && (len(l.probed) == 0 || x > l.probed[len(l.probed)-1]) {
				l.probed = append(l.probed, x)
				cells = append(cells, countCell(fmt.Sprintf("people with a predicted risk of at most %s, limit %d", number(math.Ldexp(float64(x), -riskBits)), i+1), Plain))
			}
		}
		l.found = len(l.probed) == 0
	}
	if cells != nil {
		return cells
	}
	for _, l := range s.limits {
		if l.hi == l.lo+1 && l.below == 0 {
			continue // the lowest risk of all, which many have: R's first class begins there and ends at the next limit
		}
		if n := len(s.at); n == 0 || l.hi > s.at[n-1] { // equal limits leave no one between
			s.at = append(s.at, l.hi)
		}
	}
	return nil
}

// add counts a hospital's people, by the points of their risks, which it sorts.
func (s *riskSearch) add(risks []int64, out *fixed.Sums) {
	slices.Sort(risks)
	at := 0
	for _, l := range s.limits {
		for _, x := range l.probed {
			out.Add(at, int64(sort.Search(len(risks), func(i int) bool { return risks[i] > x })))
			at++
		}
	}
}

// narrow takes the counts at the probed risks.
func (s *riskSearch) narrow(t fixed.Totals) {
	at := 0
	for _, l := range s.limits {
		lo, hi := l.lo, l.hi
		for _, x := range l.probed {
			switch n := t.Count(at); {
			case n < l.rank:
				if x > lo {
					lo, l.below = x, n
				}
			case x < hi:
				hi = x
				l.found = l.found || n == l.rank
			}
			at++
		}
		l.lo, l.hi = lo, hi
	}
}

// class is the number of the class of a risk.
func (s *riskSearch) class(p float64) int {
	return sort.Search(len(s.at), func(i int) bool { return s.at[i] >= riskPoint(p) })
}

// riskPoint is a risk in steps of the resolution.
func riskPoint(p float64) int64 { return int64(math.RoundToEven(math.Ldexp(p, riskBits))) }

// joined joins each class that is thin, the smallest of them first, with its smaller neighbour.
func joined[C any](classes []C, n func(C) int64, thin func(C) bool, plus func(C, C) C) []C {
	out := slices.Clone(classes)
	for len(out) > 1 {
		at := -1
		for k, r := range out {
			if thin(r) && (at < 0 || n(r) < n(out[at])) {
				at = k
			}
		}
		if at < 0 {
			break
		}
		first := at
		if at == len(out)-1 || at > 0 && n(out[at-1]) <= n(out[at+1]) {
			first = at - 1
		}
		out[first] = plus(out[first], out[first+1])
		out = slices.Delete(out, first+1, first+2)
	}
	return out
}
