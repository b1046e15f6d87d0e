package stat

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Offsets whose exponential has no sum are refused by the plan, before a row is
// read: a hospital's bound on its term was infinite, or the risk sets were not numbers.
func TestOffsetsThatReachTooFarAreRefusedByThePlan(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	for _, c := range []struct {
		args    Args
		refused string
	}{
		{Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ sex + offset(I(age * %v))"}, "strata: site"},
		{Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ sex + offset(I(age * %v))", Strata: OneOrMore{"site"}}, ""},
		{Args{Kind: "poisson", Formula: "time ~ sex + offset(I(age * %v))"}, "narrower ranges"},
		{Args{Kind: "negbin", Formula: "time ~ sex + offset(I(age * %v))"}, "narrower ranges"},
		{Args{Kind: "logistic", Formula: "death ~ sex + offset(I(age * %v))"}, ""},
	} {
		for _, by := range []string{"5", "20", "1000000"} {
			args := c.args
			args.Formula, args.Rules = fmt.Sprintf(strings.ReplaceAll(args.Formula, "%v", "%s"), by), rules(1, 1)
			kind, _ := Lookup(args.Kind)
			_, err := kind.Statistic.Begin(args, set.schema)
			var refusal *Refusal
			if c.refused == "" && err != nil || c.refused != "" && (!errors.As(err, &refusal) || refusal.Rule != "resolution" || !strings.Contains(refusal.Remedy, c.refused)) {
				t.Errorf("%s by %s: %v, want a refusal: %q", args.Kind, by, err, c.refused)
			}
		}
	}
}

// Beside an offset that decides every risk no column has any weight: Firth's steps went on for ever.
func TestAnOffsetThatDecidesEverythingEnds(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	for _, firth := range []bool{true, false} {
		args := Args{Kind: "logistic", Formula: "low ~ age + offset(I(lwt^3))", Firth: firth, Rules: rules(5, 1)}
		f, err := try(t, programOf(t, set.schema, args), set.tables...)
		var refusal *Refusal
		if firth != (errors.As(err, &refusal) && refusal.Rule == "resolution") || !firth && (err != nil || len(f.Warnings) == 0) {
			t.Errorf("firth %v: %v, %v", firth, f.Warnings, err)
		}
	}
}

// What is evaluated of a model that did not converge says so, and a ratio beyond the largest number has its reason.
func TestFiguresWithoutAMeaningSayWhy(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	model := Args{ID: "m", Kind: "logistic", Formula: "low ~ age + offset(I(lwt^3))", Rules: rules(5, 1)}
	for _, kind := range []string{"calibration", "decision_curve"} {
		of := model
		f, err := try(t, programOf(t, set.schema, Args{Kind: kind, Model: "m", Of: &of, Rules: rules(5, 1)}), set.tables...)
		if err != nil || !warned(f, "the model did not converge") {
			t.Errorf("%s: %q, %v", kind, f.Warnings, err)
		}
	}
	for args, want := range map[*Args]any{
		{Kind: "logistic", Formula: "low ~ I(lwt / 1000000)"}: 0.0, {Kind: "cox", Time: "age", Event: "low", Formula: "~ I(lwt / 1000000)"}: 0.0,
		{Kind: "logistic", Formula: "low ~ I(-lwt / 1000000)"}: nil,
	} {
		kind, _ := Lookup(args.Kind)
		f := run(t, begin(t, kind.Statistic, set, *args), set.tables...)
		last := f.Tidy[len(f.Tidy)-1]
		if name := map[string]string{"logistic": "odds_high", "cox": "hazard_high"}[args.Kind]; last.Get(name) != want || !warned(f, "is beyond the numbers there are") {
			t.Errorf("%s: %v, %q", args.Kind, last, f.Warnings)
		}
	}
}

// Those who stay longest have 10^-33 of the risk of the others: their risk sets are lost in the steps of the sums. Within hospitals nothing is summed by time.
func TestRiskSetsLostBesideOthersAreRefused(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	for strata, refused := range map[string]bool{"": true, "site": false} {
		args := Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ sex + offset(I(37 - time / 14))", Rules: rules(1, 1)}
		if strata != "" {
			args.Strata = OneOrMore{strata}
		}
		f, err := try(t, begin(t, Cox{}, set, args), set.tables...)
		var refusal *Refusal
		if refused != (errors.As(err, &refusal) && refusal.Rule == "resolution") || !refused && (err != nil || f.Tidy[0].Get("std_error") == nil) {
			t.Errorf("strata %q: %v, %v, want a refusal: %v", strata, f.Tidy, err, refused)
		}
	}
}
