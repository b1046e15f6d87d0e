package stat

import (
	"slices"
	"testing"
)

func TestCorrelationAgreesWithR(t *testing.T) {
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "correlation" || a.Spec.Where != nil {
				continue
			}
			args := Args{Kind: "correlation", Variables: a.Spec.Columns}
			f := run(t, begin(t, Correlation{}, s, args), s.tables...)
			check := func(what string, got, want any, scale float64) {
				if !within(got, want, scale) {
					t.Errorf("%s/%s: %s is %v, R has %v", s.name, a.ID, what, got, want)
				}
			}
			if f.N != a.N || f.Excluded != a.Missing {
				t.Errorf("%s/%s: %d rows, %d excluded, R has %d and %d", s.name, a.ID, f.N, f.Excluded, a.N, a.Missing)
			}
			cov := f.Glance.Get("covariance").(*Matrix)
			for i, v := range a.Spec.Columns {
				sd := a.at(t, "sds", i).(float64)
				check("mean of "+v, f.Glance.Get("means").([]float64)[i], a.at(t, "means", i), sd)
				check("sd of "+v, f.Glance.Get("sds").([]float64)[i], sd, sd)
				for j := range a.Spec.Columns {
					check("covariance of "+v, cov.Matrix[i][j], a.at(t, "covariance", i, j), sd*a.at(t, "sds", j).(float64))
				}
			}
			args.Method = "spearman"
			g := run(t, begin(t, Correlation{}, s, args), s.tables...)
			for k, r := range f.Tidy {
				i, j := slices.Index(a.Spec.Columns, r.Get("x").(string)), slices.Index(a.Spec.Columns, r.Get("y").(string))
				check("pearson", r.Get("estimate"), a.at(t, "pearson", i, j), 1)
				check("spearman", g.Tidy[k].Get("estimate"), a.at(t, "spearman", i, j), 1)
				if got, want := r.Get("p_value"), a.at(t, "p", i, j); !nearTail(got, want) {
					t.Errorf("%s/%s: p of %v and %v is %v, R has %v", s.name, a.ID, r.Get("x"), r.Get("y"), got, want)
				}
				if i == 0 && j <= 3 {
					if want := a.at(t, "pairs", j-1, "t"); !near(r.Get("statistic"), want) {
						t.Errorf("%s/%s: t is %v, R has %v", s.name, a.ID, r.Get("statistic"), want)
					}
					check("conf_low", r.Get("conf_low"), a.at(t, "pairs", j-1, "ci95", 0), 1)
					check("conf_high", r.Get("conf_high"), a.at(t, "pairs", j-1, "ci95", 1), 1)
				}
			}
		}
	}
}
