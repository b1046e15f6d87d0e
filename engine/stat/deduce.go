package stat

import (
	"cmp"
	"slices"
)

// Suppression by lines leaves some cells deducible: two people in two cells
// that are not zero are one each. Which numbers a hidden cell could be is a
// question of flow: the table with its margins, margins counted negative, has
// lines that sum to zero, so tables that show the same differ by circulations.

// deepen hides further entries of a table with its margins until every hidden
// entry of 1..min_cell-1 people could be another number. Hidden entries are at
// least 1, since zeros are shown, but where mayBeZero.
func deepen(t [][]int64, e [][]bool, minCell int, mayBeZero func(i, j int) bool) {
	f := flow{t: t, e: e, mayBeZero: mayBeZero}
	for {
		i, j, found := f.deducible(minCell)
		if !found || !f.loosen(i, j) {
			return
		}
	}
}

// loosen hides what lets entry (i, j) be another number: one shown entry of its
// row or column that does so at once, the smallest; else one that does so with
// its complements; else a margin, which frees most. It reports false when nothing is left to hide.
func (f flow) loosen(i, j int) bool {
	r, c := len(f.t)-1, len(f.t[0])-1
	row, column := func(a, b int) bool { return a == i }, func(a, b int) bool { return b == j }
	best := [2]int{-1}
	for _, at := range f.shown(func(a, b int) bool { return a == i || b == j }) {
		f.e[at[0]][at[1]] = true
		helps := f.moves(i, j)
		f.e[at[0]][at[1]] = false
		if helps {
			best = at
			break
		}
	}
	if best[0] < 0 {
		var some [][2]int
		for _, line := range []func(a, b int) bool{row, column} {
			if s := f.shown(line); len(s) > 0 {
				some = append(some, s[0])
			}
		}
		some = append(some, [2]int{i, c}, [2]int{r, j})
		for _, at := range some {
			if f.e[at[0]][at[1]] || at == [2]int{r, c} {
				continue
			}
			try := flow{t: f.t, e: newMask(r+1, c+1), mayBeZero: f.mayBeZero}
			for a := range f.e {
				copy(try.e[a], f.e[a])
			}
			try.e[at[0]][at[1]] = true
			complete(try.t, try.e)
			if try.moves(i, j) {
				best = at
				break
			}
		}
	}
	if best[0] < 0 {
		rest := append(f.shown(f.margin), f.shown(func(a, b int) bool { return !f.margin(a, b) })...)
		if len(rest) == 0 {
			return false
		}
		best = rest[0]
	}
	f.e[best[0]][best[1]] = true
	complete(f.t, f.e)
	return true
}

// shown returns the shown entries of a line that are not zero, smallest first, margins after inner cells; the total is none.
func (f flow) shown(in func(i, j int) bool) (list [][2]int) {
	for a := range f.t {
		for b, n := range f.t[a] {
			if in(a, b) && !f.e[a][b] && n > 0 && (a < len(f.t)-1 || b < len(f.t[0])-1) {
				list = append(list, [2]int{a, b})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y [2]int) int {
		if mx, my := f.margin(x[0], x[1]), f.margin(y[0], y[1]); mx != my {
			if mx {
				return 1
			}
			return -1
		}
		return cmp.Compare(f.t[x[0]][x[1]], f.t[y[0]][y[1]])
	})
	return list
}

// deducible returns the first hidden small entry that can be no other number.
func (f flow) deducible(minCell int) (i, j int, found bool) {
	for i := range f.t {
		for j := range f.t[i] {
			if n := f.t[i][j]; f.e[i][j] && n > 0 && n < int64(minCell) && !f.moves(i, j) {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// flow is the bipartite graph of rows and columns (the last of each for margins), with an edge per hidden entry.
type flow struct {
	t         [][]int64
	e         [][]bool
	mayBeZero func(i, j int) bool
}

// spare reports whether an entry can be one less.
func (f flow) spare(i, j int) bool { return f.t[i][j] > 1 || f.t[i][j] == 1 && f.mayBeZero(i, j) }

// up and down report whether an entry, margins counted negative, can be one more or less.
func (f flow) up(i, j int) bool   { return f.e[i][j] && (!f.margin(i, j) || f.spare(i, j)) }
func (f flow) down(i, j int) bool { return f.e[i][j] && (f.margin(i, j) || f.spare(i, j)) }

func (f flow) margin(i, j int) bool { return (i == len(f.t)-1) != (j == len(f.t[0])-1) }

// moves reports whether a hidden entry can be another number: whether a circulation goes through it, one way or the other.
func (f flow) moves(i, j int) bool {
	return f.up(i, j) && f.path(i, j, true) || f.down(i, j) && f.path(i, j, false)
}

// path reports whether one more (up) or less of entry (i, j) can be made good
// elsewhere: entries on the way are one less and one more in turn, from column j
// back to row i, or from row i to column j.
func (f flow) path(i, j int, up bool) bool {
	rows, cols := make([]bool, len(f.t)), make([]bool, len(f.t[0]))
	// reach visits column b: true when its row i entry closes the circle of an up.
	var queue []int // rows to go on from
	reach := func(b int) bool {
		cols[b] = true
		if up && b != j && f.down(i, b) {
			return true
		}
		for a := range rows {
			if !rows[a] && f.down(a, b) && (a != i || b != j) {
				rows[a] = true
				queue = append(queue, a)
			}
		}
		return false
	}
	if up {
		reach(j)
	} else {
		rows[i] = true
		queue = append(queue, i)
	}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		if !up && a != i && f.up(a, j) {
			return true
		}
		for b := range cols {
			if !cols[b] && f.up(a, b) && (a != i || b != j) && reach(b) {
				return true
			}
		}
	}
	return false
}
