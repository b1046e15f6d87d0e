package study

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/stat"
)

// Each pair replaces a part of the example by another way to write the same study.
func TestDigestDoesNotDependOnHowTheStudyIsWritten(t *testing.T) {
	want := parse(t, example).Digest()
	for name, swap := range map[string][2]string{
		"comment":                {"# a comment", "# another"},
		"order of top keys":      {"study: heart-4\ntitle: Risk factors\n", "title: Risk factors\nstudy: heart-4\n"},
		"quotes":                 {"title: Risk factors", "title: 'Risk factors'"},
		"block for flow":         {"disease: {type: binary}", "disease:\n    type: binary"},
		"order of a variable":    {"{type: number, unit: years, integer: true, min: 18, max: 110}", "{max: 110, min: 18, integer: true, unit: years, type: number}"},
		"another decimal":        {"min: 18", "min: 1.8e1"},
		"step":                   {"step: 0.1", "step: 0.10"},
		"default step written":   {"max: 110}", "max: 110, step: 1}"},
		"default rule written":   {"max: 110}", "max: 110, out_of_range: error}"},
		"default column":         {"max: 110}", "max: 110, column: age}"},
		"default codes":          {"disease: {type: binary}", "disease: {type: binary, codes: {0: 0, 1: 1}}"},
		"order of codes":         {"{no: 0, yes: 1, y: 1}", "{y: 1, yes: 1, no: 0}"},
		"order of missing":       {"[\"-9\", NA]", "[NA, \"-9\", NA]"},
		"order of an analysis":   {"{id: all, kind: describe, ", "{kind: describe, id: all, "},
		"default privacy":        {"min_sites: 3", "min_sites: 3\n  min_cell: 5\n  differencing: warn"},
		"path of a site":         {"data/south.csv", "/srv/south.csv"},
		"quirks of a site":       {"{csv: north.csv, encoding: gb18030, separator: \";\", columns: {age: ALTER}}", "{csv: n}"},
		"no file for a site":     {"{csv: data/south.csv}", "{}"},
		"another line end":       {"\n", "\r\n"},
		"spaces round a `where`": {"\"age >= 40 & !is.na(oldpeak)\"", "\"  age >= 40 & !is.na(oldpeak) \""},
	} {
		src := strings.Replace(example, swap[0], swap[1], -1)
		if src == example {
			t.Fatalf("%s: nothing is replaced", name)
		}
		if parse(t, src).Digest() != want {
			t.Errorf("%s: another digest", name)
		}
	}
}

func TestDigestDependsOnWhatIsAsked(t *testing.T) {
	seen := map[[32]byte]string{parse(t, example).Digest(): "the example"}
	for _, swap := range [][2]string{
		{"heart-4", "heart-5"}, {"Risk factors", "Risk"}, {"017", "018"}, {"a@b", "a@c"},
		{"  south:", "  west:"}, {"  east:\n", "  east:\n  west:\n"},
		{"  south: {csv: data/south.csv}\n", ""}, // the order of sites: south comes last below
		{"min: 18", "min: 17"}, {"max: 110", "max: 111"}, {"unit: years", "unit: months"}, {"integer: true, ", ""},
		{"step: 0.1", "step: 0.2"}, {"\"-9\", NA", "\"-9\""}, {", off_grid: round", ""}, {", out_of_range: missing", ""},
		{"CRP (mg/l)", "CRP"}, {"[no, yes,", "[yes, no,"}, {", 007", ""}, {"{no: 0, yes: 1, y: 1}", "{no: 1, yes: 0, y: 0}"},
		{"age >= 40", "age >= 41"}, {"id: all", "id: each"}, {"[age, oldpeak, sex]", "[oldpeak, age, sex]"}, {", by: disease", ""},
		{"[0.25, 0.5]", "[0.25]"}, {"quantile_type: 2", "quantile_type: 1"}, {"age > 60", "age > 61"},
		{"min_sites: 3", "min_sites: 2"}, {"300000", "300001"}, {"min_sites: 3", "min_cell: 4"}, {"min_sites: 3", "digits: 4"},
		{"min_sites: 3", "release: analyst"}, {"min_sites: 3", "differencing: refuse"}, {"min_sites: 3", "max_parameters_per_row: 0.5"},
	} {
		src := strings.Replace(example, swap[0], swap[1], 1)
		if src == example {
			t.Fatalf("%q: nothing is replaced", swap)
		}
		if swap[1] == "" && strings.HasPrefix(swap[0], "  south") {
			src = strings.Replace(src, "  east:\n", "  east:\n  south:\n", 1)
		}
		d := parse(t, src).Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%q has the digest of %s", swap, other)
		}
		seen[d] = swap[0] + " -> " + swap[1]
	}
}

// Every field of stat.Args can be read from YAML and is part of the canonical form.
func TestEveryKeyOfAnAnalysisIsReadAndIsPartOfTheDigest(t *testing.T) {
	typ := reflect.TypeFor[stat.Args]()
	for i := range typ.NumField() {
		key := typ.Field(i).Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		text := map[reflect.Kind]string{reflect.String: "age", reflect.Slice: "[0.5]", reflect.Float64: "0.5", reflect.Int: "1", reflect.Bool: "true", reflect.Pointer: "2"}[typ.Field(i).Type.Kind()]
		if typ.Field(i).Type == reflect.TypeFor[[]string]() || typ.Field(i).Type == reflect.TypeFor[stat.OneOrMore]() {
			text = "[age]"
		}
		if typ.Field(i).Type == reflect.TypeFor[[]map[string]string]() {
			text = "[{age: 60}]"
		}
		if e := typ.Field(i).Type; e.Kind() == reflect.Pointer && e.Elem().Kind() == reflect.Struct {
			text = "{" + e.Elem().Field(0).Tag.Get("yaml") + ": 3}"
		}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(key+": "+text), &n); err != nil {
			t.Fatal(err)
		}
		p := &parser{reader: &reader{}, spec: parse(t, example)}
		var args stat.Args
		for _, e := range p.entries(n.Content[0], "x") {
			p.argument(&args, e, "analysis x")
		}
		if len(p.errs) > 0 || reflect.ValueOf(args).Field(i).IsZero() {
			t.Errorf("%s: %s is read as %v with %v", key, text, reflect.ValueOf(args).Field(i), p.errs)
		}
		if _, ok := canonicalArgs(args)[key]; !ok {
			t.Errorf("%s is not part of the canonical form", key)
		}
	}
}

// Whatever the bytes, Parse returns a study with a stable digest or mistakes with lines of the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	for _, s := range []string{"", "study: a", "a: &a [*a]", "{", "- 1\n---\n", "study: x\nsites: {a: , b: , c: }\nvariables: {x: {type: binary}}\nanalyses: [{id: a, kind: describe, variables: [x]}]", "\xef\xbb\xbfstudy: a", "? {a: b}\n: c"} {
		f.Add([]byte(s))
	}
	for _, line := range strings.SplitAfter(example, "\n") {
		f.Add([]byte(strings.Replace(example, line, "", 1)))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Parse("f", src)
		if err != nil {
			var all Errors
			if s != nil || !errors.As(err, &all) || len(all) == 0 || err.Error() == "" {
				t.Fatalf("a study %v with error %v", s != nil, err)
			}
			for _, e := range all {
				if lines := 2 + bytes.Count(src, []byte("\n")) + bytes.Count(src, []byte("\r")); e.Line < 0 || e.Line > lines && !strings.Contains(e.Msg, "not YAML") {
					t.Errorf("line %d of %d: %v", e.Line, lines, e)
				}
			}
			return
		}
		again, err := Parse("g", src)
		if err != nil || again.Digest() != s.Digest() || !json.Valid(s.Canonical()) {
			t.Errorf("parsed again: %v", err)
		}
	})
}
