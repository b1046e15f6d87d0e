package stat

import (
	"fmt"
	"math"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// crosstabOf is the result for a table of counts without empty rows and columns.
func crosstabOf(counts [][]int64, minCell int) Frame {
	level := func(n int) (l []string) {
		for i := range n {
			l = append(l, fmt.Sprint(i))
		}
		return l
	}
	x := &crosstabResult{rows: table.Factor{Levels: level(len(counts))}, cols: table.Factor{Levels: level(len(counts[0]))},
		minCell: minCell, counts: &countPart{counts: counts}}
	return x.frame(Frame{})
}

// fitsCrosstab reports whether a table agrees with all that a result shows.
func fitsCrosstab(f Frame, t [][]int64) bool {
	rows, cols, n, r, c := margins(t)
	agrees := func(shown any, want float64) bool {
		if k, ok := shown.(int64); ok {
			shown = float64(k)
		}
		return shown == nil || math.Abs(shown.(float64)-want) <= 1e-9*math.Abs(want)
	}
	for k, rec := range f.Tidy {
		i, j := k/c, k%c
		x, e := float64(t[i][j]), float64(rows[i])*float64(cols[j])/float64(n)
		if rec.Get("n") == nil && t[i][j] == 0 && r*c > 4 { // zeros are shown
			return false
		}
		for key, want := range map[string]float64{"n": x, "expected": e, "row_pct": 100 * x / float64(rows[i]),
			"col_pct": 100 * x / float64(cols[j]), "pct": 100 * x / float64(n), "residual": (x - e) / math.Sqrt(e)} {
			if !agrees(rec.Get(key), want) {
				return false
			}
		}
	}
	for k, key := range []string{"chi_squared_p", "chi_squared", "cramers_v", "g", "g_p", "yates_statistic", "yates_p"} {
		if shown := f.Glance.Get(key); shown != nil && !agrees(shown, digits(figure(t, k), figureDigits(f))) {
			return false
		}
	}
	return true
}

// figureDigits is how many digits the statistics of a result have, as a reader sees it.
func figureDigits(f Frame) int {
	for _, key := range []string{"chi_squared_p", "chi_squared", "cramers_v"} {
		if x, ok := f.Glance.Get(key).(float64); ok && digits(x, 1) != x {
			return 2
		}
	}
	return 1
}

// TestSuppressedCellsOfCrosstabsCannotBeWorkedOut plays someone who has the
// result and the totals of rows and columns, which other analyses may show
// where they are not small, and tries every table: for every cell of fewer than
// min_cell people several numbers remain.
func TestSuppressedCellsOfCrosstabsCannotBeWorkedOut(t *testing.T) {
	for _, c := range []struct {
		r, c, minCell int
		n             int64
	}{{2, 2, 5, 30}, {2, 2, 5, 47}, {3, 2, 3, 14}, {2, 3, 3, 14}, {3, 3, 2, 9}, {4, 2, 3, 11}} {
		t.Run(fmt.Sprintf("%dx%d of %d, min_cell %d", c.r, c.c, c.n, c.minCell), func(t *testing.T) {
			var tables [][][]int64
			compositions(c.n, c.r*c.c, func(k []int64) {
				x := newCounts(c.r, c.c)
				for i, n := range k {
					x[i/c.c][i%c.c] = n
				}
				if _, _, _, r, cols := margins(x); r == c.r && cols == c.c {
					tables = append(tables, x)
				}
			})
			suppressed, given := 0, 0
			for at := 0; at < len(tables); at += 1 + len(tables)/150 {
				truth := tables[at]
				f := crosstabOf(truth, c.minCell)
				h := hide(truth, c.minCell)
				if !f.Suppressed {
					continue
				}
				suppressed++
				if f.Glance.Get("chi_squared") != nil {
					given++
				}
				rows, cols, _, _, _ := margins(truth)
				values := make([]map[int64]bool, c.r*c.c)
				for k := range values {
					values[k] = map[int64]bool{}
				}
				for _, other := range tables {
					r, cs, _, _, _ := margins(other)
					if !sameWhere(h.rows, rows, r) || !sameWhere(h.cols, cols, cs) || !fitsCrosstab(f, other) {
						continue
					}
					for k := range values {
						values[k][other[k/c.c][k%c.c]] = true
					}
				}
				for k, v := range values {
					if n := truth[k/c.c][k%c.c]; f.Tidy[k].Get("n") == nil && n < int64(c.minCell) && len(v) < 2 {
						t.Fatalf("cell %d of %v can only be %d: %v %v", k, truth, n, f.Tidy, f.Glance)
					}
				}
			}
			t.Logf("of %d tables with suppressed cells %d show chi-squared", suppressed, given)
			if suppressed == 0 {
				t.Error("no table had suppressed cells")
			}
		})
	}
}

// sameWhere reports whether two lists agree where nothing is hidden.
func sameWhere(hidden []bool, a, b []int64) bool {
	for i := range a {
		if !hidden[i] && a[i] != b[i] {
			return false
		}
	}
	return true
}
