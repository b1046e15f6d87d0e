package engine_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
)

// region is five hospitals of 12 patients; h1 alone measures lab, h1 and h2 measure echo,
// and h5 has two patients with x, all others have it.
func region() *madeUp {
	m := &madeUp{header: "x,e,g,lab,echo", variables: []string{
		"x: {type: number, step: 0.1, min: 0, max: 200}",
		"e: {type: binary}",
		"g: {type: category, levels: [a, b]}",
		"lab: {type: number, step: 0.1, min: 0, max: 200}",
		"echo: {type: number, step: 0.1, min: 0, max: 200}",
	}, rows: make([][]string, 5)}
	for h := range m.rows {
		for i := range 12 {
			k := 12*h + i
			lab, echo := "", ""
			if h == 0 {
				lab = fmt.Sprintf("%.1f", float64(scatter(k, 2000))/10)
			}
			if h < 2 {
				echo = fmt.Sprintf("%.1f", float64(scatter(k+5, 2000))/10)
			}
			m.rows[h] = append(m.rows[h], fmt.Sprintf("%.1f,%d,%c,%s,%s", float64(scatter(k+9, 2000))/10, scatter(k, 2), 'a'+rune(scatter(k+1, 2)), lab, echo))
		}
	}
	return m
}

// shows reports whether a result has a figure of a few hospitals: any number in its rows beside sizes.
func shows(result map[string]any) bool {
	for _, part := range []string{"tidy", "glance", "vcov"} {
		for _, l := range leaves(result[part]) {
			key := ""
			for _, p := range l.path {
				key = p
			}
			if x, ok := l.value.(float64); ok && !math.IsNaN(x) && key != "lower" && key != "upper" && key != "chi_squared_df" {
				return true
			}
		}
	}
	return false
}

func TestWhereDoesNotLeaveOneOrTwoHospitals(t *testing.T) {
	m := region()
	kinds := []string{
		"kind: describe, variables: [x]",
		"kind: histogram, variable: x, breaks: [0, 50, 100, 200]",
		"kind: crosstab, rows: g, columns: e",
		"kind: ttest, variable: x, by: g",
		"kind: anova, variable: x, by: g",
		"kind: rank, variable: x, by: g",
		"kind: correlation, variables: [x, e]",
		"kind: table1, variables: [x, e], by: g",
		`kind: linear, formula: "x ~ g"`,
		`kind: logistic, formula: "e ~ x"`,
		"kind: roc, outcome: e, score: x",
	}
	for _, where := range []string{
		`site == 'h1'`, `site %in% c('h1')`, `site %in% c('h1', 'h2')`, `!(site %in% c('h3', 'h4', 'h5'))`,
		`site != 'h2' & site != 'h3' & site != 'h4'`, `!is.na(lab)`, `!is.na(echo) & x >= 0`,
	} {
		var analyses []string
		for _, k := range kinds {
			analyses = append(analyses, fmt.Sprintf("%s, where: %q", k, where))
		}
		off := m.result(t, "min_cell: 1, min_sites: 1", analyses...)
		on := m.result(t, "", analyses...)
		for i, k := range kinds {
			id := fmt.Sprintf("a%d", i)
			if !shows(off[id]) {
				t.Errorf("%s, %s: without the rule nothing is shown either: the attack has no power: %v", k, where, off[id])
			}
			if ruleOf(on[id]) != "min_sites" || shows(on[id]) {
				t.Errorf("%s, %s: figures of one or two hospitals: %v", k, where, on[id])
			}
		}
	}
}

func TestAVariableOfOneOrTwoHospitalsIsNotShown(t *testing.T) {
	m := region()
	for _, v := range []string{"lab", "echo"} {
		analyses := []string{
			"kind: describe, variables: [V], quantiles: [0.5]",
			"kind: describe, variables: [V], by: g",
			"kind: table1, variables: [V], by: g, medians: [V]",
			"kind: table1, variables: [x, V]",
			"kind: histogram, variable: V, breaks: [0, 50, 100, 200]",
			"kind: ttest, variable: V, by: g",
			"kind: ttest, paired: [V, x]",
			"kind: rank, variable: V, by: g",
			"kind: correlation, variables: [x, V]",
			`kind: linear, formula: "x ~ V"`,
			`kind: logistic, formula: "e ~ V"`,
			"kind: roc, outcome: e, score: V",
		}
		for i := range analyses {
			analyses[i] = strings.ReplaceAll(analyses[i], "V", v)
		}
		off := m.result(t, "min_cell: 1, min_sites: 1", analyses...)
		on := m.result(t, "", analyses...)
		for i, a := range analyses {
			id := fmt.Sprintf("a%d", i)
			if !shows(off[id]) {
				t.Errorf("%s: without the rule nothing is shown either: the attack has no power", a)
			}
			rows, _ := on[id]["tidy"].([]any)
			for _, r := range rows { // describe and table1 show their other variables
				row, _ := r.(map[string]any)
				if row["variable"] != v {
					continue
				}
				if shows(map[string]any{"tidy": []any{row}}) {
					t.Errorf("%s: figures of one or two hospitals: %v", a, row)
				}
			}
			if kind, _, _ := strings.Cut(a, ","); kind != "kind: describe" && kind != "kind: table1" && ruleOf(on[id]) != "min_sites" {
				t.Errorf("%s: got %v, want a refusal by min_sites", a, on[id])
			}
		}
	}
}

func TestNamingTheHospitalIsSaidFirst(t *testing.T) {
	m := region()
	for _, tc := range []struct {
		analysis string
		named    bool
	}{
		{`kind: linear, formula: "x ~ g + site"`, true},
		{`kind: linear, formula: "x ~ factor(site)"`, true},
		{`kind: linear, formula: "x ~ g:site"`, true},
		{`kind: logistic, formula: "e ~ site"`, true},
		{"kind: describe, variables: [x], by: site", true},
		{"kind: table1, variables: [x], by: site", true},
		{"kind: table1, variables: [x, site], by: g", true},
		{"kind: describe, variables: [site]", true},
		{"kind: crosstab, rows: site, columns: e", true},
		{"kind: crosstab, rows: e, columns: site", true},
		{"kind: anova, variable: x, by: site", true},
		{"kind: rank, variable: x, by: site", true},
		{`kind: describe, variables: [x], where: "site != 'h1'"`, true},
		{`kind: describe, variables: [x], where: "x > 3 | !(site %in% c('h1', 'h2'))"`, true},
		{`kind: linear, formula: "x ~ ."`, false}, // the dot is every variable but site
		{"kind: describe, variables: [x]", false},
		{"kind: mantel_haenszel, rows: g, columns: e, strata: site", false}, // hospitals finish their own strata
		{"kind: mantel_haenszel, rows: g, columns: e, strata: site, where: \"site != 'h1'\"", true},
	} {
		p, err := engine.Plan(m.spec(t, "", []string{tc.analysis, "kind: describe, variables: [e]"}))
		if err != nil {
			t.Fatalf("%s: %v", tc.analysis, err)
		}
		var b bytes.Buffer
		if err := p.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(b.String(), "\n")
		if said := strings.Contains(first, "single hospitals: a0."); said != tc.named {
			t.Errorf("%s: the plan begins %q, names single hospitals: %v, want %v", tc.analysis, first, said, tc.named)
		}
		for _, o := range p.Analyses[0].Openings {
			if o.PerHospital != tc.named {
				t.Errorf("%s: %q: per hospital %v, want %v", tc.analysis, o.What, o.PerHospital, tc.named)
			}
		}
	}
	text := strings.Replace(m.text("", []string{"kind: describe, variables: [x]"}), "analyses:", "cohort: {where: \"site != 'h5'\"}\nanalyses:", 1)
	if p := planText(t, text); !strings.HasPrefix(p, "This study shows figures of single hospitals: a0.") {
		t.Errorf("a cohort that names a hospital is not said first: %.60s", p)
	}
}

// TestAHospitalDoesNotSeeTheFewPatientsOfTheOthers: h1 holds nearly all rows of
// an analysis and knows them; what the others have is n less its own.
func TestAHospitalDoesNotSeeTheFewPatientsOfTheOthers(t *testing.T) {
	for _, others := range []int{1, 4, 5} {
		m := &madeUp{header: "x,e", variables: []string{"x: {type: number, step: 0.1, min: 0, max: 200}", "e: {type: binary}"}, rows: make([][]string, 3)}
		var own, secret float64
		for i := range 40 {
			v := float64(scatter(i, 2000)) / 10
			h := 0
			if i >= 40-others {
				h = 1 + i%2
				secret += v
			} else {
				own += v
			}
			m.rows[h] = append(m.rows[h], fmt.Sprintf("%.1f,%d", v, i%2))
		}
		analyses := []string{"kind: describe, variables: [x]", `kind: linear, formula: "x ~ e"`, "kind: ttest, variable: x, by: e"}
		off := m.result(t, "min_cell: 1, min_sites: 1", analyses...)
		if got := sumOf(off["a0"], "0") - own; math.Abs(got-secret) > 1e-6 {
			t.Fatalf("%d others: without the rule h1 finds %v, want %v: the attack has no power", others, got, secret)
		}
		on := m.result(t, "min_cell: 5, min_sites: 1", analyses...)
		for id, r := range on {
			if stopped := ruleOf(r) == "remainder" && !shows(r); stopped != (others < 5) {
				t.Errorf("%d others: analysis %s: got %v, stopped %v", others, id, r, stopped)
			}
		}
	}
}

// TestSmallHospitalsDoNotCountAsContributors: three hospitals of four patients and one of forty.
func TestSmallHospitalsDoNotCountAsContributors(t *testing.T) {
	m := &madeUp{header: "x", variables: []string{"x: {type: number, step: 0.1, min: 0, max: 200}"}, rows: make([][]string, 4)}
	for h, n := range []int{40, 4, 4, 4} {
		for i := range n {
			m.rows[h] = append(m.rows[h], fmt.Sprintf("%.1f", float64(scatter(i+h, 2000))/10))
		}
	}
	if r := m.result(t, "", "kind: histogram, variable: x, breaks: [0, 100, 200]")["a0"]; ruleOf(r) != "min_sites" || shows(r) {
		t.Errorf("got %v, want a refusal by min_sites", r)
	}
	if r := m.result(t, "min_cell: 4", "kind: histogram, variable: x, breaks: [0, 100, 200]")["a0"]; ruleOf(r) != "" || number(r, "contributing_sites") != 4 {
		t.Errorf("min_cell 4: got %v, want four contributing hospitals", r)
	}
}
