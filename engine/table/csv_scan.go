package table

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// ScanCSV reads records as ReadCSV does, but hands them on so many at a time:
// memory does not grow with the file. each gets the rows of one piece, keep's fields of them as
// they stand in the file, and the number of records before them; neither may be kept. keep are columns of the file, not variables.
// nil only checks.
//
// What stands before a record that does not conform has been handed on by
// then, so a file is checked first. The report counts records and problems, not values.
func ScanCSV(r io.Reader, name string, src Source, s *Schema, site string, keep []string, piece int, each func(t *Table, kept [][]string, before int) error) (*Conformance, error) {
	d := &csvReader{report: &Conformance{Site: site, File: name}, keep: keep, piece: piece}
	first := 0
	d.flush = func() error {
		cols := make([][]float64, len(d.columns))
		for i := range d.columns {
			d.columns[i].out.join()
			cols[i] = d.columns[i].out.values
			d.columns[i].out = growing{}
		}
		kept := d.fields
		d.fields = nil
		if each == nil || d.total > 0 {
			return nil
		}
		t, err := newTable(s, site, cols, len(kept))
		if err != nil {
			return err
		}
		before := first
		first = int(d.rows)
		return each(t, kept, before)
	}
	err := d.read(r, src, s)
	if err == nil && d.total == 0 {
		err = d.flush()
	}
	d.report.Problems, d.report.Counts, d.report.Stopped, d.report.Rows = d.kept, d.list(), d.stopped, int(d.rows)
	if err != nil {
		return d.report, err
	}
	return d.report, d.err(name)
}

// keeps finds the columns that are handed on as they are.
func (d *csvReader) keeps(header []string) {
	for _, name := range d.keep {
		i := slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == name })
		if i < 0 {
			d.add(1, name, RuleColumn, func() string {
				if near, ok := Near(name, trimmed(header)); ok {
					return fmt.Sprintf("the header has no column of this name to keep; nearest is %q", near)
				}
				return "the header has no column of this name to keep"
			})
		}
		d.keepAt = append(d.keepAt, i)
	}
}

func trimmed(header []string) (names []string) {
	for _, h := range header {
		names = append(names, strings.Clone(strings.TrimSpace(h)))
	}
	return names
}

// pass hands on a piece once it is full.
func (d *csvReader) pass(record []string) error {
	row := make([]string, len(d.keepAt))
	for i, at := range d.keepAt {
		row[i] = strings.Clone(record[at])
	}
	d.fields = append(d.fields, row)
	if len(d.fields) < d.piece {
		return nil
	}
	return d.flush()
}
