package stat

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// rLines are the lines of a file of R's numbers, below its header.
func rLines(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines[1:]
}

// rValue is one of R's numbers; nil where it has none.
func rValue(t *testing.T, s string) any {
	t.Helper()
	if s == "null" {
		return nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// rModel is a regression of testdata/models/models.csv: what R has under "key term".
type rModel struct {
	kind, formula string
	rows          int
	want          map[string]any
}

func rModels(t *testing.T) (all []*rModel) {
	t.Helper()
	for _, l := range rLines(t, "testdata/models/models.csv") {
		n, err := strconv.Atoi(l[1])
		if err != nil {
			t.Fatal(err)
		}
		if last := len(all) - 1; last < 0 || all[last].kind != l[0] || all[last].formula != l[2] || all[last].rows != n {
			all = append(all, &rModel{kind: l[0], formula: l[2], rows: n, want: map[string]any{}})
		}
		all[len(all)-1].want[strings.TrimSpace(l[3]+" "+l[4])] = rValue(t, l[5])
	}
	return all
}

// first returns the first n rows of a table.
func first(t *testing.T, tab *table.Table, n int) *table.Table {
	t.Helper()
	var cols [][]float64
	for _, f := range tab.Schema.Fields {
		c, err := tab.Column(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		cols = append(cols, c[:n])
	}
	out, err := table.New(tab.Schema, tab.Site, cols)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestModelsBeyondTheOracleAgreeWithR(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	compared := 0
	for _, m := range rModels(t) {
		t.Run(fmt.Sprint(m.kind, " ", m.formula, " ", m.rows), func(t *testing.T) {
			kind, _ := Lookup(m.kind)
			tables := set.tables
			if m.rows < 189 {
				tables = []*table.Table{first(t, tables[0], m.rows)}
			}
			f := run(t, begin(t, kind.Statistic, set, Args{Kind: m.kind, Formula: m.formula, Drop1: true,
				Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 5}}), tables...)
			c := &checker{t: t, name: m.formula, tol: 1e-9}
			used := map[string]bool{}
			check := func(key string, got any, scale float64) {
				used[key] = true
				want, ok := m.want[key]
				if !ok {
					want = nil // R prints no row for an aliased term's tests
				}
				c.near(key, got, want, scale)
			}
			for _, r := range f.Tidy {
				se, _ := r.Get("std_error").(float64)
				for _, k := range []string{"estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"} {
					check(k+" "+r.Get("term").(string), r.Get(k), map[bool]float64{true: 1, false: se}[k == "statistic" || k == "p_value"])
				}
			}
			for _, e := range f.Glance {
				if explained := e.Key == "r_squared" || e.Key == "adj_r_squared" || e.Key == "statistic" || e.Key == "p_value"; explained && strings.Contains(m.formula, "offset") {
					used[e.Key] = true // R before 4.3 counts the offset's spread as explained
				} else if _, ok := m.want[e.Key]; ok {
					check(e.Key, e.Value, 1)
				}
			}
			for _, r := range f.Drop1 {
				for _, e := range r[1:] {
					if key := "drop1 " + e.Key + " " + r.Get("term").(string); m.want[key] != nil {
						check(key, e.Value, 1)
					}
				}
			}
			for key, want := range m.want {
				if !used[key] && want != nil {
					t.Errorf("%s is missing, R has %v", key, want)
				}
			}
			compared += c.n
			if c.n < 10 {
				t.Errorf("only %d numbers compared", c.n)
			}
		})
	}
	t.Logf("%d numbers compared", compared)
}

// sameFrame compares two outcomes number by number, to 1e-12 of the same scale as elsewhere.
func sameFrame(t *testing.T, what string, got, want Frame) {
	t.Helper()
	if len(got.Tidy) != len(want.Tidy) {
		t.Fatalf("%s: %d rows, want %d", what, len(got.Tidy), len(want.Tidy))
	}
	near := func(key string, g, w any, scale float64) {
		t.Helper()
		x, y, both := pair(g, w)
		if !both {
			if fmt.Sprint(g) != fmt.Sprint(w) {
				t.Errorf("%s: %s is %v, want %v", what, key, g, w)
			}
		} else if math.Abs(x-y) > 1e-12*max(math.Abs(y), scale) {
			t.Errorf("%s: %s is %v, want %v", what, key, g, w)
		}
	}
	for i, r := range want.Tidy {
		se, _ := r.Get("std_error").(float64)
		for _, e := range r {
			scale := se
			if e.Key == "statistic" || e.Key == "p_value" {
				scale = 1
			}
			near(fmt.Sprint(r.Get("term"), " ", e.Key), got.Tidy[i].Get(e.Key), e.Value, scale)
		}
	}
	for _, e := range want.Glance {
		near(e.Key, got.Glance.Get(e.Key), e.Value, 1)
	}
}
