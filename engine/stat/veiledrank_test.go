package stat

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

func TestVeiledRankAndROCAgreeWithR(t *testing.T) {
	checked := 0
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "rank" && a.Kind != "roc" || a.Spec.Where != nil {
				continue
			}
			args := Args{Kind: "rank", Variable: a.Spec.Column, By: a.Spec.Group}
			var kind Statistic = Rank{}
			if a.Kind == "roc" {
				args, kind = Args{Kind: "roc", Outcome: a.Spec.Outcome, Score: a.Spec.Score}, ROC{}
			}
			open := run(t, begin(t, kind, s, args), s.tables...)
			args.Veil = true
			args.Rules = Rules{MinCell: 1, MinSites: 1, MaxRows: testRows}
			if _, err := kind.Begin(args, s.schema); err != nil {
				var refused *Refusal
				if !errors.As(err, &refused) || refused.Rule != "resolution" {
					t.Errorf("%s/%s: %v", s.name, a.ID, err)
				}
				continue
			}
			veiled := run(t, begin(t, kind, s, args), s.tables...)
			if a.Kind == "rank" {
				sameRecords(t, s.name+"/"+a.ID, veiled.Tidy, open.Tidy)
			} else {
				sameRecords(t, s.name+"/"+a.ID, []Record{veiled.Glance}, []Record{open.Glance})
				if veiled.Tidy != nil || !warned(veiled, "stay encrypted") {
					t.Errorf("%s/%s: rows %v, warnings %q", s.name, a.ID, veiled.Tidy, veiled.Warnings)
				}
			}
			checked++
		}
	}
	t.Logf("%d analyses", checked)
	if checked < 10 {
		t.Errorf("%d analyses on a grid that fits, want at least 10", checked)
	}
}

// sameRecords wants equal numbers. What is not a fraction of whole numbers keeps some of the noise.
func sameRecords(t *testing.T, what string, got, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d records, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		for _, e := range want[i] {
			x, y := got[i].Get(e.Key), e.Value
			if fx, ok := x.(float64); ok {
				if fy, ok := y.(float64); ok && math.Abs(fx-fy) <= 1e-11*math.Abs(fy) {
					continue
				}
			}
			if x != y {
				t.Errorf("%s: %s is %v, want %v", what, e.Key, x, y)
			}
		}
	}
}

func TestVeiledRankIsTheOpenOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 60 {
		n, groups, values := 5+r.IntN(300), 1+r.IntN(3), 1+r.IntN(40)
		var xs, gs, ys []float64
		for range n {
			g := r.IntN(groups)
			if trial%4 == 1 {
				g = 2 * (g % 2) // the middle group is empty
			}
			xs, gs, ys = append(xs, float64(r.IntN(values)+g)), append(gs, float64(g)), append(ys, float64(r.IntN(2)))
		}
		s, tables := clinic(t, integers, xs, gs, ys)
		tables = tables[:3]
		for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "rank", Variable: "x", By: "y"}, {Kind: "roc", Outcome: "y", Score: "x"}, {Kind: "roc", Outcome: "y", Score: "x", Grid: 4}} {
			args.Rules = rules(1, 1)
			want := run(t, programOf(t, s, args), tables...)
			args.Veil = true
			got := run(t, programOf(t, s, args), tables...)
			if args.Kind == "roc" {
				sameRecords(t, "roc", []Record{got.Glance}, []Record{want.Glance})
			} else {
				sameRecords(t, args.By, got.Tidy, want.Tidy)
			}
			if got.N != want.N || got.Sites != want.Sites {
				t.Errorf("%v: counts %v, want %v", args.Kind, got, want)
			}
		}
	}
}

func TestVeiledRankOpensNoHistogram(t *testing.T) {
	xs, gs, ys := scattered(100)
	for i := range xs {
		xs[i] = float64(int(xs[i]))
	}
	s, tables := clinic(t, integers, xs, gs, ys)
	for _, c := range []struct {
		args  Args
		cells int
	}{{Args{Kind: "rank", Variable: "x", By: "g"}, 3}, {Args{Kind: "rank", Variable: "x", By: "y"}, 2}, {Args{Kind: "roc", Outcome: "y", Score: "x"}, 3}} {
		c.args.Rules, c.args.Veil = rules(1, 1), true
		p := programOf(t, s, c.args)()
		plan := p.Plan()
		if len(plan) != 2 || !plan[0].Shown || plan[1].Shown || plan[1].Cells != c.cells || plan[1].MaxTimes != 1 || plan[1].CountsPeople {
			t.Errorf("%s: plan %+v", c.args.Kind, plan)
		}
		if !p.(Blind).Blind() {
			t.Errorf("%s: cannot be sealed", c.args.Kind)
		}
		_ = run(t, programOf(t, s, c.args), tables...)
	}
}

// Hospitals that see the census and nothing else ask for the same sums as those that see all.
func TestVeiledRankCanBeSealed(t *testing.T) {
	s, tables := clinic(t, integers, upTo(60), repeat(0, 30, 1, 30), repeat(1, 20, 0, 40))
	var views []*table.View
	for _, tab := range tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "roc", Outcome: "y", Score: "x"}} {
		args.Rules, args.Veil = rules(5, 1), true
		_, opened, err := drive(t, programOf(t, s, args), views...)
		if err != nil {
			t.Fatal(err)
		}
		p := programOf(t, s, args)().(Blind)
		for i, o := range opened {
			asks := p.Ask()
			if len(asks) != 1 || !sameAsk(asks[0], o.ask) {
				t.Fatalf("%s: ask %d is %v, want %v", args.Kind, i, asks, o.ask)
			}
			if p.Plan()[asks[0].Opening].Shown {
				if _, err := p.Reduce(o.totals); err != nil {
					t.Fatal(err)
				}
			} else {
				p.Skip()
			}
		}
		if asks := p.Ask(); asks != nil {
			t.Errorf("%s: still asks for %v", args.Kind, asks)
		}
	}
}

func TestVeiledGridThatIsTooFineIsRefusedBeforehand(t *testing.T) {
	s, _ := clinic(t, fine, upTo(9), repeat(0, 9), nil)
	for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "roc", Outcome: "y", Score: "x"}} {
		args.Rules, args.Veil = rules(5, 1), true
		kind, _ := Lookup(args.Kind)
		_, err := kind.Statistic.Begin(args, s)
		var r *Refusal
		if !errors.As(err, &r) || r.Rule != "resolution" || !strings.Contains(r.Remedy, "step:") {
			t.Errorf("%s: %v, want a refusal by resolution", args.Kind, err)
		}
	}
	_, err := ROC{}.Begin(Args{Kind: "roc", Outcome: "y", Score: "x", Thresholds: []float64{3}, Rules: rules(5, 1), Veil: true}, s)
	if err == nil || !strings.Contains(err.Error(), "thresholds with reveal: model") {
		t.Errorf("thresholds: %v", err)
	}
	for k, fits := range map[float64]bool{65535: true, 65536: false} {
		f := integers
		f.Max = k
		s, _ := clinic(t, f, upTo(9), repeat(0, 9), nil)
		if _, err := (Rank{}).Begin(Args{Kind: "rank", Variable: "x", By: "g", Rules: rules(5, 1), Veil: true}, s); (err == nil) != fits {
			t.Errorf("0 to %v: %v", k, err)
		}
	}
}

// A variable of two values is its table with the groups: shown only when the table could be.
func TestVeiledTestsOfTwoValuesKeepSmallCells(t *testing.T) {
	for _, minCell := range []int{1, 5} {
		for a := 1; a < 30; a += 4 {
			for b := 1; b < 40; b += 5 {
				xs := repeat(7, float64(a), 9, float64(30-a), 7, float64(b), 9, float64(40-b))
				ys := repeat(0, 30, 1, 40)
				s, tables := clinic(t, integers, xs, slices.Repeat([]float64{0}, 70), ys)
				for _, args := range []Args{{Kind: "rank", Variable: "x", By: "y"}, {Kind: "roc", Outcome: "y", Score: "x"}} {
					args.Rules = rules(minCell, 1)
					open := run(t, programOf(t, s, args), tables...)
					args.Veil = true
					f := run(t, programOf(t, s, args), tables...)
					small := hide([][]int64{{int64(a), int64(30 - a)}, {int64(b), int64(40 - b)}}, minCell).any()
					shown := len(f.Tidy) > 0 || f.Glance.Get("auc") != nil
					if shown == small || f.Suppressed != small {
						t.Errorf("%s: table %d %d, min_cell %d: shown %v", args.Kind, a, b, minCell, shown)
					}
					if args.Kind == "rank" && f.Suppressed != open.Suppressed {
						t.Errorf("table %d %d, min_cell %d: suppressed %v, with reveal: sums %v", a, b, minCell, f.Suppressed, open.Suppressed)
					}
				}
			}
		}
	}
}

// It does not matter which hospital has which rows, in which order, or that one has none.
func TestVeiledRankKeepsTheLaws(t *testing.T) {
	xs, gs, ys := scattered(90)
	for i := range xs {
		xs[i] = math.Floor(xs[i] / 40)
		gs[i] += float64(i % 2)
	}
	for _, equal := range []bool{false, true} {
		if equal {
			xs = slices.Repeat([]float64{1000}, 90)
		}
		s, tables := clinic(t, integers, xs, gs, ys)
		whole, err := table.New(s, "one", [][]float64{xs, gs, ys})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(9, 9))
		order := r.Perm(90)
		shuffled := [][]float64{{}, {}, {}}
		for _, i := range order {
			for k, col := range [][]float64{xs, gs, ys} {
				shuffled[k] = append(shuffled[k], col[i])
			}
		}
		turned, err := table.New(s, "one", shuffled)
		if err != nil {
			t.Fatal(err)
		}
		splits := [][]*table.Table{tables, {whole}, {turned}, deal(t, turned, func(i int) int { return i % 2 }), deal(t, whole, func(i int) int { return min(2, i/44) })}
		for _, args := range []Args{{Kind: "rank", Variable: "x", By: "g"}, {Kind: "rank", Variable: "x", By: "y"}, {Kind: "roc", Outcome: "y", Score: "x"}} {
			args.Rules = rules(1, 1)
			want := run(t, programOf(t, s, args), tables...)
			args.Veil = true
			for i, split := range splits {
				f := run(t, programOf(t, s, args), split...)
				sameRecords(t, args.Kind, f.Tidy, want.Tidy[:len(f.Tidy)])
				if args.Kind == "roc" {
					sameRecords(t, "roc", []Record{f.Glance}, []Record{want.Glance})
				}
				if equal && args.Kind == "rank" && !warned(f, "nothing to rank") {
					t.Errorf("split %d: warnings %q", i, f.Warnings)
				}
			}
		}
	}
}

// Numbers of people are taken to the nearest whole one only where the noise is far below half a person.
func TestOpenedSumsAreWholeWhereTheNoiseAllows(t *testing.T) {
	for _, c := range []struct {
		step, unit int
		whole      bool
	}{{-60, 1, true}, {-59, 1, false}, {-100, 14, true}, {-100, 21, true}, {-100, 22, false}} {
		cells := []fixed.Cell{{Max: 1, Step: fixed.Pow2(c.step)}}
		// 1.25 in units of 2^(-2 unit)
		x := new(big.Int).Lsh(big.NewInt(5), uint(-c.step-2*c.unit-2))
		word := [2]uint64{new(big.Int).And(x, new(big.Int).SetUint64(1<<64-1)).Uint64(), new(big.Int).Rsh(x, 64).Uint64()}
		totals, err := fixed.Decode(cells, [][2]uint64{word}, 2)
		if err != nil {
			t.Fatal(err)
		}
		got, loose := openedProducts{totals, c.unit}.sum(0, 2)
		if want := big.NewRat(1, 1); c.whole != (got.Cmp(want) == 0) || c.whole != (loose == 0) {
			t.Errorf("step 2^%d of numbers up to 2^%d: %v, off by %v", c.step, c.unit, got, loose)
		}
	}
}
