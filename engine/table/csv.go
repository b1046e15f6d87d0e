package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// OpenCSV reads a site's file; a relative path is taken from dir, the folder of the study file.
// For the rest see ReadCSV.
func OpenCSV(dir string, src Source, s *Schema, site string, maxRows uint64) (*Table, *Conformance, error) {
	if src.CSV == "" {
		p := problems{}
		p.add(0, "", RuleFile, func() string {
			return "no file is declared; write csv: under the site"
		})
		return nil, &Conformance{Site: site, Problems: p.kept, Counts: p.list()}, p.err("site " + site)
	}
	path := src.CSV
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		p := problems{}
		p.add(0, "", RuleFile, func() string { return "the file cannot be opened: " + reason(err) })
		return nil, &Conformance{Site: site, File: src.CSV, Problems: p.kept, Counts: p.list()}, p.err(src.CSV)
	}
	defer f.Close()
	return ReadCSV(f, src.CSV, src, s, site, maxRows)
}

// reason is a file error without the operation and the path.
func reason(err error) string {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// ReadCSV reads the records of a site as the dictionary describes them. The
// first line is the header; columns that the dictionary does not name are
// ignored; fields are trimmed, an empty one is missing. name is the file's name in messages.
//
// A file that does not conform yields an *Invalid with every problem counted
// and no table. The report is about this site's records and stays there; it is
// never nil. maxRows bounds the records; 0 means no bound.
func ReadCSV(r io.Reader, name string, src Source, s *Schema, site string, maxRows uint64) (*Table, *Conformance, error) {
	d := &csvReader{maxRows: maxRows, report: &Conformance{Site: site, File: name}}
	if src.Encoding == "" || src.Encoding == "utf-8" {
		d.size = sizeOf(r)
	}
	err := d.read(r, src, s)
	if err == nil {
		err = d.err(name)
	}
	d.finish()
	if err != nil {
		return nil, d.report, err
	}
	cols := make([][]float64, len(d.columns))
	for i := range d.columns {
		cols[i] = d.columns[i].out.values
	}
	t, err := New(s, site, cols)
	return t, d.report, err
}

// sizeOf is how many bytes a reader will give, 0 when it does not say.
func sizeOf(r io.Reader) int64 {
	switch r := r.(type) {
	case interface{ Len() int }:
		return int64(r.Len())
	case interface{ Stat() (os.FileInfo, error) }:
		if info, err := r.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// csvReader is one reading of a file.
type csvReader struct {
	problems
	columns []csvColumn // in the order of the schema
	records *records
	text    *checkedText
	rows    uint64
	maxRows uint64
	size    int64 // of the file, where its length is that of its text; 0: not known
	report  *Conformance

	// Of ScanCSV.
	flush  func() error // hands on the records since the last time; nil: all stay
	piece  int          // records at a time
	keep   []string     // columns that are handed on as they are
	keepAt []int
	fields [][]string // of these columns
}

// csvColumn is a variable on its way from fields to numbers.
type csvColumn struct {
	fieldReader
	column string // in the file's header
	at     int    // field number
	out    growing
	broken int // values that break a rule
	report VariableReport
}

// read returns only errors that are not the file's.
func (d *csvReader) read(r io.Reader, src Source, s *Schema) error {
	comma, err := src.comma()
	if err == nil {
		d.text, err = decoded(r, src.Encoding)
	}
	if err != nil {
		return fmt.Errorf("table: site %s: %w", d.report.Site, err)
	}
	d.records = newRecords(d.text, comma)
	header, err := d.records.read()
	if err != nil {
		if err == io.EOF {
			d.add(1, "", RuleHeader, func() string { return "the file is empty; want a header line with the names of the columns" })
		} else {
			d.unreadable(err)
		}
		return nil
	}
	d.header(header, src, s)
	d.keeps(header)
	if d.total > 0 {
		d.stopped = 1
		return nil
	}
	for fields := len(header); ; {
		record, err := d.records.read()
		if err != nil {
			if err != io.EOF {
				d.unreadable(err)
			}
			return nil
		}
		if d.rows++; d.maxRows > 0 && d.rows > d.maxRows {
			d.stopped = d.records.at(0)
			d.add(d.stopped, "", RuleRows, func() string {
				return fmt.Sprintf("more than %d records, the share of one hospital in max_rows; raise privacy.max_rows", d.maxRows)
			})
			return nil
		}
		if len(record) != fields {
			n := len(record)
			d.add(d.records.at(0), "", RuleFields, func() string {
				return fmt.Sprintf("%d fields, the header has %d; a field that holds the separator or a line end is written in quotes", n, fields)
			})
			continue
		}
		d.record(record)
		if d.rows == guessAfter && d.records.csv == nil {
			d.guess()
		}
		if d.flush != nil {
			if err := d.pass(record); err != nil {
				return err
			}
		}
	}
}

// guessAfter is how many records tell how long they are.
const guessAfter = 1 << 11

// guess makes room for as many records as the file has if the rest are as long as those so far, and
// a few more: columns then need not be copied once their length is known.
func (d *csvReader) guess() {
	n := int(float64(d.size) / float64(d.records.taken()) * guessAfter * 33 / 32)
	if n <= blockRows {
		return
	}
	if d.maxRows > 0 {
		n = int(min(uint64(n), d.maxRows))
	}
	for i := range d.columns {
		d.columns[i].out.reserve(n)
	}
}

// record converts the fields of one line.
func (d *csvReader) record(record []string) {
	for i := range d.columns {
		c := &d.columns[i]
		x, rule := c.value(trim(record[c.at]))
		if rule != "" {
			d.add(d.records.at(c.at), c.column, rule, func() string { return c.wanted(rule) })
			c.broken++
		}
		c.out.append(x)
	}
}

// unreadable notes the error that ended the reading.
func (d *csvReader) unreadable(err error) {
	if d.text.err != nil {
		d.stopped = d.text.err.line
		d.add(d.text.err.line, "", RuleEncoding, d.text.err.Error)
		return
	}
	p := (*csv.ParseError)(nil)
	if !errors.As(err, &p) {
		d.add(0, "", RuleFile, func() string { return "the file cannot be read: " + reason(err) })
		return
	}
	d.stopped = p.Line
	d.add(p.StartLine, "", RuleQuote, func() string {
		if p.Err == csv.ErrBareQuote {
			return `a quote inside an unquoted field; write the field in quotes and the quote twice`
		}
		return fmt.Sprintf(`a quoted field that begins here does not end as it should (found at line %d); a quote inside a quoted field is written twice`, p.Line)
	})
}

// finish completes the report.
func (d *csvReader) finish() {
	d.report.Problems, d.report.Counts, d.report.Stopped = d.kept, d.list(), d.stopped
	d.report.Rows = int(d.rows)
	for i := range d.columns {
		c := &d.columns[i]
		c.out.join()
		c.report.OutOfRange, c.report.OffGrid = c.outside, c.rounded
		c.report.count(c.field, c.out.values, c.broken)
		d.report.Variables = append(d.report.Variables, c.report)
	}
}
