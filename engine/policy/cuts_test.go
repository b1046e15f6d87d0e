package policy

import (
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

func TestOutcomesThatCutTheSamePeopleNearlyAlikeAreNamed(t *testing.T) {
	told := func(i int, where string, n int64, of string, places ...int64) Told {
		c := Told{Index: i, ID: string(rune('a' + i)), Where: where, N: n}
		for _, p := range places {
			c.Cuts = append(c.Cuts, stat.Cut{Of: of, Below: p})
		}
		return c
	}
	first := told(0, "", 100, "age", 20, 50, 80)
	for _, tc := range []struct {
		name  string
		other Told
		near  bool
	}{
		{"one between", told(1, "", 100, "age", 51), true}, {"four between", told(1, "", 100, "age", 10, 76), true},
		{"none", told(1, "", 100, "age", 20, 80), false}, {"five", told(1, "", 100, "age", 25, 45), false},
		{"another quantity", told(1, "", 100, "weight", 51), false}, {"other people", told(1, "", 90, "age", 51), false}, {"another condition", told(1, "x > 1", 100, "age", 51), false},
		{"its own", told(1, "", 100, "weight", 51, 52), false},
	} {
		_, warnings := gate(5, 3, "warn").Cuts([]Told{first, tc.other})
		if got := len(warnings[0]) == 1 && len(warnings[1]) == 1; got != tc.near || !got && len(warnings) > 0 {
			t.Errorf("%s: warnings %v, want %v", tc.name, warnings, tc.near)
		}
		refused, _ := gate(5, 3, "refuse").Cuts([]Told{first, tc.other})
		if refused[0] != nil || (refused[1] != nil) != tc.near {
			t.Errorf("%s: refused %v, want the later: %v", tc.name, refused, tc.near)
		}
	}
	// Who is refused refuses nobody else.
	refused, _ := gate(5, 3, "refuse").Cuts([]Told{first, told(1, "", 100, "age", 51), told(2, "", 100, "age", 55, 90)})
	if len(refused) != 1 || refused[1] == nil {
		t.Errorf("refused %v, want the second alone, though the third is near it", refused)
	}
	if _, warnings := gate(1, 3, "warn").Cuts([]Told{first, told(1, "", 100, "age", 51)}); len(warnings) > 0 {
		t.Error("min_cell 1 switches the rule off")
	}
}
