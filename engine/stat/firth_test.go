package stat

import (
	"math"
	"strings"
	"testing"
)

// Where outcomes separate, maximum likelihood has no estimate and Firth's does, with a score of 0 and in few steps.
func TestFirthHasAnEstimateWhereOutcomesSeparate(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	for _, formula := range []string{"low ~ bwt + age", "low ~ bwt"} {
		plain := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: formula}), set.tables...)
		if plain.Tidy[1].Get("estimate") != nil {
			t.Fatalf("%s does not separate", formula)
		}
		f := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: formula, Firth: true}), set.tables...)
		if b, ok := f.Tidy[1].Get("estimate").(float64); !ok || !(b < 0) || f.Glance.Get("converged") != true {
			t.Errorf("%s: %v, %v", formula, f.Tidy[1], f.Glance)
		}
		p := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: formula, Firth: true, Profile: true}), set.tables...)
		for _, r := range p.Tidy {
			low, ok1 := r.Get("conf_low").(float64)
			high, ok2 := r.Get("conf_high").(float64)
			// Where outcomes separate, the search for the farther limit may not end, as logistf's; then the result says so.
			said := strings.Contains(strings.Join(p.Warnings, "\n"), "did not end")
			if e := r.Get("estimate").(float64); !(low < e) && ok1 || !(e < high) && ok2 || !ok1 && !ok2 || !(ok1 && ok2) && !said || r.Get("p_value") == nil {
				t.Errorf("%s: %v", formula, r)
			}
		}
		t.Logf("%s: %v steps", formula, f.Glance.Get("iterations"))
	}
}

func TestFirthLeavesOutAliasedColumnsAndRefusesOtherPenalties(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	f := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: "low ~ lwt + smoke + smoke_dup", Firth: true}), set.tables...)
	g := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: "low ~ lwt + smoke", Firth: true}), set.tables...)
	for i, r := range g.Tidy {
		if !near(f.Tidy[i].Get("estimate"), r.Get("estimate")) {
			t.Errorf("%v is %v with a copy of smoke in the model, %v without", r.Get("term"), f.Tidy[i].Get("estimate"), r.Get("estimate"))
		}
	}
	if f.Tidy[3].Get("aliased") != true {
		t.Errorf("the copy: %v", f.Tidy[3])
	}
	one := 1.0
	for _, args := range []Args{{Ridge: &one}, {Drop1: true}, {SE: "hc0"}, {Veil: true}, {Profile: true}} {
		args.Kind, args.Formula, args.Firth = "logistic", "low ~ age", !args.Profile
		if _, err := (Logistic{}).Begin(args, set.schema); err == nil || !strings.Contains(err.Error(), "firth") {
			t.Errorf("ridge %v, drop1 %v, se %q, veil %v: %v", args.Ridge, args.Drop1, args.SE, args.Veil, err)
		}
	}
}

// Of one 2x2 table Firth's estimate is the log odds ratio with 1/2 added to every cell.
func TestFirthOfATableAddsAHalf(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	f := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: "low ~ smoke", Firth: true}), set.tables...)
	c := run(t, begin(t, Crosstab{}, set, Args{Kind: "crosstab", Rows: "smoke", Columns: "low"}), set.tables...)
	half := func(i int) float64 { return float64(c.Tidy[i].Get("n").(int64)) + 0.5 }
	if want := math.Log(half(0) * half(3) / (half(1) * half(2))); !near(f.Tidy[1].Get("estimate"), want) {
		t.Errorf("estimate %v, the table gives %v", f.Tidy[1].Get("estimate"), want)
	}
}
