package stat

import (
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

func TestLikelihoodRatioTestIsOfNestedModelsOnTheSameRows(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	where, err := table.ParseCondition("age > 20", set.schema)
	if err != nil {
		t.Fatal(err)
	}
	one := 1.0
	model := func(kind, formula string) *Args { return &Args{ID: formula, Kind: kind, Formula: formula} }
	conditioned, penalised := model("logistic", "low ~ age + lwt"), model("logistic", "low ~ age + lwt")
	conditioned.Where, penalised.Ridge = where, &one
	for why, of := range map[string][]*Args{
		"1 analyses":           {model("logistic", "low ~ age")},
		"not nested":           {model("logistic", "low ~ age"), model("logistic", "low ~ lwt + smoke")},
		"same outcome":         {model("linear", "bwt ~ age"), model("linear", "lwt ~ age + smoke")},
		"offset and intercept": {model("logistic", "low ~ age"), model("logistic", "low ~ age + lwt + offset(smoke)")},
		"not nested: want":     {model("logistic", "low ~ age"), model("logistic", "low ~ age")},
		"want the same":        {model("linear", "low ~ age"), model("logistic", "low ~ age + lwt")},
		"conditions":           {model("logistic", "low ~ age"), conditioned},
		"ridge":                {model("logistic", "low ~ age"), penalised},
		"want one of":          {model("rank", ""), model("rank", "")},
	} {
		if _, err := (LRTest{}).Begin(Args{Kind: "lrtest", OfAll: of}, set.schema); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
	args := Args{Kind: "lrtest", OfAll: []*Args{model("logistic", "low ~ lwt + smoke"), model("logistic", "low ~ lwt + smoke + smoke_dup")}}
	f := run(t, begin(t, LRTest{}, set, args), set.tables...)
	if f.Glance.Get("statistic") != nil || !strings.Contains(strings.Join(f.Warnings, "\n"), "the same model") {
		t.Errorf("an aliased term: %v, %q", f.Glance, f.Warnings)
	}
}

// A smaller model is fitted to the rows of the larger: what a value is missing from is left out of both.
func TestLikelihoodRatioTestLeavesOutWhatEitherModelLacks(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	args := Args{Kind: "lrtest", OfAll: []*Args{{ID: "a", Kind: "linear", Formula: "age ~ time"}, {ID: "b", Kind: "linear", Formula: "age ~ time + meal_cal"}}}
	f := run(t, begin(t, LRTest{}, set, args), set.tables...)
	large := run(t, begin(t, Linear{}, set, *args.OfAll[1]), set.tables...)
	if f.N != large.N || f.Excluded != large.Excluded || f.Excluded == 0 {
		t.Errorf("%d rows and %d excluded, the larger model has %d and %d", f.N, f.Excluded, large.N, large.Excluded)
	}
	want := large.Tidy[2].Get("statistic").(float64) // one term more: F is the square of its t
	if got := f.Glance.Get("f_statistic").(float64); math.Abs(got-want*want) > 1e-9 {
		t.Errorf("F is %v, t squared %v", got, want*want)
	}
}
