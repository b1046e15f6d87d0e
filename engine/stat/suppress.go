package stat

// Suppression of small cells in a table of counts:
// cells of 1..min_cell-1 are hidden, then others beside them, so that no line
// of the table gives a hidden cell away as its total minus the rest. Margins
// are cells too; only the total of the table is known.

// hidden says which cells and margins of a table are suppressed.
type hidden struct {
	cells      [][]bool
	rows, cols []bool // margins
}

// any reports whether something is suppressed.
func (h hidden) any() bool {
	for _, row := range h.cells {
		for _, hide := range row {
			if hide {
				return true
			}
		}
	}
	return false
}

// hide suppresses cells and margins: small ones first; then, in every line
// with exactly one hidden cell, the smallest other non-zero one (the first in
// order on a tie; the margin last), until none is left; then more where a
// hidden small cell could still only be one number. A 2x2 table, empty rows and
// columns apart, loses all four cells. A table turned over has the same cells hidden: what is hidden is what
// this hides in either.
func hide(counts [][]int64, minCell int) hidden { return hideBeside(counts, nil, minCell) }

// hideBeside is hide for a table of which the columns in gone are not to be
// shown anyway. It hides all that hide does, so that the same table shown without them gives nothing away.
func hideBeside(counts [][]int64, gone []bool, minCell int) hidden {
	h := newHidden(counts)
	if minCell <= 1 || len(counts) == 0 {
		return h
	}
	t := extend(counts)
	r, c := len(counts), len(counts[0])
	e, over := hideLines(t, minCell), hideLines(turned(t), minCell)
	any := false
	for i := range t {
		for j := range t[i] {
			e[i][j] = e[i][j] || over[j][i] || j < c && j < len(gone) && gone[j]
			any = any || j < len(gone) && gone[j]
		}
	}
	if any {
		four := square(t)
		four(func(i, j int) { e[i][j] = true })
		complete(t, e)
		deepen(t, e, minCell, func(i, j int) bool {
			zero := j < len(gone) && gone[j]
			four(func(a, b int) { zero = zero || a == i && b == j })
			return zero
		})
	}
	for i := range r {
		copy(h.cells[i], e[i][:c])
		h.rows[i] = e[i][c]
	}
	copy(h.cols, e[r][:c])
	return h
}

// hideLines hides cells of a table with its margins, going through its rows before its columns.
func hideLines(t [][]int64, minCell int) [][]bool {
	r, c := len(t)-1, len(t[0])-1
	e := newMask(r+1, c+1)
	found := false
	for i := range t {
		for j, n := range t[i] {
			if i < r || j < c { // the total stays
				e[i][j] = n > 0 && n < int64(minCell)
				found = found || e[i][j]
			}
		}
	}
	if !found {
		return e
	}
	four := square(t)
	four(func(i, j int) { e[i][j] = true })
	complete(t, e)
	deepen(t, e, minCell, func(i, j int) (zero bool) {
		four(func(a, b int) { zero = zero || a == i && b == j })
		return zero
	})
	return e
}

// square returns what visits the four cells of a table with its margins that
// is 2x2 but for empty rows and columns, and no cell of another.
func square(t [][]int64) func(visit func(i, j int)) {
	var rows, cols []int
	last := len(t[0]) - 1
	for i := range len(t) - 1 {
		if t[i][last] > 0 {
			rows = append(rows, i)
		}
	}
	for j := range last {
		if t[len(t)-1][j] > 0 {
			cols = append(cols, j)
		}
	}
	if len(rows) != 2 || len(cols) != 2 {
		rows = nil
	}
	return func(visit func(i, j int)) {
		for _, i := range rows {
			for _, j := range cols {
				visit(i, j)
			}
		}
	}
}

// turned returns a table with rows and columns changed over.
func turned(t [][]int64) [][]int64 {
	over := newCounts(len(t[0]), len(t))
	for i, line := range t {
		for j, n := range line {
			over[j][i] = n
		}
	}
	return over
}

// complete hides complementary cells of a table with its margins until no line has exactly one hidden cell.
func complete(t [][]int64, e [][]bool) {
	r, c := len(t), len(t[0])
	for again := true; again; {
		again = false
		for i := range r {
			again = second(c, func(j int) (int64, *bool) { return t[i][j], &e[i][j] }, i == r-1) || again
		}
		for j := range c {
			again = second(r, func(i int) (int64, *bool) { return t[i][j], &e[i][j] }, j == c-1) || again
		}
	}
}

// second hides the smallest other non-zero cell of a line of n cells that has
// exactly one hidden cell; in a line of margins the last, the total, is not a candidate.
func second(n int, at func(int) (int64, *bool), margins bool) bool {
	if margins {
		n--
	}
	count, best := 0, -1
	var least int64
	for k := range n {
		v, hidden := at(k)
		if *hidden {
			count++
		} else if v > 0 && (best < 0 || v < least) {
			best, least = k, v
		}
	}
	if count != 1 || best < 0 {
		return false
	}
	_, hidden := at(best)
	*hidden = true
	return true
}

// extend returns the table with a column of row totals and a row of column totals.
func extend(counts [][]int64) [][]int64 {
	r, c := len(counts), len(counts[0])
	t := make([][]int64, r+1)
	t[r] = make([]int64, c+1)
	for i := range r {
		t[i] = append(append(make([]int64, 0, c+1), counts[i]...), 0)
		for j, n := range counts[i] {
			t[i][c] += n
			t[r][j] += n
			t[r][c] += n
		}
	}
	return t
}

func newHidden(counts [][]int64) hidden {
	c := 0
	if len(counts) > 0 {
		c = len(counts[0])
	}
	return hidden{newMask(len(counts), c), make([]bool, len(counts)), make([]bool, c)}
}

func newMask(r, c int) [][]bool {
	m := make([][]bool, r)
	for i := range m {
		m[i] = make([]bool, c)
	}
	return m
}
