package engine_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// oracleSet is a folder of testdata: per-hospital files, their description and R's answers (testdata/ORACLE.md).
type oracleSet struct {
	dir    string
	schema oracleSchema
	oracle struct {
		Analyses []oracleAnalysis `json:"analyses"`
	}
	rows    map[string]int
	columns map[string][]string // raw fields of all hospitals, in the order of the hospitals
}

type oracleSchema struct {
	Set   string
	Sites []struct{ Name, File string }
	// Type is numeric, binary, categorical, id or text.
	Columns []struct {
		Name, Type, Unit string
		Levels           []string
	}
}

type oracleAnalysis struct {
	ID        string
	Kind      string
	Tags      []string
	Spec      oracleSpec
	N         float64
	Missing   float64 `json:"n_missing"`
	Result    map[string]any
	Certified map[string]any
}

// oracleSpec is the union of what the kinds take; ORACLE.md says which kind takes what.
type oracleSpec struct {
	Row, Col                string
	Column, Group           string
	First, Second           string
	Outcome, Score          string
	Columns, Medians        []string
	Terms                   [][]string // an interaction is a term of two variables
	Breaks, Cutoffs, Lambda []float64
	Time, Event, Strata     string
	Times                   []float64
	Tau                     float64
	Separated               bool
	Where                   []oracleWhere
}

type oracleWhere struct {
	Col, Op string
	Value   any
}

func (a oracleAnalysis) tagged(tag string) bool {
	for _, t := range a.Tags {
		if t == tag || strings.HasPrefix(t, tag+":") {
			return true
		}
	}
	return false
}

func readOracleSet(t *testing.T, dir string) *oracleSet {
	t.Helper()
	s := &oracleSet{dir: dir, columns: map[string][]string{}, rows: map[string]int{}}
	for name, into := range map[string]any{"schema.json": &s.schema, "oracle.json": &s.oracle} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s/%s: %v", dir, name, err)
		}
	}
	for _, site := range s.schema.Sites {
		f, err := os.Open(filepath.Join(dir, site.File))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatalf("%s/%s: %v", dir, site.File, err)
		}
		s.rows[site.Name] = len(rows) - 1
		for j, name := range rows[0] {
			name = strings.TrimPrefix(name, "\ufeff")
			for _, r := range rows[1:] {
				s.columns[name] = append(s.columns[name], r[j])
			}
		}
	}
	return s
}

// oracleFolders returns the sets below testdata and, where CONSILIUM_ORACLES
// names further folders of sets (colon-separated), those below them.
func oracleFolders(t *testing.T) (own, further []string) {
	t.Helper()
	own = setsBelow(t, filepath.Join("..", "testdata"))
	for _, root := range filepath.SplitList(os.Getenv("CONSILIUM_ORACLES")) {
		if root != "" {
			further = append(further, setsBelow(t, root)...)
		}
	}
	return own, further
}

func setsBelow(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*", "oracle.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no set with an oracle.json below %s", root)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// observed is what a dictionary has to declare about a column of numbers.
type observed struct {
	min, max float64
	decimals int // digits after the point of the value with most of them
	any      bool
}

func observe(t *testing.T, fields []string) observed {
	t.Helper()
	o := observed{min: math.Inf(1), max: math.Inf(-1)}
	for _, f := range fields {
		if f == "" {
			continue
		}
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		o.any, o.min, o.max = true, min(o.min, x), max(o.max, x)
		// The shortest form of the double drops an exponent and trailing zeros.
		if _, frac, ok := strings.Cut(strconv.FormatFloat(x, 'f', -1, 64), "."); ok {
			o.decimals = max(o.decimals, len(frac))
		}
	}
	return o
}
