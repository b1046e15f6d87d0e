package stat

import (
	"errors"
	"strings"
	"testing"
)

// Of 12 women with hypertension 5 smoke and 7 do not: with min_cell 6 their balance would tell how few.
func TestPropensityHidesTheBalanceOfFewPeople(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	args := Args{Kind: "propensity", Formula: "smoke ~ age + race + ht + ht:age", Rules: Rules{MinCell: 6, MinSites: 1, MaxParametersPerRow: 0.33}}
	f := run(t, begin(t, Propensity{}, set, args), set.tables...)
	for _, r := range f.Tidy {
		term := r.Get("term").(string)
		if hidden := r.Get("suppressed") == true && r.Get("mean_treated") == nil && r.Get("weighted_smd") == nil; hidden != strings.Contains(term, "ht") {
			t.Errorf("%v", r)
		}
	}
	if !f.Suppressed || f.Glance.Get("largest_smd") != nil {
		t.Errorf("suppressed %v, largest %v", f.Suppressed, f.Glance.Get("largest_smd"))
	}
	args.Rules.MinCell = 5
	if f = run(t, begin(t, Propensity{}, set, args), set.tables...); f.Suppressed {
		t.Errorf("with min_cell 5: %v", f.Tidy)
	}
}

// Of 13 smokers with ui 7 have low and 6 have not: the means of ui and ui:low would tell that.
func TestPropensityHidesInteractionsWithCellsOfFewPeople(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	for minCell, hidden := range map[int]bool{6: false, 7: true} {
		args := Args{Kind: "propensity", Formula: "smoke ~ age + ui * low", Rules: Rules{MinCell: minCell, MinSites: 1, MaxParametersPerRow: 0.33}}
		f := run(t, begin(t, Propensity{}, set, args), set.tables...)
		for _, r := range f.Tidy {
			if got := r.Get("mean_treated") == nil; got != (hidden && r.Get("term") != "age") {
				t.Errorf("min_cell %d: %v", minCell, r)
			}
		}
	}
}

func TestPropensityHidesHowManyAreNotTruncated(t *testing.T) {
	for cut, shown := range map[int64]bool{0: true, 4: false, 5: true, 95: true, 96: false, 100: true} {
		w := &propensityPart{args: Args{Rules: Rules{MinCell: 5}}, cut: cut, model: &logisticPart{regression: &regression{n: 100}}}
		f := Frame{}
		if got := w.shownCut(&f) != nil; got != shown || f.Suppressed == shown {
			t.Errorf("%d of 100 truncated: shown %v", cut, got)
		}
	}
}

func TestPropensityRefusesGroupsWithoutCounterpart(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	for _, c := range []struct {
		rule string
		args Args
	}{
		{"separation", Args{Formula: "low ~ bwt"}},
		{"constant_outcome", Args{Formula: "smoke ~ age", Outcome: "bwt"}},
		{"min_cell", Args{Formula: "smoke ~ age", Outcome: "ht", Rules: Rules{MinCell: 6, MinSites: 1, MaxParametersPerRow: 1}}},
	} {
		tables := set.tables
		if c.rule == "constant_outcome" {
			smoke, err := tables[0].Column("smoke")
			if err != nil {
				t.Fatal(err)
			}
			var none []int
			for i, x := range smoke {
				if x == 0 {
					none = append(none, i)
				}
			}
			tables = append(tables[:0:0], some(t, tables[0], none))
		}
		c.args.Kind = "propensity"
		_, err := try(t, begin(t, Propensity{}, set, c.args), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != c.rule {
			t.Errorf("%s: %v, want a refusal by %s", c.args.Formula, err, c.rule)
		}
	}
	for why, args := range map[string]Args{
		"ate or att":  {Formula: "smoke ~ age", Estimand: "atc"},
		"of estimand": {Formula: "smoke ~ age", Estimand: "att", Stabilized: true},
		"between 0":   {Formula: "smoke ~ age", Truncate: []float64{0.9, 0.1}},
		"reveal":      {Formula: "smoke ~ age", Veil: true},
		"a category":  {Formula: "smoke ~ age", Outcome: "race"},
		"the formula": {Formula: "smoke ~ age", Outcome: "age"},
		"is a number": {Formula: "bwt ~ age"},
	} {
		args.Kind = "propensity"
		if _, err := (Propensity{}).Begin(args, set.schema); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
}

// Somebody all but certain to have the other treatment has a weight that nothing bounds.
func TestPropensityRefusesBoundlessWeights(t *testing.T) {
	w := &propensityPart{args: Args{Estimand: "ate"}}
	if weight, _ := w.weigh(-12, true); weight < mostWeight {
		t.Errorf("weight %v", weight)
	}
	w.args.Truncate = []float64{0.01, 0.99}
	if weight, cut := w.weigh(-12, true); !cut || weight < 99.99 || weight > 100.01 {
		t.Errorf("truncated weight %v, %v", weight, cut)
	}
}
