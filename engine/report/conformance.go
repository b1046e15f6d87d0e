package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// WriteConformance writes what was found in the files of one or more sites, as
// a data steward reads it. It shows counts and ranges of a site's own records:
// it is for that site alone and is never sent.
func WriteConformance(w io.Writer, s *study.Spec, found []*table.Conformance) error {
	var b strings.Builder
	for i, c := range found {
		if i > 0 {
			b.WriteByte('\n')
		}
		conformance(&b, s, c)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func conformance(b *strings.Builder, s *study.Spec, c *table.Conformance) {
	name := c.Site
	if c.File != "" {
		name += " (" + c.File + ")"
	}
	if c.Conforms() {
		fmt.Fprintf(b, "%s: conforms, %s\n", name, plural(int64(c.Rows), "record"))
	} else {
		fmt.Fprintf(b, "%s: DOES NOT CONFORM, %s read\n", name, plural(int64(c.Rows), "record"))
		violations(b, c)
	}
	if len(c.Variables) > 0 && c.Rows > 0 {
		g := grid{left: 1}
		g.add("variable", "n", "missing", "values")
		g.leftToo = 3
		for _, v := range c.Variables {
			name := v.Name
			if v.Column != v.Name {
				name += " (column " + v.Column + ")"
			}
			if f, err := s.Schema.Field(v.Name); err == nil && f.Unit != "" {
				name += ", " + f.Unit
			}
			g.add(name, count(int64(v.N)), count(int64(v.Missing)), contents(v))
		}
		g.write(b, "  ")
	}
	if len(c.Ignored) > 0 {
		wrap(b, "  columns that the dictionary does not name, ignored: ", 4, strings.Join(c.Ignored, ", "))
	}
}

// violations lists where the file breaks which rule.
func violations(b *strings.Builder, c *table.Conformance) {
	for _, p := range c.Problems {
		var place []string
		if p.Line > 0 {
			place = append(place, fmt.Sprintf("line %d", p.Line))
		}
		if p.Column != "" {
			place = append(place, fmt.Sprintf("column %q", p.Column))
		}
		place = append(place, fmt.Sprintf("rule %s", p.Rule))
		wrap(b, "  - ", 4, strings.Join(place, ", ")+": "+p.Message)
	}
	total := 0
	var counts []string
	for _, n := range c.Counts {
		total += n.Count
		one := fmt.Sprintf("%s by rule %s", count(int64(n.Count)), n.Rule)
		if n.Column != "" {
			one += fmt.Sprintf(" in %q", n.Column)
		}
		counts = append(counts, one)
	}
	if total > len(c.Problems) {
		wrap(b, fmt.Sprintf("  and %s more; in all: ", count(int64(total-len(c.Problems)))), 4, strings.Join(counts, ", "))
	}
}

// contents sums up a column: levels with counts, or smallest and largest value.
func contents(v table.VariableReport) string {
	var parts []string
	for _, l := range v.Levels {
		parts = append(parts, l.Level+": "+count(int64(l.N)))
	}
	if v.Min != nil && v.Max != nil {
		parts = append(parts, plain(*v.Min)+" to "+plain(*v.Max))
	}
	if v.OutOfRange > 0 {
		parts = append(parts, count(int64(v.OutOfRange))+" out of range made missing")
	}
	if v.OffGrid > 0 {
		parts = append(parts, count(int64(v.OffGrid))+" rounded to the step")
	}
	return strings.Join(parts, ", ")
}
