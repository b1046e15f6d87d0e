package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
)

// differencing finds results that could be subtracted: over rows, or over the
// same parts of the rows, that differ by 1..min_cell-1 people. It looks at
// pairs, and at two analyses with conditions of their own beside a third, which
// they may make up but for a few.
func (g *Rules) differencing(all []Counted, refused map[int]*stat.Refusal, warnings map[int][]string) {
	gone := func(c Counted) bool { return refused[c.Index] != nil }
	for i, c := range all {
		var near []Counted // earlier analyses that c is compared with, in vain for whoever subtracts
		for j, d := range all[:i] {
			if gone(c) || gone(d) {
				continue
			}
			if v := g.pair(c, d); v != "" {
				g.found(c, []Counted{d}, v, refused, warnings)
				near = append(near, d)
				continue
			}
			for _, e := range all[:j] {
				if gone(c) || gone(e) || slices.ContainsFunc(near, func(n Counted) bool { return n.Index == e.Index }) || g.pair(d, e) != "" {
					continue
				}
				if v := g.triple(c, d, e); v != "" {
					g.found(c, []Counted{d, e}, v, refused, warnings)
				}
			}
		}
	}
}

// found refuses the later analysis or warns about all of them.
func (g *Rules) found(c Counted, others []Counted, v string, refused map[int]*stat.Refusal, warnings map[int][]string) {
	names := others[0].ID
	if len(others) > 1 {
		names = others[1].ID + " and " + others[0].ID + " taken together"
	}
	if g.Differencing == "refuse" {
		refused[c.Index] = &stat.Refusal{Rule: "differencing",
			Message: fmt.Sprintf("its rows and those of analysis %s differ by fewer than %d people, in all or in a group, and both use %s: subtracting one result from the other would show those few", names, g.MinCell, v),
			Remedy:  "give both one cohort with a single cohort.where"}
		return
	}
	involved := append([]Counted{c}, others...)
	for i, a := range involved {
		rest := slices.Delete(slices.Clone(involved), i, i+1)
		names := a.ID + " and " + rest[0].ID
		if len(rest) > 1 {
			names = a.ID + ", " + rest[0].ID + " and " + rest[1].ID + ", two of them taken together,"
		}
		warnings[a.Index] = append(warnings[a.Index], fmt.Sprintf("the rows of analyses %s differ by fewer than %d people and both use %s: who has both results can subtract them; one cohort.where for both avoids it", names, g.MinCell, v))
	}
}

// pair returns a variable of which two analyses give figures over rows, or over
// a part of them, that differ by a few people; "" when there is none.
func (g *Rules) pair(c, d Counted) string {
	for _, v := range c.Variables {
		if !slices.Contains(d.Variables, v) {
			continue
		}
		if g.near(c.size(v, "", ""), d.size(v, "", "")) {
			return v
		}
		for _, p := range c.levels() {
			if _, both := d.Parts[p]; both && g.near(c.size(v, p.Factor, p.Level), d.size(v, p.Factor, p.Level)) {
				return v
			}
		}
		if g.groupNear(c, d, v) || g.groupNear(d, c, v) {
			return v
		}
	}
	return ""
}

// groupNear reports whether d's condition may be a group of c, but for a few.
func (g *Rules) groupNear(c, d Counted, v string) bool {
	return slices.ContainsFunc(c.levels(), func(p stat.Part) bool {
		return slices.Contains(d.Where, p.Factor) && g.near(c.size(v, p.Factor, p.Level), d.size(v, "", ""))
	})
}

// triple returns a variable of which three analyses give figures, two of them
// over rows chosen by conditions of their own that together are those of the third but for a few.
func (g *Rules) triple(a, b, c Counted) string {
	for _, v := range a.Variables {
		if !slices.Contains(b.Variables, v) || !slices.Contains(c.Variables, v) {
			continue
		}
		of := func(x Counted) int64 { return x.size(v, "", "") }
		for _, t := range [3][3]Counted{{a, b, c}, {a, c, b}, {b, c, a}} {
			if len(t[0].Where) > 0 && len(t[1].Where) > 0 && g.near(of(t[0])+of(t[1]), of(t[2])) {
				return v
			}
		}
	}
	return ""
}

// size is the number of people of a level ("" for all) with a value of v.
func (c Counted) size(v, factor, level string) int64 {
	if n, counted := c.Parts[stat.Part{Variable: v, Factor: factor, Level: level}]; counted {
		return n
	}
	if factor == "" {
		return c.N
	}
	return c.Parts[stat.Part{Factor: factor, Level: level}]
}

// levels lists the groups by levels of factors, in a fixed order.
func (c Counted) levels() (parts []stat.Part) {
	for p := range maps.Keys(c.Parts) {
		if p.Variable == "" {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(p, q stat.Part) int {
		return cmp.Or(cmp.Compare(p.Factor, q.Factor), cmp.Compare(p.Level, q.Level))
	})
	return parts
}
