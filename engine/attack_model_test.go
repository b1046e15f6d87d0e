package engine_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

// clinic is 90 patients, one of them 77 years old, two with a rare disease,
// and two smokers among the women with diabetes.
func clinic() *madeUp {
	m := &madeUp{header: "age,y,rare,grade,half,dm,sex,smoke,e,scale", variables: []string{
		"age: {type: number, integer: true, min: 18, max: 80}",
		"y: {type: number, step: 0.1, min: 0, max: 200}",
		"rare: {type: binary}",
		"grade: {type: number, integer: true, min: 1, max: 2}",
		"half: {type: number, step: 0.5, min: 0, max: 0.5}",
		"dm: {type: binary}",
		"sex: {type: category, levels: [male, female]}",
		"smoke: {type: category, levels: ['no', 'yes']}",
		"e: {type: binary}",
		"scale: {type: number, integer: true, min: 0, max: 2}",
	}}
	for i := range 90 {
		age := 20 + scatter(i, 50)
		if i == 0 {
			age = 77
		}
		few := 0 // the two with the rare disease
		if i == 10 || i == 40 {
			few = 1
		}
		dm, female, smoke := i%2, i/2%2, scatter(i, 7)%2
		if dm == 1 && female == 1 {
			smoke = 0
			if i == 3 || i == 7 {
				smoke = 1
			}
		}
		sex, smokes := [2]string{"male", "female"}[female], [2]string{"no", "yes"}[smoke]
		m.add(3, fmt.Sprintf("%d,%.1f,%d,%d,%g,%d,%s,%s,%d,%d", age, 20+float64(scatter(i, 1500))/10, few, 1+few, float64(few)/2, dm, sex, smokes, scatter(i+3, 2), 2*few+(1-few)*(i%2)))
	}
	return m
}

// TestACoefficientDoesNotSpeakOfSinglePeople fits models with a column, or a
// cell of their columns, that is about a few people.
func TestACoefficientDoesNotSpeakOfSinglePeople(t *testing.T) {
	m := clinic()
	for _, tc := range []struct {
		name, kind, formula string
		about               int // people it would speak of
	}{
		{"a yes/no variable", "linear", "y ~ rare", 2},
		{"a yes/no variable", "logistic", "e ~ rare", 2},
		{"the other way round", "linear", "y ~ I(1 - rare)", 2},
		{"a number of two values", "linear", "y ~ grade", 2},
		{"a number of two values", "logistic", "e ~ grade", 2},
		{"two values that are no whole numbers", "linear", "y ~ half", 2},
		{"two values far apart", "linear", "y ~ I(1000 * grade)", 2},
		{"the logarithm of two values", "linear", "y ~ log(grade)", 2},
		{"a polynomial that is 1 for one age", "linear", "y ~ I((scale - 1) * scale / 2)", 2},
		{"the same of a logistic model", "logistic", "e ~ I((scale - 1) * scale / 2)", 2},
		{"an even power", "linear", "y ~ I((scale - 1)^2 * scale)", 2},
		{"a level of a number as a category", "linear", "y ~ factor(scale)", 2},
		{"a bell around one age", "linear", "y ~ I(exp(-1000 * (age - 77)^2))", 1},
		{"a flatter bell", "linear", "y ~ I(exp(-3 * (age - 77)^2))", 1},
		{"a bell in a logistic model", "logistic", "e ~ I(exp(-0.5 * (age - 77)^2))", 1},
		{"a pole beside one age", "linear", "y ~ I(1 / ((age - 77)^2 + 0.001))", 1},
		{"a steep power", "linear", "y ~ I((age / 10)^20)", 1},
		{"a product with a yes/no variable", "linear", "y ~ age:rare", 2},
		{"the same of a logistic model", "logistic", "e ~ age:rare", 2},
		{"a product with two yes/no variables", "linear", "y ~ age:dm:rare + dm", 2},
		{"a three-way product of many", "linear", "y ~ sex + smoke + dm + age:sex:smoke:dm", 2},
		{"an expression with a yes/no variable", "linear", "y ~ I(age * rare)", 2},
		{"an offset", "linear", "y ~ 1 + offset(1000 * rare)", 2},
		{"an offset of two values", "logistic", "e ~ 1 + offset(0.001 * grade)", 2},
		{"a rare outcome", "linear", "rare ~ 1", 2},
		{"a rare outcome of a logistic model", "logistic", "rare ~ age", 2},
		{"an outcome of two values", "linear", "grade ~ age", 2},
		{"an outcome of two values that are no whole numbers", "linear", "half ~ age", 2},
		{"an outcome that is 0 for all but one", "linear", "I(y * exp(-1000 * (age - 77)^2)) ~ 1", 1},
		{"a cell of three categories beside another term", "linear", "y ~ age + dm * sex * smoke", 2},
		{"the same of a logistic model", "logistic", "e ~ age + dm * sex * smoke", 2},
	} {
		t.Run(tc.kind+" "+tc.formula, func(t *testing.T) {
			analysis := fmt.Sprintf("kind: %s, formula: %q", tc.kind, tc.formula)
			if _, refused := m.released(t, "min_cell: 1", analysis); refused != nil {
				t.Fatalf("%s: without the rule the model is refused, too: %v: the attack has no power", tc.name, refused)
			}
			for _, extra := range []string{"", ", ridge: 0.1", ", drop1: true"} {
				_, refused := m.released(t, "min_cell: 5", analysis+extra)
				if refused == nil {
					t.Errorf("%s: the model is fitted (%s); a coefficient speaks of %d people", tc.name, extra, tc.about)
				} else if refused.Rule != "min_cell" && refused.Rule != "saturated" {
					t.Errorf("%s: refused by %s: %s", tc.name, refused.Rule, refused.Message)
				}
			}
		})
	}
}

func TestUsualModelsAreFitted(t *testing.T) {
	m := clinic()
	for _, analysis := range []string{
		`kind: linear, formula: "y ~ age + sex + smoke + dm"`,
		`kind: linear, formula: "y ~ age + I(age^2) + log(age) + sqrt(age)"`,
		`kind: linear, formula: "log(y + 1) ~ age * sex"`,
		`kind: linear, formula: "y ~ dm * sex + age"`,
		`kind: linear, formula: "y ~ I((age - 45)^2)"`,
		`kind: linear, formula: "y ~ scale"`,
		`kind: logistic, formula: "e ~ age + I(age^3) + sex:dm", drop1: true`,
		`kind: logistic, formula: "e ~ age * sex + exp(age / 20)"`,
		`kind: linear, formula: "e ~ age + sex"`,
	} {
		if _, refused := m.released(t, "min_cell: 5", analysis); refused != nil {
			t.Errorf("%s: %v", analysis, refused)
		}
	}
}

// TestARareOutcomeIsNotCountedByAModel reads the number of events out of what models of a rare outcome release.
func TestARareOutcomeIsNotCountedByAModel(t *testing.T) {
	m := clinic()
	for analysis, events := range map[string]func(f stat.Frame) float64{
		`kind: linear, formula: "rare ~ 1"`: func(f stat.Frame) float64 { return 90 * f.Tidy[0].Get("estimate").(float64) },
		`kind: logistic, formula: "rare ~ 1"`: func(f stat.Frame) float64 {
			return 90 / (1 + math.Exp(-f.Tidy[0].Get("estimate").(float64)))
		},
	} {
		f, refused := m.released(t, "min_cell: 1", analysis)
		if refused != nil || math.Abs(events(f)-2) > 1e-6 {
			t.Errorf("%s: without the rule: %v, %v; the attack has no power", analysis, refused, f.Tidy)
		}
		f, refused = m.released(t, "min_cell: 5", analysis)
		if refused == nil {
			t.Errorf("%s: fitted: %v events", analysis, events(f))
		} else if strings.ContainsAny(refused.Message, "2") {
			t.Errorf("%s: the refusal has the number in it: %s", analysis, refused.Message)
		}
	}
}
