package stat

import "testing"

func TestROCAgreesWithR(t *testing.T) {
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "roc" || a.Spec.Where != nil {
				continue
			}
			args := Args{Kind: "roc", Outcome: a.Spec.Outcome, Score: a.Spec.Score, Thresholds: a.Spec.Cutoffs}
			f := run(t, begin(t, ROC{}, s, args), s.tables...)
			for key, path := range map[string][]any{"auc": {"auc"}, "std_error": {"auc_se_delong"}, "n_event": {"n_events"},
				"conf_low": {"auc_ci95_delong", 0}, "conf_high": {"auc_ci95_delong", 1}} {
				if got, want := f.Glance.Get(key), a.at(t, path...); !near(got, want) {
					t.Errorf("%s/%s: %s is %v, R has %v", s.name, a.ID, key, got, want)
				}
			}
			if f.Glance.Get("auc_bound") != 0.0 {
				t.Errorf("%s/%s: bound %v on the declared grid, want 0", s.name, a.ID, f.Glance.Get("auc_bound"))
			}
			for i := range a.Spec.Cutoffs {
				for _, key := range []string{"tp", "fp", "tn", "fn"} {
					if got, want := f.Tidy[i].Get(key), a.at(t, "cutoffs", i, key); !near(got, want) {
						t.Errorf("%s/%s: %s from %v is %v, R has %v", s.name, a.ID, key, a.Spec.Cutoffs[i], got, want)
					}
				}
			}
		}
	}
}
