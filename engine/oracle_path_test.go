package engine_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Paths into decoded JSON. A pattern on the oracle's side binds variables,
//
//	coefficients/$i/estimate
//
// and a path on our side uses them, as text or to look something up in the oracle:
//
//	tidy[term=@(coefficients/$i/name)].estimate
//
// Our side may also select a row by number, tidy[$i], the row of an unordered
// pair of variables, tidy[pair=a~b], or an entry of a matrix, vcov<a|b>.

// leaf is a number, text, truth value or null of the oracle's answer.
type leaf struct {
	path  []string
	value any
}

// leaves lists the leaves below v, object keys sorted.
func leaves(v any, path ...string) []leaf {
	var out []leaf
	below := func(key string, v any) { out = append(out, leaves(v, append(slices.Clone(path), key)...)...) }
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			below(k, v[k])
		}
	case []any:
		for i := range v {
			below(strconv.Itoa(i), v[i])
		}
	default:
		out = append(out, leaf{path, v})
	}
	return out
}

// match returns the bindings of a pattern that fits a path. `*` fits any one
// segment, `**` any rest.
func match(pattern string, path []string) (map[string]string, bool) {
	bound := map[string]string{}
	want := strings.Split(pattern, "/")
	for i, w := range want {
		if w == "**" {
			return bound, true
		}
		if i == len(path) {
			return nil, false
		}
		if name, ok := strings.CutPrefix(w, "$"); ok {
			bound[name] = path[i]
		} else if w != "*" && w != path[i] {
			return nil, false
		}
	}
	return bound, len(want) == len(path)
}

// lookup follows a path from v; nil when it leads nowhere.
func lookup(v any, path ...string) any {
	for _, k := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[k]
		case []any:
			i, err := strconv.Atoi(k)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// expand puts bindings and oracle values into a template.
func expand(template string, bound map[string]string, oracle any) string {
	names := make([]string, 0, len(bound))
	for n := range bound {
		names = append(names, n)
	}
	// Longer names first, so that $ij is not read as $i followed by j.
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	put := func(s string) string {
		for _, n := range names {
			s = strings.ReplaceAll(s, "$"+n, bound[n])
		}
		return s
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "@(")
		out.WriteString(put(before))
		if !found {
			return out.String()
		}
		inner, after, _ := strings.Cut(rest, ")")
		var path []string
		for _, seg := range strings.Split(inner, "/") {
			path = append(path, put(seg))
		}
		out.WriteString(text(lookup(oracle, path...)))
		template = after
	}
}

func text(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

// find returns the value of our result at an expanded path, of the first
// selected row that has one; nil when there is none.
func find(result map[string]any, path string) any {
	table, rest, ok := strings.Cut(path, "[")
	if !ok {
		if name, entry, ok := strings.Cut(path, "<"); ok {
			a, b, _ := strings.Cut(strings.TrimSuffix(entry, ">"), "|")
			return entryOf(lookup(result, strings.Split(name, ".")...), a, b)
		}
		return lookup(result, strings.Split(path, ".")...)
	}
	end := strings.LastIndex(rest, "].")
	rows, _ := result[table].([]any)
	for i, r := range rows {
		row, _ := r.(map[string]any)
		if v := row[rest[end+2:]]; v != nil && selects(rest[:end], i, row) {
			return v
		}
	}
	return nil
}

// selects reports whether a selector such as 3, term=age or row=a&&column=b takes a row.
func selects(selector string, i int, row map[string]any) bool {
	if n, err := strconv.Atoi(selector); err == nil {
		return n == i
	}
	for _, cond := range strings.Split(selector, "&&") {
		key, want, _ := strings.Cut(cond, "=")
		if key == "pair" {
			a, b, _ := strings.Cut(want, "~")
			x, y := text(row["x"]), text(row["y"])
			if !(x == a && y == b || x == b && y == a) {
				return false
			}
		} else if v, ok := row[key]; !ok || text(v) != want {
			return false
		}
	}
	return true
}

// entryOf reads a matrix {"terms": [...], "matrix": [[...]]} at two named terms.
func entryOf(m any, a, b string) any {
	index := func(name string) string {
		terms, _ := lookup(m, "terms").([]any)
		return strconv.Itoa(slices.Index(terms, any(name)))
	}
	return lookup(m, "matrix", index(a), index(b))
}
