package engine_test

import (
	"fmt"
	"math"
	"testing"
)

// ward is 120 patients in three hospitals. Two are older than everyone else;
// x is missing for some, y for others.
func ward() (m *madeUp, x []float64) {
	m = &madeUp{header: "age,sex,arm,x,y", variables: []string{
		"age: {type: number, integer: true, min: 18, max: 100}",
		"sex: {type: category, levels: [male, female]}",
		"arm: {type: category, levels: [a, b, rare]}",
		"x: {type: number, step: 0.1, min: 0, max: 200}",
		"y: {type: number, step: 0.1, min: 0, max: 200}",
	}}
	for i := range 120 {
		age, sex, arm := 20+scatter(i, 60), "male", "a"
		if i < 2 {
			age = 95 - 4*i
		}
		if i >= 60 {
			sex = "female"
		}
		if i%2 == 1 {
			arm = "b"
		}
		if i%40 == 3 { // three patients
			arm = "rare"
		}
		v := float64(scatter(i, 1900)) / 10
		x = append(x, v)
		xs, ys := fmt.Sprintf("%.1f", v), fmt.Sprintf("%.1f", v/2+float64(scatter(i+7, 500))/10)
		if i%12 == 5 { // ten patients
			xs = ""
		}
		if i == 7 || i == 77 {
			ys = ""
		}
		m.add(3, fmt.Sprintf("%d,%s,%s,%s,%s", age, sex, arm, xs, ys))
	}
	return m, x
}

// sumOf is a sum that a row of a describe result gives: n times its mean.
func sumOf(v any, row string) float64 {
	return number(v, "tidy", row, "n") * number(v, "tidy", row, "mean")
}

func TestSubtractingTwoResultsShowsNobody(t *testing.T) {
	m, x := ward()
	ages := make([]int, len(x)) // as in ward
	for i := range ages {
		ages[i] = 20 + scatter(i, 60)
	}
	over := func(keep func(i int) bool) (s float64) {
		for i, v := range x {
			if keep(i) && i%12 != 5 {
				s += v
			}
		}
		return s
	}
	for _, tc := range []struct {
		name     string
		analyses []string
		secret   func(r map[string]map[string]any) float64 // from the results without the rule
		truth    float64                                   // what it is about: the sum of x of a few people
	}{
		{"nested conditions", []string{
			"kind: describe, variables: [x]",
			`kind: describe, variables: [x], where: "age < 95"`,
		}, func(r map[string]map[string]any) float64 { return sumOf(r["a0"], "0") - sumOf(r["a1"], "0") }, x[0]},
		{"conditions that overlap", []string{
			`kind: describe, variables: [x], where: "age < 95 & sex == 'male'"`,
			`kind: describe, variables: [x], where: "age != 91 & sex == 'male' | age == 91 & age == 95"`,
			`kind: describe, variables: [x], where: "sex == 'male'"`,
		}, func(r map[string]map[string]any) float64 { return sumOf(r["a2"], "0") - sumOf(r["a1"], "0") }, x[1]},
		{"different kinds", []string{
			"kind: table1, variables: [x]",
			`kind: describe, variables: [x], where: "age <= 90"`,
		}, func(r map[string]map[string]any) float64 { return sumOf(r["a0"], "0") - sumOf(r["a1"], "0") }, x[0] + x[1]},
		{"a level dropped against the level kept", []string{
			"kind: describe, variables: [x]",
			`kind: describe, variables: [x], where: "arm != 'rare'"`,
		}, func(r map[string]map[string]any) float64 { return sumOf(r["a0"], "0") - sumOf(r["a1"], "0") }, x[3] + x[43] + x[83]},
		{"rows complete for two variables against those that have one", []string{
			"kind: describe, variables: [x]", // all 120 rows, 110 of them with x
			"kind: correlation, variables: [x, y]",
		}, func(r map[string]map[string]any) float64 {
			return sumOf(r["a0"], "0") - number(r["a1"], "n")*number(r["a1"], "glance", "means", "0")
		}, x[7]},
		{"the same groups with and without a few in each", []string{
			"kind: describe, variables: [x], by: sex",
			`kind: describe, variables: [x], by: sex, where: "age > 22 & age < 95"`,
		}, func(r map[string]map[string]any) float64 { return sumOf(r["a0"], "1") - sumOf(r["a1"], "1") },
			over(func(i int) bool { return i >= 60 && ages[i] <= 22 })},
		{"a group against a condition", []string{
			"kind: describe, variables: [x], by: sex",
			`kind: describe, variables: [x], where: "sex == 'male' & age < 95"`,
		}, func(r map[string]map[string]any) float64 { return sumOf(r["a0"], "0") - sumOf(r["a1"], "0") }, x[0]},
		{"two conditions that leave a few out, and everyone", []string{
			`kind: describe, variables: [x], where: "age < 40"`,
			"kind: describe, variables: [x]",
			`kind: describe, variables: [x], where: "age > 40"`,
		}, func(r map[string]map[string]any) float64 {
			return sumOf(r["a1"], "0") - sumOf(r["a0"], "0") - sumOf(r["a2"], "0")
		}, over(func(i int) bool { return i > 1 && ages[i] == 40 })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			off := m.result(t, "min_cell: 1", tc.analyses...)
			if got := tc.secret(off); !(math.Abs(got-tc.truth) < 1e-6) {
				t.Fatalf("without the rule the subtraction gives %v, want %v: the attack has no power", got, tc.truth)
			}
			warn := m.result(t, "min_cell: 5", tc.analyses...)
			named := 0
			for id := range warn {
				if warned(warn[id], "differ by fewer than 5 people") {
					named++
				}
			}
			if named < 2 {
				t.Errorf("%d analyses are warned about, want two that name each other", named)
			}
			refused := m.result(t, "min_cell: 5, differencing: refuse", tc.analyses...)
			if got := tc.secret(refused); !math.IsNaN(got) {
				t.Errorf("with differencing: refuse the subtraction still gives %v", got)
			}
			if ruleOf(refused["a0"]) != "" {
				t.Error("the first analysis is refused, want a later one")
			}
		})
	}
}
