package stat

// Suppression by lines leaves some cells deducible: two people in two cells
// that are not zero are one each. Which numbers a hidden cell could be is a
// question of flow: the table with its margins, margins counted negative, has
// lines that sum to zero, so tables that show the same differ by circulations.

// deepen hides further entries of a table with its margins until every hidden
// entry of 1..min_cell-1 people could be another number. Hidden entries are at
// least 1, since zeros are shown, but where mayBeZero.
func deepen(t [][]int64, e [][]bool, minCell int, mayBeZero func(i, j int) bool) {
	for {
		i, j, found := deducible(t, e, minCell, mayBeZero)
		if !found {
			return
		}
		a, b, ok := leastShown(t, e, func(a, b int) bool { return a == i || b == j })
		if !ok {
			a, b, ok = leastShown(t, e, func(int, int) bool { return true })
		}
		if !ok {
			return
		}
		e[a][b] = true
		complete(t, e)
	}
}

// leastShown returns the smallest shown entry that is not zero, inner cells before margins; the total is none.
func leastShown(t [][]int64, e [][]bool, in func(i, j int) bool) (i, j int, ok bool) {
	r, c := len(t)-1, len(t[0])-1
	for _, margin := range []bool{false, true} {
		for a := range t {
			for b := range t[a] {
				if e[a][b] || t[a][b] == 0 || a == r && b == c || (a == r || b == c) != margin || !in(a, b) {
					continue
				}
				if !ok || t[a][b] < t[i][j] {
					i, j, ok = a, b, true
				}
			}
		}
		if ok {
			break
		}
	}
	return i, j, ok
}

// deducible returns the first hidden small entry that can be no other number.
func deducible(t [][]int64, e [][]bool, minCell int, mayBeZero func(i, j int) bool) (i, j int, found bool) {
	f := flow{t: t, e: e, mayBeZero: mayBeZero}
	for i := range t {
		for j := range t[i] {
			if n := t[i][j]; e[i][j] && n > 0 && n < int64(minCell) && !f.moves(i, j) {
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
	type node struct {
		row bool
		k   int
	}
	todo := []node{{!up, j}}
	if !up {
		todo[0].k = i
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at.row {
			for b := range cols {
				if !cols[b] && f.up(at.k, b) && (at.k != i || b != j) {
					if !up && b == j {
						return true
					}
					cols[b] = true
					todo = append(todo, node{false, b})
				}
			}
			continue
		}
		for a := range rows {
			if !rows[a] && f.down(a, at.k) && (a != i || at.k != j) {
				if up && a == i {
					return true
				}
				rows[a] = true
				todo = append(todo, node{true, a})
			}
		}
	}
	return false
}
