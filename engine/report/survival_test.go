package report

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

// followed is a result of survival analyses; the numbers are R's on the lung set (survfit, survdiff and coxph by sex).
func followed() *Report {
	s := trial()
	s.Analyses = []stat.Args{
		{ID: "curve", Kind: "km", Time: "time", Event: "death", By: "sex", Tau: 730},
		{ID: "test", Kind: "logrank", Time: "time", Event: "death", By: "sex"},
		{ID: "model", Kind: "cox", Time: "time", Event: "death", Formula: "~ age + sex + ph_ecog"},
	}
	step := func(group string, time float64, risk, events, lost int, survival, se, low, high any) stat.Record {
		return rec("group", group, "time", time, "n_risk", risk, "n_event", events, "n_censor", lost, "estimate", survival, "std_error", se, "conf_low", low, "conf_high", high)
	}
	term := func(name string, b, se, z, p, hr, low, high any) stat.Record {
		return rec("term", name, "estimate", b, "std_error", se, "statistic", z, "p_value", p, "hazard_ratio", hr, "hazard_low", low, "hazard_high", high, "aliased", false)
	}
	frames := []*stat.Frame{
		{Tidy: []stat.Record{step("male", 11, 138, 3, 0, 0.97826, 0.012414, 0.93432, 0.99291), step("male", 12, 135, 1, 0, 0.97101, 0.014281, 0.92473, 0.98902),
			step("male", 883, 1, 1, 0, 0.0, nil, nil, nil), step("female", 5, 90, 1, 0, 0.98889, 0.011049, 0.92365, 0.99843), rec("group", "unknown", "time", nil, "estimate", nil, "suppressed", true)},
			Glances: []stat.Record{rec("group", "male", "n", 138, "events", 112, "median", 270.0, "median_low", 210.0, "median_high", 306.0, "rmean", 311.07, "rmean_se", 19.3, "tau", 730.0),
				rec("group", "female", "n", 90, "events", 53, "median", 426.0, "median_low", 345.0, "median_high", nil, "rmean", 434.7, "rmean_se", 27.25, "tau", 730.0),
				rec("group", "unknown", "n", nil, "events", nil, "median", nil, "tau", nil, "suppressed", true)}, Suppressed: true},
		{Tidy: []stat.Record{rec("group", "male", "n", 138, "observed", 112, "expected", 91.5817), rec("group", "female", "n", 90, "observed", 53, "expected", 73.4183)},
			Glance: rec("statistic", 10.3267, "df", 1, "p_value", 0.0013112)},
		{Tidy: []stat.Record{term("age", 0.011067, 0.009267, 1.194, 0.232416, 1.01113, 0.99293, 1.02966), term("sexfemale", -0.552612, 0.167739, -3.2945, 0.000986, 0.57544, 0.41422, 0.79942),
			term("twice", nil, nil, nil, nil, nil, nil, nil)},
			Glance: rec("n", 227, "n_event", 164, "log_lik", -729.2302, "log_lik_null", -744.4806, "df", 3.0, "lrt", 30.501, "lrt_p", 1.083e-6, "wald", 29.929, "wald_p", 1.428e-6,
				"score", 30.5, "score_p", 1.083e-6, "aic", 1464.46, "concordance", 0.6371, "concordance_bound", 0.0, "iterations", 4, "converged", true, "zph_transform", "km"),
			Tables: []stat.Table{{Name: "zph", Rows: []stat.Record{rec("term", "age", "statistic", 0.188, "df", 1.0, "p_value", 0.665), rec("term", "GLOBAL", "statistic", 4.464, "df", 3.0, "p_value", 0.216)}}}},
	}
	r := &Report{Spec: s, Consilium: "v0.1.0", Cohort: Cohort{Rows: 228}}
	for i, a := range s.Analyses {
		r.Analyses = append(r.Analyses, Analysis{ID: a.ID, Kind: a.Kind, Frame: counted(*frames[i])})
	}
	return r
}

func TestSurvivalReadsLikeRs(t *testing.T) {
	var b strings.Builder
	if err := followed().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "survival.txt", b.String())
	golden(t, "survival.svg.txt", strings.ReplaceAll(strings.Join(figures(t, page1(t, followed())), "\n\n"), "><", ">\n<")+"\n")
}
