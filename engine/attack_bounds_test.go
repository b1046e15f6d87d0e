package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
)

// wide is thirty patients whose x is declared far beyond what it can be.
func wide(limit string) *madeUp {
	m := &madeUp{header: "x,y,g,e", variables: []string{
		fmt.Sprintf("x: {type: number, min: -%s, max: %s}", limit, limit),
		"y: {type: number, integer: true, min: 0, max: 90}",
		"g: {type: category, levels: [a, b]}",
		"e: {type: binary}",
	}}
	for i := range 30 {
		m.add(3, fmt.Sprintf("%d.5,%d,%c,%d", scatter(i, 90), scatter(i+1, 90), 'a'+rune(i%2), scatter(i, 2)))
	}
	return m
}

var overX = []string{
	"kind: describe, variables: [x]",
	"kind: histogram, variable: x, breaks: [0, 50, 100]",
	"kind: ttest, variable: x, by: g",
	"kind: ttest, paired: [x, y]",
	"kind: anova, variable: x, by: g",
	"kind: correlation, variables: [x, y]",
	"kind: correlation, variables: [x, y], method: spearman",
	"kind: rank, variable: x, by: g",
	"kind: table1, variables: [x], by: g, medians: [x]",
	`kind: linear, formula: "x ~ y"`,
	`kind: linear, formula: "y ~ x + I(x^2)"`,
	`kind: linear, formula: "y ~ x", ridge: 2`,
	`kind: logistic, formula: "e ~ x"`,
	`kind: logistic, formula: "e ~ y + offset(x)"`,
	"kind: roc, outcome: e, score: x",
}

// TestASumThatCannotBeRepresentedIsRefused declares ranges too wide for 128
// bits, or for the spread of the values: an error of the study file that names
// variable and bound, or a refusal that gives both numbers; never a wrong or a missing figure.
func TestASumThatCannotBeRepresentedIsRefused(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"1e15", "1e30", "1e100", "1e160", "1e300", "1.7e308"} {
		for _, analysis := range overX {
			m := wide(limit)
			s, err := study.Parse("attack.yaml", []byte(m.text("", []string{analysis})))
			if err == nil {
				_, err = engine.Plan(s)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "x") && !strings.Contains(err.Error(), "offset") || !regexp.MustCompile(`\d`).MatchString(err.Error()) {
					t.Errorf("%s, %s: the error names no variable or bound: %v", limit, analysis, err)
				}
				continue
			}
			r := simulate(t, s, m.tables(t, s))["a0"]
			if rule := ruleOf(r); rule != "" {
				if message := text(r["refused"].(map[string]any)["message"]); rule != "resolution" || !regexp.MustCompile(`\d`).MatchString(message) {
					t.Errorf("%s, %s: refused by %s: %s", limit, analysis, rule, message)
				}
				continue
			}
			if list, _ := r["warnings"].([]any); !shows(r) && len(list) == 0 {
				t.Errorf("%s, %s: neither figures nor a warning: %v", limit, analysis, r)
			}
		}
	}
}

// TestNoFigureIsNaNOrInfinite writes results of odd data and reads the files.
func TestNoFigureIsNaNOrInfinite(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]func(i int) string{
		"everyone the same":        func(int) string { return "5,5,a,1" },
		"nothing but missing":      func(int) string { return ",,," },
		"a perfect line":           func(i int) string { return fmt.Sprintf("%d,%d,%c,%d", i, 2*i, 'a'+rune(i/15), i/15) },
		"two values":               func(i int) string { return fmt.Sprintf("%d,%d,%c,%d", i%2, i%2, 'a'+rune(i%2), i%2) },
		"one differs":              func(i int) string { return fmt.Sprintf("%d,%d,%c,%d", 1/(i+1), 1/(i+1), 'a'+rune(1/(i+1)), 1/(i+1)) },
		"numbers for three only":   func(i int) string { return map[bool]string{true: "1,2,a,1", false: ",,b,0"}[i < 3] },
		"one group without events": func(i int) string { return fmt.Sprintf("%d,%d,%c,%d", i, i*i%83, 'a'+rune(i%2), i%2*(i/2%2)) },
	} {
		for _, privacy := range []string{"min_cell: 1, min_sites: 1, max_parameters_per_row: 1", ""} {
			m := wide("1000")
			for h := range m.rows {
				for i := range m.rows[h] {
					m.rows[h][i] = line(3*i + h)
				}
			}
			analyses := append([]string{"kind: crosstab, rows: g, columns: e", `kind: logistic, formula: "e ~ g", drop1: true`, `kind: linear, formula: "x ~ y + g", drop1: true`}, overX...)
			s := m.spec(t, privacy, analyses)
			r, err := engine.Simulate(t.Context(), s, m.tables(t, s))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			dir := filepath.Join(t.TempDir(), "out")
			if err := r.WriteDir(dir); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join(dir, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				b = regexp.MustCompile(`-?Inf +NA`).ReplaceAll(b, nil) // where an estimate of a separated model goes
				if at := regexp.MustCompile(`\bNaN\b|[+-]?\bInf\b|%!|<nil>|e\+30[0-9]`).Find(b); at != nil {
					t.Errorf("%s, %q: %s holds %s", name, privacy, f.Name(), at)
				}
			}
		}
	}
}
