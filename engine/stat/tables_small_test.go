package stat

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// views selects all rows of each table.
func views(t *testing.T, tables []*table.Table) (v []*table.View) {
	t.Helper()
	for _, tab := range tables {
		w, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, w)
	}
	return v
}

func TestSmallGroupsAreRefusedBeforeMoreIsOpened(t *testing.T) {
	// 3 rows of group c, and 3 of y = 1.
	s, tables := clinic(t, integers, upTo(43), repeat(0, 20, 1, 20, 2, 3), repeat(0, 40, 1, 3))
	for _, args := range []Args{
		{Kind: "rank", Variable: "x", By: "g"}, {Kind: "rank", Variable: "x", By: "y"},
		{Kind: "roc", Outcome: "y", Score: "x"}, {Kind: "roc", Outcome: "y", Score: "x", Thresholds: []float64{20}},
		{Kind: "correlation", Variables: []string{"x", "y"}}, {Kind: "correlation", Variables: []string{"x", "y"}, Method: "spearman"},
	} {
		args.Rules = rules(5, 1)
		_, record, err := drive(t, programOf(t, s, args), views(t, tables)...)
		var r *Refusal
		if !errors.As(err, &r) || r.Rule != "min_cell" || r.Remedy == "" {
			t.Errorf("%+v: error %v, want a refusal by min_cell", args, err)
		}
		if len(record) != 1 {
			t.Errorf("%+v: %d sums were opened, want the counts alone", args, len(record))
		}
	}
}

func TestCorrelationNeedsMoreRowsThanVariables(t *testing.T) {
	s, tables := clinic(t, integers, upTo(3), repeat(0, 3), []float64{0, 1, 0})
	for minCell, want := range map[int]bool{1: false, 2: true} {
		_, err := try(t, programOf(t, s, Args{Kind: "correlation", Variables: []string{"x", "y"}, Rules: rules(minCell, 1)}), tables...)
		var r *Refusal
		if errors.As(err, &r) != want {
			t.Errorf("3 rows of 2 variables at min_cell %d: %v, want refused %v", minCell, err, want)
		}
	}
}

func TestTwoValuesAreATable(t *testing.T) {
	// Of 40 people, 2 in group b have the upper value.
	x := append(repeat(0, 10, 1, 10), repeat(0, 18, 1, 2)...)
	field := integers
	field.Max = 1
	s, tables := clinic(t, field, x, repeat(0, 20, 1, 20), append(repeat(0, 20), repeat(1, 20)...))
	f := run(t, programOf(t, s, Args{Kind: "rank", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if !f.Suppressed || len(f.Tidy) != 0 || !warned(f, "x has two values") {
		t.Errorf("rank: %v, warnings %q", f.Tidy, f.Warnings)
	}
	for _, method := range []string{"pearson", "spearman"} {
		f = run(t, programOf(t, s, Args{Kind: "correlation", Variables: []string{"x", "y"}, Method: method, Rules: rules(5, 1)}), tables...)
		if r := f.Tidy[0]; !f.Suppressed || r.Get("estimate") != nil || r.Get("p_value") != nil || r.Get("suppressed") != true {
			t.Errorf("%s: %v", method, f.Tidy)
		}
		if m, ok := f.Glance.Get("covariance").(*Matrix); ok && (!math.IsNaN(m.Matrix[0][1]) || !math.IsNaN(m.Matrix[1][0]) || !(m.Matrix[0][0] > 0)) {
			t.Errorf("covariance %v", m)
		}
		if text, err := json.Marshal(f.Glance); err != nil || method == "pearson" && !strings.Contains(string(text), ",null],[null,") {
			t.Errorf("glance %s: %v", text, err)
		}
		f = run(t, programOf(t, s, Args{Kind: "correlation", Variables: []string{"x", "y"}, Method: method, Rules: rules(2, 1)}), tables...)
		if f.Suppressed || f.Tidy[0].Get("estimate") == nil {
			t.Errorf("%s at min_cell 2: %v", method, f.Tidy)
		}
	}
	f = run(t, programOf(t, s, Args{Kind: "roc", Outcome: "y", Score: "x", Rules: rules(5, 1)}), tables...)
	if !f.Suppressed || len(f.Tidy) != 1 || f.Glance.Get("auc") != nil {
		t.Errorf("roc: %v %v", f.Tidy, f.Glance)
	}
}

func TestNothingToCompareIsNamed(t *testing.T) {
	constant := repeat(7, 40)
	s, tables := clinic(t, integers, constant, repeat(0, 40), append(repeat(0, 20), repeat(1, 20)...))
	f := run(t, programOf(t, s, Args{Kind: "rank", Variable: "x", By: "y", Rules: rules(5, 1)}), tables...)
	if r := f.Tidy[0]; r.Get("statistic") != 200.0 || r.Get("z") != nil || r.Get("p_value") != nil || r.Get("auc") != 0.5 || !warned(f, "all values of x are equal") {
		t.Errorf("rank of a constant: %v, warnings %q", f.Tidy, f.Warnings)
	}
	f = run(t, programOf(t, s, Args{Kind: "rank", Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
	if len(f.Tidy) != 0 || !warned(f, `level "b" of g has no rows`) || !warned(f, "fewer than two groups") {
		t.Errorf("rank of one group: %v, warnings %q", f.Tidy, f.Warnings)
	}
	for _, method := range []string{"pearson", "spearman"} {
		f = run(t, programOf(t, s, Args{Kind: "correlation", Variables: []string{"x", "y"}, Method: method, Rules: rules(5, 1)}), tables...)
		if r := f.Tidy[0]; r.Get("estimate") != nil || r.Get("p_value") != nil || !warned(f, "everyone has the same x") {
			t.Errorf("%s with a constant: %v, warnings %q", method, f.Tidy, f.Warnings)
		}
	}
	f = run(t, programOf(t, s, Args{Kind: "roc", Outcome: "y", Score: "x", Rules: rules(5, 1)}), tables...)
	if f.Glance.Get("auc") != 0.5 || f.Glance.Get("std_error") != 0.0 || len(f.Tidy) != 1 {
		t.Errorf("roc of a constant: %v %v", f.Tidy, f.Glance)
	}
	f = run(t, programOf(t, s, Args{Kind: "crosstab", Rows: "g", Columns: "y", Rules: rules(5, 1)}), tables...)
	if len(f.Tidy) != 2 || f.Glance.Get("chi_squared") != nil || f.Glance.Get("fisher_p") != nil || !warned(f, "nothing to test") || !warned(f, `level "c" of g has no rows`) {
		t.Errorf("crosstab of one row: %v %v, warnings %q", f.Tidy, f.Glance, f.Warnings)
	}
	s, tables = clinic(t, integers, upTo(40), repeat(0, 40), repeat(0, 40))
	f = run(t, programOf(t, s, Args{Kind: "roc", Outcome: "y", Score: "x", Rules: rules(1, 1)}), tables...)
	if len(f.Tidy) != 0 || !warned(f, "nobody has y = 1") {
		t.Errorf("roc without events: %v, warnings %q", f.Tidy, f.Warnings)
	}
}

func TestNobodyIsLeft(t *testing.T) {
	s, tables := clinic(t, integers, repeat(math.NaN(), 6), repeat(0, 6), repeat(0, 6))
	for _, args := range []Args{{Kind: "crosstab", Rows: "g", Columns: "y"}, {Kind: "rank", Variable: "x", By: "g"}, {Kind: "roc", Outcome: "y", Score: "x"},
		{Kind: "correlation", Variables: []string{"x", "y"}}, {Kind: "correlation", Variables: []string{"x", "y"}, Method: "spearman"}} {
		args.Rules = rules(1, 1)
		empty := tables
		if args.Kind == "crosstab" {
			empty = deal(t, tables[0], func(int) int { return 99 })
		}
		f := run(t, programOf(t, s, args), empty...)
		if f.N != 0 || len(f.Tidy) != 0 || len(f.Warnings) == 0 {
			t.Errorf("%s %s: %d rows, %v, warnings %q", args.Kind, args.Method, f.N, f.Tidy, f.Warnings)
		}
	}
}

func TestPerfectLineHasNoStatistic(t *testing.T) {
	s := &table.Schema{Fields: []table.Field{{Name: "a", Integer: true, Max: 100, Grid: table.Grid{M: 1}, GridDeclared: true}, {Name: "b", Min: -300, Max: 300, Grid: table.Grid{M: 5, E10: -1}, GridDeclared: true}}, Sites: []string{"one"}}
	a, b := upTo(10), upTo(10)
	for i := range b {
		b[i] = 7.5 - 2.5*b[i]
	}
	tab, err := table.New(s, "one", [][]float64{a, b})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"pearson", "spearman"} {
		f := run(t, programOf(t, s, Args{Kind: "correlation", Variables: []string{"a", "b"}, Method: method, Rules: rules(5, 1)}), tab)
		if r := f.Tidy[0]; r.Get("estimate") != -1.0 || r.Get("statistic") != nil || r.Get("p_value") != 0.0 || !warned(f, "on a line") {
			t.Errorf("%s: %v, warnings %q", method, r, f.Warnings)
		}
	}
}

func TestTablesRefuseBadKeys(t *testing.T) {
	s, _ := clinic(t, integers, upTo(6), repeat(0, 6), nil)
	for _, args := range []Args{
		{Kind: "crosstab", Rows: "g", Columns: "g"}, {Kind: "crosstab", Rows: "x", Columns: "g"}, {Kind: "crosstab", Rows: "g", Columns: "nobody"},
		{Kind: "rank", Variable: "g", By: "y"}, {Kind: "rank", Variable: "x", By: "x"}, {Kind: "rank", Variable: "nobody", By: "g"}, {Kind: "rank", Variable: "y", By: "y"},
		{Kind: "correlation", Variables: []string{"x"}}, {Kind: "correlation", Variables: []string{"x", "x"}}, {Kind: "correlation", Variables: []string{"x", "g"}}, {Kind: "correlation", Variables: []string{"x", "y"}, Method: "kendall"},
		{Kind: "roc", Outcome: "g", Score: "x"}, {Kind: "roc", Outcome: "x", Score: "y"}, {Kind: "roc", Outcome: "y", Score: "g"}, {Kind: "roc", Outcome: "y", Score: "y"},
		{Kind: "roc", Outcome: "y", Score: "x", Grid: 0.5}, {Kind: "roc", Outcome: "y", Score: "x", Grid: -1},
	} {
		args.Rules = rules(5, 1)
		k, ok := Lookup(args.Kind)
		if !ok {
			t.Fatalf("no kind %q", args.Kind)
		}
		if _, err := k.Statistic.Begin(args, s); err == nil {
			t.Errorf("%+v is accepted", args)
		}
	}
}

func TestMantelHaenszelOpensNoHospitalsTable(t *testing.T) {
	r := readReference(t, "../../testdata/cgd")
	args := Args{Kind: "crosstab", Rows: "treat", Columns: "infection", Rules: rules(5, 3)}
	f, record, err := drive(t, programOf(t, r.schema, args), views(t, r.tables)...)
	if err != nil {
		t.Fatal(err)
	}
	var cells []int
	for _, o := range record {
		cells = append(cells, len(o.ask.Cells))
	}
	// Census with four levels, hospitals that tell anything, the table, nine sums of terms; whatever the number of hospitals.
	if !slices.Equal(cells, []int{8, 1, 4, 9}) || f.Glance.Get("cmh_p") == nil {
		t.Errorf("opened %v cells; glance %v", cells, f.Glance)
	}
	args.Rows, args.Columns = "site", "treat"
	if f = run(t, programOf(t, r.schema, args), r.tables...); slices.ContainsFunc(f.Glance, func(e Entry) bool { return e.Key == "cmh_p" }) {
		t.Errorf("a table by hospital has a test over hospitals: %v", f.Glance)
	}
}

func TestFewOnSteroidsShowNoCell(t *testing.T) {
	r := readReference(t, "../../testdata/cgd")
	f := run(t, programOf(t, r.schema, Args{Kind: "crosstab", Rows: "steroids", Columns: "infection", Rules: rules(5, 3)}), r.tables...)
	for _, rec := range f.Tidy {
		for _, e := range rec[2:] {
			if e.Value != nil && e.Key != "suppressed" {
				t.Errorf("%v shows %s", rec, e.Key)
			}
		}
	}
	two := map[string]any{"chi_squared": 1.4, "chi_squared_p": 0.23, "yates_statistic": 0.33, "yates_p": 0.56, "g": 1.3, "g_p": 0.25, "cramers_v": 0.11}
	for _, e := range f.Glance {
		if e.Key != "chi_squared_df" && e.Value != two[e.Key] {
			t.Errorf("glance shows %s %v, want %v", e.Key, e.Value, two[e.Key])
		}
	}
	if !f.Suppressed || len(f.Warnings) == 0 {
		t.Errorf("suppressed %v, warnings %q", f.Suppressed, f.Warnings)
	}
}
