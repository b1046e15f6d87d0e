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
