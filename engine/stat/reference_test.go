package stat

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/table"
)

// reference is a set of testdata with R's answers.
type reference struct {
	name    string
	dir     string
	tables  []*table.Table // one per site
	schema  *table.Schema
	answers []answer
}

// answer is one analysis of an oracle.json.
type answer struct {
	ID, Kind string
	Tags     []string
	Spec     struct {
		Row, Col, Column, Group, Outcome, Score string
		Time, Event, Strata                     string
		Terms                                   [][]string
		Separated                               bool
		First, Second                           string
		Columns, Medians                        []string
		Breaks                                  []float64
		Where                                   json.RawMessage
		Cutoffs                                 []float64
	}
	N       int64
	Missing int64 `json:"n_missing"`
	Result  map[string]any
}

// readReference reads testdata/NAME with the dictionary of its oracle.yaml.
func readReference(t *testing.T, dir string) *reference {
	t.Helper()
	r := &reference{name: filepath.Base(dir), dir: dir}
	raw, err := os.ReadFile(filepath.Join(dir, "oracle.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var study struct {
		Sites     yaml.Node
		Variables yaml.Node
	}
	if err := yaml.Unmarshal(raw, &study); err != nil {
		t.Fatal(err)
	}
	r.schema = &table.Schema{}
	for i := 0; i < len(study.Variables.Content); i += 2 {
		r.schema.Fields = append(r.schema.Fields, fieldOf(t, study.Variables.Content[i].Value, study.Variables.Content[i+1]))
	}
	type site struct{ CSV string }
	var files []string
	for i := 0; i < len(study.Sites.Content); i += 2 {
		var s site
		if err := study.Sites.Content[i+1].Decode(&s); err != nil {
			t.Fatal(err)
		}
		r.schema.Sites = append(r.schema.Sites, study.Sites.Content[i].Value)
		files = append(files, s.CSV)
	}
	for i, f := range files {
		r.tables = append(r.tables, readSite(t, r.schema, r.schema.Sites[i], filepath.Join(dir, f)))
	}
	raw, err = os.ReadFile(filepath.Join(dir, "oracle.json"))
	if err != nil {
		t.Fatal(err)
	}
	var oracle struct{ Analyses []answer }
	if err := json.Unmarshal(raw, &oracle); err != nil {
		t.Fatal(err)
	}
	r.answers = oracle.Analyses
	return r
}

func fieldOf(t *testing.T, name string, n *yaml.Node) table.Field {
	t.Helper()
	var d struct {
		Type     string
		Levels   []string
		Integer  bool
		Step     string
		Min, Max float64
	}
	if err := n.Decode(&d); err != nil {
		t.Fatal(err)
	}
	f := table.Field{Name: name, Levels: d.Levels, Integer: d.Integer, Min: d.Min, Max: d.Max}
	switch d.Type {
	case "category":
		f.Kind = table.Category
	case "binary":
		f.Kind = table.Binary
	default:
		f.Grid, f.GridDeclared = table.Grid{M: 1}, true
		if d.Step != "" {
			whole, frac, _ := strings.Cut(d.Step, ".")
			m, err := strconv.ParseInt(whole+frac, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			f.Grid = table.Grid{M: m, E10: -len(frac)}
		} else if !d.Integer {
			f.GridDeclared = false
			f.Grid.E10 = int(math.Floor(math.Log10((f.Max - f.Min) / (1 << 24))))
		}
	}
	return f
}

func readSite(t *testing.T, s *table.Schema, site, path string) *table.Table {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cols := make([][]float64, len(s.Fields))
	for j, f := range s.Fields {
		at := slices.Index(records[0], f.Name)
		if at < 0 {
			t.Fatalf("%s has no column %q", path, f.Name)
		}
		cols[j] = []float64{}
		for _, rec := range records[1:] {
			x, text := math.NaN(), strings.TrimSpace(rec[at])
			switch {
			case text == "":
			case f.Kind == table.Category:
				x = float64(slices.Index(f.Levels, text))
				if x < 0 {
					t.Fatalf("%s: column %q has a level that is not declared", path, f.Name)
				}
			default:
				if x, err = strconv.ParseFloat(text, 64); err != nil {
					t.Fatal(err)
				}
			}
			cols[j] = append(cols[j], x)
		}
	}
	tab, err := table.New(s, site, cols)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// references returns the shipped sets and those of CONSILIUM_ORACLES.
func references(t *testing.T) (sets []*reference) {
	t.Helper()
	dirs, err := filepath.Glob("../../testdata/*/oracle.yaml")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no reference sets: %v", err)
	}
	for _, root := range filepath.SplitList(os.Getenv("CONSILIUM_ORACLES")) {
		more, err := filepath.Glob(filepath.Join(root, "*", "oracle.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, more...)
	}
	for _, d := range dirs {
		sets = append(sets, readReference(t, filepath.Dir(d)))
	}
	return sets
}

// pooled returns all rows of a reference as one table at the first site.
func (r *reference) pooled(t *testing.T) *table.Table {
	t.Helper()
	cols := make([][]float64, len(r.schema.Fields))
	for _, tab := range r.tables {
		for j, f := range r.schema.Fields {
			c, err := tab.Column(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			cols[j] = append(cols[j], c...)
		}
	}
	tab, err := table.New(r.schema, r.schema.Sites[0], cols)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// at walks into an answer's result: at("fisher", "ci95", 0).
func (a answer) at(t *testing.T, path ...any) any {
	t.Helper()
	var v any = a.Result
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[k]
		case int:
			l, ok := v.([]any)
			if !ok || k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	switch v {
	case "Inf", "-Inf":
		return nil // a result has no infinite numbers
	}
	return v
}

// near reports whether got is within 1e-9 of max(|want|, 1); both may be null.
func near(got, want any) bool {
	g, w, both := pair(got, want)
	return got == nil && want == nil || both && math.Abs(g-w) <= 1e-9*max(math.Abs(w), 1)
}

// nearTail is near for probabilities: below 1e-12 they also agree to six digits.
func nearTail(got, want any) bool {
	g, w, both := pair(got, want)
	return near(got, want) && (!both || w >= 1e-12 || math.Abs(g-w) <= 1e-6*w+1e-300)
}

func pair(got, want any) (g, w float64, both bool) {
	if k, ok := got.(int64); ok {
		got = float64(k)
	}
	g, ok1 := got.(float64)
	w, ok2 := want.(float64)
	return g, w, ok1 && ok2
}

// begin returns a constructor of programs of a kind over a set, with the cell rules off unless args say otherwise.
func begin(t *testing.T, kind Statistic, s *reference, args Args) func() Program {
	t.Helper()
	if args.Rules == (Rules{}) {
		args.Rules = Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1, MaxRows: testRows}
	}
	return func() Program {
		p, err := kind.Begin(args, s.schema)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}
