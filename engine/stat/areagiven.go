package stat

import (
	"fmt"
	"math"
	"slices"
)

// The area under a curve is exact, and classes that are merged on the curve
// are not: who knows the curve, the area and its error can look for the counts
// of the merged classes that give them. Among few there is one answer only.

// spareBits is how much more must be open about the classes than the figures
// can tell, as powers of two, for there to be many answers whatever the figures
// are. Whether they are given then does not itself depend on what is hidden.
const spareBits = 20

// areaGiven returns the area as it is written. from are the thresholds at which
// the curve is shown: classes between two of them are only known together.
// Where the area would tell what is in such a class, it has two digits, or is
// left out when even those would.
func areaGiven(scores []scored, from []float64, minCell int64) (a area, warning string) {
	a = areaOf(scores)
	open, hides := openBits(scores, from, minCell)
	if !hides {
		return a, ""
	}
	var all scored
	for _, s := range scores {
		all = all.plus(s)
	}
	// 2 E U and the two sums of squares of DeLong's error are whole numbers of at most this many bits together.
	told := 5 + 4*math.Log2(float64(all.with)) + 4*math.Log2(float64(all.without))
	few := fmt.Sprintf(" has so few values that its area would give away classes of fewer than %d people: ", minCell)
	switch {
	case open > told+spareBits:
		return a, ""
	case open > 4*math.Log2(100)+spareBits: // four figures of two digits
		return area{twoDigits(a.auc), twoDigits(a.se), twoDigits(a.low), twoDigits(a.high), a.bound}, few + "it has two digits"
	}
	none := math.NaN()
	return area{none, none, none, none, none}, few + "it is not shown"
}

// openBits is the logarithm of the number of ways to spread the people between
// two shown thresholds over the classes there. hides reports whether a class of
// 1..min_cell-1 people is among those not shown.
func openBits(scores []scored, from []float64, minCell int64) (bits float64, hides bool) {
	first := 0
	for i := 1; i <= len(scores); i++ {
		if i < len(scores) && !slices.ContainsFunc(from, func(x float64) bool { return scores[i-1].from < x && x <= scores[i].from }) {
			continue
		}
		var all scored
		for _, s := range scores[first:i] {
			all = all.plus(s)
			hides = hides || i > first+1 && s.small(minCell)
		}
		more := int64(i - first - 1)
		bits += chooseBits(all.with+more, more) + chooseBits(all.without+more, more)
		first = i
	}
	return bits, hides
}

// chooseBits is the logarithm, base 2, of n over k.
func chooseBits(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return (a - b - c) / math.Ln2
}
