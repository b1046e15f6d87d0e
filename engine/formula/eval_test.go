package formula

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

func TestCategoryOutcomeIsItsSecondLevel(t *testing.T) {
	tab, _ := readGolden(t)
	sex, _ := tab.Column("sex")
	for _, src := range []string{"sex ~ age", "factor(ht) ~ age", "ht ~ age"} {
		m := mustBind(t, tab.Schema, src)
		e, err := mustDesign(t, m, nil).Eval(tab)
		if err != nil {
			t.Fatal(err)
		}
		want := sex
		if src != "sex ~ age" {
			want, _ = tab.Column("ht")
		}
		for i := range tab.Rows() {
			if e.Outcome(i) != want[i] || e.OutcomePoint(i) != int64(want[i]) {
				t.Errorf("%s, row %d: got %g, %d", src, i, e.Outcome(i), e.OutcomePoint(i))
			}
		}
	}
}

func TestWithoutOutcomeAndOffsetBothAreZero(t *testing.T) {
	tab, _ := readGolden(t)
	e, err := mustDesign(t, mustBind(t, tab.Schema, "~ age"), nil).Eval(tab)
	if err != nil {
		t.Fatal(err)
	}
	if e.Outcome(0) != 0 || e.OutcomePoint(0) != 0 || e.Offset(0) != 0 {
		t.Errorf("got %g, %d, %g", e.Outcome(0), e.OutcomePoint(0), e.Offset(0))
	}
}

func TestFactorsOfNumbersBeginAtTheirMinimum(t *testing.T) {
	s := &table.Schema{Sites: []string{"A"}, Fields: []table.Field{
		{Name: "grade", Integer: true, Min: -1, Max: 2, Grid: table.Grid{M: 1}, GridDeclared: true}}}
	tab, err := table.New(s, "A", [][]float64{{-1, 0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	d := mustDesign(t, mustBind(t, s, "~ 0 + factor(grade, ref = 1)"), nil)
	e, err := d.Eval(tab)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	x := make([]float64, 4)
	for i := range 4 {
		e.Row(i, x)
		got = append(got, fmt.Sprint(x))
	}
	if g := strings.Join(got, ""); g != "[0 1 0 0][0 0 1 0][1 0 0 0][0 0 0 1]" {
		t.Errorf("got %s for columns %s", g, columnNames(d))
	}
}

func TestRowsMissingAVariableDoNotDisturb(t *testing.T) {
	tab, _ := readGolden(t)
	for i := range tab.Schema.Fields {
		c, _ := tab.Column(tab.Schema.Fields[i].Name)
		c[3] = math.NaN()
	}
	e, err := mustDesign(t, mustBind(t, tab.Schema, "y ~ log(age) * race + I(ecog^2) + factor(ecog)"), nil).Eval(tab)
	if err != nil {
		t.Fatal(err)
	}
	x, k := make([]float64, 10), make([]int64, 10)
	e.Row(3, x)
	e.Points(3, k) // the numbers mean nothing, but nothing breaks
	e.Row(4, x)
	if x[0] != 1 || x[1] != math.Log(72) {
		t.Errorf("got %v", x)
	}
}

func TestATableWithoutAVariableIsAnError(t *testing.T) {
	s := dictionary()
	tab, err := table.New(&table.Schema{Sites: []string{"A"}}, "A", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{"~ age", "~ sex", "~ log(age)", "~ age:sex", "y ~ 1", "log(y) ~ 1", "sex ~ 1", "~ offset(age)", "~ I(age + 1)"} {
		if _, err := mustDesign(t, mustBind(t, s, src), nil).Eval(tab); err == nil {
			t.Errorf("%s: no error", src)
		}
	}
}

func TestLogarithmsOfPowersAreWhole(t *testing.T) {
	for n := range 20 {
		if got := evaluate("log10", math.Pow10(n)); got != float64(n) {
			t.Errorf("log10(1e%d): got %.17g", n, got)
		}
		if got := evaluate("log2", math.Ldexp(1, n-5)); got != float64(n-5) {
			t.Errorf("log2(2^%d): got %.17g", n-5, got)
		}
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	tab, _ := readGolden(t)
	d := mustDesign(t, mustBind(t, tab.Schema, "log(y) ~ age * race + I(oldpeak^2) + offset(chol)"), nil)
	e, err := d.Eval(tab)
	if err != nil {
		t.Fatal(err)
	}
	x, k := make([]float64, len(d.Columns)), make([]int64, len(d.Columns))
	if n := testing.AllocsPerRun(100, func() {
		e.Row(1, x)
		e.Points(1, k)
		_ = e.Outcome(1) + e.Offset(1)
	}); n != 0 {
		t.Errorf("%g allocations a row", n)
	}
}

func BenchmarkRow(b *testing.B) {
	for _, bench := range []struct{ name, formula string }{
		{"columns=32", "~ x1+x2+x3+x4+x5+x6+x7+x8+x9+x10+x11+x12+x13+x14+x15+x16+x17+x18+x19+x20+x21+x22+x23+x24+x25+x26+x27+x28+x29+x30+x31"},
		{"columns=10/interactions", "~ x1*f + x2:f"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			const rows = 1024
			s := &table.Schema{Sites: []string{"A"}}
			cols := make([][]float64, 32)
			for j := range cols {
				cols[j] = make([]float64, rows)
				for i := range cols[j] {
					cols[j][i] = float64((i*j + i) % 3)
				}
				s.Fields = append(s.Fields, table.Field{Name: fmt.Sprintf("x%d", j), Min: 0, Max: 3})
			}
			s.Fields[0] = table.Field{Name: "f", Kind: table.Category, Levels: []string{"a", "b", "c"}}
			tab, err := table.New(s, "A", cols)
			if err != nil {
				b.Fatal(err)
			}
			f, _ := Parse(bench.formula)
			m, err := f.Bind(s, false)
			if err != nil {
				b.Fatal(err)
			}
			d, err := m.Design(nil)
			if err != nil {
				b.Fatal(err)
			}
			e, err := d.Eval(tab)
			if err != nil {
				b.Fatal(err)
			}
			x := make([]float64, len(d.Columns))
			for i := 0; b.Loop(); i++ {
				e.Row(i%rows, x)
			}
		})
	}
}
