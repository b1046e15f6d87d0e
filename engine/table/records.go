package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// records reads a file's records: lines without a quote are cut at the separators, which is what
// nearly all files of hospitals need; from the first line with a quote on the rest is encoding/csv's.
type records struct {
	r      *bufio.Reader
	comma  rune
	fields []string // of the latest record
	line   int      // of the latest record, or the last one of what csv does not read
	csv    *csv.Reader
}

func newRecords(r io.Reader, comma rune) *records {
	d := &records{r: bufio.NewReaderSize(r, 1<<16), comma: comma}
	if comma >= utf8.RuneSelf {
		d.quoted(nil)
	}
	return d
}

// read returns the fields of the next record, untrimmed, until the next call. Empty lines are
// none. Its errors are those of encoding/csv, with the file's line numbers.
func (d *records) read() ([]string, error) {
	for d.csv == nil {
		line, err := d.r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			line = bytes.Clone(line)
			var rest []byte
			rest, err = d.r.ReadBytes('\n')
			line = append(line, rest...)
		}
		if len(line) == 0 || err != nil && err != io.EOF {
			return nil, err
		}
		if bytes.IndexByte(line, '"') >= 0 {
			d.quoted(bytes.Clone(line))
			break
		}
		d.line++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) > 0 {
			d.cut(string(line))
			return d.fields, nil
		}
	}
	fields, err := d.csv.Read()
	if p := (*csv.ParseError)(nil); errors.As(err, &p) {
		p.StartLine, p.Line = p.StartLine+d.line, p.Line+d.line
	}
	return fields, err
}

// cut parts a line at the separators.
func (d *records) cut(line string) {
	d.fields = d.fields[:0]
	from := 0
	for i := range len(line) {
		if line[i] == byte(d.comma) {
			d.fields = append(d.fields, line[from:i])
			from = i + 1
		}
	}
	d.fields = append(d.fields, line[from:])
}

// quoted leaves what follows to encoding/csv.
func (d *records) quoted(line []byte) {
	d.csv = csv.NewReader(io.MultiReader(bytes.NewReader(line), d.r))
	d.csv.Comma, d.csv.ReuseRecord, d.csv.FieldsPerRecord = d.comma, true, -1
	d.csv.TrimLeadingSpace = !unicode.IsSpace(d.comma) // a quoted field may stand after a space
}

// at is the line on which a field of the latest record begins.
func (d *records) at(field int) int {
	if d.csv == nil {
		return d.line
	}
	line, _ := d.csv.FieldPos(field)
	return d.line + line
}

// trim is strings.TrimSpace with a short way for the common field.
func trim(s string) string {
	if s == "" || s[0] > ' ' && s[0] < utf8.RuneSelf && s[len(s)-1] > ' ' && s[len(s)-1] < utf8.RuneSelf {
		return s
	}
	return strings.TrimSpace(s)
}
