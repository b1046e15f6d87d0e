package table

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"
)

func digestOf(t *testing.T, text string, src Source) [32]byte {
	t.Helper()
	tab, _, err := read(t, text, src)
	if err != nil {
		t.Fatal(err)
	}
	return tab.Digest()
}

func TestDigestDoesNotDependOnHowTheFileIsWritten(t *testing.T) {
	want := digestOf(t, header+"67,0.1,male,1,I\n,-0,,,\n", Source{})
	for name, got := range map[string][32]byte{
		"quotes and CRLF":       digestOf(t, strings.ReplaceAll(header, "\n", "\r\n")+"\"67\",\"0.1\",\"male\",1,\"I\"\r\n,0,,,\r\n", Source{}),
		"separator":             digestOf(t, "age;dose;sex;died;stage at entry\n67;0.1;male;1;I\n;0;;;\n", Source{Separator: ";"}),
		"order of columns":      digestOf(t, "note,sex,dose,stage at entry,died,age\nx,male,0.1,I,1,67\ny,,0,,,\n", Source{}),
		"other digits":          digestOf(t, header+"6.7e1,.10,male,1.0,I\n,0e0,,,\n", Source{}),
		"codes for missing":     digestOf(t, header+"67,0.1,male,1,I\nNA,0,unknown,,\n", Source{}),
		"another name of a row": digestOf(t, "ALTER,dose,sex,died,stage at entry\n67,0.1,male,1,I\n-9,0,,,\n", Source{Columns: map[string]string{"age": "ALTER"}}),
	} {
		if got != want {
			t.Errorf("%s: another digest", name)
		}
	}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(header + "67,0.1,male,1,I\n,0,,,\n")
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(t, gb, Source{Encoding: "gb18030"}) != want {
		t.Error("encoding: another digest")
	}
}

func TestDigestDependsOnEveryValue(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, rows := range []string{"", "67,0.1,male,1,I\n", "68,0.1,male,1,I\n", ",0.1,male,1,I\n", "67,0.2,male,1,I\n", "67,0.1,female,1,I\n", "67,0.1,,1,I\n", "67,0.1,male,0,I\n", "67,0.1,male,,I\n", "67,0.1,male,1,007\n", "67,0.1,male,1,\n", ",,,,\n", ",,,,\n,,,,\n", "0,0,female,0,I\n", "67,0.1,male,1,I\n68,0.1,male,1,I\n", "68,0.1,male,1,I\n67,0.1,male,1,I\n"} {
		d := digestOf(t, header+rows, Source{})
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have the same digest", rows, other)
		}
		seen[d] = rows
	}
	north, _, err := ReadCSV(strings.NewReader(header), "f", Source{}, patients(t), "north", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := seen[north.Digest()]; ok {
		t.Error("two sites have the same digest")
	}
}

func TestDigestKnowsOneZeroAndOneMissingValue(t *testing.T) {
	s := &Schema{Sites: []string{"a"}, Fields: []Field{{Name: "x", Max: 1}}}
	digest := func(x ...float64) [32]byte {
		tab, err := New(s, "a", [][]float64{x})
		if err != nil {
			t.Fatal(err)
		}
		return tab.Digest()
	}
	if digest(0) != digest(math.Copysign(0, -1)) || digest(nan) != digest(math.Float64frombits(math.Float64bits(nan)^1)) {
		t.Error("one value has two digests")
	}
}

func TestLongColumnsKeepTheirOrder(t *testing.T) {
	const n = 3*blockRows + 7
	s := &Schema{Sites: []string{"a"}, Fields: []Field{{Name: "x", Integer: true, Max: n}}}
	if err := s.Fields[0].Check(); err != nil {
		t.Fatal(err)
	}
	text := []byte("x\n")
	want := make([]float64, n)
	for i := range want {
		want[i] = float64(i)
		text = append(strconv.AppendInt(text, int64(i), 10), '\n')
	}
	tab, _, err := ReadCSV(bytes.NewReader(text), "f", Source{}, s, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	if x, _ := tab.Column("x"); !same(x, want) {
		t.Errorf("%d values, of which the first differing is not in its place", len(x))
	}
}

// Records written as CSV by others read back as the stored values.
func TestReadCSVReadsBackWhatACSVWriterWrites(t *testing.T) {
	s := patients(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(rt, "rows")
		cols := make([][]float64, len(s.Fields))
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = rapid.Bool().Draw(rt, "crlf")
		if err := w.Write([]string{"stage at entry", "age", "dose", "sex", "died"}); err != nil {
			rt.Fatal(err)
		}
		for range n {
			age := float64(rapid.IntRange(0, 120).Draw(rt, "age"))
			dose := float64(rapid.IntRange(-50, 100).Draw(rt, "dose")) / 10
			sex, died, stage := rapid.IntRange(0, 1).Draw(rt, "sex"), rapid.IntRange(0, 1).Draw(rt, "died"), rapid.IntRange(0, 2).Draw(rt, "stage")
			for i, x := range []float64{age, dose, float64(sex), float64(died), float64(stage)} {
				cols[i] = append(cols[i], x)
			}
			if err := w.Write([]string{s.Fields[4].Levels[stage], plain(age), plain(dose), s.Fields[2].Levels[sex], strconv.Itoa(died)}); err != nil {
				rt.Fatal(err)
			}
		}
		w.Flush()
		tab, _, err := ReadCSV(&b, "f", Source{}, s, "south", 0)
		if err != nil {
			rt.Fatal(err)
		}
		want, err := New(s, "south", cols)
		if err != nil {
			rt.Fatal(err)
		}
		if tab.Digest() != want.Digest() {
			rt.Errorf("read %v, want %v", tab.cols, cols)
		}
	})
}

// A file either conforms, and then all its stored values do, or is refused with
// a problem; with another declared encoding it does not panic either.
func FuzzReadCSV(f *testing.F) {
	for _, s := range []string{header, header + "67,0.1,male,1,I\n", "\ufeff" + header + "\"67\",0.1,male,1,I\r\n", "\xff\xfea\x00", header + "67,\"0.1", "age\n", "\x84\x31\xa4\x37", header + ",,,,\n\n,,,,"} {
		for e := range Encodings() {
			f.Add([]byte(s), e, ",")
		}
		f.Add([]byte(strings.ReplaceAll(s, ",", ";")), 0, ";")
	}
	s := patients(f)
	f.Fuzz(func(t *testing.T, b []byte, encoding int, separator string) {
		src := Source{Encoding: Encodings()[uint(encoding)%4], Separator: separator}
		tab, report, err := ReadCSV(bytes.NewReader(b), "f", src, s, "south", 100)
		if err != nil {
			if tab != nil || report == nil || src.Check() == nil && report.Conforms() {
				t.Errorf("error %v with table %v and report %+v", err, tab, report)
			}
			return
		}
		if !report.Conforms() || report.Rows != tab.Rows() {
			t.Errorf("a table of %d rows with report %+v", tab.Rows(), report)
		}
		for i := range s.Fields {
			v := report.Variables[i]
			if v.N+v.Missing != tab.Rows() {
				t.Errorf("%s: %d values and %d missing in %d rows", v.Name, v.N, v.Missing, tab.Rows())
			}
			for _, x := range tab.cols[i] {
				if x == x && !conforms(&s.Fields[i], x) {
					t.Errorf("%s holds %v", s.Fields[i].Name, x)
				}
			}
		}
	})
}

func conforms(f *Field, x float64) bool {
	switch f.Kind {
	case Number:
		return x >= f.Min && x <= f.Max && f.OnGrid(x)
	case Category:
		return x >= 0 && x < float64(len(f.Levels)) && x == float64(int(x))
	}
	return x == 0 || x == 1
}
