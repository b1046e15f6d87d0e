package stat

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// withhold says for which groups of a variable nothing may be shown: those of
// 1..min_cell-1 people and, until the hidden groups together have min_cell,
// the smallest other, so that what is shown of the whole does not give away the few.
// The groups in also are hidden anyway.
func withhold(n []int64, minCell int, also []bool) []bool {
	h := make([]bool, len(n))
	var together int64
	any := false
	for g := range n {
		if n[g] > 0 && n[g] < int64(minCell) || also != nil && also[g] {
			h[g], any = true, true
			together += n[g]
		}
	}
	for any && together < int64(minCell) {
		least := -1
		for g := range n {
			if !h[g] && n[g] > 0 && (least < 0 || n[g] < n[least]) {
				least = g
			}
		}
		if least < 0 {
			break
		}
		h[least] = true
		together += n[least]
	}
	return h
}

func sum(xs []int64) (t int64) {
	for _, x := range xs {
		t += x
	}
	return t
}

// noRows warns of the levels without a row: R's droplevels.
func noRows(by table.Factor, rows []int64) (warnings []string) {
	for g, n := range rows {
		if n == 0 {
			warnings = append(warnings, fmt.Sprintf("level %q of %s has no rows and is left out", by.Levels[g], by.Name))
		}
	}
	return warnings
}

// inGroup names a group in warnings: ", treat = placebo".
func inGroup(by *table.Factor, g int) string {
	if by == nil || g == everyone {
		return ""
	}
	return ", " + by.Name + " = " + by.Levels[g]
}

// table returns the counts of levels (rows) by groups (columns).
func (v *tallied) table() [][]int64 {
	t := newCounts(len(v.factor.Levels), len(v.n))
	for g := range v.n {
		for l := range t {
			t[l][g] = v.levels[g][l]
		}
	}
	return t
}

func newCounts(r, c int) [][]int64 {
	t := make([][]int64, r)
	for i := range t {
		t[i] = make([]int64, c)
	}
	return t
}

// extremes warns about groups in which everyone has the same level or nobody has one.
func (v *tallied) extremes(where string, counts []int64, shown func(level int) bool) (warnings []string) {
	var none []string
	n := sum(counts)
	for l, k := range counts {
		if n == 0 || !shown(l) {
			continue
		}
		if k == n {
			return []string{fmt.Sprintf("everyone in this group has %s = %s%s", v.name, v.factor.Levels[l], where)}
		}
		if k == 0 {
			none = append(none, v.factor.Levels[l])
		}
	}
	if len(none) > 0 {
		warnings = append(warnings, fmt.Sprintf("everyone in this group has another %s than %s%s", v.name, strings.Join(none, ", "), where))
	}
	return warnings
}
