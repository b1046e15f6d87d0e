package engine_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tally counts what was compared.
type tally struct {
	numbers, numbersAgree   int
	analyses, analysesAgree int
	failures                []string
}

func (t *tally) add(u tally) {
	t.numbers += u.numbers
	t.numbersAgree += u.numbersAgree
	t.analyses += u.analyses
	t.analysesAgree += u.analysesAgree
	t.failures = append(t.failures, u.failures...)
}

// comparison is one oracle analysis against ours.
type comparison struct {
	set     string
	a       oracleAnalysis
	asks    []ask
	derived map[string]any            // the oracle's result and what the mapping looks up beside it
	ours    map[string]map[string]any // by part of the oracle analysis, see asked; absent: not in the report
	tally   tally
}

// compareAnalysis compares every leaf of an oracle analysis that the mapping does not excuse.
func compareAnalysis(s *oracleSet, a oracleAnalysis, result map[string]map[string]any) tally {
	c := &comparison{set: s.schema.Set, a: a, asks: asked(s, a), ours: map[string]map[string]any{}}
	c.tally.analyses = 1
	all := leaves(c.derive(s))
	for _, k := range c.asks {
		r := result[k.id]
		if r == nil {
			c.fail(k.id, "a result", "no such analysis")
		} else if r["refused"] != nil {
			c.fail(k.id, "a result", fmt.Sprint("refused: ", lookup(r, "refused", "message")))
		} else {
			c.ours[k.part] = r
		}
		c.check(k.part, "n", exactly, a.N, r["n"], 0)
		c.check(k.part, "excluded", exactly, a.Missing, r["excluded"], 0)
	}
	for _, l := range all {
		c.leaf(l)
	}
	if c.a.Kind == "logistic" {
		c.check("", "whether coefficients run to infinity", same, a.Spec.Separated, namesInfinite(c.ours[""]), 0)
	}
	if len(c.tally.failures) == 0 {
		c.tally.analysesAgree = 1
	}
	return c.tally
}

// leaf finds the line of the mapping for a leaf and compares.
func (c *comparison) leaf(l leaf) {
	if strings.HasPrefix(l.path[0], "~") {
		return
	}
	field := strings.Join(l.path, "/")
	for _, m := range mappings {
		if m.kind != c.a.Kind && !(strings.HasPrefix(m.kind, "*") && strings.HasSuffix(c.a.Kind, m.kind[1:])) {
			continue
		}
		bound, ok := match(m.oracle, l.path)
		if !ok {
			continue
		}
		if m.rule == notOutput || m.rule == notTested || c.excused(l.path, m.rule) {
			return
		}
		part, got := c.find(m, bound)
		want, scale := l.value, c.scale(m.scale, bound)
		if known := c.certified(l.path); known != nil && agrees(m.rule, known, got, scale, 0) {
			want = known // agreement with either counts
		}
		c.check(part, field, c.relaxed(m.rule), want, got, scale)
		return
	}
	c.fail(field, "a line of the mapping", "none fits")
}

// excused reports whether the oracle's own number is not to be believed:
// coefficients that run to infinity, and all but estimates where R's rounding
// spoils the rest.
func (c *comparison) excused(path []string, r rule) bool {
	last := path[len(path)-1]
	if len(path) > 2 && path[1] == "hosmer_lemeshow" && lookup(c.derived, path[0], path[1], "statistic") == nil {
		return true // a class that nobody is in leaves R without a test; we have one class less
	}
	if c.a.Spec.Separated && path[0] == "converged" {
		return true
	}
	if c.a.Kind == "cox" {
		if path[0] != "efron" && path[0] != "breslow" || !c.a.Spec.Separated {
			return false
		}
		if path[1] == "coefficients" && last != "aliased" {
			se, ok := lookup(c.derived, path[0], path[1], path[2], "se").(float64)
			return !ok || se > 50
		}
		return path[1] == "wald_test" || path[1] == "vcov" || path[1] == "zph_km"
	}
	if c.a.Spec.Separated && path[0] == "coefficients" && last != "aliased" {
		se, ok := lookup(c.derived, path[0], path[1], "se").(float64)
		return c.a.tagged("separation:complete") || !ok || se > 50
	}
	if c.a.Spec.Separated && c.fellApart() && slices.Contains([]string{"deviance", "loglik", "aic", "bic", "lr_test", "mcfadden_r2", "nagelkerke_r2"}, path[0]) {
		return last != "df" // separation/deviance_limit is compared
	}
	if c.a.tagged("exact") && c.certified(path) == nil {
		return !slices.Contains([]string{"n", "missing", "mean", "sd", "q1", "median", "q3", "estimate", "aliased"}, last)
	}
	return false
}

// namesInfinite reports whether a result names coefficients that run to infinity.
func namesInfinite(result map[string]any) bool {
	rows, _ := result["tidy"].([]any)
	return slices.ContainsFunc(rows, func(row any) bool { return lookup(row, "infinite") != nil })
}

// fellApart reports whether R stopped at a fit worse than none.
func (c *comparison) fellApart() bool {
	deviance, _ := c.derived["deviance"].(float64)
	null, _ := c.derived["null_deviance"].(float64)
	return deviance > null
}

// relaxed weakens a rule where R stopped on the way to infinity.
func (c *comparison) relaxed(r rule) rule {
	if c.a.Spec.Separated && (r == close9 || r == pvalue) {
		return iterated
	}
	return r
}

// certified returns the certified value of a leaf, nil where there is none.
func (c *comparison) certified(path []string) any {
	switch c.a.Kind {
	case "describe_by":
		return lookup(c.a.Certified, path[1:]...)
	case "lm":
		if path[0] == "coefficients" && path[2] == "estimate" {
			return lookup(c.a.Certified, path[0], path[1])
		}
		return lookup(c.a.Certified, path...)
	}
	return nil
}

// find evaluates our side of a mapping line: an optional part, then an
// optional operation (sum, min, abs, percent), then a path.
func (c *comparison) find(m mapping, bound map[string]string) (part string, value any) {
	part, path := c.asks[0].part, m.ours
	if before, after, ok := strings.Cut(m.ours, ": "); ok {
		part, path = expand(before, bound, c.derived), after
	}
	path = expand(path, bound, c.derived)
	r := c.ours[part]
	switch op, rest, _ := strings.Cut(path, " "); op {
	case "sum", "min":
		return part, fold(r, op, rest)
	case "abs":
		if x, ok := find(r, rest).(float64); ok {
			return part, math.Abs(x)
		}
	case "percent":
		if x, ok := find(r, rest).(float64); ok {
			return part, x / 100
		}
	default:
		return part, find(r, path)
	}
	return part, nil
}

// fold adds up a column over the rows a selector takes, or finds its minimum.
func fold(r map[string]any, op, path string) any {
	name, rest, _ := strings.Cut(path, "[")
	selector, key, _ := strings.Cut(rest, "].")
	rows, _ := r[name].([]any)
	var sum, least float64 = 0, math.Inf(1)
	for i, v := range rows {
		row, _ := v.(map[string]any)
		if x, ok := row[key].(float64); ok && (selector == "" || selects(selector, i, row)) {
			sum, least = sum+x, min(least, x)
		}
	}
	if op == "min" {
		return least
	}
	return sum
}

// scale multiplies numbers and oracle values; the empty product is 1.
func (c *comparison) scale(product string, bound map[string]string) float64 {
	s := 1.0
	if product == "" {
		return s
	}
	for _, f := range strings.Split(product, "*") {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			var path []string
			for _, seg := range strings.Split(f, "/") {
				path = append(path, expand(seg, bound, c.derived))
			}
			x, _ = lookup(c.derived, path...).(float64)
		}
		s *= math.Abs(x)
	}
	return s
}

// check compares one number by its rule and counts it. Of an analysis that has
// no result one complaint is enough.
func (c *comparison) check(part, field string, r rule, want, got any, scale float64) {
	c.tally.numbers++
	if c.ours[part] == nil {
		return
	}
	bound, ok := lookup(c.ours[part], "glance", "auc_bound").(float64)
	if !ok {
		bound, _ = lookup(c.ours[part], "glance", "concordance_bound").(float64)
	}
	if agrees(r, want, got, scale, bound) {
		c.tally.numbersAgree++
		return
	}
	c.fail(field, fmt.Sprintf("%s (%s)", show(want), r), show(got))
}

func (c *comparison) fail(field, want, got string) {
	c.tally.failures = append(c.tally.failures, fmt.Sprintf("%s/%s %s: %s, want %s", c.set, c.a.ID, field, got, want))
}

// agrees applies a rule. What the oracle has as null or infinite has to be null or absent in ours.
func agrees(r rule, want, got any, scale, bound float64) bool {
	if s, ok := want.(string); want == nil || ok && (s == "Inf" || s == "-Inf" || s == "NaN") {
		return got == nil
	}
	if r == same || r == sign {
		return got == want
	}
	w, ok1 := want.(float64)
	g, ok2 := got.(float64)
	if !ok1 || !ok2 {
		return false
	}
	off := math.Abs(g - w)
	switch r {
	case exactly:
		return g == w
	case pvalue:
		return off <= 1e-9 && (off <= 1e-6*w || w < 1e-300 && g < 1e-300)
	case network:
		return off <= 1e-9 && off <= 1e-5*w
	case iterated:
		return off <= 1e-6*max(math.Abs(w), scale)
	case bounded:
		return off <= bound+1e-12
	}
	return off <= 1e-9*max(math.Abs(w), scale)
}

func show(v any) string {
	if v == nil {
		return "null"
	}
	return text(v)
}
