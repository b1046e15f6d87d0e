package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name; go test ./engine/report -update rewrites it: read the diff.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", path, got)
	}
}

// rec makes a record of alternating keys and values.
func rec(pairs ...any) stat.Record {
	r := stat.Record{}
	for i := 0; i < len(pairs); i += 2 {
		r = r.Put(pairs[i].(string), pairs[i+1])
	}
	return r
}

// trial is a study of three hospitals with an analysis of every kind.
func trial() *study.Spec {
	s := &study.Spec{
		Name:     "trial",
		Title:    "Interferon gamma in chronic granulomatous disease",
		Approval: study.Approval{Ethics: "IRB 1991-7"},
		Sites:    []study.Site{{ID: "nih"}, {ID: "zurich", Source: table.Source{Columns: map[string]string{"age": "ALTER"}}}, {ID: "utah"}},
		Schema: &table.Schema{Sites: []string{"nih", "zurich", "utah"}, Fields: []table.Field{
			{Name: "treat", Kind: table.Category, Levels: []string{"placebo", "interferon"}},
			{Name: "age", Kind: table.Number, Unit: "years", Integer: true, Min: 0, Max: 100, Grid: table.Grid{M: 1}, GridDeclared: true, Missing: []string{"-9"}},
			{Name: "weight", Kind: table.Number, Unit: "kg", Min: 2, Max: 200, Grid: table.Grid{M: 1, E10: -1}, GridDeclared: true},
			{Name: "infection", Kind: table.Binary, Codes: map[string]int{"no": 0, "yes": 1}},
		}},
		Privacy: study.Privacy{Reveal: "sums", Release: "all", MinSites: 3, MinCell: 5, MaxParametersPerRow: 0.33, Digits: "full"},
	}
	s.Analyses = []stat.Args{
		{ID: "table1", Kind: "table1", By: "treat", Variables: []string{"age", "weight", "infection"}, Medians: []string{"weight"}},
		{ID: "effect", Kind: "crosstab", Rows: "treat", Columns: "infection"},
		{ID: "few", Kind: "crosstab", Rows: "treat", Columns: "infection"},
		{ID: "ages", Kind: "histogram", Variable: "age", Breaks: []float64{0, 10, 20, 45}},
		{ID: "summary", Kind: "describe", Variables: []string{"age", "treat"}},
		{ID: "t", Kind: "ttest", Variable: "age", By: "treat"},
		{ID: "f", Kind: "anova", Variable: "age", By: "site", PerHospital: true},
		{ID: "w", Kind: "rank", Variable: "age", By: "treat"},
		{ID: "cor", Kind: "correlation", Variables: []string{"age", "weight"}},
		{ID: "growth", Kind: "linear", Formula: "weight ~ age + sex + height"},
		{ID: "risk", Kind: "logistic", Formula: "infection ~ treat + age + inherit + propylac"},
		{ID: "curve", Kind: "roc", Outcome: "infection", Score: "age"},
		{ID: "greedy", Kind: "logistic", Formula: "infection ~ treat * site"},
		{ID: "new", Kind: "novel", Variables: []string{"age"}},
	}
	return s
}

// outcome is a result of trial; the numbers of w, growth and risk are R's on cgd.
func outcome() *Report {
	n := int64(128)
	r := &Report{Spec: trial(), PlanDigest: "sha256:00ff", Consilium: "v0.1.0", Cohort: Cohort{Rows: 128},
		Disclosed: []Disclosed{{What: "how many records all hospitals hold together", Cells: 2, Times: 1, MaxTimes: 1, CountsPeople: true, Released: true, To: "all hospitals"}},
		Cost:      Cost{Seconds: 0.41, Rounds: 14, BytesUp: map[string]int64{"nih": 120034, "utah": 119000, "zurich": 120000}, BytesDown: map[string]int64{"nih": 130000}}}
	frames := map[string]*stat.Frame{"table1": table1Frame(), "effect": effectFrame(), "few": fewFrame(), "growth": growthFrame(), "risk": riskFrame()}
	simpleFrames(frames)
	for _, a := range r.Spec.Analyses {
		one := Analysis{ID: a.ID, Kind: a.Kind, Frame: frames[a.ID]}
		if a.ID == "greedy" {
			one.N = &n
			one.Refused = &stat.Refusal{Rule: "min_cell", Message: "the column treatinterferon:sitezurich has too few ones", Remedy: "merge the level"}
		}
		one.Disclosed = []Disclosed{
			{What: "how many rows are used", Cells: 4, Times: 1, MaxTimes: 1, CountsPeople: true, Released: true, PerHospital: a.PerHospital, To: "all hospitals"},
			{What: "how the model fits at each step", Cells: 21, Times: 6, MaxTimes: 25, CountsPeople: true, To: "all hospitals"},
			{What: "never asked for", Cells: 1, MaxTimes: 1, To: "all hospitals"}}
		r.Analyses = append(r.Analyses, one)
	}
	return r
}

func counted(f stat.Frame) *stat.Frame {
	f.N, f.Sites = 128, 3
	return &f
}

func riskFrame() *stat.Frame {
	term := func(name string, b, se, z, p, or, lo, hi float64) stat.Record {
		return rec("term", name, "estimate", b, "std_error", se, "statistic", z, "p_value", p, "odds_ratio", or, "odds_low", lo, "odds_high", hi)
	}
	return counted(stat.Frame{
		Tidy: []stat.Record{
			term("(Intercept)", 0.772727893, 0.70710254, 1.0928088, 0.27447, 2.1656, 0.5416, 8.659),
			term("treatinterferon", -1.101928, 0.400401, -2.752064, 0.005922, 0.332230, 0.15157, 0.72822),
			term("age", -0.0400783, 0.0223885, -1.790131, 0.073433, 0.960714, 0.91947, 1.00381),
			term("inheritautosomal", 0.338572, 0.426401, 0.794023, 0.427181, 1.402943, 0.60822, 3.23609),
			term("propylac", -0.541191, 0.588517, -0.919585, 0.357795, 0.582055, 0.18365, 1.84473),
		},
		Glance: rec("null_deviance", 164.7297, "df_null", 127, "deviance", 152.7162, "df_residual", 123, "lr_statistic", 12.0135, "lr_df", 4, "lr_p", 0.017245,
			"aic", 162.7162, "bic", 176.9764, "log_lik", -76.3581, "mcfadden_r2", 0.072929, "nagelkerke_r2", 0.123678, "nobs", 128, "n_event", 44, "events_per_parameter", 11.0,
			"auc", 0.6811, "auc_bound", 0.012, "auc_low", 0.58, "auc_high", 0.78, "brier", 0.2068, "log_loss", 0.5965, "iterations", 6, "converged", true),
		VCov:     &stat.Matrix{Terms: []string{"(Intercept)", "age"}, Matrix: [][]float64{{0.5, -0.01}, {-0.01, 0.00051234}}},
		Warnings: []string{"the odds limits are Wald's (R's confint.default)"},
	})
}

func growthFrame() *stat.Frame {
	term := func(name string, b, se, t, p any, aliased bool) stat.Record {
		return rec("term", name, "estimate", b, "std_error", se, "statistic", t, "p_value", p, "aliased", aliased)
	}
	return counted(stat.Frame{
		Tidy: []stat.Record{
			term("(Intercept)", -30.938250, 4.446979, -6.957138, 1.77e-10, false),
			term("age", 0.912563, 0.131436, 6.943023, 1.90e-10, false),
			term("sexfemale", -5.669697, 1.997956, -2.837749, 0.005313, false),
			term("height", 0.422650, 0.040836, 10.349940, 1e-18, false),
			term("twice", nil, nil, nil, nil, true),
		},
		Glance: rec("r_squared", 0.861198, "adj_r_squared", 0.857840, "sigma", 8.388952, "statistic", 256.44, "p_value", 1e-53, "df", 3, "df_residual", 124, "aic", 914.12, "bic", 928.38, "log_lik", -452.06),
	})
}

func table1Frame() *stat.Frame {
	var rows []stat.Record
	for i, g := range []string{"placebo", "interferon"} {
		rows = append(rows, rec("variable", "age", "level", nil, "group", g, "n", []int{65, 63}[i], "missing", i, "mean", []float64{14.98462, 14.28571}[i], "sd", []float64{9.602, 10.149}[i], "smd", 0.0707, "test", "welch_t", "p_value", 0.6899))
	}
	for i, g := range []string{"placebo", "interferon"} {
		rows = append(rows, rec("variable", "weight", "level", nil, "group", g, "n", []int{65, 63}[i], "missing", 0, "median", []float64{36.5, 33.75}[i], "q25", 20.0, "q75", 57.25, "smd", 0.0123, "test", "kruskal", "p_value", 0.00003))
	}
	for _, level := range []string{"0", "1"} {
		for _, g := range []string{"placebo", "interferon"} {
			rows = append(rows, rec("variable", "infection", "level", level, "group", g, "n", nil, "missing", 0, "pct", nil, "suppressed", true, "smd", nil, "test", nil, "p_value", nil))
		}
	}
	return counted(stat.Frame{Tidy: rows, Suppressed: true})
}

func effectFrame() *stat.Frame {
	cell := func(row, col string, n int, pct float64) stat.Record {
		return rec("row", row, "column", col, "n", n, "row_pct", pct)
	}
	return counted(stat.Frame{
		Tidy: []stat.Record{cell("placebo", "0", 35, 53.846), cell("placebo", "1", 30, 46.154), cell("interferon", "0", 49, 77.778), cell("interferon", "1", 14, 22.222)},
		Glance: rec("chi_squared", 8.1231, "chi_squared_df", 1, "chi_squared_p", 0.00437, "yates_statistic", 7.096, "yates_p", 0.007726, "g", 8.2702, "g_p", 0.00403,
			"fisher_p", 0.00536, "fisher_odds_ratio", 0.33617, "fisher_low", 0.14248, "fisher_high", 0.76606, "cramers_v", 0.25192,
			"odds_ratio", 0.33333, "odds_low", 0.1543, "odds_high", 0.7201, "risk_ratio", 0.48148, "risk_low", 0.2832, "risk_high", 0.8186, "risk_difference", -0.23932, "rd_low", -0.3983, "rd_high", -0.0803,
			"cmh_statistic", 7.01, "cmh_p", 0.0081, "cmh_statistic_uncorrected", 7.93, "cmh_p_uncorrected", 0.00486, "cmh_odds_ratio", 0.3, "cmh_low", 0.13, "cmh_high", 0.7),
	})
}

// fewFrame has a suppressed row.
func fewFrame() *stat.Frame {
	cell := func(row, col string, n any) stat.Record {
		return rec("row", row, "column", col, "n", n, "row_pct", nil, "suppressed", n == nil)
	}
	return counted(stat.Frame{
		Tidy:   []stat.Record{cell("placebo", "0", nil), cell("placebo", "1", nil), cell("interferon", "0", 49), cell("interferon", "1", 14)},
		Glance: rec("chi_squared", 8.1, "chi_squared_df", 1, "chi_squared_p", 0.0044), Suppressed: true,
		Warnings: []string{"cells were suppressed: no odds ratio, risk, Fisher or CMH figure"}})
}

func simpleFrames(f map[string]*stat.Frame) {
	f["ages"] = counted(stat.Frame{
		Tidy:   []stat.Record{rec("lower", 0, "upper", 10, "count", 52), rec("lower", 10, "upper", 20, "count", 40), rec("lower", 20, "upper", 45, "count", 36)},
		Glance: rec("below", 0, "above", 2)})
	f["summary"] = counted(stat.Frame{Tidy: []stat.Record{
		rec("variable", "age", "n", 128, "missing", 0, "mean", 14.640625, "sd", 9.845, "q2_5", 1.0, "median", 12.0, "q75", 22.0, "skewness", 0.7, "kurtosis", -0.2),
		rec("variable", "treat", "level", "placebo", "n", 65, "pct", 50.78125, "missing", 0),
		rec("variable", "treat", "level", "interferon", "n", 63, "pct", 49.21875, "missing", 0)}})
	f["t"] = counted(stat.Frame{Tidy: []stat.Record{
		rec("method", "welch", "estimate", 0.698901, "estimate1", 14.98462, "estimate2", 14.28571, "sd1", 9.602, "sd2", 10.149, "n1", 65, "n2", 63, "statistic", 0.39993, "df", 125.19, "p_value", 0.6899, "conf_low", -2.759712, "conf_high", 4.157514)},
		Glance: rec("cohen_d", 0.0708)})
	f["f"] = counted(stat.Frame{Tidy: []stat.Record{
		rec("term", "by", "df", 1, "sumsq", 15.63, "meansq", 15.63, "statistic", 0.1602, "p_value", 0.6897),
		rec("term", "Residuals", "df", 126, "sumsq", 12291.9, "meansq", 97.5547, "statistic", nil, "p_value", nil)},
		Glance: rec("eta_squared", 0.00127, "welch_statistic", 0.15994, "welch_df1", 1.0, "welch_df2", 125.19, "welch_p", 0.6899, "bartlett_statistic", 0.1931, "bartlett_p", 0.6603)})
	f["w"] = counted(stat.Frame{Tidy: []stat.Record{
		rec("method", "wilcoxon", "statistic", 2559.5, "z", 2.898, "p_value", 0.003754, "p_value_uncorrected", 0.003725, "auc", 0.375),
		rec("method", "kruskal", "statistic", 8.411, "df", 1, "p_value", 0.003725)}})
	f["cor"] = counted(stat.Frame{Tidy: []stat.Record{
		rec("x", "age", "y", "weight", "estimate", 0.8599, "n", 128, "statistic", 18.91, "df", 126, "p_value", 1e-38, "conf_low", 0.807, "conf_high", 0.899)},
		Glance: rec("means", []float64{14.640625, 40.557812})})
	f["curve"] = counted(stat.Frame{Tidy: []stat.Record{
		rec("threshold", 10.0, "tp", 24, "fp", 52, "tn", 32, "fn", 20, "sensitivity", 0.54545, "specificity", 0.38095)},
		Glance: rec("auc", 0.4312, "std_error", 0.0531, "conf_low", 0.3271, "conf_high", 0.5353, "auc_bound", 0.0)})
	f["new"] = counted(stat.Frame{Tidy: []stat.Record{rec("term", "a", "estimate", 1.25, "p_value", nil)}, Glance: rec("nobs", 128)})
	f["new"].Excluded, f["new"].Filtered, f["new"].Sites = 3, 1200, 2
}
