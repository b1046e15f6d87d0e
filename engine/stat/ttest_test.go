package stat

import "testing"

// eachAnswer calls f for R's answers of a kind, over all rows.
func eachAnswer(t *testing.T, kind string, f func(s *reference, a answer, where string)) {
	t.Helper()
	n := 0
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind == kind && a.Spec.Where == nil {
				f(s, a, s.name+"/"+a.ID)
				n++
			}
		}
	}
	if n == 0 {
		t.Errorf("no reference of kind %s", kind)
	}
}

// compare checks values of a record against R's, by key.
func compare(t *testing.T, where string, r Record, a answer, scale float64, keys map[string][]any) {
	t.Helper()
	for key, path := range keys {
		got, want := r.Get(key), a.at(t, path...)
		if !within(got, want, scale) || key[0] == 'p' && !nearTail(got, want) {
			t.Errorf("%s: %s is %v, R has %v", where, key, got, want)
		}
	}
}

func TestTTestAgreesWithR(t *testing.T) {
	eachAnswer(t, "ttest", func(s *reference, a answer, where string) {
		f := run(t, programOf(t, s.schema, Args{Kind: "ttest", Variable: a.Spec.Column, By: a.Spec.Group, Rules: open}), s.tables...)
		if f.N != a.N || f.Excluded != a.Missing {
			t.Errorf("%s: %d rows, %d excluded", where, f.N, f.Excluded)
		}
		for _, r := range f.Tidy {
			m := r.Get("method").(string)
			se, _ := a.at(t, m, "se").(float64)
			compare(t, where+" "+m, r, a, 1, map[string][]any{"statistic": {m, "t"}, "df": {m, "df"}, "p_value": {m, "p"}})
			compare(t, where+" "+m, r, a, se, map[string][]any{"estimate": {m, "difference"}, "std_error": {m, "se"}, "conf_low": {m, "ci95", 0}, "conf_high": {m, "ci95", 1}})
			l1, l2 := r.Get("level1").(string), r.Get("level2").(string)
			compare(t, where+" "+m, r, a, se, map[string][]any{"n1": {"groups", l1, "n"}, "n2": {"groups", l2, "n"},
				"sd1": {"groups", l1, "sd"}, "sd2": {"groups", l2, "sd"}, "estimate1": {"groups", l1, "mean"}, "estimate2": {"groups", l2, "mean"}})
		}
		compare(t, where, f.Glance, a, 1, map[string][]any{"cohen_d": {"cohen_d"}})
	})
}

func TestPairedTTestAgreesWithR(t *testing.T) {
	eachAnswer(t, "ttest_paired", func(s *reference, a answer, where string) {
		f := run(t, programOf(t, s.schema, Args{Kind: "ttest", Paired: []string{a.Spec.First, a.Spec.Second}, Rules: open}), s.tables...)
		se := a.at(t, "se").(float64)
		compare(t, where, f.Tidy[0], a, 1, map[string][]any{"statistic": {"t"}, "df": {"df"}, "p_value": {"p"}})
		compare(t, where, f.Tidy[0], a, se, map[string][]any{"estimate": {"mean_difference"}, "std_error": {"se"}, "conf_low": {"ci95", 0}, "conf_high": {"ci95", 1}})
	})
}

func TestAnovaAgreesWithR(t *testing.T) {
	eachAnswer(t, "anova", func(s *reference, a answer, where string) {
		f := run(t, programOf(t, s.schema, Args{Kind: "anova", Variable: a.Spec.Column, By: a.Spec.Group, Rules: open}), s.tables...)
		compare(t, where, f.Tidy[0], a, 1, map[string][]any{"df": {"df1"}, "statistic": {"f"}, "p_value": {"p"}, "sumsq": {"ss_between"}, "meansq": {"ms_between"}})
		compare(t, where, f.Tidy[1], a, 1, map[string][]any{"df": {"df2"}, "sumsq": {"ss_within"}, "meansq": {"ms_within"}})
		compare(t, where, f.Glance, a, 1, map[string][]any{"eta_squared": {"eta2"}})
		welch := map[string][]any{"welch_statistic": {"welch", "f"}, "welch_df1": {"welch", "df1"}, "welch_df2": {"welch", "df2"}, "welch_p": {"welch", "p"}}
		if a.at(t, "welch", "p") == nil {
			welch = map[string][]any{"welch_statistic": {"welch", "f"}}
		}
		compare(t, where, f.Glance, a, 1, welch)
		if a.at(t, "bartlett", "p") != nil {
			compare(t, where, f.Glance, a, 1, map[string][]any{"bartlett_statistic": {"bartlett", "statistic"}, "bartlett_df": {"bartlett", "df"}, "bartlett_p": {"bartlett", "p"}})
		}
	})
}

func TestHistogramAgreesWithR(t *testing.T) {
	eachAnswer(t, "histogram", func(s *reference, a answer, where string) {
		f := run(t, programOf(t, s.schema, Args{Kind: "histogram", Variable: a.Spec.Column, Breaks: a.Spec.Breaks, Rules: open}), s.tables...)
		for i, r := range f.Tidy {
			compare(t, where, r, a, 0, map[string][]any{"count": {"counts", i}})
		}
		compare(t, where, f.Glance, a, 0, map[string][]any{"below": {"below"}, "above": {"above"}})
	})
}
