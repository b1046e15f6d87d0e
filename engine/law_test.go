package engine_test

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// lawStudies are analyses that do not name the hospital: how the rows are dealt out may not change them.
var lawStudies = map[string][]string{
	"birthwt": {
		"kind: describe, variables: [age, lwt, race, smoke, bwt], by: race, quantiles: [0.1, 0.25, 0.5, 0.9]",
		"kind: describe, variables: [bwt], quantiles: [0.33], quantile_type: 1",
		"kind: histogram, variable: bwt, breaks: [500, 1500, 2500, 3500, 5000]",
		"kind: crosstab, rows: race, columns: low",
		"kind: ttest, variable: bwt, by: smoke",
		"kind: anova, variable: bwt, by: race",
		"kind: rank, variable: lwt, by: low",
		"kind: correlation, variables: [bwt, lwt, age]",
		"kind: correlation, variables: [bwt, lwt, age], method: spearman",
		"kind: table1, variables: [age, race, lwt], by: low, medians: [lwt]",
		`kind: linear, formula: "bwt ~ age + lwt + race * smoke", drop1: true`,
		`kind: linear, formula: "bwt ~ log(lwt) + I(age^2)", ridge: 2`,
		`kind: logistic, formula: "low ~ age + lwt + race + smoke + ht", drop1: true`,
		`kind: logistic, formula: "low ~ lwt + race", ridge: 1`,
		`kind: logistic, formula: "low ~ bwt"`,
		"kind: roc, outcome: low, score: lwt, thresholds: [100, 120]",
		`kind: linear, formula: "bwt ~ age + lwt + race", se: hc3, vif: true`,
		`kind: logistic, formula: "low ~ age + race + ht", se: hc2, vif: true`,
		`kind: logistic, formula: "low ~ age + race", firth: true, profile: true`,
		"kind: mantel_haenszel, rows: smoke, columns: low, strata: race",
		`kind: propensity, formula: "smoke ~ age + race + ht", estimand: att, truncate: [0.1, 0.9], outcome: bwt`,
		`kind: negbin, formula: "ftv ~ age + race"`,
	},
	"birthwt_hard": {
		`kind: linear, formula: "bwt ~ age + lwt + age_plus_lwt + smoke"`,
		`kind: linear, formula: "big_bwt ~ smoke + ward"`,
		`kind: logistic, formula: "low ~ lwt + smoke + smoke_dup"`,
		`kind: logistic, formula: "low ~ lwt + quasi"`,
		`kind: logistic, formula: "low ~ big + smoke"`,
		`kind: logistic, formula: "low ~ tiny + neg"`,
		"kind: ttest, variable: big_bwt, by: smoke",
		"kind: correlation, variables: [big, big_bwt, tiny]",
		"kind: crosstab, rows: ward, columns: low",
		"kind: describe, variables: [never, not_c, const_all, big], quantiles: [0.5]",
	},
	"cgd": {
		"kind: describe, variables: [age, height, weight], by: treat, quantiles: [0.25, 0.5, 0.75]",
		"kind: crosstab, rows: treat, columns: infection",
		"kind: rank, variable: infections, by: treat",
		`kind: linear, formula: "weight ~ age + sex + height"`,
		`kind: logistic, formula: "infection ~ treat + age + inherit + propylac"`,
		`kind: poisson, formula: "infections ~ treat + offset(log(days))", se: hc3`,
		`kind: poisson, formula: "infections ~ treat * age + offset(log(days))"`,
		"kind: lrtest, models: [a5, a6]",
	},
	"lung": {
		`kind: logistic, formula: "death ~ age + sex + ph_karno"`,
		"kind: calibration, model: a0, bins: 5",
		"kind: decision_curve, model: a0, thresholds: [0.5, 0.6, 0.7, 0.8]",
		`kind: cox, time: time, event: death, formula: "~ age + sex", times: [180, 365], predict: [{age: 60, sex: male}, {age: 70, sex: female}]`,
		`kind: cox, time: time, event: death, formula: "~ age", strata: sex, ties: breslow, grid: 10, times: [180], predict: [{age: 60}]`,
		"kind: calibration, model: a3, at: 365, bins: 5",
		"kind: calibration, model: a4, at: 365, bins: 3",
		"kind: decision_curve, model: a3, at: 365, thresholds: [0.5, 0.6, 0.7]",
	},
	"wdbc": {
		"kind: describe, variables: [area_worst, concavity_se, fractal_dim_mean], quantiles: [0.25, 0.5, 0.75]",
		"kind: correlation, variables: [radius_mean, area_mean, smoothness_mean, fractal_dim_se]",
		`kind: linear, formula: "area_mean ~ radius_mean + perimeter_mean + texture_mean"`,
		`kind: logistic, formula: "malignant ~ radius_mean + texture_mean + smoothness_mean + concave_points_mean + symmetry_mean"`,
	},
}

// TestResultsDoNotDependOnHowRowsAreDealtToHospitals re-splits the same rows
// over 2, 5 and 20 hospitals, shuffles them and adds an empty hospital, and
// compares with all rows at one hospital beside an empty one: a sum needs two
// members. The Cochran-Mantel-Haenszel test is left out: its strata are the hospitals.
func TestResultsDoNotDependOnHowRowsAreDealtToHospitals(t *testing.T) {
	deals := []struct {
		name  string
		sites int
		of    func(row, rows int) (site, place int)
	}{
		{"first third and the rest", 2, func(i, n int) (int, int) { return min(1, 3*i/n), i }},
		{"five in turn", 5, func(i, n int) (int, int) { return i % 5, i }},
		{"twenty in turn", 20, func(i, n int) (int, int) { return i % 20, i }},
		{"one and an empty one, rows permuted", 2, func(i, n int) (int, int) { return 0, (i*89 + 17) % n }},
		{"three, the second empty, rows permuted", 3, func(i, n int) (int, int) { return 2 * (i % 2), (i*89 + 17) % n }},
	}
	for name, analyses := range lawStudies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readOracleSet(t, filepath.Join("..", "testdata", name))
			whole := dealt(t, s, analyses, 2, func(i, _ int) (int, int) { return 0, i })
			for _, d := range deals {
				got := dealt(t, s, analyses, d.sites, d.of)
				for i, keys := range analyses {
					id := fmt.Sprintf("a%d", i)
					if whole[id]["refused"] != nil {
						t.Fatalf("%s: no result: %v", keys, whole[id]["refused"])
					}
					// On the way to infinity the information is nearly singular, and rounding grows.
					tolerance := 1e-12
					if namesInfinite(whole[id]) {
						tolerance = 1e-9
					}
					for _, table := range []string{"n", "excluded", "tidy", "glance", "vcov", "levels", "predicted", "reference", "baseline"} {
						for _, diff := range differences(whole[id][table], got[id][table], tolerance) {
							t.Errorf("%s: %s: %s%s", d.name, keys, table, diff)
						}
					}
				}
			}
		})
	}
}

// dealt runs analyses over the rows of a set after dealing them to hospitals s1, s2, ...; place orders the rows.
func dealt(t *testing.T, s *oracleSet, analyses []string, sites int, of func(row, rows int) (site, place int)) map[string]map[string]any {
	t.Helper()
	_, dictionary, _ := strings.Cut(oracleStudy(t, s), "\nvariables:\n")
	dictionary, _, _ = strings.Cut(dictionary, "\nanalyses:\n")
	var b strings.Builder
	b.WriteString("study: law\nsites:\n")
	for i := range sites {
		fmt.Fprintf(&b, "  s%d: {csv: s%d.csv}\n", i+1, i+1)
	}
	fmt.Fprintf(&b, "variables:\n%s\nanalyses:\n", dictionary)
	for i, keys := range analyses {
		fmt.Fprintf(&b, "  - {id: a%d, %s}\n", i, keys)
	}
	b.WriteString("privacy: {min_sites: 1, min_cell: 1, max_parameters_per_row: 1}\n")
	spec, err := study.Parse("law.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return simulate(t, spec, deal(t, s, spec, of))
}

// deal makes the files of the hospitals and reads them back.
func deal(t *testing.T, s *oracleSet, spec *study.Spec, of func(row, rows int) (site, place int)) map[party.ID]*table.Table {
	t.Helper()
	type line struct {
		site, place int
		text        string
	}
	var names []string
	for _, f := range spec.Schema.Fields {
		names = append(names, f.Name)
	}
	var lines []line
	rows := len(s.columns[names[0]])
	for i := range rows {
		l := line{}
		l.site, l.place = of(i, rows)
		for j, name := range names {
			if j > 0 {
				l.text += ","
			}
			l.text += s.columns[name][i]
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.place - b.place })
	tables := map[party.ID]*table.Table{}
	for k, site := range spec.Sites {
		src := strings.Join(names, ",") + "\n"
		for _, l := range lines {
			if l.site == k {
				src += l.text + "\n"
			}
		}
		var err error
		tables[site.ID], _, err = table.ReadCSV(strings.NewReader(src), site.Source.CSV, site.Source, spec.Schema, string(site.ID), spec.Privacy.MaxRows)
		if err != nil {
			t.Fatal(err)
		}
	}
	return tables
}

// differences compares two results, relative to the scale that their row gives.
func differences(want, got any, tolerance float64) []string {
	var out []string
	a, b := leaves(want), leaves(got)
	if len(a) != len(b) {
		return []string{fmt.Sprintf(": %d numbers, want %d", len(b), len(a))}
	}
	for i, l := range a {
		if last := l.path[max(0, len(l.path)-1):]; len(last) > 0 && (strings.HasPrefix(last[0], "cmh_") || last[0] == "iterations") {
			continue
		}
		w, ok1 := l.value.(float64)
		g, ok2 := b[i].value.(float64)
		if ok1 && ok2 && math.Abs(w-g) <= tolerance*max(math.Abs(w), rowScale(want, l.path)) {
			continue
		}
		if !slices.Equal(l.path, b[i].path) || l.value != b[i].value {
			out = append(out, fmt.Sprintf("/%s is %s, want %s", strings.Join(b[i].path, "/"), show(b[i].value), show(l.value)))
		}
	}
	return out
}

// rowScale is what a difference in a number is measured against: the standard
// error of an estimate, the standard deviation of a mean, 1 for a statistic.
func rowScale(v any, path []string) float64 {
	if len(path) == 0 {
		return 0
	}
	row, _ := lookup(v, path[:len(path)-1]...).(map[string]any)
	value := func(key string) float64 { x, _ := row[key].(float64); return math.Abs(x) }
	switch key := path[len(path)-1]; key {
	case "estimate", "conf_low", "conf_high":
		return max(value("std_error"), value("conf_high")-value("conf_low"))
	case "mean", "estimate1", "estimate2":
		return max(value("sd"), value("sd1"))
	case "odds_ratio", "odds_low", "odds_high":
		return value("std_error") * value("odds_ratio")
	case "sum":
		return value("n") * value("sd")
	case "n", "sd", "var", "sem", "std_error":
		return 0
	}
	return 1
}
