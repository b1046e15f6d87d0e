package formula

import (
	"strings"
	"testing"
)

func TestSyntaxErrorsNameTheColumn(t *testing.T) {
	for _, tc := range []struct{ src, err string }{
		{"", `column 1: the end, want a variable`},
		{"y ~", `column 4: the end, want a variable`},
		{"y ~ age +", `column 10: the end, want a variable`},
		{"y ~ age age", `column 9: unexpected "age", want + - * : ^ or the end`},
		{"y ~ age ~ sex", `column 9: unexpected "~"`},
		{"~ ~ a", `column 3: "~", want a variable`},
		{"y ~ (age", `column 9: the end after the terms in parentheses, want ")"`},
		{"y ~ age)", `column 8: unexpected ")"`},
		{"y ~ age + 2", `column 11: 2 is not a term`},
		{"y ~ 1e999", `column 5: 1e999 is not a term`},
		{"y ~ age + - sex", `column 11: a second operator "-"`},
		{"y ~ -age:sex", `column 5: a sign before an interaction`},
		{"y ~ age / sex", `column 9: nesting with / is not supported: write a + a:b`},
		{"y ~ age %in% sex", `column 9: %in% and other`},
		{"y ~ age^1", `column 9: "1" after ^, want a whole number from 2`},
		{"y ~ (age + sex)^1.5", `column 17: "1.5" after ^`},
		{"y ~ (age + sex)^21", `column 17: "21" after ^, want a whole number from 2 to 20`},
		{"y ~ (age + sex)^sex", `column 17: "sex" after ^`},
		{"y ~ (age + sex)^2^2", `column 18: one power after another`},
		{"y ~ I(age^)", `column 11: ")", want a variable, a number`},
		{"y ~ I()", `column 7: ")", want a variable, a number`},
		{"y ~ I(age:sex)", `column 10: ':' inside arithmetic`},
		{"y ~ I(.)", `column 7: '.' inside arithmetic`},
		{"y ~ log(age, 2)", `column 12: log( ) takes one argument`},
		{"y ~ log(factor(sex))", `column 9: factor( ) inside arithmetic`},
		{"y ~ log(offset(age))", `column 9: offset( ) stands as a term of its own`},
		{"offset(y) ~ age", `column 1: offset( ) stands as a term of its own`},
		{"y ~ poly(age, 2)", `column 5: no function poly( ); there are log log2 log10 sqrt exp, I, factor and offset`},
		{"y ~ relevel(sex, \"a\")", `column 5: relevel( ) is not supported; write factor(x)`},
		{"Surv(time, event) ~ age", `column 1: Surv( ) does not stand in the formula`},
		{"y ~ strata(site)", `column 5: strata( ) does not stand in the formula`},
		{"y ~ factor(log(age))", `column 12: "log" in factor( ), want the name of a variable`},
		{"y ~ factor(sex, levels = \"a\")", `column 17: "levels" in factor( ), want ref`},
		{"y ~ factor(sex, ref \"a\")", `column 21: the text "a" after ref, want "="`},
		{"y ~ factor(sex, ref = a)", `column 23: "a" after ref =, want a level in quotes`},
		{"y ~ factor(sex, ref = \"a\"", `after the variable of factor, want ")"`},
		{"y ~ `age", "column 5: the quote ` is not closed"},
		{"y ~ ``", "column 5: nothing between the quotes"},
		{"y ~ `log`(age)", "column 5: `log` in backticks is a variable"},
		{"y ~ TRUE", `column 5: TRUE is a reserved word`},
		{"y ~ _x", `column 5: a name begins with a letter`},
		{"y ~ 2x", `column 5: a number is written in decimal digits`},
		{"y ~ 1L", `column 5: a number is written in decimal digits`},
		{"y ~ 1e", `column 5: a number with an exponent has digits`},
		{"y ~ a == b", `column 7: unexpected "=", want + - * : ^ or the end`},
		{"y ~ a | b", `column 7: unexpected "|"`},
		{"y ~ a\x00", `column 6: unexpected "\x00"`},
		{"y ~ \xff", `not valid UTF-8`},
		{"y ~ " + strings.Repeat("(", 500) + "a", `nested deeper than 100`},
		{"y ~ I(" + strings.Repeat("-", 500) + "a)", `nested deeper than 100`},
		{"y ~ I(" + strings.Repeat("a^", 500) + "a)", `nested deeper than 100`},
		{"y ~ " + strings.Repeat("a", MaxLength), `at most 10000`},
	} {
		_, err := Parse(tc.src)
		if err == nil || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(), "formula: ") {
			t.Errorf("%.60q: got error %v, want %q", tc.src, err, tc.err)
		}
	}
}

func TestFormulaPrintsAsWritten(t *testing.T) {
	src := "y~age +  log( chol )"
	f, err := Parse(src)
	if err != nil || f.String() != src {
		t.Errorf("got %q, %v", f, err)
	}
}

func TestNumbersArePrintedAsRDeparses(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 1: "1", 0.5: "0.5", 100000: "1e+05", 123456: "123456", 10000: "10000", 300000: "3e+05", 1e-3: "0.001", 1e-4: "1e-04",
		1.2e11: "1.2e+11", 1.234e-5: "1.234e-05", 123456789: "123456789", 123456.789: "123456.789", 1e22: "1e+22", 1e300: "1e+300",
		1.0 / 3: "0.333333333333333", 3.141592653589793: "3.14159265358979", 0.00012: "0.00012",
	} {
		if got := deparseNumber(x); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}

// FuzzParse: no input panics or hangs (the fuzzer stops an input after ten seconds); what parses prints as a formula
// that parses to the same; what binds has finite ranges.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"y ~ age * sex + site", "~ .", "y ~ (age + sex)^2 - age:sex - 1", "log(y) ~ I((age - 50)^2 / 3) + offset(log(chol))",
		"y ~ factor(race, ref = \"black\") : `my var`", "y ~ .^3", "y ~ 0 + factor(ecog)*race*stage*ward*site", "I(y/1e3) ~ -1 + 2**ecog",
		"y ~ (age+sex+race+stage)^20", "y ~ I(exp(exp(exp(oldpeak))))", "y ~ I(1/smoke)", "smoke ~ I(ecog^256)", "\xef\xbb\xbfy ~ a",
	} {
		f.Add(s)
	}
	s := dictionary()
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Parse(src)
		if err != nil {
			return
		}
		again, err := Parse(p.right.String())
		if err != nil || again.right.String() != p.right.String() {
			t.Fatalf("%q prints as %q: %v", src, p.right, err)
		}
		if m, err := p.Bind(s, p.left != nil); err == nil {
			m.Droppable()
			if d, err := m.Design(nil); err == nil {
				for _, c := range d.Columns {
					if !(c.Min <= c.Max) {
						t.Fatalf("%q: column %s in [%g, %g]", src, c.Name, c.Min, c.Max)
					}
				}
				Saturated(d)
			}
		}
	})
}
