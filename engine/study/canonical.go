package study

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
)

// Canonical returns the study as JSON: what is asked of whom under which
// rules, defaults written out. Two study files that mean the same have the same
// canonical form, whatever their comments, spacing and order of keys; where
// order has a meaning (sites, variables, levels, analyses) it is kept. Where a
// site keeps its records, and the quirks of that file, are the site's own affair and not part of it.
func (s *Spec) Canonical() []byte {
	doc := map[string]any{
		"format": "consilium study 1",
		"study":  s.Name, "title": s.Title,
		"approval": map[string]string{"ethics": s.Approval.Ethics, "contact": s.Approval.Contact},
		"sites":    s.Schema.Sites,
		"where":    condition(s.Cohort),
		"privacy": map[string]any{
			"reveal": s.Privacy.Reveal, "release": s.Privacy.Release, "verify": s.Privacy.Verify,
			"min_sites": s.Privacy.MinSites, "max_rows": s.Privacy.MaxRows, "min_cell": s.Privacy.MinCell,
			"max_parameters_per_row": s.Privacy.MaxParametersPerRow,
			"differencing":           s.Privacy.Differencing, "digits": s.Privacy.Digits,
		},
	}
	var variables, analyses []any
	for i := range s.Schema.Fields {
		variables = append(variables, canonicalField(&s.Schema.Fields[i]))
	}
	for _, a := range s.Analyses {
		analyses = append(analyses, canonicalArgs(a))
	}
	doc["variables"], doc["analyses"] = variables, analyses
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		panic(fmt.Sprintf("study: a valid study has no canonical form: %v", err)) // only finite numbers and text are in doc
	}
	return b.Bytes()
}

// Digest is the SHA-256 of the canonical form: what stewards approve and results carry.
func (s *Spec) Digest() [32]byte { return sha256.Sum256(s.Canonical()) }

func condition(c *table.Condition) string {
	if c == nil {
		return ""
	}
	return c.String()
}

func canonicalField(f *table.Field) map[string]any {
	column := f.Column
	if column == "" {
		column = f.Name
	}
	codes := slices.Sorted(slices.Values(f.Missing)) // their order has no meaning
	m := map[string]any{"name": f.Name, "column": column, "missing": slices.Compact(codes)}
	switch f.Kind {
	case table.Category:
		m["type"], m["levels"] = "category", f.Levels
	case table.Binary:
		m["type"], m["codes"] = "binary", f.Codes
		if f.Codes == nil {
			m["codes"] = map[string]int{"0": 0, "1": 1}
		}
	default:
		m["type"], m["unit"], m["integer"], m["min"], m["max"] = "number", f.Unit, f.Integer, f.Min, f.Max
		m["step"], m["step_declared"] = f.Grid.String(), f.GridDeclared
		m["out_of_range_missing"], m["off_grid_round"] = f.OutOfRangeMissing, f.OffGridRound
	}
	return m
}

// canonicalArgs holds the keys that are written in the study.
func canonicalArgs(a stat.Args) map[string]any {
	m := map[string]any{"id": a.ID, "kind": a.Kind, "where": condition(a.Where)}
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" && key != "-" && !v.Field(i).IsZero() {
			m[key] = v.Field(i).Interface()
		}
	}
	return m
}
