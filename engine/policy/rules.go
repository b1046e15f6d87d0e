package policy

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/stat"
)

// Judge implements Gate: min_sites per analysis, and differencing between
// analyses, since two results over nearly the same rows can be subtracted.
func (g *Rules) Judge(all []Counted) (map[int]*stat.Refusal, map[int][]string) {
	refused, warnings := make(map[int]*stat.Refusal), make(map[int][]string)
	for _, c := range all {
		if c.Sites < int64(g.MinSites) {
			refused[c.Index] = &stat.Refusal{Rule: "min_sites",
				Message: fmt.Sprintf("%d hospitals contribute at least %d rows, at least %d must", c.Sites, max(1, g.MinCell), g.MinSites),
				Remedy:  "use variables that more hospitals record, or widen the cohort"}
		}
	}
	for i, c := range all {
		for _, d := range all[:i] {
			if refused[c.Index] != nil || refused[d.Index] != nil || !g.near(c.N, d.N) {
				continue
			}
			v, shared := common(c.Variables, d.Variables)
			if !shared {
				continue
			}
			if g.Differencing == "refuse" {
				refused[c.Index] = &stat.Refusal{Rule: "differencing",
					Message: fmt.Sprintf("its rows and those of analysis %s differ by fewer than %d people, and both use %s: subtracting one result from the other would show those few", d.ID, g.MinCell, v),
					Remedy:  "give both one cohort with a single cohort.where"}
				continue
			}
			const w = "the rows of analyses %s and %s differ by fewer than %d people and both use %s: who has both results can subtract them; one cohort.where for both avoids it"
			warnings[c.Index] = append(warnings[c.Index], fmt.Sprintf(w, c.ID, d.ID, g.MinCell, v))
			warnings[d.Index] = append(warnings[d.Index], fmt.Sprintf(w, d.ID, c.ID, g.MinCell, v))
		}
	}
	return refused, warnings
}

// near reports whether two numbers of rows differ by 1..min_cell-1.
func (g *Rules) near(a, b int64) bool {
	d := max(a-b, b-a)
	return d > 0 && d < int64(g.MinCell)
}

// Veto implements Gate, rule remainder: what the other hospitals have together
// may not be a handful of people, since this hospital can subtract its own.
func (g *Rules) Veto(c Counted) bool { return g.near(c.N, c.Own) }

// Remainder is the refusal of an analysis that at least one hospital stopped.
func Remainder(minCell int) *stat.Refusal {
	return &stat.Refusal{Rule: "remainder",
		Message: fmt.Sprintf("without its own rows, a hospital would see the figures of fewer than %d people of the others", minCell),
		Remedy:  "widen the cohort or the analysis, so that more than one hospital contributes rows"}
}

func common(a, b []string) (string, bool) {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return x, true
			}
		}
	}
	return "", false
}
