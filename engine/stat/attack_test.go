package stat

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// frameOfCounts is the result of a category-only analysis whose first sum has the given totals.
func frameOfCounts(t *testing.T, p Program, totals map[string]int64) Frame {
	t.Helper()
	var cells []fixed.Cell
	var words [][2]uint64
	for _, a := range p.Ask() {
		for _, c := range a.Cells {
			n, ok := totals[c.Name]
			if !ok {
				t.Fatalf("no total for cell %q", c.Name)
			}
			cells, words = append(cells, c.Cell), append(words, [2]uint64{uint64(n), 0})
		}
	}
	decoded, err := fixed.Decode(cells, words, 1<<32)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := p.Reduce(decoded); !done || err != nil {
		t.Fatalf("done %v, error %v", done, err)
	}
	return p.Result()
}

// compositions calls f with every way to write n as an ordered sum of k counts.
func compositions(n int64, k int, f func([]int64)) {
	c := make([]int64, k)
	var fill func(i int, left int64)
	fill = func(i int, left int64) {
		if i == k-1 {
			c[i] = left
			f(c)
			return
		}
		for x := int64(0); x <= left; x++ {
			c[i] = x
			fill(i+1, left-x)
		}
	}
	fill(0, n)
}

// cross is an analysis of one category v by groups g, for tests that try all its tables of counts.
type cross struct {
	kind           string
	levels, groups int // one group: no by
	n              int64
	minCell        int
}

var abc = []string{"a", "b", "c"}

func (c cross) String() string {
	return fmt.Sprintf("%s %dx%d of %d, min_cell %d", c.kind, c.levels, c.groups, c.n, c.minCell)
}

// in is what a cell's legend and a row say of a group.
func (c cross) in(g int) string {
	if c.groups == 1 {
		return ""
	}
	return ", g = " + abc[g]
}

// frame is the result for counts in order of levels, then groups.
func (c cross) frame(t *testing.T, k []int64) Frame {
	t.Helper()
	s := &table.Schema{Fields: []table.Field{{Name: "v", Kind: table.Category, Levels: abc[:c.levels]}, {Name: "g", Kind: table.Category, Levels: abc[:c.groups]}}, Sites: []string{"one"}}
	args := Args{Kind: c.kind, Variables: []string{"v"}, By: "g", Rules: Rules{MinCell: c.minCell, MinSites: 1, MaxRows: testRows}}
	if c.groups == 1 {
		args.By = ""
	}
	totals := map[string]int64{"rows used": c.n, "rows with a missing value": 0, "rows filtered": 0, "hospitals": 1, "hospitals with v": 1}
	for g := range c.groups {
		totals["v missing"+c.in(g)] = 0
		for l := range c.levels {
			totals["v = "+abc[l]+c.in(g)] = k[l*c.groups+g]
			totals["g = "+abc[g]] += k[l*c.groups+g]
		}
	}
	return frameOfCounts(t, programOf(t, s, args)(), totals)
}

// shows reports whether a table of counts fits everything that a result says, zeros being shown.
func (c cross) shows(f Frame, k []int64) bool {
	group := make([]int64, c.groups)
	counts := newCounts(c.levels, c.groups)
	for l := range c.levels {
		for g := range c.groups {
			counts[l][g] = k[l*c.groups+g]
			group[g] += counts[l][g]
		}
	}
	hiddenCells := 0
	for _, r := range f.Tidy {
		if r.Get("n") == nil && (c.groups == 1 || r.Get("group") != nil) {
			hiddenCells++
		}
	}
	for _, r := range f.Tidy {
		l, g := slices.Index(abc, r.Get("level").(string)), -1
		if name, ok := r.Get("group").(string); ok {
			g = slices.Index(abc, name)
		}
		n, of := sum(counts[l]), c.n
		if g >= 0 {
			n, of = counts[l][g], group[g]
		}
		if shown := r.Get("n"); shown != nil && shown != n {
			return false
		}
		// Zeros are shown, but in a table that is 2x2 apart from empty lines, which loses all four cells, and in a group that is not shown at all.
		if r.Get("n") == nil && n == 0 && (g < 0 || hiddenCells != 4 && r.Get("missing") != nil) {
			return false
		}
		if shown, ok := r.Get("pct").(float64); ok && shown != ratio(100*float64(n), float64(of)) {
			return false
		}
	}
	r := f.Tidy[0]
	smd, test, p := compareTable(counts)
	for key, x := range map[string]float64{"smd": smd, "p_value": p} {
		if shown := r.Get(key); shown != nil && shown != twoDigits(x) {
			return false
		}
	}
	return r.Get("test") == nil || r.Get("test") == test
}

// small returns which counts are 1..min_cell-1.
func (c cross) small(k []int64) (small []bool) {
	for _, n := range k {
		small = append(small, n > 0 && n < int64(c.minCell))
	}
	return small
}

// TestSuppressedCellsCannotBeWorkedOut plays someone who has everything that is
// written and tries every table of counts that fits it: for each suppressed
// small cell several numbers remain.
func TestSuppressedCellsCannotBeWorkedOut(t *testing.T) {
	for _, c := range []cross{{"table1", 2, 2, 24, 5}, {"table1", 3, 2, 12, 3}, {"table1", 2, 3, 12, 3}, {"table1", 3, 1, 30, 5}, {"describe", 3, 2, 12, 3}} {
		t.Run(c.String(), func(t *testing.T) {
			var tables [][]int64
			compositions(c.n, c.levels*c.groups, func(k []int64) { tables = append(tables, slices.Clone(k)) })
			suppressed, given := 0, 0
			for i := 0; i < len(tables); i += 1 + len(tables)/150 {
				truth := tables[i]
				f := c.frame(t, truth)
				if !f.Suppressed {
					continue
				}
				suppressed++
				if f.Tidy[0].Get("p_value") != nil {
					given++
				}
				values := make([]map[int64]bool, len(truth))
				for j := range values {
					values[j] = map[int64]bool{}
				}
				for _, k := range tables {
					if c.shows(f, k) {
						for j, n := range k {
							values[j][n] = true
						}
					}
				}
				for j, small := range c.small(truth) {
					if small && len(values[j]) < 2 {
						b, _ := json.Marshal(f.Tidy)
						t.Fatalf("cell %d of %v can only be %d: %s", j, truth, truth[j], b)
					}
				}
			}
			t.Logf("of %d tables with suppressed cells %d show a p-value", suppressed, given)
			if suppressed == 0 {
				t.Error("no table had suppressed cells")
			}
		})
	}
}
