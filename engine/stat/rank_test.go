package stat

import "testing"

func TestRankAgreesWithR(t *testing.T) {
	paths := map[string]map[string][]any{
		"wilcoxon": {"statistic": {"wilcoxon", "w"}, "z": {"wilcoxon", "z"}, "p_value": {"wilcoxon", "p_corrected"},
			"p_value_uncorrected": {"wilcoxon", "p"}, "auc": {"wilcoxon", "auc_group2_over_group1"}},
		"kruskal": {"statistic": {"kruskal", "statistic"}, "df": {"kruskal", "df"}, "p_value": {"kruskal", "p"}},
	}
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "rank" || a.Spec.Where != nil {
				continue
			}
			f := run(t, begin(t, Rank{}, s, Args{Kind: "rank", Variable: a.Spec.Column, By: a.Spec.Group}), s.tables...)
			for _, r := range f.Tidy {
				method := r.Get("method").(string)
				for key, path := range paths[method] {
					if got, want := r.Get(key), a.at(t, path...); !near(got, want) || key[0] == 'p' && !nearTail(got, want) {
						t.Errorf("%s/%s: %s %s is %v, R has %v", s.name, a.ID, method, key, got, want)
					}
				}
			}
			if want := len(a.Result) - 1; len(f.Tidy) != want {
				t.Errorf("%s/%s: %d tests, want %d", s.name, a.ID, len(f.Tidy), want)
			}
		}
	}
}
