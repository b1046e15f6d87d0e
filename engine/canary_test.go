package engine_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// aviary is three hospitals of 24 patients whose records cannot be mistaken:
// x has four digits after the point and differs for everyone, the largest is
// 9731.4159. Two columns are in the files and not in the dictionary.
func aviary() (m *madeUp, x [][]float64) {
	m = &madeUp{header: "insurance,x,y,g,e,name", rows: make([][]string, 3), variables: []string{
		"x: {type: number, step: 0.0001, min: 0, max: 10000}",
		"y: {type: number, min: -100000, max: 100000}",
		"g: {type: category, levels: [a, b, c]}",
		"e: {type: binary}",
	}}
	x = make([][]float64, 3)
	for i := range 72 {
		h := i % 3
		v := float64(1000000+scatter(i, 8000000)*10+7) / 10000
		if i == 40 {
			v = 9731.4159
		}
		x[h] = append(x[h], v)
		y := 31.4159*float64(i) + math.Sqrt(float64(i+2))
		m.rows[h] = append(m.rows[h], fmt.Sprintf("CANARY-%06d,%.4f,%v,%c,%d,Canary Aloysius %d", 500000+i, v, y, 'a'+rune(i/3%3), scatter(i, 2), i))
	}
	return m, x
}

// everyKind is an analysis of every kind that has figures of x.
var everyKind = []string{
	"kind: describe, variables: [x, y, g, e]",
	"kind: describe, variables: [x], by: g",
	"kind: histogram, variable: x, breaks: [0, 2500, 5000, 10000]",
	"kind: crosstab, rows: g, columns: e",
	"kind: ttest, variable: x, by: e",
	"kind: ttest, paired: [x, y]",
	"kind: anova, variable: x, by: g",
	"kind: rank, variable: x, by: e",
	"kind: correlation, variables: [x, y]",
	"kind: correlation, variables: [x, y], method: spearman",
	"kind: table1, variables: [x, y, e], by: g, medians: [y]",
	`kind: linear, formula: "x ~ y + g", drop1: true`,
	`kind: linear, formula: "y ~ x", ridge: 1`,
	`kind: logistic, formula: "e ~ x + g", drop1: true`,
	"kind: roc, outcome: e, score: x, thresholds: [3000, 6000], grid: 1",
	"kind: crosstab, rows: site, columns: e", // per hospital, and said to be
	`kind: linear, formula: "x ~ y", where: "site == 'h1'"`,
}

// egg is a number or text nobody may see, in one of the forms in which it could be written.
type egg struct {
	what  string
	bytes []byte
}

// lay returns a number in all forms: decimal text, and float64 and units of 10^-4 in both byte orders.
func lay(what string, v float64) []egg {
	var eggs []egg
	add := func(form string, b []byte) { eggs = append(eggs, egg{what + " as " + form, b}) }
	add("text", []byte(strconv.FormatFloat(v, 'f', -1, 64)))
	units := uint64(math.Round(v * 10000))
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		add(fmt.Sprint("float64, ", order), order.AppendUint64(nil, math.Float64bits(v)))
		add(fmt.Sprint("units, ", order), order.AppendUint64(nil, units))
	}
	return eggs
}

// seen returns the eggs that are in some bytes: those of eight bytes or more are found by their first eight.
func seen(eggs []egg, in []byte) (found []string) {
	byStart := map[[8]byte][]egg{}
	for _, e := range eggs {
		if len(e.bytes) < 8 {
			if bytes.Contains(in, e.bytes) {
				found = append(found, e.what)
			}
			continue
		}
		start := [8]byte(e.bytes)
		byStart[start] = append(byStart[start], e)
	}
	for i := 0; i+8 <= len(in); i++ {
		for _, e := range byStart[[8]byte(in[i:])] {
			if bytes.HasPrefix(in[i:], e.bytes) {
				found = append(found, e.what)
			}
		}
	}
	return found
}

// recorder hands out randomness and keeps it: every key and mask grows from it.
type recorder struct {
	mu    sync.Mutex
	drawn [][]byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := rand.Read(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) >= 16 {
		r.drawn = append(r.drawn, bytes.Clone(b))
	}
	return n, err
}

var _ io.Reader = (*recorder)(nil)

// TestNoRecordLeavesItsHospital runs every kind over unmistakable records and
// searches what leaves: every message on the network, progress and result files.
func TestNoRecordLeavesItsHospital(t *testing.T) {
	m, x := aviary()
	s := m.spec(t, "min_sites: 1", everyKind)
	tables := m.tables(t, s)
	net, random := &transcript{keep: true}, new(recorder)
	var progress strings.Builder
	tap := net.tap(t)
	r, err := engine.Simulate(t.Context(), s, tables, engine.Options{Tap: tap, Rand: random, Progress: func(p engine.Progress) {
		fmt.Fprintf(&progress, "%+v\n", p)
	}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := r.WriteDir(dir); err != nil {
		t.Fatal(err)
	}

	secret := []egg{{"a column that is not in the dictionary", []byte("CANARY")}, {"another", []byte("Aloysius")}, {"a column's name", []byte("insurance")}}
	var wire []egg // that nothing on the network may hold, but a result may
	total := 0.0
	for h, values := range x {
		subtotal, squares := 0.0, new(big.Int)
		for i, v := range values {
			eggs := lay(fmt.Sprintf("record %d of h%d", i+1, h+1), v)
			wire = append(wire, eggs...)
			if v == 9731.4159 {
				secret = append(secret, eggs...)
			}
			subtotal += v
			k := big.NewInt(int64(math.Round(v * 10000)))
			squares.Add(squares, k.Mul(k, k))
		}
		total += subtotal
		secret = append(secret, lay(fmt.Sprintf("sum of x of h%d", h+1), math.Round(subtotal*10000)/10000)...)
		secret = append(secret, egg{fmt.Sprintf("sum of squares of h%d", h+1), squares.Bytes()})
	}
	wire = append(wire, secret...)
	wire = append(wire, lay("the total of x over all hospitals", math.Round(total*10000)/10000)...)

	if found := seen(wire, bytes.Join(net.bytes, nil)); found != nil {
		t.Errorf("messages hold %v", found)
	}
	if found := seen(wire, []byte(progress.String())); found != nil || progress.Len() == 0 {
		t.Errorf("progress tells %v", found)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < len(everyKind) {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if found := seen(secret, b); found != nil && !perHospital(f.Name()) {
			t.Errorf("%s holds %v", f.Name(), found)
		}
	}
	// The search finds what is there: the total is in the result, and a record in its own hospital's file.
	b, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil || seen(lay("total", math.Round(total*10000)/10000), b) == nil {
		t.Errorf("the total of x is not found in result.json, error %v: the search has no power", err)
	}
	if seen(wire, []byte(m.rows[0][0])) == nil {
		t.Error("a record is not found in its own file: the search has no power")
	}
	notSent(t, random.drawn, net.bytes)
}

// perHospital reports whether a file is of an analysis that names the hospital.
func perHospital(file string) bool {
	return file == "a15.csv" || file == "a16.csv"
}

// notSent checks that no key and no seed of a mask is in a message.
func notSent(t *testing.T, drawn, messages [][]byte) {
	t.Helper()
	if len(drawn) == 0 {
		t.Fatal("no randomness was drawn")
	}
	var eggs []egg
	for i, secret := range drawn {
		eggs = append(eggs, egg{fmt.Sprintf("draw %d of %d bytes", i, len(secret)), secret[:16]})
	}
	if found := seen(eggs, bytes.Join(messages, nil)); found != nil {
		t.Errorf("messages hold %v", found)
	}
}

// TestErrorsDoNotShowTheValue breaks every rule of conformance with a canary.
func TestErrorsDoNotShowTheValue(t *testing.T) {
	m := &madeUp{header: "x,k,g,e", rows: [][]string{nil, nil, nil}, variables: []string{
		"x: {type: number, min: 0, max: 100}",
		"k: {type: number, integer: true, min: 0, max: 100}",
		"g: {type: category, levels: [a, b]}",
		"e: {type: binary, codes: {no: 0, yes: 1}}",
		"s: {type: number, step: 0.5, min: 0, max: 9999, column: k}",
	}}
	s := m.spec(t, "", []string{"kind: describe, variables: [x]"})
	for _, line := range []string{
		"731.4159,1,a,no", "CANARY,1,a,no", "1,731.4159,a,no", "1,7314159,a,no", "1,1,CANARY,no", "1,1,a,CANARY", "1,1,a,731.4159",
		`1,1,"CANARY`, "1,1,a,no,CANARY", "CANARY731.4159", "1,1,a,\xff\xfeCANARY", "1e999,1,a,no", "1,731.25,a,no",
	} {
		src := m.header + "\n1,1,a,no\n" + line + "\n"
		_, conformance, err := table.ReadCSV(strings.NewReader(src), "h1.csv", s.Sites[0].Source, s.Schema, "h1", s.Privacy.MaxRows)
		if err == nil {
			t.Errorf("%q conforms", line)
			continue
		}
		text := err.Error()
		for _, p := range conformance.Problems {
			text += p.Message
		}
		for _, canary := range []string{"CANARY", "7314159", "731.4", "731.25", "1e999"} {
			if strings.Contains(text, canary) {
				t.Errorf("%q: the error shows the value: %s", line, text)
			}
		}
		if !strings.Contains(text, "line 3") && !strings.Contains(text, "lines 3") {
			t.Errorf("%q: the error does not say which line: %s", line, text)
		}
	}
}

// TestAStudyThatFailsTellsNoValue lets studies fail while they run.
func TestAStudyThatFailsTellsNoValue(t *testing.T) {
	m, _ := aviary()
	s := m.spec(t, "", []string{"kind: describe, variables: [x]", "kind: roc, outcome: e, score: x"})
	tables := m.tables(t, s)
	short := m.spec(t, "max_rows: 71", []string{"kind: describe, variables: [x]"})
	for name, run := range map[string]func() error{
		"a site without records": func() error {
			_, err := engine.Simulate(t.Context(), s, map[party.ID]*table.Table{"h1": tables["h1"], "h2": tables["h2"]})
			return err
		},
		"more rows together than max_rows": func() error {
			_, err := engine.Simulate(t.Context(), short, m.tables(t, short))
			return err
		},
		"records of another study": func() error {
			other := m.spec(t, "", []string{"kind: describe, variables: [y]"})
			other.Schema.Fields = other.Schema.Fields[1:]
			_, err := engine.Simulate(t.Context(), s, m.smaller(t, other))
			return err
		},
	} {
		err := run()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, canary := range []string{"9731", "CANARY", "Aloysius"} {
			if strings.Contains(err.Error(), canary) {
				t.Errorf("%s: the error shows a record: %v", name, err)
			}
		}
	}
}

// smaller are tables of no rows.
func (m *madeUp) smaller(t *testing.T, s *study.Spec) map[party.ID]*table.Table {
	t.Helper()
	tables := map[party.ID]*table.Table{}
	for _, site := range s.Sites {
		tab, err := table.New(s.Schema, string(site.ID), make([][]float64, len(s.Schema.Fields)))
		if err != nil {
			t.Fatal(err)
		}
		tables[site.ID] = tab
	}
	return tables
}
