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
	if c.Conforms() {
		fmt.Fprintf(b, "%s: conforms, %s\n", source(c), plural(int64(c.Rows), "record"))
	} else {
		b.WriteString(Violations(c))
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

// Violations writes where the file of a site breaks which rule, under the name of the site.
func Violations(c *table.Conformance) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: DOES NOT CONFORM, %s read\n", source(c), plural(int64(c.Rows), "record"))
	for _, text := range c.Violations() {
		wrap(&b, "  - ", 4, text)
	}
	return b.String()
}

// source is a site with its file.
func source(c *table.Conformance) string {
	switch {
	case c.File == "":
		return c.Site
	case c.Site == "": // records that are no site's of the study
		return c.File
	}
	return c.Site + " (" + c.File + ")"
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
