package report

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

// evaluated is a result of a Poisson model and of what says how good predictions are; the numbers of the model are R's.
func evaluated() *Report {
	s := trial()
	s.Analyses = []stat.Args{
		{ID: "visits", Kind: "poisson", Formula: "visits ~ age + offset(log(days))"},
		{ID: "risk", Kind: "logistic", Formula: "death ~ age"},
		{ID: "classes", Kind: "calibration", Model: "risk"},
		{ID: "benefit", Kind: "decision_curve", Model: "risk"},
		{ID: "model", Kind: "cox", Time: "time", Event: "death", Formula: "~ age"},
		{ID: "yearly", Kind: "calibration", Model: "model", At: 365},
	}
	rate := func(name string, b, se, z, p, ratio, low, high any) stat.Record {
		return rec("term", name, "estimate", b, "std_error", se, "statistic", z, "p_value", p, "rate_ratio", ratio, "rate_low", low, "rate_high", high, "aliased", false)
	}
	frames := []*stat.Frame{
		{Tidy: []stat.Record{rate("(Intercept)", -2.80318, 0.42786, -6.55, 5.7e-11, 0.0606, 0.0262, 0.1402), rate("age", 0.11376, 0.06149, 1.85, 0.0643, 1.1205, 0.9933, 1.264)},
			Glance: rec("null_deviance", 15.19, "df_null", 15.0, "deviance", 10.58, "df_residual", 13.0, "lr_statistic", 4.61, "lr_df", 2.0, "lr_p", 0.0997, "pearson_chi_squared", 8.121, "dispersion", 0.6247, "log_lik", -23.6149, "aic", 53.23, "bic", 55.55, "iterations", 5, "converged", true)},
		{Tidy: []stat.Record{rec("term", "age", "estimate", 0.02, "std_error", 0.01, "statistic", 2.0, "p_value", 0.0455, "aliased", false)}, Glance: rec("nobs", 100),
			Tables: []stat.Table{{Name: "cross_validation", Rows: []stat.Record{
				rec("performance", "apparent", "auc", 0.7003, "auc_bound", 0.021, "auc_low", 0.624, "auc_high", 0.7767, "brier", 0.1793, "log_loss", 0.54, "slope", 1.0, "intercept", 0.0),
				rec("performance", "cross-validated", "auc", 0.6452, "auc_bound", 0.021, "auc_low", 0.5612, "auc_high", 0.7293, "brier", 0.189, "log_loss", 0.5689, "slope", nil, "intercept", nil),
				rec("performance", "optimism", "auc", 0.0551, "brier", -0.0097, "log_loss", -0.0289)}}}},
		{Tidy: []stat.Record{rec("bin", 1, "n", 76, "n_event", 43, "mean_predicted", 0.5479, "observed", 0.5658), rec("bin", 2, "n", 76, "n_event", 55, "mean_predicted", 0.7582, "observed", 0.7237)},
			Glance: rec("slope", 1.0, "intercept", 0.0, "brier", 0.1793, "hosmer_lemeshow", 0.77, "hosmer_lemeshow_df", 1.0, "hosmer_lemeshow_p", 0.38),
			Tables: []stat.Table{{Name: "hospitals", Rows: []stat.Record{rec("hospital", "north", "n", 36, "auc", 0.8025, "auc_low", 0.6242, "auc_high", 0.9808), rec("hospital", "south", "n", nil, "auc", nil, "auc_low", nil, "auc_high", nil, "suppressed", true)}}}},
		{Tidy: []stat.Record{rec("threshold", 0.5, "n_treated", 207, "true_positives", 157, "false_positives", 50, "net_benefit", 0.4714, "treat_all", 0.4449, "treat_none", 0.0, "avoided", 0.026),
			rec("threshold", 0.8, "n_treated", 86, "true_positives", 75, "false_positives", 11, "net_benefit", 0.1366, "treat_all", -0.3877, "treat_none", 0.0, "avoided", 0.131)}, Glance: rec("n", 227, "n_event", 164, "thresholds", 2)},
		{Tidy: []stat.Record{rec("term", "age", "estimate", 0.018, "std_error", 0.009, "statistic", 2.0, "p_value", 0.048, "hazard_ratio", 1.018, "hazard_low", 1.0, "hazard_high", 1.036, "aliased", false)},
			Glance: rec("n", 228, "n_event", 165, "log_lik", -746.7, "aic", 1497.4, "concordance", 0.6139, "concordance_bound", 0.0083, "concordance_std_error", 0.0269, "iterations", 4),
			Tables: []stat.Table{
				{Name: "cross_validation", Rows: []stat.Record{
					rec("performance", "apparent", "concordance", 0.6293, "concordance_bound", 0.0, "concordance_std_error", 0.0267, "concordance_low", 0.577, "concordance_high", 0.6816, "slope", 1.0, "log_lik", -471.526, "log_lik_gain", 15.9065),
					rec("performance", "cross-validated", "concordance", 0.6183, "concordance_bound", 0.0, "concordance_std_error", 0.0268, "concordance_low", 0.5659, "concordance_high", 0.6708, "slope", 0.8516, "slope_std_error", 0.1705, "log_lik", -609.572, "log_lik_gain", 12.9727),
					rec("performance", "optimism", "concordance", 0.011, "log_lik_gain", 2.9338)}},
				{Name: "predicted", Rows: []stat.Record{rec("person", 1, "covariates", "age = 60", "time", 180.0, "estimate", 0.688, "std_error", 0.0361, "conf_low", 0.6207, "conf_high", 0.7625), rec("person", 1, "covariates", "age = 60", "time", 3650.0, "estimate", nil, "std_error", nil, "conf_low", nil, "conf_high", nil)}},
				{Name: "reference", Rows: []stat.Record{rec("term", "age", "value", 62.45)}},
				{Name: "baseline", Rows: []stat.Record{rec("time", 20.0, "cumulative_hazard", 0.034, "variance", 0.00014, "means", []float64{0.1})}}}},
		{Tidy: []stat.Record{rec("bin", 1, "n", 69, "n_event", 22, "mean_predicted", 0.4192, "observed", 0.38214, "conf_low", 0.26675, "conf_high", 0.52631),
			rec("bin", 2, "n", 36, "n_event", 17, "mean_predicted", 0.49983, "observed", 0.51991, "conf_low", 0.36006, "conf_high", 0.70068),
			rec("bin", 3, "n", 12, "n_event", 12, "mean_predicted", 0.9, "observed", 1.0, "conf_low", nil, "conf_high", nil)},
			Glance: rec("at", 365.0, "n_event", 120, "n_risk", 65, "mean_predicted", 0.59016, "observed_risk", 0.58896, "observed_low", 0.51963, "observed_high", 0.65974, "observed_expected", 0.99796,
				"slope", 0.8748, "intercept", -0.04033, "auc", 0.65415, "auc_bound", 0.0917, "auc_std_error", 0.04136, "auc_low", 0.57309, "auc_high", 0.73521,
				"brier", 0.2249, "brier_std_error", 0.0152, "brier_null", 0.24209, "ipa", 0.07099, "evaluate_cells", 100)},
	}
	r := &Report{Spec: s, Consilium: "v0.1.0", Cohort: Cohort{Rows: 228}}
	for i, a := range s.Analyses {
		r.Analyses = append(r.Analyses, Analysis{ID: a.ID, Kind: a.Kind, Frame: counted(*frames[i])})
	}
	return r
}

func TestEvaluationsReadLikeAPaper(t *testing.T) {
	var b strings.Builder
	if err := evaluated().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "evaluation.txt", b.String())
	golden(t, "evaluation.svg.txt", strings.ReplaceAll(strings.Join(figures(t, page1(t, evaluated())), "\n\n"), "><", ">\n<")+"\n")
}

// A model that is read back from a result.json is the one that was written.
func TestModelsAreReadBack(t *testing.T) {
	r := evaluated()
	r.Analyses[4].Frame.VCov = &stat.Matrix{Terms: []string{"age"}, Matrix: [][]float64{{8.1e-5}}}
	r.Analyses[4].Frame.Levels = []stat.FactorLevels{{Factor: "sex", Levels: []string{"female", "male"}}}
	var b strings.Builder
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	m, err := ReadModel([]byte(b.String()), "model")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Terms) != 1 || m.Terms[0].Estimate != 0.018 || m.VCov.Matrix[0][0] != 8.1e-5 || m.Levels[0].Levels[1] != "male" || m.Reference[0] != 62.45 || m.Baseline[0].Means[0] != 0.1 || m.Kind != "cox" {
		t.Errorf("%+v", m)
	}
	for id, change := range map[string][2]string{"risks": {"", ""}, "model": {`"means": [0.1]`, `"means": []`}} {
		if _, err := ReadModel([]byte(strings.Replace(b.String(), change[0], change[1], 1)), id); err == nil {
			t.Errorf("%s: %q for %q is read", id, change[1], change[0])
		}
	}
	for _, change := range [][2]string{
		{`"terms": ["age"]`, `"terms": ["sex"]`}, {`[[0.000081]]`, `[[null]]`}, {`[[0.000081]]`, `[[-1]]`}, {`[[0.000081]]`, `[]`},
		{`"time": 20`, `"time": null`}, {`"cumulative_hazard": 0.034`, `"cumulative_hazard": -1`}, {`"variance": 0.00014`, `"variance": null`},
		{`"estimate": 0.018`, `"estimate": 0.018, "infinite": "+"`}, {`"estimate": 0.018`, `"estimate": null, "infinite": "up"`},
	} {
		edited := strings.Replace(b.String(), change[0], change[1], 1)
		if edited == b.String() {
			t.Fatalf("no %s in %s", change[0], edited)
		}
		if m, err := ReadModel([]byte(edited), "model"); err == nil {
			t.Errorf("%s for %s is read: %+v", change[1], change[0], m)
		}
	}
	handed, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(handed, r.Spec)
	if err != nil {
		t.Fatal(err)
	}
	var again strings.Builder
	if err := back.WriteJSON(&again); err != nil || again.String() != b.String() {
		t.Errorf("a report that a hospital hands on is another: %v", err)
	}
	if _, err := ReadModel([]byte("{"), "model"); err == nil {
		t.Error("half a file is read")
	}
}
