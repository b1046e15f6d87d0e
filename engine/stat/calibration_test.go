package stat

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// formulaOf writes an oracle's model as a formula.
func formulaOf(a answer) string {
	var terms []string
	for _, t := range a.Spec.Terms {
		terms = append(terms, strings.Join(t, ":"))
	}
	return a.Spec.Outcome + " ~ " + strings.Join(terms, " + ")
}

func TestCalibrationAgreesWithR(t *testing.T) {
	compared := 0
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "logistic" || a.Spec.Where != nil || a.Spec.Separated {
				continue
			}
			sample, _ := a.Result["in_sample"].(map[string]any)
			if h, _ := sample["hosmer_lemeshow"].(map[string]any); h == nil || h["statistic"] == nil {
				continue
			}
			model := Args{Kind: "logistic", Formula: formulaOf(a), Rules: rules(1, 1)}
			args := Args{Kind: "calibration", Model: "m", Of: &model, Rules: rules(1, 1)}
			f := run(t, begin(t, Calibration{}, s, args), s.tables...)
			compared++
			for key, path := range map[string]string{"hosmer_lemeshow": "statistic", "hosmer_lemeshow_df": "df"} {
				if got, want := f.Glance.Get(key), a.at(t, "in_sample", "hosmer_lemeshow", path); !near(got, want) {
					t.Errorf("%s/%s: %s is %v, R has %v", s.name, a.ID, key, got, want)
				}
			}
			if got, want := f.Glance.Get("brier"), a.at(t, "in_sample", "brier"); !near(got, want) {
				t.Errorf("%s/%s: brier is %v, R has %v", s.name, a.ID, got, want)
			}
			for i, row := range f.Tidy {
				for key, path := range map[string]string{"n": "n", "n_event": "observed"} {
					if got, want := row.Get(key), a.at(t, "in_sample", "hosmer_lemeshow", path, i); !near(got, want) {
						t.Errorf("%s/%s: %s of class %d is %v, R has %v", s.name, a.ID, key, i, got, want)
					}
				}
			}
			// With min_cell no class is thin, and nobody is lost.
			args.Rules, model.Rules = rules(5, 1), rules(5, 1)
			g, err := try(t, begin(t, Calibration{}, s, args), s.tables...)
			if err != nil {
				continue // the model itself is refused
			}
			var n int64
			for _, row := range g.Tidy {
				n += row.Get("n").(int64)
				events := row.Get("n_event").(int64)
				if rest := row.Get("n").(int64) - events; events > 0 && events < 5 || rest > 0 && rest < 5 {
					t.Errorf("%s/%s: a class of %d events and %d others is shown", s.name, a.ID, events, rest)
				}
			}
			if n != f.N {
				t.Errorf("%s/%s: classes of %d people, want %d", s.name, a.ID, n, f.N)
			}
		}
	}
	if compared < 10 {
		t.Errorf("%d models were compared", compared)
	}
}

// A ridge shrinks the predictions: the slope is above 1.
func TestCalibrationSlopeOfARidge(t *testing.T) {
	for _, s := range references(t) {
		if s.name != "birthwt" {
			continue
		}
		lambda := 20.0
		model := Args{Kind: "logistic", Formula: "low ~ age + lwt + smoke", Ridge: &lambda, Rules: rules(1, 1)}
		f := run(t, begin(t, Calibration{}, s, Args{Kind: "calibration", Model: "m", Of: &model, Rules: rules(1, 1)}), s.tables...)
		// R 4.2.2: glm(low ~ lp, binomial), lp the linear predictor of the ridge fit.
		if got := f.Glance.Get("slope").(float64); !(got > 1.05) {
			t.Errorf("slope %v", got)
		}
	}
}

// R 4.2.2 and pROC: people, events, mean(p), mean((death - p)^2), roc and var of each hospital's own rows.
func TestPerformanceOfEachHospitalAgreesWithR(t *testing.T) {
	sets := references(t)
	s := sets[slices.IndexFunc(sets, func(r *reference) bool { return r.name == "lung" })]
	model := Args{ID: "m", Kind: "logistic", Formula: "death ~ age + sex + ph_karno", Rules: rules(5, 1)}
	args := Args{Kind: "calibration", Model: "m", Of: &model, Apart: true, Bins: 3, Rules: rules(5, 1)}
	f := run(t, programOf(t, s.schema, args), s.tables...)
	for h, want := range [][6]float64{{36, 27, 0.727710183, 0.1441187982, 0.8024691358, 0.09097994197}, {43, 30, 0.7159429209, 0.171797827, 0.7705128205, 0.08603599858}, {41, 30, 0.7295964543, 0.2180620634, 0.5121212121, 0.1024335784},
		{46, 36, 0.7205821286, 0.170381439, 0.6277777778, 0.1054087906}, {61, 41, 0.7206009061, 0.1858812296, 0.7463414634, 0.06667639234}} {
		for k, key := range []string{"n", "n_event", "mean_predicted", "brier", "auc", "auc_std_error"} {
			got := f.Tables[0].Rows[h].Get(key)
			if g, w, ok := pair(got, want[k]); !ok || math.Abs(g-w) > 1e-9 {
				t.Errorf("%s of %v is %v, R has %v", key, f.Tables[0].Rows[h].Get("hospital"), got, want[k])
			}
		}
	}
	// A hospital whose own events, or others, are few shows nothing: 9, 13, 11, 10 and 20 people are without the event.
	model.Rules = rules(1, 1)
	for _, c := range []struct {
		minCell int
		shown   []bool
	}{
		{12, []bool{false, true, false, false, true}},
		{10, []bool{false, true, false, true, true}}, // the third, that the first cannot be told from the whole
		{9, []bool{true, true, true, true, true}},
	} {
		args.Rules = rules(c.minCell, 1)
		f = run(t, programOf(t, s.schema, args), s.tables...)
		all := true
		for h, shown := range c.shown {
			all = all && shown
			if r := f.Tables[0].Rows[h]; (r.Get("n") != nil) != shown {
				t.Errorf("min_cell %d, %v: %v", c.minCell, r.Get("hospital"), r)
			}
		}
		if warned := strings.Contains(strings.Join(f.Warnings, "\n"), "no figures of their own"); warned == all {
			t.Errorf("min_cell %d: warnings %q", c.minCell, f.Warnings)
		}
	}
}

// What a model is asked for beside its fit is opened for the model alone, not again for its calibration.
func TestCalibrationOpensNoMoreForWhatTheModelIsAskedFor(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	plan := func(model Args) []Opening {
		return begin(t, Calibration{}, set, Args{Kind: "calibration", Model: "m", Of: &model, Rules: rules(1, 1)})().Plan()
	}
	bare := Args{Kind: "logistic", Formula: "low ~ age + lwt", Rules: rules(1, 1)}
	more := bare
	more.Drop1, more.VIF, more.SE, more.CrossValidate = true, true, "hc0", &CrossValidate{Folds: 5, Seed: 1}
	if got, want := plan(more), plan(bare); !slices.Equal(got, want) {
		t.Errorf("opened: %v, want %v", got, want)
	}
}
