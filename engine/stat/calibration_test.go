package stat

import (
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
