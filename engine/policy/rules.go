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
	g.differencing(all, refused, warnings)
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
