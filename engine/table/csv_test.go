package table

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

const header = "age,dose,sex,died,stage at entry\n"

func same(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

func read(t *testing.T, text string, src Source) (*Table, *Conformance, error) {
	t.Helper()
	return ReadCSV(strings.NewReader(text), "south.csv", src, patients(t), "south", 1000)
}

func TestReadCSVMakesNumbers(t *testing.T) {
	want := [][]float64{{67, nan, 30}, {0.1, -5, 1}, {1, nan, 0}, {1, 0, nan}, {0, 1, nan}}
	for _, tc := range []struct {
		name, text string
		src        Source
	}{
		{"plain", header + "67,0.1,male,1,I\nNA,-5,,0,\"II \"\"b\"\"\"\n30,1,female,,\n", Source{}},
		{"no last line end", header + "67,0.1,male,1,I\nNA,-5,,0,\"II \"\"b\"\"\"\n30,1,female,,", Source{}},
		{"CRLF and byte order mark", "\ufeff" + strings.ReplaceAll(header+"67,0.1,male,1,I\nNA,-5,,0,\"II \"\"b\"\"\"\n30,1,female,,\n", "\n", "\r\n"), Source{}},
		{"spaces around fields", " age , dose,sex ,died,stage at entry\n 67 ,\t0.1,male ,1, I\n-9.0,-5,\u00a0,0, \"II \"\"b\"\"\"\n30,1,female,,\n", Source{}},
		{"other columns, other order", "x,died,sex,dose,,age,stage at entry\nq,1,male,.1,a,67,I\n,0,unknown,-5.,,-9e0,\"II \"\"b\"\"\"\n,,female,1e0,,3E1,\n", Source{}},
		{"separator", "age;dose;sex;died;stage at entry\n67;0.1;male;1;I\n;-5;;0;\"II \"\"b\"\"\"\n+30;1;female;;\n", Source{Separator: ";"}},
		{"tab", strings.ReplaceAll(header+"67,0.1,male,1.0,I\n,-5,,0.0,\"II \"\"b\"\"\"\n30,1,female,,\n", ",", "\t"), Source{Separator: `\t`}},
		{"columns of this site", "ALTER,dose,sex,died,stage at entry\n67,0.1,male,1,I\n,-5,,0,\"II \"\"b\"\"\"\n30,1,female,,\n", Source{Columns: map[string]string{"age": "ALTER"}}},
		{"quoted line ends in a column that is not used", "note," + header + "\"two\nlines\",67,0.1,male,1,I\n,,-5,,0,\"II \"\"b\"\"\"\n,30,1,female,,\n", Source{}},
		{"empty lines are skipped", header + "\n67,0.1,male,1,I\n\n,-5,,0,\"II \"\"b\"\"\"\n30,1,female,,\n\n", Source{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab, report, err := read(t, tc.text, tc.src)
			if err != nil {
				t.Fatal(err)
			}
			if tab.Rows() != 3 || report.Rows != 3 || !report.Conforms() {
				t.Errorf("%d rows, report of %d rows, conforms: %v", tab.Rows(), report.Rows, report.Conforms())
			}
			for i, f := range tab.Schema.Fields {
				if col, _ := tab.Column(f.Name); !same(col, want[i]) {
					t.Errorf("%s: got %v, want %v", f.Name, col, want[i])
				}
			}
			if site, _ := tab.Column("site"); !same(site, []float64{1, 1, 1}) {
				t.Errorf("site: got %v", site)
			}
		})
	}
}

func TestReadCSVNamesLineColumnRuleAndRemedy(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		src        Source
		line       int
		column     string
		rule       Rule
		err        string
	}{
		{"empty file", "", Source{}, 1, "", RuleHeader, "the file is empty"},
		{"only line ends", "\n\n", Source{}, 1, "", RuleHeader, "the file is empty"},
		{"missing column", "Age,dose,sex,died,stage at entry\n", Source{}, 1, "age", RuleColumn, `nearest is "Age"; when it has another name write columns: {age: NAME}`},
		{"missing column of this site", header, Source{Columns: map[string]string{"age": "ALTER"}}, 1, "ALTER", RuleColumn, `wanted for variable "age"`},
		{"no header but records", "67,0.1,male,1,I\n", Source{}, 1, "age", RuleColumn, "no such column"},
		{"other separator", strings.ReplaceAll(header, ",", ";"), Source{}, 1, "", RuleSeparator, `write separator: ";"`},
		{"old Mac line ends", strings.ReplaceAll(header+"67,0.1,male,1,I\n", "\n", "\r"), Source{}, 1, "", RuleHeader, "carriage returns"},
		{"old Mac line ends, no column found", "age\rdose\r67\r1", Source{}, 1, "", RuleHeader, "carriage returns"},
		{"Excel's first line", "sep=;\n" + header, Source{}, 1, "age", RuleColumn, "remove it"},
		{"column twice", "age,age,dose,sex,died,stage at entry\n", Source{}, 1, "age", RuleHeader, "twice"},
		{"not a number", header + "67,0.1,male,1,I\nold,0.1,male,1,I\n", Source{}, 3, "age", RuleNumber, "not a number"},
		{"decimal comma", header + "67,\"0,1\",male,1,I\n", Source{}, 2, "dose", RuleNumber, "no comma"},
		{"thousands mark", header + "\"1,067\",0.1,male,1,I\n", Source{}, 2, "age", RuleNumber, "no comma"},
		{"NaN", header + "67,NaN,male,1,I\n", Source{}, 2, "dose", RuleNumber, "missing: [...]"},
		{"infinite", header + "67,Inf,male,1,I\n", Source{}, 2, "dose", RuleNumber, "not a number"},
		{"hexadecimal", header + "0x20,1,male,1,I\n", Source{}, 2, "age", RuleNumber, "not a number"},
		{"underscore", header + "6_7,1,male,1,I\n", Source{}, 2, "age", RuleNumber, "not a number"},
		{"overflow", header + "67,1e999,male,1,I\n", Source{}, 2, "dose", RuleNumber, "not a number"},
		{"too large", header + "121,0.1,male,1,I\n", Source{}, 2, "age", RuleRange, "outside [0, 120] years"},
		{"too small", header + "-1,0.1,male,1,I\n", Source{}, 2, "age", RuleRange, "out_of_range: missing"},
		{"half a year", header + "67.5,0.1,male,1,I\n", Source{}, 2, "age", RuleInteger, "not a whole number"},
		{"off the grid", header + "67,0.15,male,1,I\n", Source{}, 2, "dose", RuleStep, "not a multiple of the step 0.1"},
		{"rounding dirt", header + "67,0.30000000000000004,male,1,I\n", Source{}, 2, "dose", RuleStep, "off_grid: round"},
		{"level", header + "67,0.1,Male,1,I\n", Source{}, 2, "sex", RuleLevel, "want female, male (case matters)"},
		{"binary", header + "67,0.1,male,yes,I\n", Source{}, 2, "died", RuleCode, "codes: {"},
		{"binary 2", header + "67,0.1,male,2,I\n", Source{}, 2, "died", RuleCode, "not 0 or 1"},
		{"too few fields", header + "67,0.1,male,1\n", Source{}, 2, "", RuleFields, "4 fields, the header has 5"},
		{"too many fields", header + "67,0,1,male,1,I\n", Source{}, 2, "", RuleFields, "6 fields, the header has 5"},
		{"open quote", header + "67,0.1,male,1,I\n67,0.1,\"male,1,I\n67,0.1,male,1,I\n", Source{}, 3, "", RuleQuote, "does not end"},
		{"bare quote", header + "67,0.1,ma\"le,1,I\n", Source{}, 2, "", RuleQuote, "inside an unquoted field"},
		{"quote then text", header + "67,0.1,\"ma\"le,1,I\n", Source{}, 2, "", RuleQuote, "written twice"},
		{"line after quoted line ends", "note," + header + "\"a\n\nb\",67,0.1,male,1,I\n,67,9.99,male,1,I\n", Source{}, 5, "dose", RuleStep, ""},
		{"CRLF line", strings.ReplaceAll(header+"67,0.1,male,1,I\n67,99,male,1,I\n", "\n", "\r\n"), Source{}, 3, "dose", RuleRange, ""},
		{"NUL", header + "67,0.1,male,1,I\n67,0.1\x00,male,1,I\n", Source{}, 3, "", RuleEncoding, "NUL"},
		{"Latin-1 bytes", "gr\xf6\xdfe," + header, Source{}, 1, "", RuleEncoding, "likely latin-1"},
		{"GB18030 bytes", header + "67,0.1,\xc4\xd0\xd0\xd4,1,I\n", Source{}, 2, "", RuleEncoding, "likely gb18030"},
		{"UTF-16 bytes", "\xff\xfea\x00g\x00e\x00", Source{}, 1, "", RuleEncoding, "write encoding: utf-16"},
		{"cut rune at the end", header + "67,0.1,m\xc3", Source{}, 2, "", RuleEncoding, "not UTF-8"},
		{"UTF-8 mark, other encoding", "\ufeff" + header, Source{Encoding: "gb18030"}, 1, "", RuleEncoding, "write encoding: utf-8"},
		{"UTF-16 without mark", header, Source{Encoding: "utf-16"}, 1, "", RuleEncoding, "does not begin with the mark"},
		{"UTF-16 mark, other encoding", "\xfe\xffa\x00", Source{Encoding: "latin-1"}, 1, "", RuleEncoding, "write encoding: utf-16"},
		{"bad GB18030", header + "67,0.1,\xff\xff,1,I\n", Source{Encoding: "gb18030"}, 2, "", RuleEncoding, "bytes are not gb18030; the file is likely utf-8 or latin-1"},
		{"no Windows letter", header + "67,0.1,\x81,1,I\n", Source{Encoding: "latin-1"}, 2, "", RuleEncoding, "bytes are not latin-1"},
		{"half a surrogate", "\xff\xfe" + strings.Join(strings.Split(header, ""), "\x00") + "\x00\x00\xd8a\x00", Source{Encoding: "utf-16"}, 2, "", RuleEncoding, "bytes are not utf-16; the file is likely damaged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab, report, err := read(t, tc.text, tc.src)
			var bad *Invalid
			if !errors.As(err, &bad) || tab != nil {
				t.Fatalf("got table %v and error %v, want an *Invalid", tab != nil, err)
			}
			p := bad.Problems[0]
			if p.Line != tc.line || p.Column != tc.column || p.Rule != tc.rule || !strings.Contains(p.Message, tc.err) {
				t.Errorf("got %+v, want line %d, column %q, rule %s: %s", p, tc.line, tc.column, tc.rule, tc.err)
			}
			if report == nil || report.Conforms() || !strings.Contains(err.Error(), "south.csv") {
				t.Errorf("report %+v, error %v", report, err)
			}
		})
	}
}

// Values chosen so that they cannot stand in a message by accident.
func TestNoRecordsValueStandsInAMessage(t *testing.T) {
	for _, row := range []string{"7777,0.1,male,1,I", "67,7.777,male,1,I", "67,0.1,qqqq,1,I", "67,0.1,male,7777,I", "67,0.1,male,1,qqqq", "qqqq,0.1,male,1,I", "77.77,0.1,male,1,I", "67,0.1,male,1,I,qqqq7777", "67,0.1,\"qqqq\"7777,1,I", "67,0.1,qq\xffqq,1,I"} {
		_, report, err := read(t, header+row+"\n", Source{})
		if err == nil {
			t.Fatalf("%q conforms", row)
		}
		for _, text := range []string{err.Error(), report.Problems[0].Message} {
			if strings.Contains(text, "77") || strings.Contains(text, "qq") {
				t.Errorf("%q: the message holds the value: %s", row, text)
			}
		}
	}
	if _, _, err := read(t, "7777,qqqq,7777,qqqq,qq77\n", Source{}); strings.Contains(err.Error(), "77") || strings.Contains(err.Error(), "qq") {
		t.Errorf("a file without a header: %v", err)
	}
}

func TestReadCSVDecodes(t *testing.T) {
	s := &Schema{Sites: []string{"south"}, Fields: []Field{{Name: "性别", Kind: Category, Levels: []string{"女", "男"}}}}
	latin := &Schema{Sites: []string{"south"}, Fields: []Field{{Name: "Größe", Kind: Category, Levels: []string{"groß", "Œuvre – fin"}}}}
	for _, tc := range []struct {
		name   string
		schema *Schema
		bytes  func() (string, error)
		src    Source
	}{
		{"gb18030", s, func() (string, error) { return simplifiedchinese.GB18030.NewEncoder().String("性别\n男\n女\n") }, Source{Encoding: "gb18030"}},
		{"utf-16 little", s, func() (string, error) {
			return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("性别\r\n男\r\n女\r\n")
		}, Source{Encoding: "utf-16"}},
		{"utf-16 big", s, func() (string, error) {
			return unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String("性别\n男\n女\n")
		}, Source{Encoding: "utf-16"}},
		{"latin-1", latin, func() (string, error) {
			return charmap.Windows1252.NewEncoder().String("Größe\nŒuvre – fin\ngroß\n")
		}, Source{Encoding: "latin-1"}},
		{"utf-8", latin, func() (string, error) { return "Größe\nŒuvre – fin\ngroß\n", nil }, Source{Encoding: "utf-8"}},
		{"utf-8 longer than a buffer", latin, func() (string, error) {
			return "Größe,x\nŒuvre – fin,\"" + strings.Repeat("ä€𝄞", 50000) + "\"\ngroß,y\n", nil
		}, Source{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, err := tc.bytes()
			if err != nil {
				t.Fatal(err)
			}
			tab, _, err := ReadCSV(strings.NewReader(text), "south.csv", tc.src, tc.schema, "south", 0)
			if err != nil {
				t.Fatal(err)
			}
			if col, _ := tab.Column(tc.schema.Fields[0].Name); !same(col, []float64{1, 0}) {
				t.Errorf("got %v, want [1 0]", col)
			}
		})
	}
}

func TestReadCSVConvertsAndCounts(t *testing.T) {
	s := patients(t)
	s.Fields[0].OutOfRangeMissing, s.Fields[0].OffGridRound, s.Fields[1].OffGridRound = true, true, true
	text := "age,dose,sex,died,stage at entry\n500,0.149,male,1,I\n-9,-5,male,0,I\n66.6,10,female,,\n,0.2,,1,\n"
	tab, report, err := ReadCSV(strings.NewReader(text), "f", Source{}, s, "south", 4)
	if err != nil {
		t.Fatal(err)
	}
	age, _ := tab.Column("age")
	dose, _ := tab.Column("dose")
	if !same(age, []float64{nan, nan, 67, nan}) || !same(dose, []float64{0.1, -5, 10, 0.2}) {
		t.Errorf("age %v, dose %v", age, dose)
	}
	v := report.Variables
	if v[0].OutOfRange != 1 || v[0].OffGrid != 1 || v[0].N != 1 || v[0].Missing != 3 || *v[0].Min != 67 || v[1].OffGrid != 1 {
		t.Errorf("report of age %+v, of dose %+v", v[0], v[1])
	}
	if want := []LevelCount{{"female", 1}, {"male", 2}}; !slices.Equal(v[2].Levels, want) || v[2].Missing != 1 {
		t.Errorf("report of sex %+v", v[2])
	}
	if want := []LevelCount{{"0", 1}, {"1", 2}}; !slices.Equal(v[3].Levels, want) {
		t.Errorf("report of died %+v", v[3])
	}
}

func TestReadCSVKeepsFiveProblemsOfAColumnAndRuleAndCountsAll(t *testing.T) {
	var b strings.Builder
	b.WriteString(header)
	for range 30 {
		b.WriteString("999,0.1,boy,1,I\n")
	}
	b.WriteString("67,0.1,male\n")
	_, report, err := read(t, b.String(), Source{})
	var bad *Invalid
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	want := []ProblemCount{{"age", RuleRange, 30}, {"sex", RuleLevel, 30}, {"", RuleFields, 1}}
	if len(bad.Problems) != 11 || bad.Total != 61 || !slices.Equal(bad.Counts, want) {
		t.Errorf("%d problems of %d, counts %v", len(bad.Problems), bad.Total, bad.Counts)
	}
	for i, line := range []string{
		`column "age", rule range, 30 values (lines 2, 3, 4, 5, 6, ...): outside [0, 120] years; correct it`,
		`column "sex", rule level, 30 values (lines 2, 3, 4, 5, 6, ...): not a declared level`,
		"line 32, rule fields: 3 fields, the header has 5"} {
		if texts := report.Violations(); len(texts) != 3 || !strings.HasPrefix(texts[i], line) || !strings.Contains(err.Error(), "\n  "+line) {
			t.Errorf("got %q and %v, want %s", texts, err, line)
		}
	}
	if v := report.Variables[0]; v.N != 0 || v.Missing != 0 || report.Rows != 31 {
		t.Errorf("report: %+v of %d rows", v, report.Rows)
	}
}

func TestReadCSVSaysFromWhereOnAFileWasNotChecked(t *testing.T) {
	for text, want := range map[string]string{
		"Age,dose\n": "reading stopped at line 1; later lines were not checked",
		header + "67,0.1,male,1,I\n67,0.1,ma\"le,1,I\n":        "reading stopped at line 3; later lines were not checked",
		header + "67,0.1,male,1,I\n67,0.1,m\xffle,1,I\n":       "reading stopped at line 3; later lines were not checked",
		header + "67,0.1,male\n67,0.1,male\n67,0.1,male,1,I\n": "rule fields, 2 records (lines 2, 3): the first has 3 fields, the header has 5",
	} {
		_, report, err := read(t, text, Source{})
		if texts := report.Violations(); !strings.HasPrefix(texts[len(texts)-1], want) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q and %v, want %s", texts, err, want)
		}
	}
}

func TestReadCSVRefusesMoreRowsThanTheStudyAllows(t *testing.T) {
	s := patients(t)
	for rows, want := range map[int]string{3: "", 4: "more than 3 records"} {
		text := header + strings.Repeat("67,0.1,male,1,I\n", rows)
		_, _, err := ReadCSV(strings.NewReader(text), "f", Source{}, s, "south", 3)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d rows: got %v, want %q", rows, err, want)
		}
	}
}

func TestHeaderAloneIsATableWithoutRows(t *testing.T) {
	for _, text := range []string{header, strings.TrimSpace(header)} {
		tab, _, err := read(t, text, Source{})
		if err != nil || tab.Rows() != 0 {
			t.Errorf("got %v, %v", tab, err)
		}
	}
}

func TestSourceWithAnImpossibleSeparatorIsRefused(t *testing.T) {
	for _, sep := range []string{"::", "a", "1", ".", "-", "\"", "\n", "\ufffd"} {
		if err := (Source{Separator: sep}).Check(); err == nil {
			t.Errorf("separator %q is accepted", sep)
		}
		if _, _, err := read(t, header, Source{Separator: sep}); err == nil {
			t.Errorf("separator %q is read", sep)
		}
	}
	if err := (Source{Encoding: "gbk"}).Check(); err == nil || !strings.Contains(err.Error(), "gb18030") {
		t.Errorf("got %v", err)
	}
}

func TestOpenCSVSaysWhyAFileCannotBeRead(t *testing.T) {
	s := patients(t)
	for want, src := range map[string]Source{
		"no file is declared": {},
		"cannot be opened":    {CSV: "nowhere.csv"},
		"cannot be read":      {CSV: "."},
	} {
		_, _, err := OpenCSV(t.TempDir(), src, s, "south", 0)
		var bad *Invalid
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
