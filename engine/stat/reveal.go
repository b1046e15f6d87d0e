package stat

import "slices"

// Statistics of a table with suppressed cells are only given to two digits.
// With few suppressed cells even those can tell: there may be one table only
// that fits the cells shown and the statistics. reveals tries all tables.

// maxCompletions bounds the steps of that search.
const maxCompletions = 20000

// revelation is what reveals found out.
type revelation uint8

const (
	safe    revelation = iota // every suppressed cell could be several numbers
	telling                   // some suppressed cell could only be one number
	unknown                   // too many tables to try them all
)

// reveals reports whether the statistics of a table give a suppressed cell or
// small margin away. A small cell must be able to be several numbers even to someone who
// knows all that is shown, the rules and min_cell; a cell suppressed beside it,
// to someone who only knows what is shown. Someone who knows from elsewhere
// which cells are small, or a margin that is not shown here, may learn more: the rule of two digits does not protect against that. The columns in
// gone are not shown at all; fits reports whether a table has the statistics that would be written.
func reveals(counts [][]int64, h hidden, gone []bool, minCell int, fits func([][]int64) bool) revelation {
	c := &completions{h: h, t: newCounts(len(counts), len(counts[0])), shown: extend(counts)}
	var sought [][2]int // what a reader is after: cells, then small margins that are hidden
	var small []bool
	for i, line := range counts {
		for j, n := range line {
			if !h.cells[i][j] {
				c.t[i][j] = n
				continue
			}
			c.free, small = append(c.free, [2]int{i, j}), append(small, n > 0 && n < int64(minCell))
		}
	}
	sought = slices.Clone(c.free)
	r, n := len(counts), len(counts[0])
	margin := func(i, j int, hidden bool) {
		if hidden && c.shown[i][j] < int64(minCell) {
			sought, small = append(sought, [2]int{i, j}), append(small, true)
		}
	}
	for i, hidden := range h.rows {
		margin(i, n, hidden)
	}
	for j, hidden := range h.cols {
		margin(r, j, hidden)
	}
	seen := make([]map[int64]bool, len(sought))
	for k := range seen {
		seen[k] = make(map[int64]bool)
	}
	several := false
	look := func() {
		if !fits(c.t) {
			return
		}
		knowing := sameHidden(h, hideBeside(c.t, gone, minCell))
		full := extend(c.t)
		several = true
		for k, at := range sought {
			if knowing || !small[k] {
				seen[k][full[at[0]][at[1]]] = true
			}
			several = several && len(seen[k]) > 1
		}
		c.done = several
	}
	// Nearby tables have statistics like these: they are tried first.
	for c.within = 1; !c.done; c.within *= 4 {
		c.cut = false
		if c.fill(0, look); !c.cut {
			break // all tables were tried
		}
	}
	switch {
	case several || len(c.free) == 0:
		return safe
	case c.steps >= maxCompletions:
		return unknown
	}
	return telling
}

// like returns what reports whether a table has the same figures as another.
func like(counts [][]int64, figures func([][]int64) []float64) func([][]int64) bool {
	want := figures(counts)
	return func(t [][]int64) bool { return slices.EqualFunc(want, figures(t), sameFigure) }
}

func sameFigure(a, b float64) bool { return a == b || a != a && b != b }

func sameHidden(a, b hidden) bool {
	return slices.EqualFunc(a.cells, b.cells, slices.Equal[[]bool]) && slices.Equal(a.rows, b.rows) && slices.Equal(a.cols, b.cols)
}

// completions enumerates the tables that agree with what is shown of one.
type completions struct {
	h      hidden
	shown  [][]int64 // the true table with its margins; used where they are not hidden
	t      [][]int64 // the completion: shown cells, and free ones as they are filled in
	free   [][2]int  // in order of rows, then columns
	within int64     // how far a free cell may be from what it is
	cut    bool      // a cell could have been farther away
	steps  int
	done   bool
}

// fill tries every number in the free cells from the k-th on and calls f for each completion.
func (c *completions) fill(k int, f func()) {
	if c.steps++; c.steps >= maxCompletions {
		c.done = true
	}
	if c.done {
		return
	}
	if k == len(c.free) {
		f()
		return
	}
	i, j := c.free[k][0], c.free[k][1]
	r, n := len(c.t), len(c.t[0])
	// What is left of the total, the row and the column bounds the cell, and is its value where no free cell follows.
	lo, hi := int64(0), c.left(0, r, 0, n, r, n)
	lines := []struct {
		known, last bool
		left        int64
	}{
		{true, k == len(c.free)-1, hi},
		{!c.h.rows[i], !c.follows(k, func(at [2]int) bool { return at[0] == i }), c.left(i, i+1, 0, n, i, n)},
		{!c.h.cols[j], !c.follows(k, func(at [2]int) bool { return at[1] == j }), c.left(0, r, j, j+1, r, j)},
	}
	for _, l := range lines {
		if !l.known {
			continue
		}
		hi = min(hi, l.left)
		if l.last {
			lo = max(lo, l.left)
		}
	}
	at := c.shown[i][j]
	if lo < at-c.within || hi > at+c.within {
		c.cut = true
	}
	for x := max(lo, at-c.within); x <= min(hi, at+c.within) && !c.done; x++ {
		c.t[i][j] = x
		c.fill(k+1, f)
	}
	c.t[i][j] = 0
}

// left is the margin in row m, column n of the extended table minus the cells of the block.
func (c *completions) left(i0, i1, j0, j1, m, n int) int64 {
	rest := c.shown[m][n]
	for i := i0; i < i1; i++ {
		for j := j0; j < j1; j++ {
			rest -= c.t[i][j]
		}
	}
	return rest
}

// follows reports whether a free cell after the k-th is in the same line.
func (c *completions) follows(k int, in func(at [2]int) bool) bool {
	return slices.ContainsFunc(c.free[k+1:], in)
}
