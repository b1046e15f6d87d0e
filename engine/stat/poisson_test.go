package stat

import (
	"errors"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// visits is a table of counts y over days d, a number x and a category g, dealt to three hospitals in turn.
func visits(t *testing.T, y []float64) (*table.Schema, []*table.Table) {
	t.Helper()
	whole := func(name string, max float64) table.Field {
		return table.Field{Name: name, Integer: true, Min: 0, Max: max, Grid: table.Grid{M: 1}, GridDeclared: true}
	}
	s := &table.Schema{Sites: []string{"one", "two", "three"}, Fields: []table.Field{whole("y", 20), whole("x", 10), {Name: "g", Kind: table.Category, Levels: []string{"a", "b"}}, whole("d", 60)}}
	s.Fields[3].Min = 1
	tab, err := table.New(s, "one", [][]float64{y, trialX, trialG, {10, 20, 15, 30, 25, 40, 12, 18, 33, 21, 14, 50, 44, 16, 39, 27}})
	if err != nil {
		t.Fatal(err)
	}
	return s, deal(t, tab, func(i int) int { return i % 3 })
}

var visited = []float64{2, 0, 1, 3, 2, 5, 0, 1, 4, 0, 2, 7, 3, 1, 6, 2}

// R 4.2.2: glm(y ~ x + g + offset(log(d)), family = poisson, control = list(epsilon = 1e-15)).
func TestPoissonAgreesWithR(t *testing.T) {
	s, tables := visits(t, visited)
	f := run(t, programOf(t, s, Args{Kind: "poisson", Formula: "y ~ x + g + offset(log(d))", Rules: rules(1, 1)}), tables...)
	for i, want := range [][2]float64{{-2.803180558947084, 0.4278613593800989}, {0.113757220641392, 0.0614890673734104}, {-0.469744485043472, 0.3294052569012155}} {
		if e, se := f.Tidy[i].Get("estimate"), f.Tidy[i].Get("std_error"); !near(e, want[0]) || !near(se, want[1]) {
			t.Errorf("%v is %v with standard error %v, R has %v", f.Tidy[i].Get("term"), e, se, want)
		}
	}
	for key, want := range map[string]float64{"null_deviance": 15.19034887174256, "deviance": 10.57980622526481, "log_lik": -23.61482287763999, "aic": 53.22964575527999, "bic": 55.54741192199933, "pearson_chi_squared": 8.12146364827957} {
		if got := f.Glance.Get(key); !near(got, want) {
			t.Errorf("%s is %v, R has %v", key, got, want)
		}
	}
	g := run(t, programOf(t, s, Args{Kind: "poisson", Formula: "y ~ x + g", Rules: rules(1, 1)}), tables...)
	for key, want := range map[string]float64{"null_deviance": 30.706404020378130, "deviance": 17.960962004323971} {
		if got := g.Glance.Get(key); !near(got, want) {
			t.Errorf("without offset: %s is %v, R has %v", key, got, want)
		}
	}
}

// Risk ratios of a yes/no outcome (Zou, Am J Epidemiol 2004;159:702).
// R 4.2.2: glm(y ~ x + g, family = poisson, control = list(epsilon = 1e-15)), sandwich::vcovHC(, type = "HC0").
func TestPoissonOfABinaryAgreesWithR(t *testing.T) {
	s, tables := trial(t, 3, trialEntry, trialTime, []float64{1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0}, trialX, trialG)
	f := run(t, programOf(t, s, Args{Kind: "poisson", Formula: "event ~ x + g", SE: "hc0", Rules: rules(1, 1)}), tables...)
	for i, want := range [][2]float64{{-1.7361751584701797, 0.65270186059865964}, {0.2030784404633622, 0.09829204868868392}, {-0.2295868972434222, 0.50374434858483008}} {
		if e, se := f.Tidy[i].Get("estimate"), f.Tidy[i].Get("std_error"); !near(e, want[0]) || !near(se, want[1]) {
			t.Errorf("%v is %v with standard error %v, R has %v", f.Tidy[i].Get("term"), e, se, want)
		}
	}
	for key, want := range map[string]float64{"null_deviance": 11.090354888959125, "deviance": 8.901496786207309} {
		if got := f.Glance.Get(key); !near(got, want) {
			t.Errorf("%s is %v, R has %v", key, got, want)
		}
	}
	if _, err := (NegBin{}).Begin(Args{Kind: "negbin", Formula: "event ~ x", Rules: rules(1, 1)}, s); err == nil {
		t.Error("negbin takes a binary outcome")
	}
}

func TestPoissonRefusesWhatHasNoMaximum(t *testing.T) {
	none := make([]float64, 16)
	split := append([]float64{}, visited...)
	for i, g := range trialG {
		if g == 1 {
			split[i] = 0
		}
	}
	for rule, y := range map[string][]float64{"constant_outcome": none, "separation": split} {
		s, tables := visits(t, y)
		_, err := try(t, programOf(t, s, Args{Kind: "poisson", Formula: "y ~ x + g", Rules: rules(1, 1)}), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != rule {
			t.Errorf("%v, want a refusal by %s", err, rule)
		}
	}
	s, _ := visits(t, none)
	for _, formula := range []string{"g ~ x", "y ~ x - 1", "log(d) ~ x"} {
		if _, err := (Poisson{}).Begin(Args{Kind: "poisson", Formula: formula, Rules: rules(1, 1)}, s); err == nil {
			t.Errorf("%s is accepted", formula)
		}
	}
}
