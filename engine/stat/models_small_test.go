package stat

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// some returns rows of a table in the order given.
func some(t *testing.T, tab *table.Table, rows []int) *table.Table {
	t.Helper()
	var cols [][]float64
	for _, f := range tab.Schema.Fields {
		c, err := tab.Column(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		part := []float64{}
		for _, i := range rows {
			part = append(part, c[i])
		}
		cols = append(cols, part)
	}
	out, err := table.New(tab.Schema, tab.Site, cols)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A handful of rows meets every corner: no row, one row, constant outcomes and
// columns, more columns than rows, perfect fits, separation.
func TestModelsOfAFewRowsEndWellOrSayWhy(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	whole := set.pooled(t)
	one := 1.0
	var all []Args
	for _, f := range []string{"~ 1", "~ age", "~ 0 + age", "~ race", "~ 0 + race", "~ race * smoke", "~ age + I(2 * age) + lwt", "~ log(lwt) + ht + ui",
		"~ age + offset(lwt / 20)", "~ offset(lwt / 20)", "~ 0 + age + offset(lwt / 20)", "~ age + lwt + race + smoke + ptl + ht + ui + ftv"} {
		all = append(all, Args{Kind: "linear", Formula: "bwt " + f, Drop1: true}, Args{Kind: "logistic", Formula: "low " + f, Drop1: true},
			Args{Kind: "linear", Formula: "log(bwt) " + f}, Args{Kind: "linear", Formula: "low " + f, Drop1: true})
		if f[2] != '0' {
			all = append(all, Args{Kind: "linear", Formula: "bwt " + f, Ridge: &one}, Args{Kind: "logistic", Formula: "low " + f, Ridge: &one})
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	refused, fitted := 0, 0
	for i := range 1200 {
		args := all[i%len(all)]
		args.Rules = Rules{MinCell: 1 + 4*r.IntN(2), MinSites: 1, MaxParametersPerRow: []float64{0.33, 1, 20}[r.IntN(3)]}
		if r.IntN(2) == 0 {
			args.Rules = Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 20}
		}
		rows := r.Perm(whole.Rows())[:[]int{0, 1, 2, 3, 4, 5, 8, 12, 30}[r.IntN(9)]]
		tab := some(t, whole, rows)
		kind, _ := Lookup(args.Kind)
		f, err := try(t, begin(t, kind.Statistic, set, args), deal(t, tab, func(i int) int { return i % 2 })...)
		var refusal *Refusal
		if errors.As(err, &refusal) {
			refused++
			continue
		}
		what := fmt.Sprintf("%s %s, %d rows", args.Kind, args.Formula, len(rows))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		fitted++
		missing := false
		for _, rec := range append(f.Tidy, f.Glance) {
			for _, e := range rec {
				missing = missing || e.Value == nil && e.Key != "infinite"
			}
		}
		if missing && len(f.Warnings) == 0 {
			t.Errorf("%s: something does not exist and no warning says why: %v %v", what, f.Tidy, f.Glance)
		}
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if refused < 100 || fitted < 300 {
		t.Errorf("%d refused and %d fitted: the test says little", refused, fitted)
	}
}
