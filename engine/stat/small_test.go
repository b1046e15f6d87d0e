package stat

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

var nan = math.NaN()

// clinic is a table of number x, category g (a, b, c) and binary y, dealt to three hospitals in turn.
func clinic(t *testing.T, x table.Field, xs, gs, ys []float64) (*table.Schema, []*table.Table) {
	t.Helper()
	x.Name = "x"
	if ys == nil {
		ys = make([]float64, len(xs))
	}
	s := &table.Schema{Fields: []table.Field{x, {Name: "g", Kind: table.Category, Levels: []string{"a", "b", "c"}}, {Name: "y", Kind: table.Binary}}, Sites: []string{"one", "two", "three"}}
	whole, err := table.New(s, "one", [][]float64{xs, gs, ys})
	if err != nil {
		t.Fatal(err)
	}
	return s, deal(t, whole, func(i int) int { return i % 3 })
}

// repeat returns n copies of x for each pair x, n.
func repeat(pairs ...float64) (xs []float64) {
	for i := 0; i < len(pairs); i += 2 {
		xs = append(xs, slices.Repeat([]float64{pairs[i]}, int(pairs[i+1]))...)
	}
	return xs
}

// upTo returns 1, 2, ..., n.
func upTo(n int) (xs []float64) {
	for i := range n {
		xs = append(xs, float64(i+1))
	}
	return xs
}

var integers = table.Field{Integer: true, Min: 0, Max: 1000, Grid: table.Grid{M: 1}, GridDeclared: true}

func rules(minCell, minSites int) Rules {
	return Rules{MinCell: minCell, MinSites: minSites, MaxRows: testRows}
}

// warned reports whether a warning contains the text.
func warned(f Frame, text string) bool {
	return slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, text) })
}

func TestSmallGroupsAreNeitherShownNorOpened(t *testing.T) {
	// Groups of 3, 30 and 40: the 30 go with the 3, or subtraction from everyone would show those.
	s, tables := clinic(t, integers, upTo(73), repeat(0, 3, 1, 30, 2, 40), nil)
	var views []*table.View
	for _, tab := range tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	for _, kind := range []string{"describe", "table1"} {
		args := Args{Kind: kind, Variables: []string{"x"}, By: "g", Rules: rules(5, 1)}
		f, opened, err := drive(t, programOf(t, s, args), views...)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []string{"a", "b"} {
			for _, e := range rowOf(f, "x", "group", g) {
				if e.Value != nil && e.Key != "variable" && e.Key != "group" && e.Key != "suppressed" {
					t.Errorf("%s: %s of group %s is %v, want nothing", kind, e.Key, g, e.Value)
				}
			}
		}
		if r := rowOf(f, "x", "group", "c"); r.Get("mean") != 53.5 || !f.Suppressed {
			t.Errorf("%s: %v, suppressed %v", kind, r, f.Suppressed)
		}
		for _, o := range opened[1:] {
			for _, c := range o.ask.Cells {
				if o.round > 1 && (strings.Contains(c.Name, "g = a") || strings.Contains(c.Name, "g = b")) {
					t.Errorf("%s: opened %q", kind, c.Name)
				}
			}
		}
	}
}

func TestTheMeanOfTwoValuesIsACell(t *testing.T) {
	two := table.Field{Integer: true, Min: 0, Max: 1, Grid: table.Grid{M: 1}, GridDeclared: true}
	ys := repeat(1, 3, 0, 27, 1, 10, 0, 20)
	s, tables := clinic(t, two, ys, repeat(0, 30, 1, 30), ys)
	for _, args := range []Args{{Kind: "describe", Variables: []string{"x"}, By: "g", Quantiles: []float64{0.5}}, {Kind: "table1", Variables: []string{"x"}, By: "g"}, {Kind: "table1", Variables: []string{"x"}, By: "g", Medians: []string{"x"}}} {
		args.Rules = rules(5, 1)
		f := run(t, programOf(t, s, args), tables...)
		for _, r := range f.Tidy {
			for _, e := range r {
				if _, number := e.Value.(float64); number || e.Key == "n" && e.Value != nil {
					t.Errorf("%s: %s of %v is %v", args.Kind, e.Key, r.Get("group"), e.Value)
				}
			}
		}
		if !f.Suppressed || !warned(f, "x has two values") {
			t.Errorf("%s: suppressed %v, warnings %q", args.Kind, f.Suppressed, f.Warnings)
		}
	}
	for _, args := range []Args{{Kind: "ttest", Variable: "y", By: "g"}, {Kind: "anova", Variable: "x", By: "g"}} {
		args.Rules = rules(5, 1)
		var r *Refusal
		if _, err := try(t, programOf(t, s, args), tables...); !errors.As(err, &r) || r.Rule != "min_cell" {
			t.Errorf("%s: error %v, want a refusal", args.Kind, err)
		}
		args.Rules = rules(3, 1)
		if f := run(t, programOf(t, s, args), tables...); f.Tidy[0].Get("p_value") == nil {
			t.Errorf("%s: %v", args.Kind, f.Tidy[0])
		}
	}
}

func TestATestRefusesASmallGroup(t *testing.T) {
	s, tables := clinic(t, integers, upTo(60), repeat(0, 4, 1, 56), nil)
	for _, kind := range []string{"ttest", "anova"} {
		_, err := try(t, programOf(t, s, Args{Kind: kind, Variable: "x", By: "g", Rules: rules(5, 1)}), tables...)
		var r *Refusal
		if !errors.As(err, &r) || r.Rule != "min_cell" {
			t.Errorf("%s: error %v, want a refusal by min_cell", kind, err)
		}
	}
	_, err := try(t, programOf(t, s, Args{Kind: "ttest", Variable: "x", By: "y", Rules: rules(5, 1)}), tables...)
	var r *Refusal
	if !errors.As(err, &r) || r.Rule != "levels" {
		t.Errorf("one level: error %v, want a refusal by levels", err)
	}
}

func TestAVariableOfTooFewHospitalsIsNotShown(t *testing.T) {
	xs := upTo(60)
	for i := range xs {
		if i%3 > 0 && i > 9 {
			xs[i] = nan // hospitals two and three have 3 values each
		}
	}
	s, tables := clinic(t, integers, xs, repeat(0, 30, 1, 30), nil)
	for _, kind := range []string{"describe", "table1"} {
		f := run(t, programOf(t, s, Args{Kind: kind, Variables: []string{"x", "y"}, Rules: rules(5, 2)}), tables...)
		if r := rowOf(f, "x"); r.Get("n") != nil || r.Get("mean") != nil || !warned(f, "fewer than 2 hospitals") {
			t.Errorf("%s: %v, warnings %q", kind, r, f.Warnings)
		}
		if r := rowOf(f, "y", "level", "0"); r.Get("n") != int64(60) {
			t.Errorf("%s: %v", kind, r)
		}
		f = run(t, programOf(t, s, Args{Kind: kind, Variables: []string{"x"}, Rules: rules(5, 1)}), tables...)
		if r := rowOf(f, "x"); r.Get("n") != int64(26) {
			t.Errorf("%s with min_sites 1: %v", kind, r)
		}
	}
}

func TestQuantilesNeedPeopleOnBothSides(t *testing.T) {
	ps := []float64{0.05, 0.1, 0.5, 0.9, 0.95}
	quantiles := func(xs []float64, kind int) Record {
		s, tables := clinic(t, integers, xs, repeat(0, float64(len(xs))), nil)
		f := run(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x"}, Quantiles: ps, QuantileType: kind, Rules: rules(5, 0)}), tables...)
		return rowOf(f, "x")
	}
	// 1 to 60: type 1's 0.05 quantile is 3, with 3 people at or below; 0.95 is 57, with 4 at or above.
	r := quantiles(upTo(60), 1)
	if r.Get("q05") != nil || r.Get("q10") != 6.0 || r.Get("median") != 30.0 || r.Get("q90") != 54.0 || r.Get("q95") != nil || r.Get("suppressed") != true {
		t.Errorf("distinct values: %v", r)
	}
	// Ten people share the lowest and the highest value: then these are shown.
	r = quantiles(append(upTo(50)[10:], repeat(3, 10, 900, 10)...), 7)
	if r.Get("q05") != 3.0 || r.Get("q95") != 900.0 || r.Get("suppressed") != nil {
		t.Errorf("tied values: %v", r)
	}
	// Fewer than 9 people: only equal values have 5 on both sides.
	if r = quantiles(upTo(8), 7); r.Get("median") != nil {
		t.Errorf("8 people: %v", r)
	}
	if r = quantiles(upTo(9), 7); r.Get("median") != 5.0 {
		t.Errorf("9 people: %v", r)
	}
	if r = quantiles(repeat(7, 8), 7); r.Get("median") != 7.0 {
		t.Errorf("8 equal people: %v", r)
	}
}

func TestNoProbeLooksForTheOutermost(t *testing.T) {
	s, tables := clinic(t, integers, upTo(100), repeat(0, 100), nil)
	var views []*table.View
	for _, tab := range tables {
		v, _ := tab.Select()
		views = append(views, v)
	}
	_, opened, err := drive(t, programOf(t, s, Args{Kind: "describe", Variables: []string{"x"}, Quantiles: []float64{0.01, 0.5, 0.99}, Rules: rules(5, 1)}), views...)
	if err != nil {
		t.Fatal(err)
	}
	tails := 0
	for _, o := range opened {
		if strings.HasPrefix(o.ask.Cells[0].Name, "people with x") {
			for i := range o.ask.Cells {
				if n := o.totals.Count(i); n > 0 && n < 4 || n > 96 && n < 100 {
					tails++
				}
			}
		}
	}
	// The search for the fifth from either end may overshoot once, but does not close in on the first.
	if tails > 2 {
		t.Errorf("%d counts of fewer than 4 people were opened", tails)
	}
}

func TestHistogramMergesSmallClasses(t *testing.T) {
	xs := repeat(5, 2, 15, 10, 25, 3, 35, 8, 45, 20, 99, 4)
	s, tables := clinic(t, integers, xs, repeat(0, float64(len(xs))), nil)
	show := func(minCell int, breaks ...float64) string {
		f := run(t, programOf(t, s, Args{Kind: "histogram", Variable: "x", Breaks: breaks, Rules: rules(minCell, 1)}), tables...)
		var b strings.Builder
		for _, r := range f.Tidy {
			fmt.Fprint(&b, r.Get("lower"), " ", r.Get("upper"), " ", r.Get("count"), "; ")
		}
		return b.String() + fmt.Sprint(f.Glance.Get("below"), " ", f.Glance.Get("above"), " ", f.Suppressed)
	}
	for _, c := range []struct {
		minCell int
		breaks  []float64
		want    string
	}{
		{1, []float64{0, 10, 20, 30, 40, 50}, "0 10 2; 10 20 10; 20 30 3; 30 40 8; 40 50 20; 0 4 false"},
		{5, []float64{0, 10, 20, 30, 40, 99}, "0 20 12; 20 40 11; 40 99 24; 0 0 true"},
		// Two below and four above are taken in by the end classes.
		{5, []float64{10, 20, 30, 40, 50}, "<nil> 20 12; 20 40 11; 40 <nil> 24; <nil> <nil> true"},
	} {
		if got := show(c.minCell, c.breaks...); got != c.want {
			t.Errorf("breaks %v: got %s, want %s", c.breaks, got, c.want)
		}
	}
}
