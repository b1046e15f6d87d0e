package stat

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// descriptive are analyses of birthwt of every kind that is no model.
var descriptive = []Args{
	{Kind: "describe", Variables: []string{"age", "lwt", "bwt", "race", "smoke"}, By: "ht", Quantiles: []float64{0.1, 0.5, 0.975}},
	{Kind: "describe", Variables: []string{"age", "bwt", "ptl"}, Quantiles: []float64{0.25, 0.5}, QuantileType: 2},
	{Kind: "histogram", Variable: "bwt", Breaks: []float64{800, 2000, 3000, 4000}},
	{Kind: "ttest", Variable: "bwt", By: "smoke"},
	{Kind: "ttest", Paired: []string{"bwt", "lwt"}},
	{Kind: "anova", Variable: "bwt", By: "race"},
	{Kind: "table1", Variables: []string{"age", "lwt", "race", "smoke", "ht", "ptl"}, By: "low", Medians: []string{"lwt", "ptl"}},
	{Kind: "table1", Variables: []string{"age", "race", "bwt"}, By: "race"},
	{Kind: "crosstab", Rows: "race", Columns: "low"},
	{Kind: "crosstab", Rows: "race", Columns: "ht"},
	{Kind: "rank", Variable: "bwt", By: "race"},
	{Kind: "rank", Variable: "lwt", By: "smoke"},
	{Kind: "correlation", Variables: []string{"bwt", "lwt", "age", "smoke"}},
	{Kind: "correlation", Variables: []string{"bwt", "lwt", "age", "smoke"}, Method: "spearman"},
	{Kind: "roc", Outcome: "low", Score: "lwt"},
	{Kind: "roc", Outcome: "low", Score: "lwt", Thresholds: []float64{200, 110.5, 130}, Grid: 2.5},
}

// TestDescriptiveResultsDoNotDependOnTheSplit deals the same rows to hospitals
// in several ways and orders and wants the same bits, with values on a declared
// grid and with values as read.
func TestDescriptiveResultsDoNotDependOnTheSplit(t *testing.T) {
	ref := readReference(t, "../../testdata/birthwt")
	for _, declared := range []bool{true, false} {
		s := *ref.schema
		s.Fields, s.Sites = slices.Clone(s.Fields), nil
		for i := range 21 {
			s.Sites = append(s.Sites, fmt.Sprintf("s%d", i))
		}
		pooled := ref.pooled(t)
		var cols [][]float64
		for i := range s.Fields {
			f := &s.Fields[i]
			col, err := pooled.Column(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			if f.Kind == table.Number && !declared {
				f.GridDeclared, f.Grid.E10 = false, f.Grid.E10-3
				f.Max++
				col = slices.Clone(col)
				for j := range col {
					col[j] += float64(j%7) / 7 // no decimal number
				}
			}
			cols = append(cols, col)
		}
		whole, err := table.New(&s, "s0", cols)
		if err != nil {
			t.Fatal(err)
		}
		shuffled := rand.New(rand.NewPCG(1, 2)).Perm(whole.Rows())
		splits := map[string]func(int) int{
			"one hospital": func(int) int { return 0 },
			"one and two":  func(i int) int { return min(i%3, 1) },
			"five":         func(i int) int { return i * 7 % 5 },
			"twenty":       func(i int) int { return 1 + i%20 },
			"as dealt":     func(i int) int { return shuffled[i] % 3 },
		}
		for i, args := range descriptive {
			minCell := 1 + 4*(i%2)
			args.Rules = Rules{MinCell: minCell, MinSites: 1, MaxRows: testRows}
			want := ""
			for name, split := range splits {
				tables := deal(t, whole, split)
				if name == "five" {
					slices.Reverse(tables)
				}
				f := run(t, programOf(t, &s, args), tables...)
				got, err := json.Marshal([]any{f.N, f.Tidy, f.Glance, f.Warnings})
				if err != nil {
					t.Fatal(err)
				}
				// One hospital of the 20 may have too few rows to count as contributing, but min_sites is 1.
				if want == "" {
					want = string(got)
				} else if string(got) != want {
					t.Errorf("%s (declared %v, min_cell %d), %s: got\n%s\nwant\n%s", args.Kind, declared, minCell, name, got, want)
				}
			}
		}
	}
}
