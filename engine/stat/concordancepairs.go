package stat

import (
	"slices"
	"sort"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// orderCells are the cells of what hospitals count of their own pairs.
func (c *coxPart) orderCells() (cells []Cell) {
	for _, name := range []string{"in the right order", "in the wrong order", "of equal risk"} {
		cells = append(cells, Cell{Cell: fixed.Cell{Max: float64(c.rows), Step: fixed.One()}, Name: "pairs " + name})
	}
	r := float64(c.rows)
	for _, name := range []string{"square of the pairs in the right order", "product of these and all pairs", "square of all pairs"} {
		cells = append(cells, Cell{Cell: fixed.Cell{Max: 4 * r * r, Step: fixed.One()}, Name: "sum over people: " + name})
	}
	return cells
}

// addPairs adds a hospital's terms of them at the linear predictors in use.
func (m *coxRows) addPairs(out *fixed.Sums) {
	for k, n := range m.pairs() {
		out.Add(k, n)
	}
	a, b := m.shares()
	for i := range a {
		out.AddProduct(3, a[i], a[i])
		out.AddProduct(4, a[i], b[i])
		out.AddProduct(5, b[i], b[i])
	}
}

// pairsOf reads their totals.
func pairsOf(t fixed.Totals) concordance {
	return concordance{concordant: t.Float(0), discordant: t.Float(1), tied: t.Float(2), aa: t.Float(3), ab: t.Float(4), bb: t.Float(5)}
}

// pairs counts those within the strata of a hospital.
func (m *coxRows) pairs() (c [3]int64) {
	n := len(m.stop)
	for from, to := 0, 0; from < n; from = to {
		for to = from; to < n && m.stratum[to] == m.stratum[from]; to++ {
		}
		risks := slices.Clone(m.eta[from:to])
		slices.Sort(risks)
		risks = slices.Compact(risks)
		tree := newCounts1(len(risks))
		rank := func(i int) int { return sort.SearchFloat64s(risks, m.eta[i]) }
		out := from
		for i := from; i < to; {
			t, end := m.stop[i], i
			for ; end < to && m.stop[end] == t; end++ {
				if !m.event[end] {
					tree.add(rank(end), 1)
				}
			}
			for ; out < to && m.start[m.entries[out]] >= t; out++ {
				tree.add(rank(m.entries[out]), -1)
			}
			for k := i; k < end; k++ {
				if m.event[k] {
					r := rank(k)
					below, upTo := tree.below(r), tree.below(r+1)
					c[0] += below
					c[1] += tree.total - upTo
					c[2] += upTo - below
				}
			}
			for ; i < end; i++ {
				if m.event[i] {
					tree.add(rank(i), 1)
				}
			}
		}
	}
	return c
}

// shares are the pairs of each person within the strata of a hospital: a counts
// those in the right order twice and tied ones once, b all.
func (m *coxRows) shares() (a, b []int64) {
	n := len(m.stop)
	a, b = make([]int64, n), make([]int64, n)
	for from, to := 0, 0; from < n; from = to {
		for to = from; to < n && m.stratum[to] == m.stratum[from]; to++ {
		}
		risks := slices.Clone(m.eta[from:to])
		slices.Sort(risks)
		risks = slices.Compact(risks)
		rank := func(i int) int { return sort.SearchFloat64s(risks, m.eta[i]) }
		// As those who have the event: against whoever is still at risk, the last times first.
		tree, out := newCounts1(len(risks)), from
		for i := from; i < to; {
			t, end := m.stop[i], i
			for ; end < to && m.stop[end] == t; end++ {
				if !m.event[end] {
					tree.add(rank(end), 1)
				}
			}
			for ; out < to && m.start[m.entries[out]] >= t; out++ {
				tree.add(rank(m.entries[out]), -1)
			}
			for k := i; k < end; k++ {
				if m.event[k] {
					below, upTo := tree.below(rank(k)), tree.below(rank(k)+1)
					a[k] += below + upTo
					b[k] += tree.total
				}
			}
			for ; i < end; i++ {
				if m.event[i] {
					tree.add(rank(i), 1)
				}
			}
		}
		// As those at risk: against the events between their entry and their own end, the first times first.
		tree, out = newCounts1(len(risks)), to-1
		against := func(k int, sign int64) {
			below, upTo := tree.below(rank(k)), tree.below(rank(k)+1)
			a[k] += sign * (2*tree.total - below - upTo)
			b[k] += sign * tree.total
		}
		for i := to - 1; i >= from; {
			t, end := m.stop[i], i
			for ; out >= from && m.start[m.entries[out]] < t; out-- {
				against(m.entries[out], -1)
			}
			for ; end >= from && m.stop[end] == t; end-- {
				if m.event[end] {
					against(end, 1)
				}
			}
			for k := i; k > end; k-- {
				if m.event[k] {
					tree.add(rank(k), 1)
				}
			}
			for ; i > end; i-- {
				if !m.event[i] {
					against(i, 1)
				}
			}
		}
	}
	return a, b
}
