package table

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
)

// Records are those of encoding/csv, up to spaces around fields, on the same lines, and end with the same error.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{
		"", "\n", "\r\n", "\r", "a", "a\r", "a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\n\n\r\n 1 , 2\n", "a,b\n1,\"2\n3\"\n4,5\n\"6\",7",
		"a;b\n1;2", "a\tb\n \"1\"\t2\n", "a,b\n1,2\"\n", "a,b\n1,\"2\n", "\"a\",b\n1,2\n", ",,\n,\n", "a¦b\n1¦2\n", strings.Repeat("x", 70000) + ",y\nz",
	} {
		for _, comma := range ",;\t¦ " {
			f.Add(s, comma)
		}
	}
	f.Fuzz(func(t *testing.T, text string, comma rune) {
		want := csv.NewReader(strings.NewReader(text))
		want.Comma, want.FieldsPerRecord = comma, -1
		want.TrimLeadingSpace = !unicode.IsSpace(comma)
		if _, err := (Source{Separator: string(comma)}).comma(); err != nil {
			return
		}
		from := io.Reader(strings.NewReader(text))
		if len(text)%2 == 1 {
			from = iotest.OneByteReader(from)
		}
		got := newRecords(from, comma)
		for n := 0; ; n++ {
			a, err1 := want.Read()
			b, err2 := got.read()
			if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() {
				t.Fatalf("record %d of %q: got %v, want %v", n, text, err2, err1)
			}
			if err1 != nil {
				if p := (*csv.ParseError)(nil); err1 == io.EOF || errors.As(err1, &p) {
					return
				}
				t.Fatal(err1)
			}
			if len(a) != len(b) {
				t.Fatalf("record %d of %q: got %q, want %q", n, text, b, a)
			}
			for i := range a {
				line, _ := want.FieldPos(i)
				if trim(a[i]) != trim(b[i]) || got.at(i) != line {
					t.Fatalf("record %d of %q: got %q on line %d, want %q on line %d", n, text, b[i], got.at(i), a[i], line)
				}
			}
		}
	})
}
