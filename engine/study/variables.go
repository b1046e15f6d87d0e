package study

import (
	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/table"
)

// variables reads the data dictionary.
func (p *parser) variables(n *yaml.Node) {
	if p.many(n, "variables", maxVariables) {
		return
	}
	for _, e := range p.entries(n, "variables") {
		if f, ok := p.variable(e); ok {
			p.spec.Schema.Fields = append(p.spec.Schema.Fields, f)
		}
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.fail(n, "variables: the dictionary is empty")
	}
}

var keysOf = [...][]string{
	table.Number:   {"type", "unit", "integer", "step", "min", "max", "column", "missing", "out_of_range", "off_grid"},
	table.Category: {"type", "levels", "column", "missing"},
	table.Binary:   {"type", "codes", "column", "missing"},
}

// variable reads one variable; false after a failure.
func (p *parser) variable(e entry) (table.Field, bool) {
	before, what := len(p.errs), "variable "+e.key
	f := table.Field{Name: e.key}
	t := child(e.value, "type")
	if e.value.Kind != yaml.MappingNode || t == nil {
		p.fail(e.at, "%s has no type; want {type: number, ...}, {type: category, ...} or {type: binary}", what)
		return f, false
	}
	switch s := p.text(t, what+": type"); s {
	case "number":
		f.Kind = table.Number
	case "category":
		f.Kind = table.Category
	case "binary":
		f.Kind = table.Binary
	case "":
		return f, false
	default:
		p.fail(t, "%s: unknown type %q; want number, category or binary", what, s)
		return f, false
	}
	keys := p.keys(e.value, what, keysOf[f.Kind]...)
	if v := keys["column"]; v != nil {
		f.Column = p.text(v, what+": column")
	}
	if v := keys["missing"]; v != nil {
		f.Missing = p.literals(v, what+": missing")
	}
	switch f.Kind {
	case table.Number:
		p.numberKeys(&f, e.at, keys)
	case table.Category:
		if v := keys["levels"]; v != nil {
			f.Levels = p.literals(v, what+": levels")
		}
	case table.Binary:
		if v := keys["codes"]; v != nil {
			f.Codes = map[string]int{}
			for _, c := range p.entries(v, what+": codes") {
				f.Codes[c.key] = int(p.integer(c.value, what+": code "+c.key, 0, 1))
			}
		}
	}
	if len(p.errs) > before {
		return f, false
	}
	if err := f.Check(); err != nil {
		p.fail(e.at, "%s", bare(err))
		return f, false
	}
	return f, true
}

// numberKeys reads the keys of a number. A range must be declared: the
// precision of every sum and the proof that none overflows come from it.
func (p *parser) numberKeys(f *table.Field, at *yaml.Node, keys map[string]*yaml.Node) {
	what := "variable " + f.Name
	if v := keys["unit"]; v != nil {
		f.Unit = p.text(v, what+": unit")
	}
	if v := keys["integer"]; v != nil {
		f.Integer = p.boolean(v, what+": integer")
	}
	if keys["min"] == nil || keys["max"] == nil {
		p.fail(at, "%s declares no range; write min: and max: with the smallest and largest value that can occur", what)
	} else {
		f.Min, f.Max = p.number(keys["min"], what+": min"), p.number(keys["max"], what+": max")
	}
	if v := keys["step"]; v != nil {
		p.number(v, what+": step")
		g, err := table.ParseGrid(v.Value)
		if err != nil {
			p.fail(v, "%s: %s", what, bare(err))
		}
		f.Grid, f.GridDeclared = g, true
	}
	f.OutOfRangeMissing = p.choice(keys["out_of_range"], what+": out_of_range", "error", "missing") == "missing"
	f.OffGridRound = p.choice(keys["off_grid"], what+": off_grid", "error", "round") == "round"
}
