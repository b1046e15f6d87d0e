package report

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

// compare is a result of what compares models, hospitals, strata and groups; some of its figures do not exist, or are suppressed.
func compare() *Report {
	s := trial()
	s.Analyses = []stat.Args{
		{ID: "nested", Kind: "lrtest", Models: []string{"small", "large"}},
		{ID: "alike", Kind: "heterogeneity", Model: "large", Term: "treat", PerHospital: true},
		{ID: "slopes", Kind: "heterogeneity", Model: "line", Term: "age"},
		{ID: "strata", Kind: "mantel_haenszel", Rows: "treat", Columns: "infection", Strata: []string{"sex"}},
		{ID: "within", Kind: "mantel_haenszel", Rows: "treat", Columns: "infection", Strata: []string{"site"}},
		{ID: "weighted", Kind: "propensity", Formula: "treat ~ age + sex", Outcome: "infection", Estimand: "att", Truncate: []float64{0.01, 0.99}},
		{ID: "balance", Kind: "propensity", Formula: "treat ~ age"},
	}
	pooled := func(name string, b, se, p, low, high any, more ...any) stat.Record {
		return rec(append([]any{"term", name, "estimate", b, "std_error", se, "statistic", 2.0, "p_value", p, "conf_low", low, "conf_high", high}, more...)...)
	}
	cmh := func(strata int, more ...any) stat.Record {
		return rec(append([]any{"strata", strata, "cmh_statistic", 8.79413, "cmh_p", 0.003022, "cmh_statistic_uncorrected", 9.9492, "cmh_p_uncorrected", 0.001609,
			"cmh_odds_ratio", 0.27512, "cmh_low", 0.12237, "cmh_high", 0.61867}, more...)...)
	}
	frames := []*stat.Frame{
		{Tidy: []stat.Record{rec("model", "small", "formula", "y ~ a", "parameters", 2.0, "log_lik", -80.1234, "df", nil, "statistic", nil, "p_value", nil),
			rec("model", "large", "formula", "y ~ a + b", "parameters", 3.0, "log_lik", -75.5, "df", 1.0, "statistic", 9.2468, "p_value", 0.002358)},
			Glance: rec("statistic", 9.2468, "df", 1.0, "p_value", 0.002358, "f_statistic", 9.3, "f_df1", 1.0, "f_df2", 125.0, "f_p", 0.0028)},
		{Tidy: []stat.Record{pooled("north", -0.9, 0.45, 0.0455, -1.782, -0.018, "ratio", 0.4066, "ratio_low", 0.1683, "ratio_high", 0.9822, "weight", 0.62),
			pooled("south", nil, nil, nil, nil, nil, "ratio", nil, "ratio_low", nil, "ratio_high", nil, "weight", nil),
			pooled("random effects", -1.1, 0.36, 0.0022, -1.8056, -0.3944, "ratio", 0.3329, "ratio_low", 0.1644, "ratio_high", 0.6741)},
			Glance: rec("coefficient", "treatinterferon", "hospitals", 5, "q", 6.0561, "q_df", 4.0, "q_p", 0.195, "i_squared", 33.95, "tau_squared", 0.0213)},
		{Tidy: []stat.Record{pooled("fixed effect", 0.9126, 0.1314, 3.8e-12, 0.655, 1.1702)}, Glance: rec("coefficient", "age", "hospitals", 5, "q", 1.0, "q_df", 4.0, "q_p", 0.9098, "i_squared", 0.0, "tau_squared", 0.0)},
		{Tidy: []stat.Record{rec("stratum", "sex = male", "n", 1104, "n11", 523, "n12", 30, "n21", 537, "n22", 14, "odds_ratio", 0.4545, "odds_low", 0.2385, "odds_high", 0.8662),
			rec("stratum", "sex = female", "n", 24, "n11", 12, "n12", 0, "n21", 7, "n22", 5, "odds_ratio", nil, "odds_low", nil, "odds_high", nil)},
			Glance: cmh(2, "breslow_day", nil, "breslow_day_df", nil, "breslow_day_p", nil, "tarone", nil, "tarone_p", nil)},
		{Tidy: []stat.Record{rec("odds_ratio", 0.27512, "odds_low", 0.12237, "odds_high", 0.61867, "statistic", 8.79413, "p_value", 0.003022)},
			Glance: cmh(8, "breslow_day", 3.5231, "breslow_day_df", 7.0, "breslow_day_p", 0.8328, "tarone", 3.5229, "tarone_p", 0.8328)},
		{Tidy: []stat.Record{rec("term", "age", "mean_treated", 65.59, "mean_control", 57.17, "smd", 0.6197, "weighted_treated", 59.52, "weighted_control", 59.56, "weighted_smd", -0.0025),
			rec("term", "sexfemale", "mean_treated", nil, "mean_control", nil, "smd", nil, "weighted_treated", nil, "weighted_control", nil, "weighted_smd", nil, "suppressed", true)},
			Glance: rec("estimand", "att", "n_treated", 63, "n_control", 65, "effective_treated", 63.0, "effective_control", 58.72, "mean_weight_treated", 1.0, "mean_weight_control", 0.9692,
				"largest_smd", nil, "largest_weighted_smd", nil, "truncated", nil, "outcome_treated", 0.2222, "outcome_control", 0.4615,
				"estimate", -0.2393, "std_error", 0.0811, "statistic", -2.951, "p_value", 0.00317, "conf_low", -0.3983, "conf_high", -0.0803)},
		{Tidy: []stat.Record{rec("term", "age", "mean_treated", 65.59, "mean_control", 57.17, "smd", 0.6197, "weighted_treated", 59.52, "weighted_control", 59.56, "weighted_smd", -0.0025)},
			Glance: rec("estimand", "ate", "n_treated", 63, "n_control", 65, "effective_treated", 60.1, "effective_control", 58.72, "mean_weight_treated", 2.01, "mean_weight_control", 1.9692,
				"largest_smd", 0.6197, "largest_weighted_smd", 0.0025)},
	}
	r := &Report{Spec: s, Consilium: "v0.1.0", Cohort: Cohort{Rows: 128}}
	for i, a := range s.Analyses {
		r.Analyses = append(r.Analyses, Analysis{ID: a.ID, Kind: a.Kind, Frame: counted(*frames[i])})
	}
	return r
}

// What compares models, hospitals, strata and groups reads as a paper says it, not as columns of a CSV file.
func TestComparisonsReadLikeAPaper(t *testing.T) {
	var b strings.Builder
	if err := compare().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "_") {
		t.Error("keys of result.json are in the report")
	}
	golden(t, "compared.txt", b.String())
}

// A formula of a Cox model stands with its tilde, whether the study file has one or not.
func TestACoxModelHasATilde(t *testing.T) {
	for _, formula := range []string{"age + sex", "~ age + sex", "~age + sex"} {
		if got, want := about(stat.Args{Kind: "cox", Time: "days", Event: "death", Formula: formula}), "Surv(days, death) ~ age + sex"; got != want {
			t.Errorf("formula %q is %q, not %q", formula, got, want)
		}
	}
}

// Numbers of people have their thousands set apart, whether they were counted or estimated.
func TestEstimatedPeopleHaveADecimal(t *testing.T) {
	r := rec("counted", 13666, "estimated", 13665.96, "few", 35.12, "none", nil)
	for key, want := range map[string]string{"counted": "13,666", "estimated": "13,666.0", "few": "35.1", "none": absent} {
		if got := people(r, key); got != want {
			t.Errorf("%s is %s, not %s", key, got, want)
		}
	}
}

// A long curve is printed to its fortieth time, and says where the rest is.
func TestLongPredictedCurvesAreCut(t *testing.T) {
	r := evaluated()
	rows := &r.Analyses[4].Frame.Tables[1].Rows
	*rows = nil
	for i := range mostTimes + 2 {
		*rows = append(*rows, rec("person", 1, "covariates", "age = 60", "time", float64(i+1), "estimate", 0.5, "std_error", 0.1, "conf_low", 0.4, "conf_high", 0.6))
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Count(s, "0.4 to 0.6") != mostTimes || !strings.Contains(s, "and 2 times more: see result.json") {
		t.Errorf("of %d times %d are printed", mostTimes+2, strings.Count(s, "0.4 to 0.6"))
	}
}

// What has no model says so, instead of what its table lacks.
func TestOnlyModelsAreReadBack(t *testing.T) {
	var b strings.Builder
	if err := compare().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadModel([]byte(b.String()), "nested"); err == nil || !strings.Contains(err.Error(), "kind lrtest, which has no model") {
		t.Errorf("the model of a likelihood-ratio test is read: %v", err)
	}
}
