package stat

import (
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

func TestNoSpreadIsNamed(t *testing.T) {
	constant := append(repeat(7, 20), upTo(20)...)
	s, tables := clinic(t, integers, constant, repeat(0, 20, 1, 20), nil)
	f := run(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x", "y"}, By: "g", Rules: rules(5, 1)}), tables...)
	if r := rowOf(f, "x", "group", "a"); r.Get("sd") != 0.0 || r.Get("skewness") != nil || !warned(f, "everyone in this group has the same value: the SD of x, g = a is 0") {
		t.Errorf("describe: %v, warnings %q", r, f.Warnings)
	}
	if !warned(f, "everyone in this group has y = 0, g = b") {
		t.Errorf("describe: warnings %q", f.Warnings)
	}
	f = run(t, programOf(t, s, Args{Kind: "ttest", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if f.Tidy[0].Get("p_value") == nil || !warned(f, "everyone in this group") {
		t.Errorf("one constant group has a test: %v, warnings %q", f.Tidy[0], f.Warnings)
	}
	f = run(t, programOf(t, s, Args{Kind: "anova", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if f.Tidy[0].Get("p_value") == nil || f.Glance.Get("welch_p") != nil || f.Glance.Get("bartlett_p") != nil || !warned(f, "Welch's and Bartlett's") {
		t.Errorf("anova with a constant group: %v %v, warnings %q", f.Tidy, f.Glance, f.Warnings)
	}
	s, tables = clinic(t, integers, repeat(7, 20, 9, 20), repeat(0, 20, 1, 20), nil)
	f = run(t, programOf(t, s, Args{Kind: "ttest", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if r := f.Tidy[0]; r.Get("estimate") != -2.0 || r.Get("statistic") != nil || r.Get("p_value") != nil || r.Get("conf_low") != nil || !warned(f, "there is no t-test") {
		t.Errorf("constant groups: %v, warnings %q", r, f.Warnings)
	}
	f = run(t, programOf(t, s, Args{Kind: "anova", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if f.Tidy[0].Get("statistic") != nil || !warned(f, "the F test does not exist") {
		t.Errorf("constant groups: %v, warnings %q", f.Tidy[0], f.Warnings)
	}
	f = run(t, programOf(t, s, Args{Kind: "table1", Variables: []string{"x", "y"}, By: "g", Rules: rules(5, 1)}), tables...)
	if r := rowOf(f, "x", "group", "a"); r.Get("smd") != nil || r.Get("p_value") != nil || !warned(f, "x: SMD and test need") {
		t.Errorf("table1: %v, warnings %q", r, f.Warnings)
	}
}

func TestDroppedLevelIsNamed(t *testing.T) {
	s, tables := clinic(t, integers, upTo(60), repeat(0, 30, 2, 30), nil)
	for _, args := range []Args{{Kind: "ttest", Variable: "x", By: "g"}, {Kind: "anova", Variable: "x", By: "g"}, {Kind: "describe", Variables: []string{"x"}, By: "g"}, {Kind: "table1", Variables: []string{"x", "y"}, By: "g"}} {
		args.Rules = rules(5, 1)
		f := run(t, programOf(t, s, args), tables...)
		if !warned(f, `level "b" of g has no rows and is left out`) {
			t.Errorf("%s: warnings %q", args.Kind, f.Warnings)
		}
		for _, r := range f.Tidy {
			if r.Get("group") == "b" {
				t.Errorf("%s: %v", args.Kind, r)
			}
		}
		if args.Kind == "ttest" && (f.Tidy[0].Get("level1") != "a" || f.Tidy[0].Get("level2") != "c") {
			t.Errorf("ttest compares %v", f.Tidy[0])
		}
	}
}

func TestGroupOfOneAsInR(t *testing.T) {
	// R: t.test(1:9, 10, var.equal = TRUE); Welch's test stops with "not enough 'y' observations".
	s, tables := clinic(t, integers, upTo(10), repeat(0, 9, 1, 1), nil)
	f := run(t, programOf(t, s, Args{Kind: "ttest", Variable: "x", By: "g", Rules: rules(1, 1)}), tables...)
	if f.Tidy[0].Get("p_value") != nil || f.Tidy[0].Get("df") != nil || !warned(f, "one value has no SD") {
		t.Errorf("welch: %v, warnings %q", f.Tidy[0], f.Warnings)
	}
	if r := f.Tidy[1]; !within(r.Get("p_value"), 0.1215029188171132, 0) || !within(r.Get("conf_high"), 1.656860541062577, 1) {
		t.Errorf("student: %v", r)
	}
}

func TestAPairOnDifferentGridsIsExact(t *testing.T) {
	s := &table.Schema{Fields: []table.Field{
		{Name: "a", Min: 0, Max: 100, Grid: table.Grid{M: 5, E10: -2}, GridDeclared: true},
		{Name: "b", Min: 0, Max: 100, Grid: table.Grid{M: 2, E10: -1}, GridDeclared: true}}, Sites: []string{"one"}}
	tab, err := table.New(s, "one", [][]float64{{1.15, 2.15, 3.15, nan}, {0.2, 1.2, 2.2, 9}})
	if err != nil {
		t.Fatal(err)
	}
	f := run(t, programOf(t, s, Args{Kind: "ttest", Paired: []string{"a", "b"}, Rules: rules(1, 1)}), tab)
	r := f.Tidy[0]
	if r.Get("estimate") != 0.95 || r.Get("sd") != 0.0 || r.Get("statistic") != nil || f.N != 3 || f.Excluded != 1 || !warned(f, "same difference") {
		t.Errorf("%v of %d rows, warnings %q", r, f.N, f.Warnings)
	}
}

func TestRangeTooWideForTheSpreadIsRefused(t *testing.T) {
	wide := table.Field{Min: -1e15, Max: 1e15, Grid: table.Grid{M: 1, E10: 7}}
	xs := upTo(60)
	for i := range xs {
		xs[i] = 1e-3 * xs[i]
	}
	s, tables := clinic(t, wide, xs, repeat(0, 30, 1, 30), nil)
	f := run(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x"}, Rules: rules(5, 1)}), tables...)
	if r := rowOf(f, "x"); r.Get("kurtosis") != nil || !warned(f, "is too wide for the spread") {
		t.Errorf("%v, warnings %q", r, f.Warnings)
	}
	_, err := try(t, programOf(t, s, Args{Kind: "ttest", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if err == nil || !strings.Contains(err.Error(), "resolution") {
		t.Errorf("ttest: error %v", err)
	}
}

func TestPowersTooWideForExactSumsAreStillSummed(t *testing.T) {
	// NIST's numacc1 at 1e15: squares fit 128 bits as whole numbers, fourth powers only in binary steps.
	f := table.Field{Integer: true, Min: 1e12, Max: 1e12 + 1e9, Grid: table.Grid{M: 1}, GridDeclared: true}
	xs := []float64{1e12 + 1, 1e12 + 2, 1e12 + 1e9}
	s, tables := clinic(t, f, xs, repeat(0, 3), nil)
	r := rowOf(run(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x"}, Rules: rules(1, 1)}), tables...), "x")
	// R: x <- c(1, 2, 1e9); m <- function(k) mean((x - mean(x))^k); m(3)/m(2)^1.5; m(4)/m(2)^2 - 3; sd(x)
	if !within(r.Get("sd"), 577350268.32360029, 0) || !within(r.Get("skewness"), math.Sqrt(0.5), 1) || !within(r.Get("kurtosis"), -1.5, 1) {
		t.Errorf("%v", r)
	}
}

func TestValuesFinerThanTheirGridAreNamed(t *testing.T) {
	f := table.Field{Min: 0, Max: 200, Grid: table.Grid{M: 1, E10: -5}}
	xs := upTo(60)
	xs[30] += 1e-9
	s, tables := clinic(t, f, xs, repeat(0, 60), nil)
	named := run(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x"}, Quantiles: []float64{0.5}, Rules: rules(5, 1)}), tables...)
	r := rowOf(named, "x")
	if r.Get("resolution") != 1e-5 || r.Get("median") != 30.5 || !warned(named, "more finely than 1e-05") {
		t.Errorf("%v, warnings %q", r, named.Warnings)
	}
	xs[30] = 31
	s, tables = clinic(t, f, xs, repeat(0, 60), nil)
	r = rowOf(run(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x"}, Quantiles: []float64{0.5}, Rules: rules(5, 1)}), tables...), "x")
	if r.Get("resolution") != nil {
		t.Errorf("all on the grid: %v", r)
	}
}

func TestQuantileNames(t *testing.T) {
	for p, want := range map[float64]string{0.05: "q05", 0.1: "q10", 0.25: "q25", 0.5: "median", 0.95: "q95", 0.025: "q2_5", 0.975: "q97_5", 0.999: "q99_9", 0.07: "q7", 0.01: "q1"} {
		if got := (quantile{p, 7}).name(); got != want {
			t.Errorf("%g is called %s, want %s", p, got, want)
		}
	}
}

func TestKeysAreChecked(t *testing.T) {
	s, _ := clinic(t, integers, nil, nil, nil)
	for _, c := range []struct {
		args Args
		want string
	}{
		{Args{Kind: "describe"}, "variables is empty"},
		{Args{Kind: "describe", Variables: []string{"z"}}, `no variable "z"`},
		{Args{Kind: "describe", Variables: []string{"x", "x"}}, "listed twice"},
		{Args{Kind: "describe", Variables: []string{"x"}, Quantiles: []float64{0}}, "not between 0.001 and 0.999"},
		{Args{Kind: "describe", Variables: []string{"x"}, Quantiles: []float64{0.5, 0.5}}, "listed twice"},
		{Args{Kind: "describe", Variables: []string{"x"}, Quantiles: []float64{0.5}, QuantileType: 6}, "want 7, 1 or 2"},
		{Args{Kind: "describe", Variables: []string{"x"}, By: "x"}, "want a category"},
		{Args{Kind: "histogram", Variable: "g", Breaks: []float64{1, 2}}, "want a number"},
		{Args{Kind: "histogram", Variable: "x", Breaks: []float64{1}}, "want 2 to"},
		{Args{Kind: "histogram", Variable: "x", Breaks: []float64{2, 1}}, "increasing order"},
		{Args{Kind: "ttest", Variable: "x"}, "want variable and by, or paired"},
		{Args{Kind: "ttest", Variable: "x", By: "y", Paired: []string{"x", "y"}}, "paired excludes"},
		{Args{Kind: "ttest", Paired: []string{"x", "x"}}, "two different"},
		{Args{Kind: "ttest", Paired: []string{"x", "g"}}, "want a number"},
		{Args{Kind: "ttest", Variable: "g", By: "y"}, "want a number"},
		{Args{Kind: "anova", Variable: "y", By: "y"}, "want two"},
		{Args{Kind: "table1", Variables: []string{"x"}, Medians: []string{"y"}}, "not in variables"},
		{Args{Kind: "table1", Variables: []string{"g"}, Medians: []string{"g"}}, "want a number"},
	} {
		c.args.Rules = rules(5, 1)
		k, _ := Lookup(c.args.Kind)
		if _, err := k.Statistic.Begin(c.args, s); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.args.Kind+": ") {
			t.Errorf("%+v: error %v, want %q", c.args, err, c.want)
		}
	}
}
