package stat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// regressions are the analyses of testdata/regressions/regressions.csv, on the pooled rows of a set.
var regressions = []struct {
	id, set string
	args    Args
	bySite  bool // the outcome depends on which hospital has a row
}{
	{"vif_linear", "birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt + race + smoke + ptl", VIF: true}, false},
	{"vif_logistic", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt * smoke + race", VIF: true}, false},
	{"vif_poisson", "cgd", Args{Kind: "poisson", Formula: "infections ~ treat + age + weight + offset(log(days))", VIF: true}, false},
	{"vif_cox", "lung", Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ age + sex + ph_ecog", VIF: true}, false},
	{"linear_hc0", "birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt * smoke + race", SE: "hc0"}, false},
	{"logistic_hc0", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + race + ht", SE: "hc0"}, false},
	{"poisson_hc0", "cgd", Args{Kind: "poisson", Formula: "infections ~ treat + age + weight + inherit + offset(log(days))", SE: "hc0"}, false},
	{"linear_hc1", "birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt * smoke + race", SE: "hc1"}, false},
	{"logistic_hc1", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + race + ht", SE: "hc1"}, false},
	{"poisson_hc1", "cgd", Args{Kind: "poisson", Formula: "infections ~ treat + age + weight + inherit + offset(log(days))", SE: "hc1"}, false},
	{"linear_hc2", "birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt * smoke + race", SE: "hc2"}, false},
	{"logistic_hc2", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + race + ht", SE: "hc2"}, false},
	{"poisson_hc2", "cgd", Args{Kind: "poisson", Formula: "infections ~ treat + age + weight + inherit + offset(log(days))", SE: "hc2"}, false},
	{"linear_hc3", "birthwt", Args{Kind: "linear", Formula: "bwt ~ age + lwt * smoke + race", SE: "hc3"}, false},
	{"logistic_hc3", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + race + ht", SE: "hc3"}, false},
	{"poisson_hc3", "cgd", Args{Kind: "poisson", Formula: "infections ~ treat + age + weight + inherit + offset(log(days))", SE: "hc3"}, false},
	{"linear_origin_hc3", "cgd", Args{Kind: "linear", Formula: "log(weight) ~ 0 + treat + height + log(age + 1)", SE: "hc3"}, false},
	{"linear_cluster", "cgd", Args{Kind: "linear", Formula: "weight ~ treat + age + sex", SE: "cluster_site"}, true},
	{"logistic_cluster", "cgd", Args{Kind: "logistic", Formula: "infection ~ treat + age + weight", SE: "cluster_site"}, true},
	{"poisson_cluster", "cgd", Args{Kind: "poisson", Formula: "infections ~ treat + age + weight + inherit + offset(log(days))", SE: "cluster_site"}, true},
	{"lr_linear", "birthwt", Args{Kind: "lrtest", OfAll: []*Args{{ID: "a", Kind: "linear", Formula: "bwt ~ age + smoke"}, {ID: "b", Kind: "linear", Formula: "bwt ~ age + smoke * race"}}}, false},
	{"lr_logistic", "birthwt", Args{Kind: "lrtest", OfAll: []*Args{{ID: "b", Kind: "logistic", Formula: "low ~ 0 + race + lwt + ht"}, {ID: "a", Kind: "logistic", Formula: "low ~ lwt - 1"}}}, false},
	{"lr_poisson", "cgd", Args{Kind: "lrtest", OfAll: []*Args{{ID: "a", Kind: "poisson", Formula: "infections ~ treat + offset(log(days))"}, {ID: "b", Kind: "poisson", Formula: "infections ~ treat * age + offset(log(days))"}}}, false},
	{"lr_cox", "lung", Args{Kind: "lrtest", OfAll: []*Args{{ID: "a", Kind: "cox", Time: "time", Event: "death", Formula: "~ sex"}, {ID: "b", Kind: "cox", Time: "time", Event: "death", Formula: "~ sex + ph_ecog + wt_loss"}}}, false},
	{"between_linear", "cgd", Args{Kind: "heterogeneity", Of: &Args{Kind: "linear", Formula: "weight ~ age + height"}, Term: "age"}, true},
	{"between_linear_shown", "cgd", Args{Kind: "heterogeneity", Of: &Args{Kind: "linear", Formula: "weight ~ age + height"}, Term: "age", Apart: true}, true},
	{"between_logistic", "lung", Args{Kind: "heterogeneity", Of: &Args{Kind: "logistic", Formula: "death ~ age + ph_karno"}, Term: "ph_karno"}, true},
	{"between_logistic_shown", "birthwt", Args{Kind: "heterogeneity", Of: &Args{Kind: "logistic", Formula: "low ~ smoke + lwt"}, Term: "smoke", Apart: true}, true},
	{"between_poisson_shown", "birthwt", Args{Kind: "heterogeneity", Of: &Args{Kind: "poisson", Formula: "ftv ~ age + smoke"}, Term: "age", Apart: true}, true},
	{"between_cox", "lung", Args{Kind: "heterogeneity", Of: &Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ age + sex"}, Term: "age"}, true},
	{"mantel", "birthwt", Args{Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: OneOrMore{"race"}}, false},
	{"mantel_two", "birthwt", Args{Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: OneOrMore{"race", "ui"}}, false},
	{"mantel_site", "cgd", Args{Kind: "mantel_haenszel", Rows: "treat", Columns: "infection", Strata: OneOrMore{"site"}}, true},
	{"mantel_site_race", "birthwt", Args{Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: OneOrMore{"race", "site"}}, true},
	{"firth", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + race + smoke", Firth: true}, false},
	{"firth_separated", "birthwt", Args{Kind: "logistic", Formula: "low ~ I(bwt / 100) + smoke", Firth: true}, false},
	{"firth_offset", "cgd", Args{Kind: "logistic", Formula: "infection ~ treat * sex + offset(log(days) / 2) - 1", Firth: true}, false},
	{"negbin", "cgd", Args{Kind: "negbin", Formula: "infections ~ treat + age + offset(log(days))"}, false},
	{"negbin_hc0", "cgd", Args{Kind: "negbin", Formula: "infections ~ treat + age + offset(log(days))", SE: "hc0"}, false},
	{"negbin_hc1", "cgd", Args{Kind: "negbin", Formula: "infections ~ treat + age + offset(log(days))", SE: "hc1"}, false},
	{"negbin_hc2", "cgd", Args{Kind: "negbin", Formula: "infections ~ treat + age + offset(log(days))", SE: "hc2"}, false},
	{"negbin_hc3", "cgd", Args{Kind: "negbin", Formula: "infections ~ treat + age + offset(log(days))", SE: "hc3"}, false},
	{"negbin_cluster", "cgd", Args{Kind: "negbin", Formula: "infections ~ treat + age + offset(log(days))", SE: "cluster_site"}, true},
	{"negbin_ftv", "birthwt", Args{Kind: "negbin", Formula: "ftv ~ age + race + smoke"}, false},
	{"weight_ate", "birthwt", Args{Kind: "propensity", Formula: "smoke ~ age + lwt + race + ht", Outcome: "bwt"}, false},
	{"weight_att", "birthwt", Args{Kind: "propensity", Formula: "smoke ~ age * race + ui", Estimand: "att", Outcome: "low"}, false},
	{"weight_truncated", "birthwt", Args{Kind: "propensity", Formula: "smoke ~ age + lwt + race + ptl", Truncate: []float64{0.2, 0.6}, Stabilized: true, Outcome: "bwt"}, false},
	{"weight_missing", "lung", Args{Kind: "propensity", Formula: "sex ~ age + ph_karno", Outcome: "wt_loss"}, false},
	{"firth_profile", "birthwt", Args{Kind: "logistic", Formula: "low ~ age + lwt + smoke + ht", Firth: true, Profile: true}, false},
	{"firth_profile_rare", "birthwt", Args{Kind: "logistic", Formula: "ht ~ smoke * ui", Firth: true, Profile: true}, false},
	{"cox_cluster", "lung", Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ age + sex + ph_ecog", Strata: OneOrMore{"site"}, SE: "cluster_site"}, true},
	{"cox_hc0", "lung", Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ age + sex + ph_ecog", Strata: OneOrMore{"site"}, SE: "hc0"}, true},
	{"cox_hc0_breslow", "lung", Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ age + ph_karno", Strata: OneOrMore{"site", "sex"}, Ties: "breslow", SE: "hc0"}, true},
	{"cox_hc0_ties", "rotterdam_gbsg", Args{Kind: "cox", Time: "rfstime", Event: "rfs", Formula: "~ age + size + nodes + hormon", Grid: 365, Strata: OneOrMore{"site"}, SE: "hc0"}, true},
}

// rNumber is a line of regressions.csv.
type rNumber struct {
	table, row, key string
	value           any
}

func rNumbers(t *testing.T) map[string][]rNumber {
	t.Helper()
	all := make(map[string][]rNumber)
	for _, l := range rLines(t, "testdata/regressions/regressions.csv") {
		all[l[0]] = append(all[l[0]], rNumber{l[1], l[2], l[3], rValue(t, l[4])})
	}
	return all
}

// find is the number of an outcome under table, row and key.
func (n rNumber) find(f Frame) any {
	rows := f.Tidy
	switch n.table {
	case "glance":
		return f.Glance.Get(n.key)
	case "vcov":
		i, j := slices.Index(f.VCov.Terms, n.row), slices.Index(f.VCov.Terms, n.key)
		return f.VCov.Matrix[i][j]
	case "tidy":
	default:
		for _, t := range f.Tables {
			if t.Name == n.table {
				rows = t.Rows
			}
		}
	}
	for _, r := range rows {
		if r[0].Value == n.row {
			return r.Get(n.key)
		}
	}
	return fmt.Sprintf("no row %q", n.row)
}

func TestRegressionsAgreeWithR(t *testing.T) {
	numbers := rNumbers(t)
	for _, c := range regressions {
		t.Run(c.id, func(t *testing.T) {
			set := readReference(t, "../../testdata/"+c.set)
			kind, _ := Lookup(c.args.Kind)
			f := run(t, begin(t, kind.Statistic, set, c.args), set.tables...)
			if len(numbers[c.id]) == 0 {
				t.Error("R has no numbers")
			}
			for _, n := range numbers[c.id] {
				if got := n.find(f); !near(got, n.value) || !nearTail(got, n.value) && n.key == "p_value" {
					t.Errorf("%s %s %s is %v, R has %v", n.table, n.row, n.key, got, n.value)
				}
			}
		})
		delete(numbers, c.id)
	}
	for id := range numbers {
		t.Errorf("nothing is compared with %s", id)
	}
}

func TestRegressionsDoNotDependOnTheSplit(t *testing.T) {
	for _, c := range regressions {
		if c.bySite {
			continue
		}
		t.Run(c.id, func(t *testing.T) {
			set := readReference(t, "../../testdata/"+c.set)
			kind, _ := Lookup(c.args.Kind)
			c.args.Rules = Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}
			order := make([]int, set.pooled(t).Rows())
			for i := range order {
				order[i] = i
			}
			want := run(t, begin(t, kind.Statistic, set, c.args), over(t, set, 1, order, func(int) int { return 0 })...)
			rand.New(rand.NewPCG(7, 7)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			got := run(t, begin(t, kind.Statistic, set, c.args), over(t, set, 5, order, func(i int) int { return i % 4 })...) // one hospital is empty
			sameTables(t, got, want)
		})
	}
}

// sameTables compares two outcomes within 1e-11, further tables too.
func sameTables(t *testing.T, got, want Frame) {
	t.Helper()
	same := func(what string, g, w []Record) {
		if len(g) != len(w) {
			t.Fatalf("%s: %d rows, want %d", what, len(g), len(w))
		}
		for i := range w {
			for _, e := range w[i] {
				x, y, both := pair(g[i].Get(e.Key), e.Value)
				if !both && fmt.Sprint(g[i].Get(e.Key)) != fmt.Sprint(e.Value) || both && !(x-y <= 1e-11*max(1, x, -x) && y-x <= 1e-11*max(1, x, -x)) {
					t.Errorf("%s, row %d: %s is %v, want %v", what, i+1, e.Key, g[i].Get(e.Key), e.Value)
				}
			}
		}
	}
	same("tidy", got.Tidy, want.Tidy)
	same("glance", []Record{got.Glance}, []Record{want.Glance})
	for i, w := range want.Tables {
		same(w.Name, got.Tables[i].Rows, w.Rows)
	}
}

// A declared level that nobody has, last of its factor, changes nothing but the warnings.
func TestRegressionsDoNotMindALevelWithoutRows(t *testing.T) {
	for _, c := range regressions {
		t.Run(c.id, func(t *testing.T) {
			set := readReference(t, "../../testdata/"+c.set)
			kind, _ := Lookup(c.args.Kind)
			want := run(t, begin(t, kind.Statistic, set, c.args), set.tables...)
			more := *set.schema
			more.Fields = slices.Clone(more.Fields)
			for i := range more.Fields {
				if f := &more.Fields[i]; f.Kind == table.Category && len(f.Levels) > 2 { // two may be an outcome
					f.Levels = append(slices.Clone(f.Levels), "nobody")
				}
			}
			var tables []*table.Table
			for _, tab := range set.tables {
				var cols [][]float64
				for _, f := range more.Fields {
					col, err := tab.Column(f.Name)
					if err != nil {
						t.Fatal(err)
					}
					cols = append(cols, col)
				}
				moved, err := table.New(&more, tab.Site, cols)
				if err != nil {
					t.Fatal(err)
				}
				tables = append(tables, moved)
			}
			sameTables(t, run(t, programOf(t, &more, c.args), tables...), want)
		})
	}
}

// A copy of a column has no coefficient, and changes nothing of the others', whatever their standard errors.
func TestRobustErrorsDoNotMindAnAliasedColumn(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	for _, args := range []Args{{Kind: "linear", SE: "hc3"}, {Kind: "linear", SE: "cluster_site"}, {Kind: "logistic", SE: "hc2"}, {Kind: "logistic", SE: "cluster_site"}} {
		kind, _ := Lookup(args.Kind)
		outcome := map[string]string{"linear": "bwt ~ ", "logistic": "low ~ "}[args.Kind]
		args.Formula = outcome + "lwt + smoke"
		want := run(t, begin(t, kind.Statistic, set, args), set.tables...)
		args.Formula += " + smoke_dup"
		got := run(t, begin(t, kind.Statistic, set, args), set.tables...)
		for i, r := range want.Tidy {
			if got.Tidy[i].Get("std_error") == nil || !near(got.Tidy[i].Get("std_error"), r.Get("std_error")) {
				t.Errorf("%s, %s: %v has %v, without the copy %v", args.Kind, args.SE, r.Get("term"), got.Tidy[i].Get("std_error"), r.Get("std_error"))
			}
		}
	}
}
