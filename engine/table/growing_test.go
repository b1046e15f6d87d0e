package table

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// A column is the same where its length is guessed well, too short, too long, or not at all.
func TestColumnsOfGuessedLength(t *testing.T) {
	s := &Schema{Sites: []string{"a"}, Fields: []Field{{Name: "x", Max: 1e6, Integer: true}, {Name: "y", Max: 1e6, Integer: true}}}
	for i := range s.Fields {
		if err := s.Fields[i].Check(); err != nil {
			t.Fatal(err)
		}
	}
	for name, wide := range map[string]func(row int) string{
		"lines of one length":  func(int) string { return "" },
		"long lines at first":  func(row int) string { return strings.Repeat(" ", max(0, 30-row/100)) },
		"short lines at first": func(row int) string { return strings.Repeat(" ", min(30, row/1000)) },
		"a quote on the way":   func(row int) string { return strings.Repeat(`"`, 2*min(1, row/40_000)) },
	} {
		const rows = 50_000
		text := bytes.NewBufferString("x,y,z\n")
		want := make([][]float64, 2)
		for i := range rows {
			fmt.Fprintf(text, "%d,%d,%s\n", 100_000+i, i*7919%1_000_000, wide(i))
			want[0], want[1] = append(want[0], float64(100_000+i)), append(want[1], float64(i*7919%1_000_000))
		}
		known, _, err := ReadCSV(bytes.NewReader(text.Bytes()), name, Source{}, s, "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		unknown, _, err := ReadCSV(iotest.HalfReader(bytes.NewReader(text.Bytes())), name, Source{}, s, "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		for j := range want {
			if !slices.Equal(known.cols[j], want[j]) || !slices.Equal(unknown.cols[j], want[j]) {
				t.Errorf("%s: column %d is not what the file has", name, j)
			}
		}
		if name == "lines of one length" && cap(known.cols[0]) > rows*33/32+64 {
			t.Errorf("%s: room for %d records, want at most a thirtieth more than %d", name, cap(known.cols[0]), rows)
		}
	}
}
