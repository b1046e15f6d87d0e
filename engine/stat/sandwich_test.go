package stat

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestClusteredErrorsNeedMoreHospitalsThanColumns(t *testing.T) {
	set := readReference(t, "../../testdata/cgd") // 8 hospitals have 5 rows or more
	for formula, refused := range map[string]bool{"infection ~ treat + age + weight + inherit": false, "infection ~ treat + age + weight + inherit + propylac": true} {
		args := Args{Kind: "logistic", Formula: formula, SE: "cluster_site", Rules: Rules{MinCell: 5, MinSites: 3, MaxParametersPerRow: 0.33}}
		_, err := try(t, begin(t, Logistic{}, set, args), set.tables...)
		var refusal *Refusal
		if refused != (errors.As(err, &refusal) && refusal.Rule == "clusters") || !refused && err != nil {
			t.Errorf("%s: %v, want a refusal: %v", formula, err, refused)
		}
	}
}

func TestClusteredErrorsKnowOnlyWhoIsTogether(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	n := set.pooled(t).Rows()
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	back := slices.Clone(order)
	slices.Reverse(back)
	for _, kind := range []string{"linear", "logistic", "poisson"} {
		args := Args{Kind: kind, Formula: map[string]string{"linear": "weight", "logistic": "infection", "poisson": "infections"}[kind] + " ~ treat + age", SE: "cluster_site"}
		k, _ := Lookup(kind)
		want := run(t, begin(t, k.Statistic, set, args), over(t, set, 7, order, func(i int) int { return i % 7 })...)
		got := run(t, begin(t, k.Statistic, set, args), over(t, set, 9, back, func(i int) int { return 8 - (n-1-i)%7 })...) // two are empty
		sameTables(t, got, want)
	}
}

func TestRobustErrorsAreNullWhereThereAreNone(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	for why, args := range map[string]Args{
		"no finite maximum":   {Kind: "logistic", Formula: "low ~ bwt + age", SE: "hc0"}, // separated
		"leverage near 1":     {Kind: "linear", Formula: "bwt ~ I(exp(age)) + lwt", SE: "hc3"},
		"fewer than two hosp": {Kind: "linear", Formula: "bwt ~ age", SE: "cluster_site"},
	} {
		kind, _ := Lookup(args.Kind)
		tables := set.tables
		if args.SE == "cluster_site" {
			tables = tables[:1]
		}
		f := run(t, begin(t, kind.Statistic, set, args), tables...)
		if f.Tidy[1].Get("std_error") != nil || f.VCov != nil || !strings.Contains(strings.Join(f.Warnings, "\n"), why) {
			t.Errorf("%s: %v, vcov %v, warnings %q, want %s", args.Formula, f.Tidy[1], f.VCov, f.Warnings, why)
		}
	}
	one := 1.0
	for _, args := range []Args{{SE: "hc4"}, {SE: "robust"}, {SE: "hc3", Ridge: &one}, {SE: "hc3", Veil: true}} {
		args.Kind, args.Formula = "logistic", "low ~ age"
		if _, err := (Logistic{}).Begin(args, set.schema); err == nil {
			t.Errorf("se %s, ridge %v, veil %v is accepted", args.SE, args.Ridge, args.Veil)
		}
	}
	lung := readReference(t, "../../testdata/lung")
	for _, args := range []Args{{SE: "hc0", Strata: OneOrMore{"site"}}, {SE: "cluster_site"}, {SE: "cluster_site", Strata: OneOrMore{"sex"}}} {
		args.Kind, args.Time, args.Event, args.Formula = "cox", "time", "death", "~ age"
		if _, err := (Cox{}).Begin(args, lung.schema); err == nil || !strings.Contains(err.Error(), "strata: site") {
			t.Errorf("cox, se %s, strata %v: %v", args.SE, args.Strata, err)
		}
	}
}
