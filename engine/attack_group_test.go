package engine_test

import (
	"fmt"
	"math"
	"testing"
)

// outlier is 60 patients of three hospitals: one has x far above all others,
// three are of the rare group, and all of group same have the same z.
func outlier() (m *madeUp, top float64) {
	m = &madeUp{header: "x,z,g,e", variables: []string{
		"x: {type: number, step: 0.1, min: 0, max: 1000}",
		"z: {type: number, integer: true, min: 0, max: 90}",
		"g: {type: category, levels: [a, b, rare, same]}",
		"e: {type: binary}",
	}}
	for i := range 60 {
		x, z, g := float64(scatter(i, 1500))/10, 1+scatter(i+1, 80), []string{"a", "b"}[i%2]
		switch {
		case i == 17:
			x = 987.6
		case i%20 == 4:
			g = "rare"
		case i%10 == 8:
			g, z = "same", 33
		}
		m.add(3, fmt.Sprintf("%.1f,%d,%s,%d", x, z, g, scatter(i, 2)))
	}
	return m, 987.6
}

func TestTheOutermostValueIsNotFound(t *testing.T) {
	m, top := outlier()
	// Every way to come near the largest value: quantiles at the ends, classes and thresholds around one person.
	for _, tc := range []struct {
		analysis string
		found    func(r map[string]any) bool
	}{
		{"kind: describe, variables: [x], quantiles: [0.001, 0.5, 0.999], quantile_type: 1", func(r map[string]any) bool { return number(r, "tidy", "0", "q99_9") == top }},
		{"kind: describe, variables: [x], quantiles: [0.999], quantile_type: 2", func(r map[string]any) bool { return number(r, "tidy", "0", "q99_9") == top }},
		{"kind: describe, variables: [x], quantiles: [0.94, 0.96, 0.98, 0.99]", func(r map[string]any) bool {
			return number(r, "tidy", "0", "q99") > 150 || number(r, "tidy", "0", "q98") > 0 || number(r, "tidy", "0", "q96") > 0
		}},
		{"kind: histogram, variable: x, breaks: [0, 150, 987.6, 1000]", func(r map[string]any) bool { return few(r, "count") }},
		{"kind: histogram, variable: x, breaks: [980, 990]", func(r map[string]any) bool {
			below := number(r, "glance", "below")
			return few(r, "count") || !math.IsNaN(below) && below == number(r, "n")-1
		}},
		{"kind: histogram, variable: x, breaks: [0, 50, 100, 200]", func(r map[string]any) bool { return number(r, "glance", "above") == 1 }},
		{"kind: roc, outcome: e, score: x, thresholds: [150, 500, 987.6]", func(r map[string]any) bool { return beyond(r) }},
		{"kind: roc, outcome: e, score: x", func(r map[string]any) bool { return beyond(r) }},
		{"kind: roc, outcome: e, score: x, grid: 200", func(r map[string]any) bool { return beyond(r) }},
		{"kind: table1, variables: [x], medians: [x], by: g", func(r map[string]any) bool { return few(r, "n") }},
	} {
		if r := m.result(t, "min_cell: 1", tc.analysis)["a0"]; !tc.found(r) {
			t.Errorf("%s: without the rule the value is not found: the attack has no power: %v", tc.analysis, r)
		}
		if r := m.result(t, "min_cell: 5", tc.analysis)["a0"]; tc.found(r) {
			t.Errorf("%s: the value of one person is found: %v", tc.analysis, r)
		}
	}
}

// few reports whether a row counts 1..4 people.
func few(r map[string]any, key string) bool {
	rows, _ := r["tidy"].([]any)
	for i := range rows {
		if n := number(r, "tidy", fmt.Sprint(i), key); n > 0 && n < 5 {
			return true
		}
	}
	return false
}

// beyond reports whether a threshold has 1..4 people with, or without, the event on one side, or between it and the next.
func beyond(r map[string]any) bool {
	rows, _ := r["tidy"].([]any)
	tp, fp := math.NaN(), math.NaN()
	for i := range rows {
		at := func(key string) float64 { return number(r, "tidy", fmt.Sprint(i), key) }
		for _, n := range []float64{at("tp"), at("fp"), at("tn"), at("fn"), tp - at("tp"), fp - at("fp")} {
			if n > 0 && n < 5 {
				return true
			}
		}
		if !math.IsNaN(at("tp")) {
			tp, fp = at("tp"), at("fp")
		}
	}
	return false
}

func TestSmallGroupsHaveNoFigures(t *testing.T) {
	m, _ := outlier()
	figures := []string{"mean", "sd", "var", "sem", "sum", "skewness", "kurtosis", "median", "q25", "q75"}
	for _, analysis := range []string{
		"kind: describe, variables: [x], by: g, quantiles: [0.25, 0.5, 0.75]",
		"kind: table1, variables: [x], by: g, medians: [x]",
		"kind: table1, variables: [z], by: g",
	} {
		for _, minCell := range []int{1, 5} {
			r := m.result(t, fmt.Sprintf("min_cell: %d", minCell), analysis)["a0"]
			rows, _ := r["tidy"].([]any)
			var everyone, shown float64
			given := false
			for i, row := range rows {
				n := number(r, "tidy", fmt.Sprint(i), "n")
				group := lookup(row, "group")
				if group == nil {
					everyone = n
				} else if !math.IsNaN(n) {
					shown += n
				}
				if group == "rare" {
					for _, k := range figures {
						given = given || !math.IsNaN(number(row, k))
					}
				}
			}
			if given != (minCell == 1) {
				t.Errorf("%s, min_cell %d: figures of three people are given: %v", analysis, minCell, given)
			}
			if everyone > 0 && minCell > 1 && everyone-shown < 5 {
				t.Errorf("%s: everyone less the groups shown are %v people", analysis, everyone-shown)
			}
		}
	}
}

func TestTestsRefuseSmallGroups(t *testing.T) {
	m, _ := outlier()
	for _, analysis := range []string{
		`kind: ttest, variable: x, by: g, where: "g == 'a' | g == 'rare'"`,
		"kind: anova, variable: x, by: g",
		"kind: rank, variable: x, by: g",
		`kind: correlation, variables: [x, z], where: "x > 140"`,
		`kind: linear, formula: "x ~ 1", where: "x > 145"`,
		`kind: ttest, paired: [x, z], where: "x > 145"`,
		`kind: roc, outcome: e, score: z, where: "e == 0 | x > 139"`,
		`kind: logistic, formula: "e ~ z", where: "e == 0 | x > 139"`,
	} {
		if r := m.result(t, "min_cell: 1, min_sites: 1, max_parameters_per_row: 1", analysis)["a0"]; !shows(r) {
			t.Errorf("%s: without the rule nothing is shown either: the attack has no power: %v", analysis, r)
		}
		r := m.result(t, "min_cell: 5, min_sites: 1, max_parameters_per_row: 1", analysis)["a0"]
		if rule := ruleOf(r); rule != "min_cell" && rule != "min_sites" && rule != "remainder" || shows(r) {
			t.Errorf("%s: got %v, want a refusal of the small group", analysis, r)
		}
	}
}

func TestEveryoneTheSameIsSaid(t *testing.T) {
	m, _ := outlier()
	r := m.result(t, "min_cell: 5", `kind: describe, variables: [z], by: g, where: "g != 'rare'"`)["a0"]
	if !warned(r, "everyone in this group", "same") {
		t.Errorf("a group in which everyone has z = 33 is not warned about: %v", r["warnings"])
	}
}
