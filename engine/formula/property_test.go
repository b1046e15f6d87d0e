package formula

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/consilium-health/consilium/engine/table"
)

// arithmetics draws an expression over the dictionary's numbers.
func arithmetics(depth int) *rapid.Generator[string] {
	leaf := rapid.SampledFrom([]string{"age", "oldpeak", "chol", "smoke", "ecog", "y", "1", "2", "0.5", "50", "1e-3", "12.75"})
	if depth == 0 {
		return leaf
	}
	return rapid.Custom(func(t *rapid.T) string {
		a := arithmetics(depth-1).Draw(t, "a")
		b := arithmetics(depth-1).Draw(t, "b")
		switch rapid.IntRange(0, 9).Draw(t, "form") {
		case 0, 1:
			return leaf.Draw(t, "leaf")
		case 2, 3:
			return fmt.Sprintf("(%s + %s)", a, b)
		case 4:
			return fmt.Sprintf("(%s - %s)", a, b)
		case 5, 6:
			return fmt.Sprintf("%s * %s", a, b)
		case 7:
			return fmt.Sprintf("(%s)^%s", a, rapid.SampledFrom([]string{"2", "3", "0", "-1", "0.5", "1.5"}).Draw(t, "power"))
		case 8:
			return fmt.Sprintf("%s/%s", a, rapid.SampledFrom([]string{"2", "4", "10", "1e2", "3", "age", "2.5"}).Draw(t, "divisor"))
		}
		return fmt.Sprintf("%s(%s)", rapid.SampledFrom([]string{"-", "log", "sqrt", "exp", "log10", "log2", "I"}).Draw(t, "function"), a)
	})
}

// conforming draws one row of the dictionary: grid values, both ends of every range among them.
func conforming(t *rapid.T, s *table.Schema) *table.Table {
	cols := make([][]float64, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		var x float64
		switch lo, hi := f.Points(); {
		case f.Kind == table.Category:
			x = float64(rapid.IntRange(0, len(f.Levels)-1).Draw(t, f.Name))
		case f.Kind == table.Binary:
			x = float64(rapid.IntRange(0, 1).Draw(t, f.Name))
		case f.GridDeclared:
			x = f.Value(rapid.Int64Range(lo, hi).Draw(t, f.Name))
		default:
			x = rapid.Float64Range(f.Min, f.Max).Draw(t, f.Name)
		}
		cols[i] = []float64{x}
	}
	tab, err := table.New(s, "B", cols)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// exactly evaluates an expression on the decimal numbers of a row: what a grid number stands for.
func exactly(e *expr, tab *table.Table) *big.Rat {
	arg := func(i int) *big.Rat { return exactly(e.args[i], tab) }
	z := new(big.Rat)
	switch e.op {
	case opName:
		c, _ := tab.Column(e.field.Name)
		if e.field.Kind == table.Binary {
			return z.SetFloat64(c[0])
		}
		return gridValue(e.field.Point(c[0]), &e.field.Grid)
	case opNumber:
		z.SetString(fmt.Sprint(e.num))
		return z
	case opMinus:
		return z.Neg(arg(0))
	case opAdd:
		return z.Add(arg(0), arg(1))
	case opSub:
		return z.Sub(arg(0), arg(1))
	case opMul:
		return z.Mul(arg(0), arg(1))
	case opDiv:
		return z.Quo(arg(0), arg(1))
	case opPow:
		z.SetInt64(1)
		for range int(e.args[1].num) {
			z.Mul(z, arg(0))
		}
		return z
	}
	panic("a call has no grid")
}

func gridValue(k int64, g *table.Grid) *big.Rat {
	r := new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(k), big.NewInt(g.M)))
	ten := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(g.E10, -g.E10))), nil))
	if g.E10 < 0 {
		return r.Quo(r, ten)
	}
	return r.Mul(r, ten)
}

func TestArithmeticStaysInItsRangeAndOnItsGrid(t *testing.T) {
	s := dictionary()
	bound, gridded := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		src := "~ I(" + arithmetics(3).Draw(rt, "expression") + ")"
		f, err := Parse(src)
		if err != nil {
			rt.Fatalf("%s: %v", src, err)
		}
		m, err := f.Bind(s, false)
		if err != nil {
			for _, expected := range []string{"has no variable", "declared range", "1.8e308"} {
				if strings.Contains(err.Error(), expected) {
					return
				}
			}
			rt.Fatalf("%s: %v", src, err)
		}
		bound++
		d, err := m.Design(nil)
		if err != nil {
			rt.Fatal(err)
		}
		tab := conforming(rt, s)
		e, err := d.Eval(tab)
		if err != nil {
			rt.Fatal(err)
		}
		x, k := make([]float64, 2), make([]int64, 2)
		e.Row(0, x)
		e.Points(0, k)
		c := d.Columns[1]
		if !(c.Min <= x[1] && x[1] <= c.Max) {
			rt.Fatalf("%s: %.17g outside [%.17g, %.17g]", src, x[1], c.Min, c.Max)
		}
		if c.ZeroOne && x[1] != 0 && x[1] != 1 {
			rt.Fatalf("%s: %g is not 0 or 1", src, x[1])
		}
		if c.Grid == nil {
			return
		}
		gridded++
		want := exactly(m.variables[0].value, tab)
		if gridValue(k[1], c.Grid).Cmp(want) != 0 {
			rt.Fatalf("%s: %d units of %s, want %s", src, k[1], gridText(c.Grid), want.FloatString(12))
		}
		// The double is computed as R does; it differs from the decimal by roundings of its parts.
		if w, _ := want.Float64(); math.Abs(x[1]-w) > 1e-14*(1+math.Max(math.Abs(c.Min), math.Abs(c.Max))) {
			rt.Fatalf("%s: %.17g, on the grid %.17g", src, x[1], w)
		}
	})
	if bound < 20 || gridded < 10 {
		t.Errorf("only %d expressions bound, %d with a grid", bound, gridded)
	}
}

func TestEveryColumnOfRsDataIsAsDescribed(t *testing.T) {
	tab, answers := readGolden(t)
	for _, a := range answers {
		d := mustDesign(t, mustBind(t, tab.Schema, a.formula), presence(t, tab))
		e, err := d.Eval(tab)
		if err != nil {
			t.Fatal(err)
		}
		x, k := make([]float64, len(d.Columns)), make([]int64, len(d.Columns))
		for i := range tab.Rows() {
			e.Row(i, x)
			e.Points(i, k)
			for j, c := range d.Columns {
				if !(c.Min <= x[j] && x[j] <= c.Max) {
					t.Errorf("%s: %s = %g outside [%g, %g]", a.formula, c.Name, x[j], c.Min, c.Max)
				}
				if c.ZeroOne && x[j] != 0 && x[j] != 1 {
					t.Errorf("%s: %s = %g", a.formula, c.Name, x[j])
				}
				if c.Grid == nil {
					if k[j] != 0 {
						t.Errorf("%s: %s has no grid but number %d", a.formula, c.Name, k[j])
					}
					continue
				}
				if w, _ := gridValue(k[j], c.Grid).Float64(); math.Abs(x[j]-w) > 4e-16*math.Abs(w) {
					t.Errorf("%s: %s = %.17g, on the grid %.17g", a.formula, c.Name, x[j], w)
				}
			}
		}
	}
}

// A plain variable's value is the double nearest to its grid point.
func TestPlainColumnsAreTheCorrectlyRoundedGridPoint(t *testing.T) {
	s := dictionary()
	rapid.Check(t, func(rt *rapid.T) {
		tab := conforming(rt, s)
		e, err := mustDesign(t, mustBind(t, s, "y ~ oldpeak + age"), nil).Eval(tab)
		if err != nil {
			rt.Fatal(err)
		}
		x, k := make([]float64, 3), make([]int64, 3)
		e.Row(0, x)
		e.Points(0, k)
		tenth := &table.Grid{M: 1, E10: -1}
		if w, _ := gridValue(k[1], tenth).Float64(); w != x[1] {
			rt.Fatalf("oldpeak %g, number %d", x[1], k[1])
		}
		if w, _ := gridValue(e.OutcomePoint(0), tenth).Float64(); w != e.Outcome(0) {
			rt.Fatalf("y %g, number %d", e.Outcome(0), e.OutcomePoint(0))
		}
		if float64(k[2]) != x[2] || k[0] != 1 {
			rt.Fatalf("age %g, number %d", x[2], k[2])
		}
	})
}
