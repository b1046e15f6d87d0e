package stat

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// fine is a number whose grid of 10^9 points can only be opened by descent.
var fine = table.Field{Min: 0, Max: 1000, Grid: table.Grid{M: 1, E10: -6}}

// places returns for each value its place among the distinct values.
func places(xs []float64) (p []float64) {
	distinct := slices.Compact(slices.Sorted(slices.Values(xs)))
	for _, x := range xs {
		at, _ := slices.BinarySearch(distinct, x)
		p = append(p, float64(at))
	}
	return p
}

// scattered are values on the grid of fine, some close to each other, some equal.
func scattered(n int) (xs, gs, ys []float64) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		k := r.Int64N(1_000_000_000)
		switch i % 5 {
		case 1:
			k = int64(xs[i-1]*1e6) + 1
		case 3:
			k = int64(math.Round(xs[i-1] * 1e6))
		}
		xs = append(xs, fine.Value(k))
		gs = append(gs, float64(r.IntN(2)))
		ys = append(ys, float64(r.IntN(2)))
	}
	return xs, gs, ys
}

// Of 300 people 64 sub-cells of every occupied cell are opened at once; of 1500 there is room for fewer.
func TestDescentRanksAsThePlacesOfValuesDo(t *testing.T) {
	for _, people := range []int{300, 1500} {
		xs, gs, ys := scattered(people)
		s, tables := clinic(t, fine, xs, gs, ys)
		plain, placed := clinic(t, table.Field{Integer: true, Max: 2000, Grid: table.Grid{M: 1}, GridDeclared: true}, places(xs), gs, ys)
		for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "rank", Variable: "x", By: "y"}, {Kind: "correlation", Variables: []string{"x", "y"}, Method: "spearman"}, {Kind: "roc", Outcome: "y", Score: "x"}} {
			args.Rules = rules(1, 1)
			f, record, err := drive(t, programOf(t, s, args), views(t, tables)...)
			if err != nil {
				t.Fatalf("%s of %d: %v", args.Kind, people, err)
			}
			g := run(t, programOf(t, plain, args), placed...)
			for i := range f.Tidy {
				for k, e := range f.Tidy[i] {
					if e.Key != "threshold" && e.Value != g.Tidy[i][k].Value {
						t.Errorf("%s: %s is %v, of places %v", args.Kind, e.Key, e.Value, g.Tidy[i][k].Value)
					}
				}
			}
			if args.Kind == "roc" && (f.Glance.Get("auc") != g.Glance.Get("auc") || f.Glance.Get("auc_bound") != 0.0) {
				t.Errorf("roc: %v, of places %v", f.Glance, g.Glance)
			}
			if warned(f, "count as equal") || len(record) < 4 || len(record[1].ask.Cells) > maxGridCells+1 {
				t.Errorf("%s: %d sums, warnings %q", args.Kind, len(record), f.Warnings)
			}
		}
	}
}

// Days over many years in sixteen groups are more than is opened at first. It is not refused, whether people
// are few or leave on most days, and the test is that of the same days in a short declared range.
func TestDaysOfManyGroupsAreNotRefused(t *testing.T) {
	for _, crowd := range []struct{ people, days, short, long int }{{400, 300, 300, 5000}, {5000, 2000, 2000, 5000}} {
		r := rand.New(rand.NewPCG(7, 8))
		cols := make([][]float64, 4)
		for range crowd.people {
			for i, n := range []int{crowd.days, 2, 2, 8} {
				cols[i] = append(cols[i], float64(r.IntN(n)))
			}
		}
		longRangeIsShort(t, cols, float64(crowd.short), float64(crowd.long))
	}
}

func longRangeIsShort(t *testing.T, cols [][]float64, short, long float64) {
	t.Helper()
	var frames []Frame
	for i, most := range []float64{short, long} {
		if i == 1 { // only the order of days counts
			cols[0] = slices.Clone(cols[0])
			for k := range cols[0] {
				cols[0][k] *= math.Floor(long / short)
			}
		}
		s := &table.Schema{Sites: []string{"one", "two", "three"}, Fields: []table.Field{
			{Name: "days", Integer: true, Max: most, Grid: table.Grid{M: 1}, GridDeclared: true}, {Name: "event", Kind: table.Binary}, {Name: "g", Kind: table.Binary},
			{Name: "h", Kind: table.Category, Levels: []string{"a", "b", "c", "d", "e", "f", "g", "h"}}}}
		whole, err := table.New(s, "one", cols)
		if err != nil {
			t.Fatal(err)
		}
		args := Args{Kind: "logrank", Time: "days", Event: "event", By: "g", Strata: OneOrMore{"h"}, Rules: rules(1, 1)}
		frames = append(frames, run(t, programOf(t, s, args), deal(t, whole, func(i int) int { return i % 3 })...))
	}
	sameTables(t, frames[1], frames[0])
	if a, b := frames[0].Glance.Get("statistic"), frames[1].Glance.Get("statistic"); a != b {
		t.Errorf("statistic %v with a short range, %v with a long one", a, b)
	}
}

func TestDescentDoesNotLookAtFewPeople(t *testing.T) {
	xs, gs, ys := scattered(300)
	s, tables := clinic(t, fine, xs, gs, ys)
	for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "roc", Outcome: "y", Score: "x"}} {
		args.Rules = rules(5, 1)
		f, record, err := drive(t, programOf(t, s, args), views(t, tables)...)
		if err != nil {
			t.Fatal(err)
		}
		if !warned(f, "neighbouring values count as equal") {
			t.Errorf("%s: warnings %q", args.Kind, f.Warnings)
		}
		// Whatever was opened after the first look at the grid is part of a cell of five or more.
		for _, o := range record[2:] {
			if o.ask.Opening != 1 {
				continue
			}
			for at := 0; at < o.totals.Len(); at += branch {
				n := int64(0)
				for i := at; i < min(at+branch, o.totals.Len()); i++ {
					n += o.totals.Count(i)
				}
				if args.Kind == "rank" && n < 5 {
					t.Fatalf("a cell of %d people was opened further", n)
				}
			}
		}
		if args.Kind != "roc" {
			continue
		}
		exact := run(t, programOf(t, s, Args{Kind: "roc", Outcome: "y", Score: "x", Rules: rules(1, 1)}), tables...).Glance.Get("auc").(float64)
		auc, bound := f.Glance.Get("auc").(float64), f.Glance.Get("auc_bound").(float64)
		if bound == 0 || math.Abs(auc-exact) > bound {
			t.Errorf("auc %v with bound %v, exactly %v", auc, bound, exact)
		}
	}
}

func TestTooFineGridIsRefused(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var xs, gs, ys []float64
	for i := range 24000 { // pairs of equal values: nobody is alone in a cell
		x := fine.Value(r.Int64N(1_000_000_000))
		if i%2 == 1 {
			x = xs[i-1]
		}
		xs = append(xs, x)
		gs = append(gs, float64(r.IntN(2)))
		ys = append(ys, float64(r.IntN(2)))
	}
	s, tables := clinic(t, fine, xs, gs, ys)
	for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "roc", Outcome: "y", Score: "x"}, {Kind: "correlation", Variables: []string{"x", "y"}, Method: "spearman"}} {
		args.Rules = rules(1, 1)
		_, err := try(t, programOf(t, s, args), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != "resolution" {
			t.Errorf("%s: %v, want a refusal by resolution", args.Kind, err)
		}
	}
	f := run(t, programOf(t, s, Args{Kind: "roc", Outcome: "y", Score: "x", Grid: 0.25, Rules: rules(1, 1)}), tables...)
	if auc, bound := f.Glance.Get("auc").(float64), f.Glance.Get("auc_bound").(float64); math.Abs(auc-0.5) > 0.05 || !(bound > 0) || bound > 1e-3 {
		t.Errorf("auc %v with bound %v on a coarser grid", auc, bound)
	}
}

func TestValuesBetweenGridPointsSayTheResolution(t *testing.T) {
	xs, gs, ys := scattered(100)
	for i := range xs {
		xs[i] = min(xs[i]+3e-7, 1000)
	}
	s, tables := clinic(t, fine, xs, gs, ys)
	for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "roc", Outcome: "y", Score: "x"}, {Kind: "correlation", Variables: []string{"x", "y"}, Method: "spearman"}} {
		args.Rules = rules(1, 1)
		f := run(t, programOf(t, s, args), tables...)
		key := "resolution"
		if args.Kind == "correlation" {
			key = "resolution_x"
		}
		if f.Glance.Get(key) != 1e-6 || !warned(f, "count as equal: declare its step") {
			t.Errorf("%s: glance %v, warnings %q", args.Kind, f.Glance, f.Warnings)
		}
	}
}

func TestCurveShowsNoSmallClass(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, minCell := range []int{2, 5, 12} {
		for range 30 {
			n := 40 + r.IntN(200)
			var xs, ys []float64
			for range n {
				y := float64(r.IntN(3) / 2)
				xs, ys = append(xs, float64(r.IntN(30))+5*y), append(ys, y)
			}
			s, tables := clinic(t, integers, xs, slices.Repeat([]float64{0}, n), ys)
			for _, thresholds := range [][]float64{nil, {20, 7, 30, 12.5, 21, 1000, 20}} {
				f, err := try(t, programOf(t, s, Args{Kind: "roc", Outcome: "y", Score: "x", Thresholds: thresholds, Rules: rules(minCell, 1)}), tables...)
				if err != nil {
					continue // too few events
				}
				checkCurve(t, f, thresholds, xs, ys, int64(minCell))
			}
		}
	}
}

// checkCurve wants true counts, and between any two of them, and the ends, nobody or at least minCell.
func checkCurve(t *testing.T, f Frame, thresholds, xs, ys []float64, minCell int64) {
	t.Helper()
	var all [2]int64
	for _, y := range ys {
		all[int(y)]++
	}
	seen := [][2]int64{{0, 0}, all}
	for k, rec := range f.Tidy {
		cut := rec.Get("threshold").(float64)
		if thresholds != nil && cut != thresholds[k] {
			t.Fatalf("row %d has threshold %v, want %v", k, cut, thresholds[k])
		}
		if rec.Get("suppressed") == true {
			if rec.Get("tp") != nil || rec.Get("specificity") != nil {
				t.Fatalf("a suppressed threshold shows %v", rec)
			}
			continue
		}
		var above [2]int64
		for i, x := range xs {
			if x >= cut {
				above[int(ys[i])]++
			}
		}
		if rec.Get("tp") != above[1] || rec.Get("fp") != above[0] || rec.Get("fn") != all[1]-above[1] || rec.Get("tn") != all[0]-above[0] {
			t.Fatalf("%v, want %d and %d above of %v", rec, above[1], above[0], all)
		}
		if rec.Get("sensitivity") != float64(above[1])/float64(all[1]) || rec.Get("specificity") != float64(all[0]-above[0])/float64(all[0]) {
			t.Fatalf("%v, want %d and %d above of %v", rec, above[1], above[0], all)
		}
		seen = append(seen, above)
	}
	for _, a := range seen {
		for _, b := range seen {
			for class := range a {
				if d := a[class] - b[class]; d > 0 && d < minCell {
					t.Fatalf("thresholds tell %d people apart: %v", d, fmt.Sprint(f.Tidy))
				}
			}
		}
	}
}
