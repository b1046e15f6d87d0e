package engine_test

import (
	"fmt"
	"math"
	"testing"
)

// cohort is 240 patients in three hospitals of whom two are 41 years old, and
// others of all ages but 38 to 44. The older are ill more often.
func cohort() *madeUp {
	m := &madeUp{header: "age,sex,ill,days,out", variables: []string{
		"age: {type: number, integer: true, min: 18, max: 100}",
		"sex: {type: category, levels: [male, female]}",
		"ill: {type: binary}",
		"days: {type: number, integer: true, min: 0, max: 400}",
		"out: {type: binary}",
	}}
	for i := range 240 {
		age, sex, ill := 20+scatter(i, 60), "male", 0
		if age >= 38 && age <= 44 {
			age += 8
		}
		if i < 2 {
			age = 41
		}
		if i%3 == 0 {
			sex = "female"
		}
		if scatter(i+13, 60)+age/2 > 50 {
			ill = 1
		}
		m.add(3, fmt.Sprintf("%d,%s,%d,%d,%d", age, sex, ill, 1+scatter(i+5, 300), i%2))
	}
	return m
}

// Each analysis alone shows no few people; two that cut the same people at places a little apart do, by subtraction.
func TestTwoAnalysesDoNotCutTheSamePeopleNearlyAlike(t *testing.T) {
	m := cohort()
	model := `kind: logistic, formula: "ill ~ age + days"`
	type results = map[string]map[string]any
	for _, tc := range []struct {
		name     string
		analyses []string
		first    int                     // of the two analyses, the other is the next
		secret   func(r results) float64 // how many people are between
		some     func(got float64) bool
	}{
		{"breaks of two histograms", []string{"kind: histogram, variable: age, breaks: [18, 40, 100]", "kind: histogram, variable: age, breaks: [18, 42, 100]"}, 0,
			func(r results) float64 {
				return number(r["a1"], "tidy", "0", "count") - number(r["a0"], "tidy", "0", "count")
			}, func(n float64) bool { return n == 2 }},
		{"a histogram and thresholds of a score", []string{"kind: histogram, variable: age, breaks: [18, 40, 100]", "kind: roc, outcome: ill, score: age, thresholds: [42]"}, 0,
			func(r results) float64 {
				return number(r["a0"], "tidy", "1", "count") - number(r["a1"], "tidy", "0", "tp") - number(r["a1"], "tidy", "0", "fp")
			}, func(n float64) bool { return n == 2 }},
		{"thresholds of a score", []string{"kind: roc, outcome: ill, score: age, thresholds: [40]", "kind: roc, outcome: ill, score: age, thresholds: [42]"}, 0,
			func(r results) float64 {
				return number(r["a0"], "tidy", "0", "tp") - number(r["a1"], "tidy", "0", "tp") + number(r["a0"], "tidy", "0", "fp") - number(r["a1"], "tidy", "0", "fp")
			}, func(n float64) bool { return n == 2 }},
		{"thresholds of predicted risk", []string{model, "kind: decision_curve, model: a0, thresholds: [0.5]", "kind: decision_curve, model: a0, thresholds: [0.505]"}, 1,
			func(r results) float64 {
				return number(r["a1"], "tidy", "0", "n_treated") - number(r["a2"], "tidy", "0", "n_treated")
			}, func(n float64) bool { return n > 0 && n < 5 }},
		{"classes of predicted risk", []string{model, "kind: calibration, model: a0, bins: 9", "kind: calibration, model: a0, bins: 10"}, 1,
			func(r results) float64 {
				return number(r["a1"], "tidy", "0", "n") - number(r["a2"], "tidy", "0", "n")
			}, func(n float64) bool { return n > 0 && n < 5 }},
		{"survival by days and by steps of seven", []string{"kind: km, time: days, event: out", "kind: km, time: days, event: out, grid: 7"}, 0,
			func(r results) float64 { // of a curve, who is left at the second time shown
				n := math.NaN()
				for i := range 30 {
					for j := range 30 {
						d := math.Abs(number(r["a0"], "tidy", fmt.Sprint(i), "n_risk") - number(r["a1"], "tidy", fmt.Sprint(j), "n_risk"))
						if d > 0 && d < 5 {
							n = d
						}
					}
				}
				return n
			}, func(n float64) bool { return n > 0 && n < 5 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := fmt.Sprintf("a%d", tc.first), fmt.Sprintf("a%d", tc.first+1)
			warn := m.result(t, "min_cell: 5", tc.analyses...)
			if got := tc.secret(warn); !tc.some(got) {
				t.Fatalf("subtraction gives %v people: the attack has no power", got)
			}
			for _, id := range []string{a, b} {
				if !warned(warn[id], "places that have fewer than 5 people between them") {
					t.Errorf("%s has no warning", id)
				}
			}
			refused := m.result(t, "min_cell: 5, differencing: refuse", tc.analyses...)
			if got := tc.secret(refused); !math.IsNaN(got) || ruleOf(refused[b]) != "differencing" || ruleOf(refused[a]) != "" {
				t.Errorf("with differencing: refuse the subtraction gives %v, rules %q, %q", got, ruleOf(refused[a]), ruleOf(refused[b]))
			}
		})
	}
	// The same cuts, or places far apart, are nobody's secret.
	for _, other := range []string{"kind: histogram, variable: age, breaks: [18, 40, 100]", "kind: histogram, variable: age, breaks: [18, 60, 100]", "kind: histogram, variable: days, breaks: [0, 140, 400]"} {
		r := m.result(t, "min_cell: 5, differencing: refuse", "kind: histogram, variable: age, breaks: [18, 40, 100]", other)
		if ruleOf(r["a1"]) != "" || warned(r["a1"], "between them") {
			t.Errorf("%s: refused by %q", other, ruleOf(r["a1"]))
		}
	}
}
