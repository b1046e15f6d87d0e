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
	for _, kind := range []string{"linear", "logistic", "poisson", "negbin"} {
		args := Args{Kind: kind, Formula: map[string]string{"linear": "weight", "logistic": "infection", "poisson": "infections", "negbin": "infections"}[kind] + " ~ treat + age", SE: "cluster_site"}
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
	for _, args := range []Args{{SE: "hc1", Strata: OneOrMore{"site"}}, {SE: "hc0"}, {SE: "cluster_site"}, {SE: "cluster_site", Strata: OneOrMore{"sex"}}} {
		args.Kind, args.Time, args.Event, args.Formula = "cox", "time", "death", "~ age"
		if _, err := (Cox{}).Begin(args, lung.schema); err == nil || !strings.Contains(err.Error(), "strata: site") {
			t.Errorf("cox, se %s, strata %v: %v", args.SE, args.Strata, err)
		}
	}
}

// Of 12 women with hypertension 5 smoke and 7 do not: with min_cell 6 the meat of both columns would tell the residuals of few.
func TestRobustErrorsOfFewPeopleAreNotGiven(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	for _, c := range []struct {
		args    Args
		minCell int
		given   bool
	}{
		{Args{Kind: "linear", Formula: "bwt ~ smoke + ht + age", SE: "hc0"}, 5, true},
		{Args{Kind: "linear", Formula: "bwt ~ smoke + ht + age", SE: "hc0"}, 6, false},
		{Args{Kind: "linear", Formula: "bwt ~ factor(smoke) + age + I(2 * ht + 1)", SE: "hc3"}, 6, false},
		{Args{Kind: "linear", Formula: "bwt ~ ht + age", SE: "hc0"}, 6, true},
		{Args{Kind: "logistic", Formula: "low ~ smoke + ht + age", SE: "hc1"}, 5, true},
		{Args{Kind: "logistic", Formula: "low ~ smoke + ht + age", SE: "hc1"}, 6, false},
		{Args{Kind: "logistic", Formula: "low ~ smoke + race", SE: "hc1"}, 10, true}, // 10 black women smoke
		{Args{Kind: "logistic", Formula: "low ~ smoke + race", SE: "hc1"}, 11, false},
		{Args{Kind: "poisson", Formula: "ftv ~ age + smoke + ht", SE: "hc2"}, 6, false},
		{Args{Kind: "negbin", Formula: "ftv ~ age + smoke + ht", SE: "hc0"}, 5, true},
		{Args{Kind: "negbin", Formula: "ftv ~ age + smoke + ht", SE: "hc0"}, 6, false},
		{Args{Kind: "logistic", Formula: "low ~ smoke + ht + age"}, 6, true}, // the model's own
	} {
		c.args.Rules = Rules{MinCell: c.minCell, MinSites: 1, MaxParametersPerRow: 0.33}
		kind, _ := Lookup(c.args.Kind)
		f := run(t, begin(t, kind.Statistic, set, c.args), set.tables...)
		given := f.VCov != nil && f.Tidy[1].Get("std_error") != nil
		told := strings.Contains(strings.Join(f.Warnings, "\n"), "would tell")
		if given != c.given || told == given {
			t.Errorf("%s, se %q, min_cell %d: given %v, warnings %q", c.args.Formula, c.args.SE, c.minCell, given, f.Warnings)
		}
	}
}

func TestThinCellsOfPairsAreFound(t *testing.T) {
	column := func(name string, term int, ones int64) lean {
		return lean{name: name, level: level{two: true, term: term, ones: ones}}
	}
	whole, part, other := column("a", 0, 20), column("a:b", 1, 12), column("c", 2, 40)
	for _, c := range []struct {
		columns []lean
		both    [3]int64 // of the first and second, first and third, second and third
		want    string
	}{
		{[]lean{whole, part, other}, [3]int64{12, 14, 6}, ""},
		{[]lean{whole, part, other}, [3]int64{12, 8, 6}, "a, a:b and c"}, // two have a and c, not b
		{[]lean{whole, part, other}, [3]int64{12, 7, 7}, ""},             // nobody does
		{[]lean{whole, other, part}, [3]int64{8, 12, 6}, "a, a:b and c"},
		{[]lean{whole, column("b", 1, 30), other}, [3]int64{10, 17, 20}, "a and c"}, // three have a and not c
		{[]lean{whole, column("b", 1, 50), other}, [3]int64{0, 10, 28}, ""},
		{[]lean{whole, column("b", 1, 78), other}, [3]int64{0, 10, 28}, "a and b"}, // two have neither
	} {
		x := crossing{}
		x.pairUp(c.columns)
		if x.both = []int64{0, 0, 0}; len(x.pairs) != 3 {
			t.Fatalf("%d pairs", len(x.pairs))
		}
		for i, p := range x.pairs {
			x.both[i] = c.both[p[0]+p[1]-1]
		}
		if got := x.thin(100, 5); got != c.want {
			t.Errorf("%v: %q, want %q", c.both, got, c.want)
		}
	}
}

// Nine hospitals, but who inherited the disease otherwise is in two of them alone: their scores sum to 0, and the square in the meat tells both.
func TestClusteredErrorsOfAColumnThatFewHospitalsTellOfAreRefused(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	column := func(name string) []float64 {
		c, err := set.pooled(t).Column(name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	inherit, infection := column("inherit"), column("infection")
	alone := func(of []float64, most int) func(int) int { // all who are 1 in the first hospitals, the others everywhere
		return func(i int) int {
			if of[i] == 1 {
				return i % most
			}
			return i % 9
		}
	}
	most := func(of []float64, n int) func(int) int { // who is 0 in the first hospitals
		return func(i int) int {
			if of[i] == 0 {
				return i % n
			}
			return i % 9
		}
	}
	cox := Args{Kind: "cox", Time: "days", Event: "infection", Formula: "~ inherit", Strata: OneOrMore{"site"}}
	linear, logistic := Args{Kind: "linear", Formula: "weight ~ inherit"}, Args{Kind: "logistic", Formula: "infection ~ inherit"}
	for name, c := range map[string]struct {
		args    Args
		of      func(int) int
		refused bool
	}{
		"linear, two": {linear, alone(inherit, 2), true}, "linear, four": {linear, alone(inherit, 4), true}, "linear, five": {linear, alone(inherit, 5), false},
		"logistic, two": {logistic, alone(inherit, 2), true}, "logistic, reference level in two": {logistic, most(inherit, 2), true},
		"poisson, two": {Args{Kind: "poisson", Formula: "infections ~ inherit"}, alone(inherit, 2), true},
		"cox, two":     {cox, alone(inherit, 2), true}, "cox, events in two": {cox, alone(infection, 2), true}, "cox, everywhere": {cox, func(i int) int { return i % 9 }, false},
	} {
		c.args.SE, c.args.Rules = "cluster_site", Rules{MinCell: 5, MinSites: 3, MaxParametersPerRow: 0.33}
		tables := over(t, set, 9, upToZero(len(inherit)), c.of)
		_, record, err := drive(t, programOf(t, tables[0].Schema, c.args), views(t, tables)...)
		var refusal *Refusal
		if c.refused != (errors.As(err, &refusal) && refusal.Rule == "clusters") || !c.refused && err != nil || c.refused && len(record) > 4 { // census and the round of sums
			t.Errorf("%s: %v after %d sums, want a refusal: %v", name, err, len(record), c.refused)
		}
	}
}
