package formula

import (
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

func TestBindRefusesWhatTheDictionaryForbids(t *testing.T) {
	s := dictionary()
	s.Fields = append(s.Fields, table.Field{Name: "lactate", Min: 0, Max: 30}, table.Field{Name: "days", Integer: true, Min: 0, Max: 400})
	for _, tc := range []struct{ src, err string }{
		{"y ~ weight", `column 5: no variable "weight" in the dictionary`},
		{"y ~ factor(weight)", `column 12: no variable "weight"`},
		{"weight ~ age", `column 1: no variable "weight"`},
		{"y ~ log(weight)", `column 9: no variable "weight"`},
		{"y ~ log(sex)", `column 9: "sex" is a category, want a number or a binary`},
		{"y ~ I(site + 1)", `column 7: "site" is a category`},
		{"y ~ log(lactate)", `column 5: log(lactate) with lactate in [0, 30]: the declared range allows log of 0, want above 0; raise min, or write log(... + constant)`},
		{"log(lactate) ~ age", `log(lactate) with lactate in [0, 30]`},
		{"y ~ log10(oldpeak)", `log10(oldpeak) with oldpeak in [-5, 10]: the declared range allows log10 of -5`},
		{"y ~ sqrt(oldpeak + smoke)", `sqrt(oldpeak + smoke) with oldpeak in [-5, 10], smoke in [0, 1]: the declared range allows sqrt of -5`},
		{"y ~ I(age/oldpeak)", `age/oldpeak with age in [18, 110], oldpeak in [-5, 10]: the declared range allows division by 0`},
		{"y ~ I(lactate^-1)", `division by 0`},
		{"y ~ I(oldpeak^0.5)", `not a whole number, want a base above 0`},
		{"y ~ I(age/0)", `division by 0`},
		{"y ~ exp(days * 10)", `its values exceed 1.8e308; narrow the range`},
		{"y ~ I(chol^200)", `its values exceed 1.8e308`},
		{"y ~ I(2)", `I(2) has no variable in it`},
		{"I(2) ~ age", `I(2) has no variable in it`},
		{"y ~ age + offset(3)", `offset(3) has no variable in it`},
		{"y ~ factor(chol)", `factor(chol): it is a number, want a category, a binary or a number declared integer with at most 50 values`},
		{"y ~ factor(days)", `factor(days): it is a number`},
		{"y ~ factor(race, ref = \"green\")", `column 24: "green" is not a declared level of race`},
		{"y ~ age + y", `the outcome y is also on the right side; remove it there`},
		{"log(y) ~ age:log(y)", `the outcome log(y) is also on the right side`},
		{"race ~ age", `outcome race is a category of 3 levels, want a number, a binary or two levels of which the second is the event`},
		{"factor(ecog) ~ age", `outcome factor(ecog) is a category of 4 levels`},
		{"y ~ age * offset(chol)", `offset(chol) in an interaction; an offset stands alone`},
		{"y ~ age - offset(chol)", `an offset cannot be removed`},
		{"~ age", `has no outcome, want outcome ~ terms`},
		{"y ~ (age + sex + race + stage + ward + smoke + ht + ecog + chol + oldpeak + `my var` + `my f`)^8", `more than 2000 terms`},
	} {
		f, err := Parse(tc.src)
		if err != nil {
			t.Errorf("%s: %v", tc.src, err)
			continue
		}
		_, err = f.Bind(s, true)
		if err == nil || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(), "formula: ") {
			t.Errorf("%s: got error %v, want %q", tc.src, err, tc.err)
		}
	}
	f, _ := Parse("y ~ age")
	if _, err := f.Bind(s, false); err == nil || !strings.Contains(err.Error(), "has a left side") {
		t.Errorf("left side where none belongs: %v", err)
	}
}

func TestModelNamesItsVariablesFactorsAndTerms(t *testing.T) {
	s := dictionary()
	for _, tc := range []struct {
		src                        string
		outcome                    string
		variables, factors, labels string
		intercept, offset          bool
	}{
		{"log(y) ~ age:sex + race + offset(log(chol))", "log(y)", "y age sex race chol", "sex race", "race age:sex", true, true},
		{"smoke ~ factor(ecog) + site + age - 1", "smoke", "smoke ecog site age", "ecog site", "factor(ecog) site age", false, false},
		// R evaluates what is only removed: rows missing age are dropped.
		{"y ~ sex - age", "y", "y sex age", "sex", "sex", true, false},
		{"y ~ race - race", "y", "y race", "", "", true, false},
		{"age + sex:factor(sex)", "", "age sex", "sex", "age sex:factor(sex)", true, false},
		{"I(y - age) ~ .", "I(y - age)", "y age chol oldpeak sex race stage ward smoke ht ecog my var my f", "sex race stage ward my f",
			"chol oldpeak sex race stage ward smoke ht ecog `my var` `my f`", true, false},
	} {
		m := mustBind(t, s, tc.src)
		var labels []string
		for _, u := range m.Terms {
			labels = append(labels, u.Label)
		}
		if m.Outcome != tc.outcome || strings.Join(m.Variables, " ") != tc.variables || strings.Join(m.Factors, " ") != tc.factors ||
			strings.Join(labels, " ") != tc.labels || m.Intercept != tc.intercept || m.HasOffset != tc.offset {
			t.Errorf("%s: got %q %q %q %q %v %v", tc.src, m.Outcome, m.Variables, m.Factors, labels, m.Intercept, m.HasOffset)
		}
	}
}

func TestTermsKnowTheirVariables(t *testing.T) {
	m := mustBind(t, dictionary(), "y ~ log(age + chol):sex:I(age^2)")
	if got := m.Terms[0]; got.Order != 3 || !slices.Equal(got.Variables, []string{"age", "chol", "sex"}) {
		t.Errorf("got %+v", got)
	}
}

func TestOutcomeIsDescribed(t *testing.T) {
	s := dictionary()
	for _, tc := range []struct {
		src     string
		kind    table.Kind
		lo, hi  float64
		zeroOne bool
		grid    string
		levels  string
	}{
		{"y ~ 1", table.Number, 1, 20, false, "1e-1", ""},
		{"chol ~ 1", table.Number, 100, 600, false, "", ""},
		{"smoke ~ 1", table.Binary, 0, 1, true, "1e0", ""},
		{"sex ~ 1", table.Category, 0, 1, true, "1e0", "female male"},
		{"factor(ht) ~ 1", table.Category, 0, 1, true, "1e0", "0 1"},
		{"I(y^2) ~ 1", table.Number, 1, 400, false, "1e-2", ""},
		{"2 * age + 1 ~ 1", table.Number, 37, 221, false, "1e0", ""},
		{"sqrt(chol) ~ 1", table.Number, 10, 24.49489742783178, false, "", ""},
	} {
		m := mustBind(t, s, tc.src)
		c := m.OutcomeColumn
		if m.OutcomeKind != tc.kind || c.Min != tc.lo || c.Max != tc.hi || c.ZeroOne != tc.zeroOne || gridText(c.Grid) != tc.grid || strings.Join(m.OutcomeLevels, " ") != tc.levels {
			t.Errorf("%s: got %v %+v grid %s %v", tc.src, m.OutcomeKind, c, gridText(c.Grid), m.OutcomeLevels)
		}
	}
}

func TestOffsetsAreBounded(t *testing.T) {
	m := mustBind(t, dictionary(), "y ~ sex + offset(oldpeak) + offset(2 * age)")
	if m.OffsetMin != 31 || m.OffsetMax != 230 || len(m.Terms) != 1 {
		t.Errorf("got [%g, %g], terms %v", m.OffsetMin, m.OffsetMax, m.Terms)
	}
}
