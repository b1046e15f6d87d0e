package stat

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// pairs is a cohort of an integer x of few values and an outcome.
func pairs(t *testing.T, r *rand.Rand) (*reference, *table.Table, bool) {
	t.Helper()
	n, values, slope := 6+r.IntN(20), 2+r.IntN(8), 4*r.Float64()
	var x, y []float64
	ends := [2][2]float64{{math.Inf(1), math.Inf(-1)}, {math.Inf(1), math.Inf(-1)}} // smallest and largest x of others, of events
	for i := range n {
		v := float64(r.IntN(values))
		e := 0
		if i > 0 && (i == 1 || r.Float64() < 1/(1+math.Exp(-slope*(v-float64(values-1)/2)))) {
			e = 1
		}
		x, y = append(x, v), append(y, float64(e))
		ends[e][0], ends[e][1] = min(ends[e][0], v), max(ends[e][1], v)
	}
	s := &table.Schema{Sites: []string{"h"}, Fields: []table.Field{
		{Name: "x", Max: 9, Grid: table.Grid{M: 1}, GridDeclared: true, Integer: true}, {Name: "y", Kind: table.Binary, Max: 1}}}
	tab, err := table.New(s, "h", [][]float64{x, y})
	if err != nil {
		t.Fatal(err)
	}
	one := ends[0] == ends[1] && ends[0][0] == ends[0][1] // x is the same for all: aliased
	return &reference{schema: s}, tab, !one && (ends[0][1] <= ends[1][0] || ends[1][1] <= ends[0][0])
}

func TestSeparationIsFoundExactlyWhereItIs(t *testing.T) {
	found := 0
	for seed := range uint64(400) {
		set, tab, want := pairs(t, rand.New(rand.NewPCG(seed, 3)))
		p, part := logisticOf(t, set, Args{Kind: "logistic", Formula: "y ~ x"})
		f := run(t, p, tab)
		m := part().main
		if m.separated != want {
			t.Errorf("seed %d: separated is %v, want %v", seed, m.separated, want)
		}
		if f.Glance.Get("converged") != true {
			t.Errorf("seed %d: did not converge", seed)
		}
		if want {
			found++
		}
	}
	if found < 40 || found > 360 {
		t.Errorf("%d of 400 cohorts are separated: the test says little", found)
	}
}

func TestSeparatedTermsAreNamedAndOthersHaveTheirLimit(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	f := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: "infection ~ treat + site"}), set.tables...)
	for _, r := range f.Tidy {
		infinite := r.Get("term") == "siteharvard" || r.Get("term") == "sitewashington"
		if (r.Get("infinite") == "-") != infinite || (r.Get("estimate") == nil) != infinite || (r.Get("odds_ratio") == nil) != infinite {
			t.Errorf("%v: %v", r.Get("term"), r)
		}
	}
	if len(f.VCov.Terms) != 12 {
		t.Errorf("vcov has %d terms, want the 12 with a limit", len(f.VCov.Terms))
	}
}

// Nearly collinear columns cancel along a direction in which no row moves: that is not separation.
func TestNearlyCollinearColumnsAreNotSeparated(t *testing.T) {
	for _, small := range []string{"0.000001", "0.00001", "0.0001"} {
		s := &table.Schema{Sites: []string{"a"}, Fields: []table.Field{
			{Name: "y", Kind: table.Binary},
			{Name: "x", Min: 0, Max: 10, Grid: table.Grid{M: 1, E10: -1}, GridDeclared: true},
			{Name: "z", Min: 0, Max: 20, Integer: true, Grid: table.Grid{M: 1}, GridDeclared: true}}}
		r := rand.New(rand.NewPCG(5, 6))
		cols := make([][]float64, 3)
		for range 120 {
			x, z, y := float64(r.IntN(101))/10, float64(r.IntN(21)), 0.0
			if r.Float64() < 1/(1+math.Exp(0.2*x-1)) {
				y = 1
			}
			cols[0], cols[1], cols[2] = append(cols[0], y), append(cols[1], x), append(cols[2], z)
		}
		tab, err := table.New(s, "a", cols)
		if err != nil {
			t.Fatal(err)
		}
		args := Args{Kind: "logistic", Formula: "y ~ x + I(x + " + small + " * z)", Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1, MaxRows: testRows}}
		f := run(t, func() Program {
			p, err := Logistic{}.Begin(args, s)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, tab)
		for _, row := range f.Tidy {
			if row.Get("infinite") != nil {
				t.Errorf("%s: %v runs to infinity", small, row.Get("term"))
			}
		}
		if d := f.Glance.Get("deviance").(float64); d < 100 {
			t.Errorf("%s: deviance %v", small, d)
		}
	}
}

// An interaction between infinite terms that cancel is neither finite nor infinite: it does not exist.
func TestACoefficientAmongInfiniteOnesMayNotExist(t *testing.T) {
	s := &table.Schema{Sites: []string{"a"}, Fields: []table.Field{
		{Name: "y", Kind: table.Binary},
		{Name: "g", Kind: table.Category, Levels: []string{"a", "b"}}, {Name: "s", Kind: table.Category, Levels: []string{"m", "f"}}}}
	cols := make([][]float64, 3)
	for _, c := range []struct{ g, s, y, n float64 }{{0, 0, 1, 10}, {0, 1, 1, 6}, {0, 1, 0, 5}, {1, 0, 1, 5}, {1, 0, 0, 7}, {1, 1, 0, 8}} {
		for range int(3 * c.n) {
			cols[0], cols[1], cols[2] = append(cols[0], c.y), append(cols[1], c.g), append(cols[2], c.s)
		}
	}
	tab, err := table.New(s, "a", cols)
	if err != nil {
		t.Fatal(err)
	}
	f := run(t, func() Program {
		p, err := Logistic{}.Begin(Args{Kind: "logistic", Formula: "y ~ g * s", Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1, MaxRows: testRows}}, s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, tab)
	for _, row := range f.Tidy {
		if row.Get("estimate") != nil {
			t.Errorf("%v has estimate %v (se %v)", row.Get("term"), row.Get("estimate"), row.Get("std_error"))
		}
	}
}
