package stat

import "testing"

// crosstabPaths says where R's answer to a glance entry stands.
var crosstabPaths = map[string][]any{
	"chi_squared": {"chisq", "statistic"}, "chi_squared_df": {"chisq", "df"}, "chi_squared_p": {"chisq", "p"},
	"yates_statistic": {"chisq_yates", "statistic"}, "yates_p": {"chisq_yates", "p"},
	"g": {"g_test", "statistic"}, "g_p": {"g_test", "p"}, "cramers_v": {"cramers_v"},
	"fisher_p": {"fisher", "p"}, "fisher_odds_ratio": {"fisher", "odds_ratio_cmle"}, "fisher_low": {"fisher", "ci95", 0}, "fisher_high": {"fisher", "ci95", 1},
	"odds_ratio": {"odds_ratio", "estimate"}, "odds_low": {"odds_ratio", "ci95", 0}, "odds_high": {"odds_ratio", "ci95", 1},
	"risk_ratio": {"risk", "risk_ratio"}, "risk_low": {"risk", "risk_ratio_ci95", 0}, "risk_high": {"risk", "risk_ratio_ci95", 1},
	"risk_difference": {"risk", "risk_difference"}, "rd_low": {"risk", "risk_difference_ci95", 0}, "rd_high": {"risk", "risk_difference_ci95", 1},
	"cmh_statistic": {"cmh_by_site", "statistic_corrected"}, "cmh_p": {"cmh_by_site", "p_corrected"},
	"cmh_statistic_uncorrected": {"cmh_by_site", "statistic"}, "cmh_p_uncorrected": {"cmh_by_site", "p"},
	"cmh_odds_ratio": {"cmh_by_site", "common_odds_ratio"}, "cmh_low": {"cmh_by_site", "ci95", 0}, "cmh_high": {"cmh_by_site", "ci95", 1},
}

func TestCrosstabAgreesWithR(t *testing.T) {
	checked := 0
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "table" || a.Spec.Where != nil {
				continue
			}
			f := run(t, begin(t, Crosstab{}, s, Args{Kind: "crosstab", Rows: a.Spec.Row, Columns: a.Spec.Col}), s.tables...)
			if f.N != a.N || f.Excluded != a.Missing {
				t.Errorf("%s/%s: %d rows, %d excluded, R has %d, %d", s.name, a.ID, f.N, f.Excluded, a.N, a.Missing)
			}
			k := 0
			for i := range a.at(t, "row_levels").([]any) {
				for j := range a.at(t, "col_levels").([]any) {
					rec := f.Tidy[k]
					k++
					n, e := a.at(t, "counts", i, j).(float64), a.at(t, "expected", i, j)
					row, col, all := a.at(t, "row_totals", i).(float64), a.at(t, "col_totals", j).(float64), a.at(t, "total").(float64)
					if !near(rec.Get("n"), n) || !near(rec.Get("expected"), e) || !near(rec.Get("row_pct"), 100*n/row) ||
						!near(rec.Get("col_pct"), 100*n/col) || !near(rec.Get("pct"), 100*n/all) {
						t.Errorf("%s/%s: cell %d,%d is %v, R has n %v, expected %v", s.name, a.ID, i, j, rec, n, e)
					}
				}
			}
			if k != len(f.Tidy) {
				t.Errorf("%s/%s: %d cells, R has %d", s.name, a.ID, len(f.Tidy), k)
			}
			for _, e := range f.Glance {
				want := a.at(t, crosstabPaths[e.Key]...)
				checked++
				if !near(e.Value, want) || e.Key[len(e.Key)-1] == 'p' && !nearTail(e.Value, want) {
					t.Errorf("%s/%s: %s is %v, R has %v", s.name, a.ID, e.Key, e.Value, want)
				}
			}
		}
	}
	t.Logf("%d statistics", checked)
}
