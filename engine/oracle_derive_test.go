package engine_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// derive rearranges the oracle's answer for the mapping and puts beside it,
// under names with ~, what the mapping looks up.
func (c *comparison) derive(s *oracleSet) map[string]any {
	r := c.a.Result
	switch c.a.Kind {
	case "describe":
		r["number"], r["binary"] = map[string]any{}, map[string]any{}
		numeric, _ := r["numeric"].(map[string]any)
		for v, answer := range numeric {
			part := "number"
			if s.columnType(v) == "binary" {
				part = "binary"
			}
			r[part].(map[string]any)[v] = answer
		}
		delete(r, "numeric")
		r["~quantile"] = []any{"q05", "q10", "q25", "median", "q75", "q90", "q95"}
	case "ttest":
		number := map[string]any{}
		for _, level := range s.levels(c.a.Spec.Group) {
			if lookup(r, "groups", level) != nil {
				number[level] = strconv.Itoa(len(number) + 1)
			}
		}
		r["~number"] = number
		resolved := map[string]any{}
		for _, m := range []string{"welch", "student"} {
			scale, _ := lookup(r, m, "se").(float64)
			for level := range number {
				scale = max(scale, resolution(lookup(r, "groups", level, "mean")))
			}
			resolved[m] = scale
		}
		r["~resolved"] = resolved
	case "km":
		everyone, groups := map[string]any{}, map[string]any{}
		curves, _ := r["curves"].([]any)
		for _, c := range curves {
			if curve, _ := c.(map[string]any); curve["group"] == "all" {
				everyone = curve
			} else {
				groups[text(curve["group"])] = curve
			}
		}
		r["everyone"], r["by"] = everyone, groups
		delete(r, "curves")
	case "correlation":
		for _, m := range []string{"pearson", "p", "spearman"} {
			r[m] = offDiagonal(r[m])
		}
	case "table1":
		numbers, _ := r["number"].(map[string]any)
		for v := range numbers {
			groups, _ := lookup(numbers, v, "groups").(map[string]any)
			for _, g := range groups {
				if g, _ := g.(map[string]any); !slices.Contains(c.a.Spec.Medians, v) {
					delete(g, "q1")
					delete(g, "median")
					delete(g, "q3")
				}
			}
		}
	case "lm", "logistic":
		if lookup(r, "lr_test", "df") == 0.0 {
			r["lr_test"].(map[string]any)["p"] = nil // pchisq(0, 0) is 0, but nothing was tested
		}
		var kept, se, resolved []any
		coefficients, _ := r["coefficients"].([]any)
		for _, b := range coefficients {
			own, _ := lookup(b, "se").(float64)
			resolved = append(resolved, max(own, resolution(lookup(coefficients, "0", "estimate"))))
			if lookup(b, "aliased") == false {
				kept, se = append(kept, lookup(b, "name")), append(se, lookup(b, "se"))
			}
		}
		r["~kept"], r["~se"], r["~resolved"], r["~odds"] = kept, se, resolved, []any{"odds_low", "odds_high"}
	case "lm_ridge", "logistic_ridge":
		per := map[string]any{}
		names, _ := r["columns"].([]any)
		for i, name := range names {
			sd, _ := lookup(r, "sds", strconv.Itoa(i)).(float64)
			per[text(name)] = 1 / sd
		}
		r["~persd"] = per
	}
	c.derived = r
	return r
}

// resolution is the scale of a number that R has as the difference of doubles
// near x: of means near 1e9 the difference is known to 1e-7 only.
func resolution(x any) float64 {
	f, _ := x.(float64)
	return math.Abs(f) * 0x1p-52 / 1e-9
}

// offDiagonal turns a matrix into rows by number without the diagonal.
func offDiagonal(m any) any {
	rows, _ := m.([]any)
	out := map[string]any{}
	for i, row := range rows {
		cells, _ := row.([]any)
		kept := map[string]any{}
		for j, x := range cells {
			if i != j {
				kept[strconv.Itoa(j)] = x
			}
		}
		out[strconv.Itoa(i)] = kept
	}
	return out
}

func (s *oracleSet) columnType(name string) string {
	for _, c := range s.schema.Columns {
		if c.Name == name {
			return c.Type
		}
	}
	return ""
}

// levels returns the levels of a variable that stands where a category is expected, in the dictionary's order.
func (s *oracleSet) levels(name string) []string {
	var out []string
	if name == "site" {
		for _, site := range s.schema.Sites {
			out = append(out, site.Name)
		}
		return out
	}
	for _, c := range s.schema.Columns {
		if c.Name == name && len(c.Levels) > 0 {
			return c.Levels
		}
	}
	for _, field := range s.columns[name] {
		field = strings.TrimSpace(field)
		if field != "" && !slices.Contains(out, field) {
			out = append(out, field)
		}
	}
	slices.Sort(out)
	return out
}
