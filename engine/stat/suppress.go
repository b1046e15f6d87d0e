package stat

// Suppression of small cells in a table of counts (study-format.md section 3):
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
// hidden small cell could still only be one number. A 2x2 table loses all four cells.
func hide(counts [][]int64, minCell int) hidden { return hideBeside(counts, nil, minCell) }

// hideBeside is hide for a table of which the columns in gone are not to be shown anyway.
func hideBeside(counts [][]int64, gone []bool, minCell int) hidden {
	h := newHidden(counts)
	if minCell <= 1 || len(counts) == 0 {
		return h
	}
	t := extend(counts)
	small := func(n int64) bool { return n > 0 && n < int64(minCell) }
	r, c := len(counts), len(counts[0])
	e := newMask(r+1, c+1)
	found := false
	for i := range t {
		for j := range t[i] {
			if i < r || j < c { // the total stays
				e[i][j] = small(t[i][j]) || gone != nil && j < c && gone[j]
				found = found || e[i][j]
			}
		}
	}
	if found && r == 2 && c == 2 {
		for i := range 2 {
			e[i][0], e[i][1] = true, true
		}
	}
	complete(t, e)
	deepen(t, e, minCell, func(i, j int) bool {
		return r == 2 && c == 2 && i < r && j < c || gone != nil && j < c && gone[j]
	})
	for i := range r {
		copy(h.cells[i], e[i][:c])
		h.rows[i] = e[i][c]
	}
	copy(h.cols, e[r][:c])
	return h
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
