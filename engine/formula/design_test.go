package formula

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

func gridText(g *table.Grid) string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("%de%d", g.M, g.E10)
}

// only says that a factor's named levels have rows, and all levels of other factors.
func only(s *table.Schema, factor string, levels ...string) func(string) []bool {
	return func(name string) []bool {
		f, _ := s.Factor(name)
		var have []bool
		for _, l := range f.Levels {
			have = append(have, name != factor || slices.Contains(levels, l))
		}
		return have
	}
}

func columnNames(d *Design) string {
	var out []string
	for _, c := range d.Columns {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

func TestLevelsWithoutRowsAreDropped(t *testing.T) {
	s := dictionary()
	const oneLevel = `factor race: all rows have the level "black"; it is left out`
	for _, tc := range []struct{ src, levels, columns, warning string }{
		{"y ~ race", "black other", "(Intercept) raceother", `factor race: level "white" has no rows and is dropped`},
		{"y ~ race - 1", "white other", "racewhite raceother", `level "black" has no rows`},
		{"y ~ factor(race, ref = \"other\")", "white other", "(Intercept) factor(race, ref = \"other\")white", `level "black" has no rows`},
		{"y ~ factor(race, ref = \"other\")", "white black", "(Intercept) factor(race, ref = \"other\")black", `reference level "other" has no rows; the reference is "white"`},
		// One level left: as if the factor had not been written.
		{"y ~ age + race", "black", "(Intercept) age", oneLevel},
		{"y ~ race * age", "black", "(Intercept) age", oneLevel},
		{"y ~ race:age", "black", "(Intercept) age", oneLevel},
		{"y ~ 0 + race + sex", "black", "sexfemale sexmale", oneLevel},
		{"y ~ stage:sex + race:sex", "black", "(Intercept) sexmale stageII:sexfemale stageIII:sexfemale stageIV:sexfemale stageII:sexmale stageIII:sexmale stageIV:sexmale", oneLevel},
		{"y ~ race", "", "(Intercept)", `factor race: no rows; it is left out`},
	} {
		m := mustBind(t, s, tc.src)
		d := mustDesign(t, m, only(s, "race", strings.Fields(tc.levels)...))
		if got := columnNames(d); got != tc.columns {
			t.Errorf("%s with %s: got %s", tc.src, tc.levels, got)
		}
		if !strings.Contains(strings.Join(d.Warnings, "\n"), tc.warning) {
			t.Errorf("%s with %s: warnings %q", tc.src, tc.levels, d.Warnings)
		}
		for _, c := range d.Columns {
			if c.Term >= 0 && !strings.Contains(m.Terms[c.Term].Label, strings.TrimRight(c.Name, "IVabcdefghijklmnopqrstuvwxyz:")) {
				t.Errorf("%s: column %s is of term %s", tc.src, c.Name, m.Terms[c.Term].Label)
			}
		}
	}
}

func TestPresenceMustCoverTheLevels(t *testing.T) {
	m := mustBind(t, dictionary(), "y ~ race")
	if _, err := m.Design(func(string) []bool { return []bool{true} }); err == nil || !strings.Contains(err.Error(), "1 levels counted, want 3") {
		t.Errorf("got %v", err)
	}
}

func TestWideDesignsAreRefused(t *testing.T) {
	s := &table.Schema{}
	for _, n := range []string{"a", "b", "c"} {
		s.Fields = append(s.Fields, table.Field{Name: n, Integer: true, Min: 0, Max: 40})
	}
	m := mustBind(t, s, "~ factor(a):factor(b):factor(c)")
	if _, err := m.Design(nil); err == nil || !strings.Contains(err.Error(), "more than 5000 columns at term factor(a):factor(b):factor(c)") {
		t.Errorf("got %v", err)
	}
}

func TestColumnsAreDescribed(t *testing.T) {
	s := dictionary()
	for _, tc := range []struct {
		src     string // of one term; the last column is looked at
		lo, hi  float64
		zeroOne bool
		grid    string
		levels  string
		numbers string
	}{
		{"~ age", 18, 110, false, "1e0", "", "age"},
		{"~ chol", 100, 600, false, "", "", "chol"},
		{"~ smoke", 0, 1, true, "1e0", "", "smoke"},
		{"~ sex", 0, 1, true, "1e0", "sex=male(1)", ""},
		{"~ smoke:ht:sex", 0, 1, true, "1e0", "sex=male(1)", "smoke ht"},
		{"~ I(1 - smoke)", 0, 1, true, "1e0", "", "I(1 - smoke)"},
		{"~ I(smoke^2)", 0, 1, true, "1e0", "", "I(smoke^2)"},
		{"~ I(2 * smoke)", 0, 2, false, "1e0", "", "I(2 * smoke)"},
		{"~ age:race", 0, 110, false, "1e0", "race=other(2)", "age"},
		{"~ oldpeak:age", -550, 1100, false, "1e-1", "", "oldpeak age"},
		{"~ oldpeak:chol", -3000, 6000, false, "", "", "oldpeak chol"},
		{"~ I(oldpeak^2)", 0, 100, false, "1e-2", "", "I(oldpeak^2)"},
		{"~ I(oldpeak^3)", -125, 1000, false, "1e-3", "", "I(oldpeak^3)"},
		{"~ I(age/4)", 4.5, 27.5, false, "25e-2", "", "I(age/4)"},
		{"~ I(age/3)", 6, 110.0 / 3, false, "", "", "I(age/3)"},
		{"~ I((age - 50.5)/10)", -3.25, 5.95, false, "1e-2", "", "I((age - 50.5)/10)"},
		{"~ I(-oldpeak + 0.25)", -9.75, 5.25, false, "1e-2", "", "I(-oldpeak + 0.25)"},
		{"~ I(age^8)", math.Pow(18, 8), 21435888100000000, false, "", "", "I(age^8)"}, // beyond 2^53
		{"~ I(age^7)", 612220032, 194871710000000, false, "1e0", "", "I(age^7)"},
		{"~ I(45 * age^7 + age)", 27549901458, 45*194871710000000 + 110, false, "1e0", "", "I(45 * age^7 + age)"},
		{"~ I(45 * age^7 + 45 * age^7)", 55099802880, 90 * 194871710000000, false, "", "", "I(45 * age^7 + 45 * age^7)"},
		{"~ factor(ecog)", 0, 1, true, "1e0", "ecog=3(3)", ""},
	} {
		d := mustDesign(t, mustBind(t, s, tc.src), nil)
		c := d.Columns[len(d.Columns)-1]
		var levels []string
		for _, l := range c.Levels {
			levels = append(levels, fmt.Sprintf("%s=%s(%d)", l.Factor, l.Level, l.Index))
		}
		if c.Min != tc.lo || c.Max != tc.hi || c.ZeroOne != tc.zeroOne || gridText(c.Grid) != tc.grid ||
			strings.Join(levels, " ") != tc.levels || strings.Join(c.Numbers, " ") != tc.numbers {
			t.Errorf("%s: got %+v grid %s", tc.src, c, gridText(c.Grid))
		}
	}
	if c := mustDesign(t, mustBind(t, s, "~ 1"), nil).Columns[0]; c.Name != "(Intercept)" || c.Term != -1 || c.Min != 1 || c.Max != 1 || c.ZeroOne || gridText(c.Grid) != "1e0" {
		t.Errorf("intercept: got %+v", c)
	}
}

func TestUndeclaredAndVeryFineGridsAreNotUsed(t *testing.T) {
	s := &table.Schema{Fields: []table.Field{
		{Name: "fine", Min: 0, Max: 1e9, Grid: table.Grid{M: 1, E10: -9}, GridDeclared: true},
		{Name: "default", Min: 0, Max: 1, Grid: table.Grid{M: 1, E10: -8}},
	}}
	for _, c := range mustDesign(t, mustBind(t, s, "~ fine + default"), nil).Columns[1:] {
		if c.Grid != nil {
			t.Errorf("%s has grid %s", c.Name, gridText(c.Grid))
		}
	}
}

func TestSaturatedModelsAreRecognised(t *testing.T) {
	s := dictionary()
	for _, tc := range []struct {
		src       string
		saturated bool
		variables string
	}{
		{"~ sex", true, "sex"}, {"~ smoke", true, "smoke"}, {"~ sex - 1", true, "sex"}, {"~ 0 + smoke", false, "smoke"},
		{"~ sex * race", true, "sex race"}, {"~ sex + race", false, "sex race"}, {"~ sex:race", true, "sex race"}, {"~ sex:smoke", false, "sex smoke"},
		{"~ smoke * ht * sex", true, "smoke ht sex"}, {"~ (smoke + ht + sex)^2", false, "smoke ht sex"}, {"~ sex * race + smoke", false, "sex race smoke"},
		{"~ ecog", false, "ecog"}, {"~ factor(ecog)", true, "ecog"}, {"~ ecog + I(ecog^2) + I(ecog^3)", true, "ecog"}, {"~ ecog + I(ecog^2)", false, "ecog"},
		// As many columns as cells, but not independent.
		{"~ smoke + I(2 * smoke) + ht", false, "smoke ht"},
		{"~ exp(smoke)", true, "smoke"}, {"~ smoke + factor(smoke)", true, "smoke"}, {"~ sex + sex:race + offset(age)", true, "sex race"},
		{"~ site * sex", true, "site sex"}, {"~ age", false, ""}, {"~ sex + chol", false, ""}, {"~ 1", false, ""},
		{"~ race:stage:site + smoke", false, "smoke race stage site"}, {"~ factor(`my var`) * factor(ecog) * stage * race", true, "my var ecog stage race"},
	} {
		d := mustDesign(t, mustBind(t, s, tc.src), nil)
		if got := Saturated(d); got != tc.saturated || strings.Join(d.CellVariables(), " ") != tc.variables {
			t.Errorf("%s: got %v %q", tc.src, got, d.CellVariables())
		}
	}
	// With one race left the table is that of the sexes.
	d := mustDesign(t, mustBind(t, s, "~ sex + race"), only(s, "race", "black"))
	if !Saturated(d) || strings.Join(d.CellVariables(), " ") != "sex" {
		t.Errorf("one race: got %v %q", Saturated(d), d.CellVariables())
	}
}
