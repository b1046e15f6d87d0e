package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// supplies lists the variables that each hospital's file must have.
func supplies(b *strings.Builder, s *study.Spec) {
	section(b, "What each hospital must supply")
	g := grid{left: 5}
	g.add("variable", "type", "unit", "values", "missing codes")
	for i := range s.Schema.Fields {
		f := &s.Schema.Fields[i]
		name := f.Name
		if f.Column != "" && f.Column != f.Name {
			name += " (column " + f.Column + ")"
		}
		g.add(name, kindName(f.Kind), f.Unit, allowed(f), strings.Join(slices.Concat(f.Missing, []string{"empty"}), ", "))
	}
	g.write(b, "")
	for _, site := range s.Sites {
		if len(site.Source.Columns) == 0 {
			continue
		}
		var renamed []string
		for _, variable := range slices.Sorted(maps.Keys(site.Source.Columns)) {
			renamed = append(renamed, variable+" is column "+site.Source.Columns[variable])
		}
		wrap(b, string(site.ID)+": ", 2, strings.Join(renamed, ", "))
	}
	if s.Cohort != nil {
		wrap(b, "Cohort: ", 2, "rows where "+s.Cohort.String())
	}
}

func kindName(k table.Kind) string {
	switch k {
	case table.Category:
		return "category"
	case table.Binary:
		return "binary"
	}
	return "number"
}

// allowed says which values a variable may take.
func allowed(f *table.Field) string {
	switch f.Kind {
	case table.Category:
		return strings.Join(f.Levels, ", ")
	case table.Binary:
		if f.Codes == nil {
			return "0, 1"
		}
		var codes []string
		for _, c := range slices.Sorted(maps.Keys(f.Codes)) {
			codes = append(codes, c+" = "+strconv.Itoa(f.Codes[c]))
		}
		return strings.Join(codes, ", ")
	}
	text := plain(f.Min) + " to " + plain(f.Max)
	switch {
	case f.Integer:
		text += ", whole"
	case f.GridDeclared:
		text += ", in steps of " + plain(f.Value(1))
	}
	if f.OutOfRangeMissing {
		text += "; beyond: missing"
	}
	if f.OffGridRound {
		text += "; rounded to the step"
	}
	return text
}

func supplyObjects(s *study.Spec) list {
	rows := list{}
	for i := range s.Schema.Fields {
		f := &s.Schema.Fields[i]
		column := f.Column
		if column == "" {
			column = f.Name
		}
		var o object
		o.put("name", f.Name)
		o.put("column", column)
		o.put("type", kindName(f.Kind))
		if f.Unit != "" {
			o.put("unit", f.Unit)
		}
		switch f.Kind {
		case table.Number:
			o.put("integer", f.Integer)
			o.put("min", f.Min)
			o.put("max", f.Max)
			o.put("step", f.Value(1))
		case table.Category:
			o.put("levels", f.Levels)
		case table.Binary:
			o.put("codes", f.Codes)
		}
		if len(f.Missing) > 0 {
			o.put("missing", f.Missing)
		}
		rows = append(rows, o)
	}
	return rows
}
