package stat

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// small is a cohort of two factors with 2 people in cell (a1, b1) and 10 in
// each other; y is a number, e an event that 5 of 10 have, 1 of those 2; wide is declared far beyond its values.
func small(t *testing.T) (*reference, *table.Table) {
	t.Helper()
	s := &table.Schema{Sites: []string{"h"}, Fields: []table.Field{
		{Name: "a", Kind: table.Category, Levels: []string{"a1", "a2"}},
		{Name: "b", Kind: table.Category, Levels: []string{"b1", "b2"}},
		{Name: "c", Kind: table.Category, Levels: []string{"c1", "c2", "c3"}},
		{Name: "y", Min: -100, Max: 100, Grid: table.Grid{M: 1}, GridDeclared: true},
		{Name: "e", Kind: table.Binary, Max: 1},
		{Name: "rare", Kind: table.Binary, Max: 1},
		{Name: "wide", Min: -1e15, Max: 1e15, Grid: table.Grid{M: 1, E10: 8}},
		{Name: "always", Kind: table.Binary, Max: 1},
		{Name: "abs", Min: 1, Max: 10},
	}}
	cols := make([][]float64, len(s.Fields))
	i := 0
	for a := range 2 {
		for b := range 2 {
			n := 10
			if a == 0 && b == 0 {
				n = 2
			}
			for k := range n {
				rare := 0.0
				if i < 3 {
					rare = 1
				}
				c := 1 + float64(i%2)
				if i < 2 {
					c = 0
				}
				row := []float64{float64(a), float64(b), c, float64((i*7)%23 - 10), float64(k % 2), rare, math.Sin(float64(i)), 1, 2 + math.Sin(float64(i))}
				for j, x := range row {
					cols[j] = append(cols[j], x)
				}
				i++
			}
		}
	}
	tab, err := table.New(s, "h", cols)
	if err != nil {
		t.Fatal(err)
	}
	return &reference{schema: s}, tab
}

func TestModelsAreRefusedBeforeAnythingElseIsOpened(t *testing.T) {
	set, tab := small(t)
	rules := Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 0.33}
	for _, tc := range []struct {
		name    string
		args    Args
		rule    string
		says    string
		sums    int // sums opened at most
		minCell int
	}{
		{"a table with a small reference cell", Args{Kind: "linear", Formula: "y ~ a * b"}, "saturated", "cross table", 2, 0},
		{"the same with other coding", Args{Kind: "linear", Formula: "y ~ 0 + a:b"}, "min_cell", "aa1:bb1", 2, 0},
		{"the same for events", Args{Kind: "logistic", Formula: "e ~ a * b"}, "saturated", "cross table", 3, 0},
		{"a small cell by outcome", Args{Kind: "logistic", Formula: "e ~ b"}, "saturated", "cross table", 3, 7},
		{"a rare column", Args{Kind: "linear", Formula: "y ~ rare"}, "min_cell", "column rare", 2, 0},
		{"a rare column of a logistic model", Args{Kind: "logistic", Formula: "e ~ rare"}, "min_cell", "column rare", 3, 0},
		{"a column that nearly everyone has", Args{Kind: "linear", Formula: "y ~ I(1 - rare)"}, "min_cell", "rest beside column I(1 - rare)", 2, 0},
		{"a rare reference level", Args{Kind: "linear", Formula: "y ~ c + wide"}, "min_cell", "level c1 of c", 1, 0},
		{"a rare level", Args{Kind: "logistic", Formula: `e ~ factor(c, ref = "c2")`}, "min_cell", "level c1 of c", 1, 0},
		{"few events", Args{Kind: "logistic", Formula: "e ~ wide"}, "min_cell", "have the event", 1, 17},
		{"many parameters", Args{Kind: "linear", Formula: "y ~ a + b + sqrt(abs) + log(abs) + abs + I(abs^2) + I(abs^3) + abs:a + abs:b + abs:a:b"}, "max_parameters_per_row", "parameters for 32 rows", 2, 0},
		{"a constant outcome", Args{Kind: "logistic", Formula: "always ~ b"}, "min_cell", "have the event", 1, 0},
		{"a constant outcome without cell rules", Args{Kind: "logistic", Formula: "always ~ b"}, "constant_outcome", "no finite maximum", 1, 1},
		{"a range too wide", Args{Kind: "linear", Formula: "y ~ wide"}, "resolution", "declared range of wide", 3, 0},
		{"a range too wide in a logistic model", Args{Kind: "logistic", Formula: "e ~ wide"}, "resolution", "declared range of wide", 4, 0},
		{"a column that is the same for everyone", Args{Kind: "linear", Formula: "y ~ always"}, "min_cell", "rest beside column always", 2, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kind, _ := Lookup(tc.args.Kind)
			tc.args.Rules = rules
			if tc.minCell > 0 {
				tc.args.Rules.MinCell = tc.minCell
			}
			v, err := tab.Select()
			if err != nil {
				t.Fatal(err)
			}
			_, opened, err := drive(t, begin(t, kind.Statistic, set, tc.args), v)
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("got %v, want a refusal by %s", err, tc.rule)
			}
			if r.Rule != tc.rule || !strings.Contains(r.Message, tc.says) || r.Remedy == "" {
				t.Errorf("got %v, want rule %s saying %q", r, tc.rule, tc.says)
			}
			if len(opened) > tc.sums {
				t.Errorf("%d sums were opened before the refusal, want at most %d", len(opened), tc.sums)
			}
		})
	}
}

func TestModelsNearTheLimitsAreNotRefused(t *testing.T) {
	set, tab := small(t)
	for _, args := range []Args{
		{Kind: "linear", Formula: "y ~ a + b"},                                             // not a table: main effects only
		{Kind: "linear", Formula: "y ~ a * b", Rules: Rules{MinCell: 2, MinSites: 1}},      // cells of 2 are allowed
		{Kind: "logistic", Formula: "e ~ a + b"},                                           //
		{Kind: "linear", Formula: "y ~ a * b", Rules: Rules{MinCell: 1, MinSites: 1}},      // cell rules off
		{Kind: "logistic", Formula: "e ~ rare + a", Rules: Rules{MinCell: 3, MinSites: 1}}, // exactly min_cell
	} {
		kind, _ := Lookup(args.Kind)
		if args.Rules == (Rules{}) {
			args.Rules = Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 0.33}
		}
		if _, err := try(t, begin(t, kind.Statistic, set, args), tab); err != nil {
			t.Errorf("%s %s: %v", args.Kind, args.Formula, err)
		}
	}
}

func TestModelsRefuseStudyFilesTheyCannotFit(t *testing.T) {
	set, _ := small(t)
	minus, one := -1.0, 1.0
	for _, tc := range []struct {
		args Args
		says string
	}{
		{Args{Kind: "linear", Formula: "a ~ b"}, "linear: outcome a is a category"},
		{Args{Kind: "linear", Formula: "y ~ nobody"}, "nobody"},
		{Args{Kind: "linear", Formula: "y ~ 0"}, "neither an intercept nor a term"},
		{Args{Kind: "linear", Formula: "y ~ a", Ridge: &minus}, "ridge is -1"},
		{Args{Kind: "linear", Formula: "y ~ 0 + a", Ridge: &one}, "ridge needs an intercept"},
		{Args{Kind: "logistic", Formula: "e ~ a", Ridge: &one, Drop1: true}, "drop1 compares fits that are not penalised"},
		{Args{Kind: "logistic", Formula: "y ~ a"}, "logistic: outcome y is a number"},
		{Args{Kind: "logistic", Formula: "c ~ a"}, "category of 3 levels"},
		{Args{Kind: "logistic", Formula: "e ~ a", Evaluate: &Evaluate{Cells: -1}}, "cells is -1"},
	} {
		kind, _ := Lookup(tc.args.Kind)
		if _, err := kind.Statistic.Begin(tc.args, set.schema); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s %s: got error %v, want %q", tc.args.Kind, tc.args.Formula, err, tc.says)
		}
	}
}

func TestEvaluationIsNeverFinerThanMinCellAllows(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	args := Args{Kind: "logistic", Formula: "low ~ age + lwt + smoke", Rules: Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 0.33}}
	f := run(t, begin(t, Logistic{}, set, args), set.tables...)
	if got := f.Glance.Get("evaluate_cells"); got != int64(37) {
		t.Errorf("%v classes for 189 rows, want 37", got)
	}
	args.Evaluate = &Evaluate{Cells: 0}
	f = run(t, begin(t, Logistic{}, set, args), set.tables...)
	if got := f.Glance.Get("auc"); got != nil {
		t.Errorf("auc is %v although evaluation is off", got)
	}
}
