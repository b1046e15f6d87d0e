package stat

import (
	"math"
	"testing"
)

func TestTable1AgreesWithR(t *testing.T) {
	eachAnswer(t, "table1", func(s *reference, a answer, where string) {
		f := run(t, programOf(t, s.schema, Args{Kind: "table1", Variables: a.Spec.Columns, By: a.Spec.Group, Medians: a.Spec.Medians, Rules: open}), s.tables...)
		numbers, _ := a.at(t, "number").(map[string]any)
		for v := range numbers {
			groups := a.at(t, "number", v, "groups").(map[string]any)
			for g, want := range groups {
				r, w := rowOf(f, v, "group", g), want.(map[string]any)
				for key, path := range map[string]string{"n": "n", "missing": "missing", "mean": "mean", "sd": "sd", "median": "median", "q25": "q1", "q75": "q3"} {
					if got := r.Get(key); got != nil && !within(got, w[path], w["sd"].(float64)) {
						t.Errorf("%s: %s of %s in %s is %v, R has %v", where, key, v, g, got, w[path])
					}
				}
				if r.Get("mean") == nil && r.Get("median") == nil {
					t.Errorf("%s: %s in %s: %v", where, v, g, r)
				}
			}
		}
		categories, _ := a.at(t, "category").(map[string]any)
		for v := range categories {
			for l, groups := range a.at(t, "category", v, "levels").(map[string]any) {
				for g := range groups.(map[string]any) {
					compare(t, where+" "+v, rowOf(f, v, "group", g, "level", l), a, 1, map[string][]any{
						"n": {"category", v, "levels", l, g, "n"}, "pct": {"category", v, "levels", l, g, "pct"}, "missing": {"category", v, "missing", g}})
				}
			}
		}
		for _, r := range f.Tidy {
			v, part := r.Get("variable").(string), "number"
			if categories[v] != nil {
				part = "category"
				if want := a.at(t, part, v, "fisher"); (r.Get("test") == "fisher") != want {
					t.Errorf("%s: test of %s is %v, R's fisher is %v", where, v, r.Get("test"), want)
				}
			}
			compare(t, where+" "+v, r, a, 1, map[string][]any{"p_value": {part, v, "p"}})
			if smd, _ := r.Get("smd").(float64); !within(math.Abs(smd), a.at(t, part, v, "smd"), 1) {
				t.Errorf("%s: smd of %s is %v, R has %v", where, v, smd, a.at(t, part, v, "smd"))
			}
		}
	})
}
