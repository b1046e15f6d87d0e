package policy

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

func gate(minCell, minSites int, differencing string) *Rules {
	return New(study.Privacy{MinCell: minCell, MinSites: minSites, MaxRows: 1 << 32, Differencing: differencing})
}

func TestTooFewHospitalsRefuseAnAnalysis(t *testing.T) {
	refused, _ := gate(5, 3, "warn").Judge([]Counted{{Index: 0, ID: "a", N: 100, Sites: 2}, {Index: 1, ID: "b", N: 100, Sites: 3}})
	if refused[0] == nil || refused[0].Rule != "min_sites" {
		t.Errorf("two of three hospitals: got %v, want a refusal by min_sites", refused[0])
	}
	if refused[1] != nil {
		t.Errorf("three of three hospitals: got %v, want none", refused[1])
	}
}

func TestResultsThatDifferByAFewPeopleAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		a, b int64
		vars string
		near bool
	}{
		{"equal", 100, 100, "age", false},
		{"one apart", 100, 99, "age", true},
		{"four apart", 96, 100, "age", true},
		{"five apart", 95, 100, "age", false},
		{"no variable in common", 99, 100, "height", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all := []Counted{{Index: 0, ID: "one", N: tc.a, Sites: 3, Variables: []string{"age", "sex"}}, {Index: 1, ID: "two", N: tc.b, Sites: 3, Variables: []string{tc.vars}}}
			_, warnings := gate(5, 3, "warn").Judge(all)
			if got := len(warnings[0]) > 0 && len(warnings[1]) > 0; got != tc.near {
				t.Errorf("warned %v, want %v", got, tc.near)
			}
			if tc.near && !strings.Contains(warnings[0][0], "two") {
				t.Errorf("warning %q does not name the other analysis", warnings[0][0])
			}
			refused, _ := gate(5, 3, "refuse").Judge(all)
			if refused[0] != nil {
				t.Error("the earlier analysis is refused")
			}
			if got := refused[1] != nil; got != tc.near {
				t.Errorf("refused %v, want %v", got, tc.near)
			}
		})
	}
	if _, warnings := gate(1, 3, "warn").Judge([]Counted{{N: 10, Sites: 3, Variables: []string{"x"}}, {Index: 1, N: 11, Sites: 3, Variables: []string{"x"}}}); len(warnings) > 0 {
		t.Error("min_cell 1 switches the rule off")
	}
}

func TestAHospitalStopsWhatShowsTheOthersRemainder(t *testing.T) {
	g := gate(5, 3, "warn")
	for _, tc := range []struct {
		n, own int64
		stop   bool
	}{{100, 100, false}, {100, 99, true}, {100, 96, true}, {100, 95, false}, {100, 0, false}, {4, 0, true}} {
		if got := g.Veto(Counted{N: tc.n, Own: tc.own}); got != tc.stop {
			t.Errorf("n %d, own %d: stops %v, want %v", tc.n, tc.own, got, tc.stop)
		}
	}
}

func TestNothingUndeclaredIsContributed(t *testing.T) {
	plan := []stat.Opening{{What: "counts", Cells: 2, MaxTimes: 1}, {What: "sums", Cells: 1, MaxTimes: 2}}
	cells := func(n int) []stat.Cell {
		all := make([]stat.Cell, n, n+1)
		for i := range all {
			all[i].Cell = fixed.Cell{Max: 1, Step: fixed.One()}
		}
		return all
	}
	wide := cells(1)
	wide[0].Max = 0x1p100
	for _, tc := range []struct {
		name string
		asks [][]stat.Ask
		err  string
	}{
		{"as declared", [][]stat.Ask{{{Opening: 0, Cells: cells(2)}}, {{Opening: 1, Cells: cells(1)}}, {{Opening: 1, Cells: cells(1)}}}, ""},
		{"too many cells", [][]stat.Ask{{{Opening: 0, Cells: cells(3)}}}, "3 cells"},
		{"too many cells in two asks", [][]stat.Ask{{{Opening: 0, Cells: cells(2)}, {Opening: 0, Cells: cells(1)}}}, "3 cells"},
		{"too often", [][]stat.Ask{{{Opening: 0, Cells: cells(1)}}, {{Opening: 0, Cells: cells(1)}}}, "sum 2 of at most 1"},
		{"no such opening", [][]stat.Ask{{{Opening: 2}}}, "declares 2"},
		{"an opening before the first", [][]stat.Ask{{{Opening: -1}}}, "declares 2"},
		{"a sum that can overflow", [][]stat.Ask{{{Opening: 1, Cells: wide}}}, "can exceed 128 bits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := gate(5, 3, "warn")
			var err error
			for _, asks := range tc.asks {
				if e := g.Contribute(0, plan, asks, 10); e != nil {
					err = e
				}
			}
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got error %v, want %q", err, tc.err)
			}
		})
	}
	g := gate(5, 3, "warn")
	g.MaxRows = 9
	if err := g.Contribute(0, plan, nil, 10); err == nil {
		t.Error("more rows than the study allows were accepted")
	}
}

func TestPartsOfResultsThatDifferByAFewPeopleAreNamed(t *testing.T) {
	male, female := stat.Part{Factor: "sex", Level: "male"}, stat.Part{Factor: "sex", Level: "female"}
	x := stat.Part{Variable: "x"}
	vars, where := []string{"sex", "x"}, []string{"age"}
	for _, tc := range []struct {
		name string
		all  []Counted
		near bool
	}{
		{"the same groups, one larger by two", []Counted{
			{N: 100, Parts: map[stat.Part]int64{male: 50, female: 50}}, {N: 93, Parts: map[stat.Part]int64{male: 48, female: 45}}}, true},
		{"the same groups, larger by five", []Counted{
			{N: 100, Parts: map[stat.Part]int64{male: 50, female: 50}}, {N: 90, Parts: map[stat.Part]int64{male: 45, female: 45}}}, false},
		{"values of x, two fewer", []Counted{{N: 100, Parts: map[stat.Part]int64{x: 90}}, {N: 88}}, true},
		{"values of x, as many", []Counted{{N: 100, Parts: map[stat.Part]int64{x: 88}}, {N: 88}}, false},
		{"a condition that is a group but for one", []Counted{
			{N: 100, Parts: map[stat.Part]int64{male: 50, female: 50}}, {N: 49, Where: []string{"sex"}}}, true},
		{"a condition on something else, by chance as many", []Counted{
			{N: 100, Parts: map[stat.Part]int64{male: 50, female: 50}}, {N: 49, Where: where}}, false},
		{"two conditions that are all but two", []Counted{{N: 100}, {N: 40, Where: where}, {N: 58, Where: where}}, true},
		{"two conditions that overlap by two", []Counted{{N: 40, Where: where}, {N: 100}, {N: 62, Where: where}}, true},
		{"two conditions that are all", []Counted{{N: 100}, {N: 40, Where: where}, {N: 60, Where: where}}, false},
		{"three without conditions", []Counted{{N: 100}, {N: 40}, {N: 58}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.all {
				tc.all[i].Index, tc.all[i].ID, tc.all[i].Sites, tc.all[i].Variables = i, string(rune('a'+i)), 3, vars
			}
			last := len(tc.all) - 1
			_, warnings := gate(5, 3, "warn").Judge(tc.all)
			for i := range tc.all {
				if got := len(warnings[i]) > 0; got != tc.near {
					t.Errorf("analysis %s: warned %v, want %v: %v", tc.all[i].ID, got, tc.near, warnings[i])
				}
			}
			refused, _ := gate(5, 3, "refuse").Judge(tc.all)
			if got := refused[last] != nil; got != tc.near || len(refused) > 1 {
				t.Errorf("refused %v, want the last one: %v", refused, tc.near)
			}
		})
	}
}
