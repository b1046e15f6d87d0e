package table

import (
	"fmt"
	"slices"
	"strings"
)

// header finds each variable's column.
func (d *csvReader) header(header []string, src Source, s *Schema) {
	// Otherwise all records would be names of columns, and the file one without any.
	if slices.ContainsFunc(header, func(h string) bool { return strings.Contains(h, "\r") }) {
		d.add(1, "", RuleHeader, func() string {
			return "a carriage return stands within the header: the file's line ends are lone carriage returns; save it with LF or CRLF"
		})
		return
	}
	at := make(map[string]int, len(header))
	twice := map[string]bool{}
	names := make([]string, 0, len(header))
	for i, h := range header {
		h = strings.Clone(strings.TrimSpace(h))
		if _, ok := at[h]; ok {
			twice[h] = true
		} else {
			at[h] = i
			names = append(names, h)
		}
	}
	if c, found := otherSeparator(header, s, src, at); found {
		d.add(1, "", RuleSeparator, func() string {
			return fmt.Sprintf("the header has one column only, of several parted by %q: write separator: %q at the site", c, c)
		})
		return
	}
	used := map[string]bool{}
	for i := range s.Fields {
		f := &s.Fields[i]
		c := csvColumn{column: src.column(f), report: VariableReport{Name: f.Name}}
		c.fieldReader.init(f)
		c.report.Column = c.column
		var found bool
		if c.at, found = at[c.column]; !found {
			d.add(1, c.column, RuleColumn, func() string { return notInHeader(f, c.column, names) })
		} else if twice[c.column] && !used[c.column] {
			d.add(1, c.column, RuleHeader, func() string { return "the header names this column twice; rename or remove one" })
		}
		used[c.column] = true
		d.columns = append(d.columns, c)
	}
	for _, h := range names {
		if h != "" && !used[h] {
			d.report.Ignored = append(d.report.Ignored, h)
		}
	}
}

// otherSeparator finds the separator of a header that the declared one leaves
// in one piece, though a variable's column is missing.
func otherSeparator(header []string, s *Schema, src Source, at map[string]int) (string, bool) {
	missing := func(f Field) bool { _, found := at[src.column(&f)]; return !found }
	if len(header) != 1 || strings.HasPrefix(header[0], "sep=") || !slices.ContainsFunc(s.Fields, missing) {
		return "", false
	}
	i := strings.IndexAny(header[0], ";\t|,")
	if i < 0 {
		return "", false
	}
	return header[0][i : i+1], true
}

// notInHeader says what may be the reason, quoting the header only where it is
// close to what is wanted: in a file without a header its first line is a record.
func notInHeader(f *Field, column string, header []string) string {
	msg := fmt.Sprintf("the header has no such column, wanted for variable %q", f.Name)
	if len(header) > 0 && strings.HasPrefix(header[0], "sep=") {
		return msg + "; the first line is one that Excel writes for itself: remove it"
	}
	if near, ok := Near(column, header); ok {
		msg += fmt.Sprintf("; nearest is %q", near)
	}
	return msg + fmt.Sprintf("; when it has another name write columns: {%s: NAME} at the site; a hospital that did not record it adds the column, empty", f.Name)
}
