package stat

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// Regressions and what is made of them, over hospitals of a handful of rows,
// some drawn twice, some hospitals empty: an answer or a refusal, no number that
// is none, and no null without a warning.
func TestFurtherRegressionsOfAHandfulOfRows(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	free := Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 0}
	of := func(a Args) *Args { a.ID, a.Rules = a.Formula, free; return &a }
	logistic, one := of(Args{Kind: "logistic", Formula: "low ~ age + smoke"}), 1.0
	ridge := of(Args{Kind: "logistic", Formula: "low ~ age + smoke", Ridge: &one})
	cox := func(formula string) Args { return Args{Kind: "cox", Time: "time", Event: "death", Formula: formula} }
	drawn, clustered, stratified := cox("~ age + sex"), cox("~ age + sex"), cox("~ age")
	stratified.Strata = OneOrMore{"sex"}
	drawn.Times, drawn.Predict = []float64{100, 500}, []map[string]string{{"age": "60", "sex": "male"}}
	clustered.Strata, clustered.SE = OneOrMore{"site"}, "cluster_site"
	crossed, robust := cox("~ age + sex"), cox("~ age + sex")
	robust.Strata, robust.SE = OneOrMore{"site"}, "hc0"
	crossed.Strata, crossed.CrossValidate = OneOrMore{"site"}, &CrossValidate{Folds: 3, Seed: 1}
	cases := []struct {
		set  string
		args Args
	}{
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ age + race", Firth: true, Profile: true, VIF: true}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ 1", Firth: true, Profile: true}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ age + smoke", CrossValidate: &CrossValidate{Folds: 3, Seed: 1}}},
		{"birthwt", Args{Kind: "logistic", Formula: "low ~ age + smoke", Ridge: &one, CrossValidate: &CrossValidate{Folds: 2}}},
		{"birthwt", Args{Kind: "negbin", Formula: "ftv ~ age + smoke", VIF: true}},
		{"birthwt", Args{Kind: "negbin", Formula: "ftv ~ age + race + smoke", SE: "hc2"}},
		{"cgd", Args{Kind: "negbin", Formula: "infections ~ treat + offset(log(days))", SE: "cluster_site"}},
		{"birthwt", Args{Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: OneOrMore{"race"}}},
		{"birthwt", Args{Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: OneOrMore{"race", "site"}}},
		{"birthwt", Args{Kind: "lrtest", OfAll: []*Args{of(Args{Kind: "linear", Formula: "bwt ~ age"}), of(Args{Kind: "linear", Formula: "bwt ~ age + race"})}}},
		{"birthwt", Args{Kind: "lrtest", OfAll: []*Args{of(Args{Kind: "negbin", Formula: "ftv ~ age"}), of(Args{Kind: "negbin", Formula: "ftv ~ age + race"})}}},
		{"lung", Args{Kind: "lrtest", OfAll: []*Args{of(cox("~ age")), of(cox("~ age + sex"))}}},
		{"birthwt", Args{Kind: "heterogeneity", Of: of(Args{Kind: "linear", Formula: "bwt ~ age"}), Term: "age"}},
		{"birthwt", Args{Kind: "heterogeneity", Of: logistic, Term: "smoke", Apart: true}},
		{"lung", Args{Kind: "heterogeneity", Of: of(cox("~ age + sex")), Term: "age", Apart: true}},
		{"birthwt", Args{Kind: "propensity", Formula: "smoke ~ age + race", Outcome: "bwt"}},
		{"birthwt", Args{Kind: "propensity", Formula: "smoke ~ age + race", Outcome: "low", Estimand: "att", Truncate: []float64{0.2, 0.8}}},
		{"birthwt", Args{Kind: "calibration", Of: logistic, Apart: true, Bins: 4}},
		{"birthwt", Args{Kind: "calibration", Of: ridge}},
		{"birthwt", Args{Kind: "decision_curve", Of: logistic}},
		{"lung", Args{Kind: "calibration", Of: of(cox("~ age + sex")), At: 300, Bins: 4}},
		{"lung", Args{Kind: "calibration", Of: of(stratified), At: 200}},
		{"lung", Args{Kind: "decision_curve", Of: of(cox("~ age + sex")), At: 300}},
		{"lung", drawn},
		{"lung", clustered},
		{"lung", crossed},
		{"lung", robust},
	}
	for _, se := range []string{"hc0", "hc1", "hc2", "hc3", "cluster_site"} {
		for _, a := range []Args{{Kind: "linear", Formula: "bwt ~ age + race + smoke"}, {Kind: "logistic", Formula: "low ~ age + race + smoke"}, {Kind: "poisson", Formula: "ftv ~ age + race + smoke"}} {
			a.SE, a.VIF = se, true
			cases = append(cases, struct {
				set  string
				args Args
			}{"birthwt", a})
		}
	}
	sets := make(map[string]*reference)
	for _, c := range cases {
		if sets[c.set] == nil {
			sets[c.set] = readReference(t, "../../testdata/"+c.set)
		}
		c.args.Rules = free
		kind, _ := Lookup(c.args.Kind)
		for trial := range 24 {
			var tables []*table.Table
			for _, tab := range sets[c.set].tables {
				var drawn []int
				for range random.IntN([]int{3, 4, 7, 16}[trial%4]) {
					drawn = append(drawn, random.IntN(tab.Rows()))
				}
				tables = append(tables, some(t, tab, drawn))
			}
			f, err := try(t, begin(t, kind.Statistic, sets[c.set], c.args), tables...)
			var refusal *Refusal
			if err != nil {
				if !errors.As(err, &refusal) {
					t.Errorf("%s %s %s: %v", c.args.Kind, c.args.Formula, c.args.SE, err)
				}
				continue
			}
			all := append(append([]Record{}, f.Tidy...), f.Glance)
			for _, table := range f.Tables {
				all = append(all, table.Rows...)
			}
			if f.VCov != nil {
				for _, row := range f.VCov.Matrix {
					for _, x := range row {
						all = append(all, Record{{Key: "vcov", Value: x}})
					}
				}
			}
			for _, r := range all {
				for _, e := range r {
					x, is := e.Value.(float64)
					switch {
					case is && (math.IsNaN(x) || math.IsInf(x, 0)):
						t.Errorf("%s %s %s of %d rows: %s is %v", c.args.Kind, c.args.Formula, c.args.SE, f.N, e.Key, x)
					case e.Value == nil && len(f.Warnings) == 0 && c.args.Kind != "lrtest": // its first row has no test
						t.Errorf("%s %s %s of %d rows: %s is null without a warning", c.args.Kind, c.args.Formula, c.args.SE, f.N, e.Key)
					}
				}
			}
		}
	}
}
