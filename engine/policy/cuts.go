package policy

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
)

// Told is one analysis whose outcome is about to be written.
type Told struct {
	Index int    // in the study
	ID    string // of the analysis
	Where string // its own condition; empty when it has none
	N     int64
	Cuts  []stat.Cut
}

// cutKey is what people are cut by: two analyses of the same rows.
type cutKey struct {
	of, where string
	n         int64
}

// Cuts applies the rule on differencing to places at which two outcomes cut the
// same people by the same quantity: with fewer than min_cell people between
// them, one subtracted from the other counts those. It returns refusals of the
// later and warnings by the index of the analysis, and decides from what is released: everybody alike.
func (g *Rules) Cuts(all []Told) (map[int]*stat.Refusal, map[int][]string) {
	refused, warnings := make(map[int]*stat.Refusal), make(map[int][]string)
	if g.MinCell <= 1 {
		return refused, warnings
	}
	by := make(map[cutKey]map[int64][]int) // places, then who cuts there: indices into all, each once, rising
	var keys []cutKey
	for i, t := range all {
		for _, c := range t.Cuts {
			k := cutKey{c.Of, t.Where, t.N}
			if by[k] == nil {
				by[k] = make(map[int64][]int)
				keys = append(keys, k)
			}
			if l := by[k][c.Below]; len(l) == 0 || l[len(l)-1] != i {
				by[k][c.Below] = append(l, i)
			}
		}
	}
	found := make(map[[2]int]string) // pairs, earlier first, and by what
	for _, k := range keys {
		var places []int64
		for p := range by[k] {
			places = append(places, p)
		}
		slices.Sort(places)
		for a, p := range places {
			for _, q := range places[a+1:] {
				if !g.near(p, q) {
					break
				}
				for _, i := range by[k][p] {
					for _, j := range by[k][q] {
						if pair := [2]int{min(i, j), max(i, j)}; i != j && found[pair] == "" {
							found[pair] = k.of
						}
					}
				}
			}
		}
	}
	for j, c := range all {
		for i, d := range all[:j] {
			of := found[[2]int{i, j}]
			switch {
			case of == "" || refused[d.Index] != nil || refused[c.Index] != nil:
			case g.Differencing == "refuse":
				refused[c.Index] = &stat.Refusal{Rule: "differencing",
					Message: fmt.Sprintf("it and analysis %s cut the same people by %s at places that have fewer than %d people between them: subtracting one count from the other would show those few", d.ID, of, g.MinCell),
					Remedy:  "give both the same breaks, thresholds, bins or grid, or ask once"}
			default:
				w := fmt.Sprintf("analyses %s and %s cut the same people by %s at places that have fewer than %d people between them: who has both results can count those by subtraction; the same breaks, thresholds, bins or grid for both avoid it", d.ID, c.ID, of, g.MinCell)
				warnings[c.Index], warnings[d.Index] = append(warnings[c.Index], w), append(warnings[d.Index], w)
			}
		}
	}
	return refused, warnings
}
