package stat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// over deals the pooled rows of a set over n hospitals (row i to of(i)), in the order given.
func over(t *testing.T, set *reference, n int, order []int, of func(i int) int) []*table.Table {
	t.Helper()
	s := *set.schema
	s.Sites = nil
	for k := range n {
		s.Sites = append(s.Sites, fmt.Sprintf("h%d", k))
	}
	whole := set.pooled(t)
	var cols [][]float64
	for _, f := range s.Fields {
		c, err := whole.Column(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		moved := make([]float64, len(c))
		for i, from := range order {
			moved[i] = c[from]
		}
		cols = append(cols, moved)
	}
	all, err := table.New(&s, "h0", cols)
	if err != nil {
		t.Fatal(err)
	}
	return deal(t, all, of)
}

func TestModelsDoNotDependOnTheSplit(t *testing.T) {
	one, lambda := 1.0, 10.0
	for _, c := range []struct {
		set  string
		args Args
	}{
		{"birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt + race + smoke + ptl + ht + ui + ftv", Drop1: true}},
		{"birthwt", Args{Kind: "linear", Formula: "log(bwt) ~ log(lwt) * race + I(age^2)"}},
		{"birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt + race", Ridge: &lambda}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + race + smoke + ptl + ht + ui + ftv", Drop1: true}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ age + offset(lwt / 50)"}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ 0 + race + log(lwt)"}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ bwt", Ridge: &one}},
		{"birthwt_hard", Args{Kind: "linear", Formula: "bwt ~ big + smoke"}},
		{"birthwt_hard", Args{Kind: "logistic", Formula: "low ~ big + smoke"}},
		{"birthwt_hard", Args{Kind: "logistic", Formula: "low ~ tiny + neg"}},
		{"birthwt_hard", Args{Kind: "logistic", Formula: "low ~ lwt + smoke + smoke_dup"}},
		{"wdbc", Args{Kind: "linear", Formula: "area_mean ~ radius_mean + perimeter_mean + texture_mean"}},
	} {
		t.Run(c.args.Kind+" "+c.args.Formula, func(t *testing.T) {
			set := readReference(t, "../../testdata/"+c.set)
			kind, _ := Lookup(c.args.Kind)
			c.args.Rules = Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}
			n := set.pooled(t).Rows()
			order := make([]int, n)
			for i := range order {
				order[i] = i
			}
			want := run(t, begin(t, kind.Statistic, set, c.args), over(t, set, 1, order, func(int) int { return 0 })...)
			shuffled := slices.Clone(order)
			rand.New(rand.NewPCG(7, 7)).Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for _, split := range []struct {
				name  string
				sites int
				order []int
				of    func(i int) int
			}{
				{"two hospitals, one row at the first", 2, order, func(i int) int { return min(i, 1) }},
				{"five hospitals", 5, order, func(i int) int { return i % 5 }},
				{"twenty hospitals", 20, order, func(i int) int { return i % 20 }},
				{"permuted, an empty hospital", 5, shuffled, func(i int) int { return i % 4 }},
			} {
				got := run(t, begin(t, kind.Statistic, set, c.args), over(t, set, split.sites, split.order, split.of)...)
				sameFrame(t, split.name, got, want)
				for i, r := range want.Drop1 {
					for _, e := range r[1:] {
						g, w, both := pair(got.Drop1[i].Get(e.Key), e.Value)
						if both && !(g-w <= 1e-12*max(w, 1) && w-g <= 1e-12*max(w, 1)) {
							t.Errorf("%s: drop1 %v %s is %v, want %v", split.name, r.Get("term"), e.Key, g, w)
						}
					}
				}
			}
		})
	}
}
