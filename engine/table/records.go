package table

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"io"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// records reads a file's records: lines without a quote are cut at the separators, which is what
// nearly all files of hospitals need; from the first line with a quote on the rest is encoding/csv's.
type records struct {
	r      io.Reader
	comma  rune
	buf    []byte  // what was read of the line after chunk
	chunk  string  // lines without a quote, each with its end
	marks  []int32 // where separators and line ends stand in chunk
	from   int     // of the next record in chunk
	mark   int     // its first one
	before int64   // bytes of text before chunk
	err    error   // of r
	fields []string
	line   int // of the latest record, or the last one of what csv does not read
	csv    *csv.Reader
}

func newRecords(r io.Reader, comma rune) *records {
	d := &records{r: r, comma: comma, buf: make([]byte, 0, 1<<16)}
	if comma >= utf8.RuneSelf {
		d.quoted(nil)
	}
	return d
}

// read returns the fields of the next record, untrimmed, until the next call. Empty lines are
// none. Its errors are those of encoding/csv, with the file's line numbers.
func (d *records) read() ([]string, error) {
	for d.csv == nil {
		if d.mark == len(d.marks) {
			if err := d.fill(); err != nil {
				return nil, err
			}
			continue
		}
		d.line++
		d.cut()
		if len(d.fields) > 1 || d.fields[0] != "" {
			return d.fields, nil
		}
	}
	fields, err := d.csv.Read()
	if p := (*csv.ParseError)(nil); errors.As(err, &p) {
		p.StartLine, p.Line = p.StartLine+d.line, p.Line+d.line
	}
	return fields, err
}

// taken is how much text the records so far were, while no line has a quote.
func (d *records) taken() int64 { return d.before + int64(d.from) }

// cut parts the next line at its marks.
func (d *records) cut() {
	fields, chunk, from := d.fields[:0], d.chunk, d.from
	for {
		at := int(d.marks[d.mark])
		d.mark++
		if chunk[at] == '\n' {
			d.fields, d.from = append(fields, strings.TrimSuffix(chunk[from:at], "\r")), at+1
			return
		}
		fields = append(fields, chunk[from:at])
		from = at + 1
	}
}

// fill reads lines, as many as the buffer holds and at least one.
func (d *records) fill() error {
	d.before += int64(len(d.chunk))
	whole := 0 // bytes of whole lines
	for whole == 0 && d.err == nil {
		if len(d.buf) == cap(d.buf) {
			d.buf = slices.Grow(d.buf, cap(d.buf))
		}
		var n int
		n, d.err = d.r.Read(d.buf[len(d.buf):cap(d.buf)])
		read := d.buf[len(d.buf) : len(d.buf)+n]
		if i := bytes.LastIndexByte(read, '\n'); i >= 0 {
			whole = len(d.buf) + i + 1
		}
		d.buf = d.buf[:len(d.buf)+n]
	}
	switch last := len(d.buf) > whole && d.err == io.EOF; {
	case whole == 0 && !last:
		return d.err
	case bytes.IndexByte(d.buf, '"') >= 0:
		whole = bytes.LastIndexByte(d.buf[:bytes.IndexByte(d.buf, '"')], '\n') + 1
		if whole == 0 {
			d.quoted(bytes.Clone(d.buf))
			return nil
		}
	case last:
		d.buf = append(d.buf, '\n')
		whole = len(d.buf)
	}
	d.chunk = string(d.buf[:whole])
	d.marks = marks(d.marks[:0], d.buf[:whole], byte(d.comma))
	d.buf = d.buf[:copy(d.buf, d.buf[whole:])]
	d.from, d.mark = 0, 0
	return nil
}

// marks appends where a separator or line end stands in text, which it looks through eight bytes at
// a time (Mycroft's test for a zero byte, in the form without false ones).
func marks(at []int32, text []byte, comma byte) []int32 {
	const ones, low = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	commas, ends := ones*uint64(comma), uint64(ones*'\n')
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		c, e := w^commas, w^ends
		found := ^((c&low+low|c)&(e&low+low|e) | low)
		for ; found != 0; found &= found - 1 {
			at = append(at, int32(i+bits.TrailingZeros64(found)/8))
		}
	}
	for ; i < len(text); i++ {
		if text[i] == comma || text[i] == '\n' {
			at = append(at, int32(i))
		}
	}
	return at
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
