package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseGridIsExact(t *testing.T) {
	for step, want := range map[string]Grid{
		"1": {1, 0}, "0.1": {1, -1}, "0.10": {1, -1}, ".25": {25, -2}, "5e-1": {5, -1}, "500": {5, 2}, "1e3": {1, 3},
		"2.5E+2": {25, 1}, "0.001": {1, -3}, "12": {12, 0}, "1e-300": {1, -300}, "+0.5": {5, -1},
	} {
		if got, err := ParseGrid(step); err != nil || got != want {
			t.Errorf("%s: got %v %v, want %v", step, got, err, want)
		}
	}
	for _, step := range []string{"", "0", "-1", "0.0", "a", "1e999", "0.12345678901234567890", "NaN", "1e-400"} {
		if g, err := ParseGrid(step); err == nil {
			t.Errorf("%q is read as %v", step, g)
		}
	}
}

// 10^floor(log10((max-min)/2^24))
func TestDefaultGrid(t *testing.T) {
	for _, tc := range []struct {
		lo, hi float64
		want   Grid
	}{
		{0, 1, Grid{1, -8}},
		{0, 100, Grid{1, -6}},
		{-5, 10, Grid{1, -7}},
		{0, 16777216, Grid{1, 0}},
		{0, 16777215, Grid{1, -1}},
		{0, 167772160, Grid{1, 1}},
		{0, 167772159, Grid{1, 0}},
		{1e9, 1e9 + 1, Grid{1, -6}}, // 10^-8 would be more than 2^53 steps from 0
		{-math.MaxFloat64, math.MaxFloat64, Grid{1, 301}},
	} {
		if got := DefaultGrid(tc.lo, tc.hi); got != tc.want {
			t.Errorf("[%g, %g]: got %v, want %v", tc.lo, tc.hi, got, tc.want)
		}
		f := Field{Name: "x", Min: tc.lo, Max: tc.hi}
		if err := f.Check(); err != nil {
			t.Errorf("[%g, %g]: %v", tc.lo, tc.hi, err)
		}
	}
}

// A number written in whole steps is on the grid, reads back from its point, and one digit more is off the grid.
func TestWholeStepsAreOnTheGrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Grid{M: rapid.SampledFrom([]int64{1, 2, 5, 25, 3}).Draw(t, "m"), E10: rapid.IntRange(-12, 6).Draw(t, "e")}
		f := Field{Name: "x", Kind: Number, Min: -1e7 * g.step(), Max: 1e7 * g.step(), Grid: g, GridDeclared: true}
		if err := f.Check(); err != nil {
			t.Fatal(err)
		}
		k := rapid.Int64Range(-1e7, 1e7).Draw(t, "k")
		text := strconv.FormatInt(k*g.M, 10) + "e" + strconv.Itoa(g.E10)
		x, ok := ParseNumber(text)
		if !ok || !f.OnGrid(x) || f.Point(x) != k || f.Value(k) != x {
			t.Errorf("step %s: %s is %v, on grid %v, point %d, value %v; want point %d", g, text, x, f.OnGrid(x), f.Point(x), f.Value(k), k)
		}
		half, _ := ParseNumber(strconv.FormatInt(k*g.M*10+1, 10) + "e" + strconv.Itoa(g.E10-1))
		if f.OnGrid(half) {
			t.Errorf("step %s: %v is on the grid", g, half)
		}
		if back, err := ParseGrid(g.String()); err != nil || back.step() != g.step() {
			t.Errorf("step %s reads back as %v %v", g, back, err)
		}
	})
}

func TestFieldsThatContradictThemselvesAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    Field
		err  string
	}{
		{"no name", Field{Min: 0, Max: 1}, "no name"},
		{"site", Field{Name: "site", Kind: Binary}, "taken"},
		{"backtick", Field{Name: "a`b", Kind: Binary}, "backtick"},
		{"control character", Field{Name: "a\nb", Kind: Binary}, "control character"},
		{"space", Field{Name: " a", Kind: Binary}, "begins or ends with a space"},
		{"long name", Field{Name: strings.Repeat("a", 257), Kind: Binary}, "at most 256"},
		{"range upside down", Field{Name: "x", Min: 1, Max: 0}, "min must be below max"},
		{"empty range", Field{Name: "x", Min: 1, Max: 1}, "min must be below max"},
		{"infinite", Field{Name: "x", Min: 0, Max: math.Inf(1)}, "both finite"},
		{"NaN", Field{Name: "x", Min: math.NaN(), Max: 1}, "min must be below max"},
		{"half steps of an integer", Field{Name: "x", Max: 9, Integer: true, Grid: Grid{5, -1}, GridDeclared: true}, "want a whole step"},
		{"too fine", Field{Name: "x", Max: 1e9, Grid: Grid{1, -9}, GridDeclared: true}, "more than 2^53 steps"},
		{"integers beyond float64", Field{Name: "x", Max: 1e17, Integer: true}, "more than 2^53 steps"},
		{"no multiple inside", Field{Name: "x", Min: 1, Max: 4, Grid: Grid{5, 0}, GridDeclared: true}, "no multiple"},
		{"round to nothing", Field{Name: "x", Max: 4, OffGridRound: true}, "needs a declared step"},
		{"no levels", Field{Name: "x", Kind: Category}, "without levels"},
		{"level twice", Field{Name: "x", Kind: Category, Levels: []string{"a", "b", "a"}}, `"a" twice`},
		{"empty level", Field{Name: "x", Kind: Category, Levels: []string{""}}, "empty level"},
		{"level with space", Field{Name: "x", Kind: Category, Levels: []string{"a "}}, "fields are trimmed"},
		{"level is missing", Field{Name: "x", Kind: Category, Levels: []string{"a", "NA"}, Missing: []string{"NA"}}, "both a level and a missing code"},
		{"code beyond 1", Field{Name: "x", Kind: Binary, Codes: map[string]int{"a": 0, "b": 2}}, "want 0 or 1"},
		{"no code for 1", Field{Name: "x", Kind: Binary, Codes: map[string]int{"a": 0}}, "at least one code"},
		{"unknown kind", Field{Name: "x", Kind: 9}, "no type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.f.Check(); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %s", err, tc.err)
			}
		})
	}
}

func TestNearestForgivesSlips(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"diseese", "disease"}, {"Age", "age"}, {"gae", "age"}, {"sexx", "sex"}, {"desease", "disease"}, {"", "age"},
	} {
		if got := Nearest(tc.name, []string{"age", "sex", "disease", "site"}); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := Nearest("Ab", []string{"Ac", "ab"}); got != "ab" {
		t.Errorf("a change of case counts as much as another letter: %q", got)
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("nearest of nothing is %q", got)
	}
	for header, want := range map[string]bool{"AGE": true, "Age": true, "ages": true, "agee": true, "67": false, "male": false, "x": false} {
		if _, ok := Near("age", []string{header}); ok != want {
			t.Errorf("header %q: near to age is %v, want %v", header, ok, want)
		}
	}
}

func TestAFarNameIsNotSuggested(t *testing.T) {
	names := []string{"age", "sex", "disease", "site"}
	for name, want := range map[string]string{
		"Age":       `nearest is "age"`,
		"diseas":    `nearest is "disease"`,
		"weight":    "want one of age, sex, disease, site",
		"xx":        "want one of age, sex, disease, site",
		"cigarette": "want one of age, sex, disease, site",
	} {
		if got := Hint(name, names); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := Hint("q", strings.Split("aa bb cc dd ee ff gg hh ii", " ")), "want one of aa, bb, cc, dd, ee, ff, gg, hh, ..."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The short way to tell whether a value is on a grid agrees with the long one.
func TestOnGridIsTheValueOfItsPoint(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, e := range []int{0, -1, -2, -3, -7, -15, -16, -22, 1, 3} {
		f := &Field{Name: "x", Kind: Number, Grid: Grid{M: 1, E10: e}}
		on := 0
		for range 20000 {
			x := f.Value(r.Int64N(1<<uint(r.IntN(54)))) * float64(1-2*r.IntN(2))
			switch r.IntN(3) {
			case 1:
				x = math.Nextafter(x, math.Inf(1))
			case 2:
				x += math.Pow10(e) * r.Float64()
			}
			want := f.Value(f.Point(x)) == x
			if got := f.OnGrid(x); got != want {
				t.Fatalf("step 1e%d: %v on the grid: got %v, want %v", e, x, got, want)
			}
			if want {
				on++
			}
		}
		if on == 0 || on == 20000 {
			t.Errorf("step 1e%d: %d of 20000 are on the grid", e, on)
		}
	}
}

// A number of no more decimals than the step has is on the grid: reading does not ask again.
func TestFewDecimalsAreOnTheGrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.IntRange(0, 6).Draw(t, "decimals of the step")
		f := Field{Name: "x", Grid: Grid{1, -step}, GridDeclared: true, Min: -1e8, Max: 1e8}
		whole, decimals := rapid.Int64Range(0, 1e8-1).Draw(t, "whole"), rapid.StringMatching(fmt.Sprintf(`[0-9]{0,%d}`, step)).Draw(t, "decimals")
		x, got, ok := parseNumber(fmt.Sprintf("-%d.%s", whole, decimals))
		if !ok || got != len(decimals) || !f.OnGrid(x) {
			t.Fatalf("-%d.%s: read as %v with %d decimals, %v; on the grid: %v", whole, decimals, x, got, ok, f.OnGrid(x))
		}
	})
}
