package formula

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// dictionary declares the variables of testdata/golden.R.
func dictionary() *table.Schema {
	category := func(name string, levels ...string) table.Field {
		return table.Field{Name: name, Kind: table.Category, Levels: levels}
	}
	whole := func(name string, lo, hi float64) table.Field {
		return table.Field{Name: name, Integer: true, Min: lo, Max: hi, Grid: table.Grid{M: 1}, GridDeclared: true}
	}
	tenths := func(name string, lo, hi float64) table.Field {
		return table.Field{Name: name, Min: lo, Max: hi, Grid: table.Grid{M: 1, E10: -1}, GridDeclared: true}
	}
	return &table.Schema{
		Sites: []string{"A", "B", "C"},
		Fields: []table.Field{
			tenths("y", 1, 20), whole("age", 18, 110),
			{Name: "chol", Min: 100, Max: 600, Grid: table.Grid{M: 1, E10: -5}},
			tenths("oldpeak", -5, 10),
			category("sex", "female", "male"), category("race", "white", "black", "other"),
			category("stage", "I", "II", "III", "IV"), category("ward", "a", "b", "c"),
			{Name: "smoke", Kind: table.Binary}, {Name: "ht", Kind: table.Binary},
			whole("ecog", 0, 3), whole("my var", 1, 10), category("my f", "p", "q"),
		},
	}
}

// answer is what R says about one formula.
type answer struct {
	formula         string
	labels, scope   []string
	columns, assign []string
	rows            [][]float64
	outcome, offset []float64
	without         [][]string // a term of the drop1 scope, the columns that remain without it
}

func readGolden(t *testing.T) (*table.Table, []answer) {
	t.Helper()
	f, err := os.Open("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := dictionary()
	cols := make([][]float64, len(s.Fields))
	var sites []float64
	var out []answer
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		field := strings.Split(in.Text(), "\t")
		key, values := field[0], field[1:]
		last := len(out) - 1
		switch key {
		case "data":
			c := storedColumn(t, s, values[0], values[1:])
			if values[0] == table.Site {
				sites = c
			} else {
				cols[slices.IndexFunc(s.Fields, func(f table.Field) bool { return f.Name == values[0] })] = c
			}
		case "formula":
			out = append(out, answer{formula: values[0]})
		case "labels":
			out[last].labels = values
		case "scope":
			out[last].scope = values
		case "columns":
			out[last].columns = values
		case "assign":
			out[last].assign = values
		case "without":
			out[last].without = append(out[last].without, values)
		case "row":
			out[last].rows = append(out[last].rows, floats(t, values))
		case "outcome":
			out[last].outcome = floats(t, values)
		case "offset":
			out[last].offset = floats(t, values)
		}
	}
	tab, err := table.New(s, "A", cols)
	if err != nil {
		t.Fatal(err)
	}
	// One table holds one site; here its rows are spread over three.
	c, _ := tab.Column(table.Site)
	copy(c, sites)
	return tab, out
}

// storedColumn reads a column of R's data as it is stored.
func storedColumn(t *testing.T, s *table.Schema, name string, values []string) []float64 {
	t.Helper()
	f, err := s.Field(name)
	if err != nil {
		t.Fatal(err)
	}
	if f.Kind != table.Category {
		return floats(t, values)
	}
	c := make([]float64, len(values))
	for i, v := range values {
		c[i] = float64(slices.Index(f.Levels, v))
	}
	return c
}

func floats(t *testing.T, values []string) (out []float64) {
	t.Helper()
	for _, v := range values {
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// presence counts a table's levels, as the census of an analysis does.
func presence(t *testing.T, tab *table.Table) func(string) []bool {
	return func(name string) []bool {
		t.Helper()
		f, err := tab.Schema.Factor(name)
		if err != nil {
			t.Fatal(err)
		}
		have := make([]bool, len(f.Levels))
		c, _ := tab.Column(name)
		for _, x := range c {
			if l := f.Level(x); l >= 0 {
				have[l] = true
			}
		}
		return have
	}
}

func mustBind(t *testing.T, s *table.Schema, src string) *Model {
	t.Helper()
	f, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Bind(s, f.left != nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustDesign(t *testing.T, m *Model, present func(string) []bool) *Design {
	t.Helper()
	d, err := m.Design(present)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestModelMatrixIsRs(t *testing.T) {
	tab, answers := readGolden(t)
	if len(answers) < 60 {
		t.Fatalf("%d formulas", len(answers))
	}
	for _, want := range answers {
		t.Run(want.formula, func(t *testing.T) {
			m := mustBind(t, tab.Schema, want.formula)
			d := mustDesign(t, m, presence(t, tab))
			var labels, scope, columns, assign []string
			for _, term := range m.Terms {
				labels = append(labels, term.Label)
			}
			for _, i := range m.Droppable() {
				scope = append(scope, m.Terms[i].Label)
			}
			for _, c := range d.Columns {
				columns, assign = append(columns, c.Name), append(assign, fmt.Sprint(c.Term+1))
			}
			for _, c := range []struct {
				what      string
				got, want []string
			}{{"labels", labels, want.labels}, {"scope", scope, want.scope}, {"columns", columns, want.columns}, {"assign", assign, want.assign}} {
				if !slices.Equal(c.got, c.want) {
					t.Fatalf("%s:\n got %q\nwant %q", c.what, c.got, c.want)
				}
			}
			compareRows(t, d, tab, want)
		})
	}
}

func compareRows(t *testing.T, d *Design, tab *table.Table, want answer) {
	t.Helper()
	e, err := d.Eval(tab)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, len(d.Columns))
	for i := range want.rows {
		e.Row(i, x)
		for j := range x {
			if !near(x[j], want.rows[i][j]) {
				t.Errorf("row %d, %s: got %.17g, want %.17g", i, d.Columns[j].Name, x[j], want.rows[i][j])
			}
		}
		if want.outcome != nil && !near(e.Outcome(i), want.outcome[i]) {
			t.Errorf("row %d: outcome %.17g, want %.17g", i, e.Outcome(i), want.outcome[i])
		}
		if want.offset != nil && !near(e.Offset(i), want.offset[i]) {
			t.Errorf("row %d: offset %.17g, want %.17g", i, e.Offset(i), want.offset[i])
		}
	}
}

// TestTermsAreTakenOutAsUpdateDoes compares column names as sets, and
// interactions regardless of the order of their parts: update() rewrites the
// formula and with it the order in which variables appear.
func TestTermsAreTakenOutAsUpdateDoes(t *testing.T) {
	tab, answers := readGolden(t)
	sorted := func(names []string) []string {
		var out []string
		for _, n := range names {
			parts := strings.Split(n, ":")
			slices.Sort(parts)
			out = append(out, strings.Join(parts, ":"))
		}
		slices.Sort(out)
		return out
	}
	compared := 0
	for _, a := range answers {
		m := mustBind(t, tab.Schema, a.formula)
		for _, want := range a.without {
			compared++
			term := slices.IndexFunc(m.Terms, func(u Term) bool { return u.Label == want[0] })
			w := m.Without(term)
			if len(w.Terms) != len(m.Terms)-1 || !slices.Equal(w.Variables, m.Variables) {
				t.Errorf("%s without %s: terms %v, variables %v", a.formula, want[0], w.Terms, w.Variables)
			}
			var got []string
			for _, c := range mustDesign(t, w, presence(t, tab)).Columns {
				got = append(got, c.Name)
			}
			if !slices.Equal(sorted(got), sorted(want[1:])) {
				t.Errorf("%s without %s:\n got %q\nwant %q", a.formula, want[0], got, want[1:])
			}
		}
	}
	if compared < 100 {
		t.Fatalf("%d compared", compared)
	}
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-15*math.Abs(want) }
