package stat

import (
	"fmt"
	"math"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// open are rules that hide nothing.
var open = Rules{MinCell: 1, MinSites: 1, MaxRows: testRows}

// programOf begins an analysis of any kind of the catalog.
func programOf(t *testing.T, s *table.Schema, args Args) func() Program {
	t.Helper()
	k, ok := Lookup(args.Kind)
	if !ok {
		t.Fatalf("no kind %q", args.Kind)
	}
	return func() Program {
		p, err := k.Statistic.Begin(args, s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// rowOf finds the row of a variable, with further pairs of key and value.
func rowOf(f Frame, variable string, more ...any) Record {
rows:
	for _, r := range f.Tidy {
		if r.Get("variable") != variable {
			continue
		}
		for i := 0; i < len(more); i += 2 {
			if r.Get(more[i].(string)) != more[i+1] {
				continue rows
			}
		}
		return r
	}
	return nil
}

// within reports whether got is within 1e-9 of max(|want|, scale); both may be absent.
func within(got, want any, scale float64) bool {
	g, w, both := pair(got, want)
	return got == nil && want == nil || both && math.Abs(g-w) <= 1e-9*max(math.Abs(w), scale)
}

var quantileKeys = []string{"q05", "q10", "q25", "median", "q75", "q90", "q95"}
var quantileProbs = []float64{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95}

// checkNumber compares a row with R's summary of a number.
func checkNumber(t *testing.T, where string, r Record, want map[string]any) {
	t.Helper()
	sd, _ := want["sd"].(float64)
	for _, k := range []string{"n", "missing", "mean", "sd", "var", "sem", "sum"} {
		w := want[k]
		if want["n"] == 0.0 && k == "sum" {
			w = nil
		}
		if !within(r.Get(k), w, map[string]float64{"mean": sd, "sd": sd, "sem": sd}[k]) {
			t.Errorf("%s: %s is %v, R has %v", where, k, r.Get(k), w)
		}
	}
}

func TestDescribeAgreesWithR(t *testing.T) {
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "describe" {
				continue
			}
			var names []string
			for _, f := range s.schema.Fields {
				names = append(names, f.Name)
			}
			for kind, key := range map[int]string{7: "type7", 1: "type1", 2: "type2"} {
				f := run(t, programOf(t, s.schema, Args{Kind: "describe", Variables: names, Quantiles: quantileProbs, QuantileType: kind, Rules: open}), s.tables...)
				if f.N != a.N || f.Suppressed {
					t.Errorf("%s: %d rows, suppressed %v, want %d", s.name, f.N, f.Suppressed, a.N)
				}
				for _, field := range s.schema.Fields {
					where := s.name + ": " + field.Name
					if field.Kind == table.Number {
						want, _ := a.at(t, "numeric", field.Name).(map[string]any)
						r := rowOf(f, field.Name)
						checkNumber(t, where, r, want)
						for i, q := range quantileKeys {
							if w := a.at(t, "numeric", field.Name, "quantiles", key, i); !within(r.Get(q), w, 0) {
								t.Errorf("%s: %s of type %d is %v, R has %v", where, q, kind, r.Get(q), w)
							}
						}
					}
					for _, level := range field.Levels {
						if r := rowOf(f, field.Name, "level", level); !near(r.Get("n"), a.at(t, "categorical", field.Name, "counts", level)) ||
							!near(r.Get("missing"), a.at(t, "categorical", field.Name, "missing")) {
							t.Errorf("%s = %s: %v", where, level, r)
						}
					}
					if field.Kind == table.Binary {
						ones := rowOf(f, field.Name, "level", "1")
						if !near(ones.Get("n"), a.at(t, "numeric", field.Name, "sum")) && ones.Get("n") != int64(0) {
							t.Errorf("%s: %v, R has %v", where, ones, a.at(t, "numeric", field.Name, "sum"))
						}
					}
				}
			}
		}
	}
}

func TestDescribeByAgreesWithR(t *testing.T) {
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "describe_by" || a.Spec.Where != nil || s.name == "numerics" { // numerics: see TestNumAccToTheLastDigit
				continue
			}
			f := run(t, programOf(t, s.schema, Args{Kind: "describe", Variables: a.Spec.Columns, By: a.Spec.Group, Quantiles: []float64{0.25, 0.5, 0.75}, Rules: open}), s.tables...)
			for _, v := range a.Spec.Columns {
				groups, _ := a.at(t, v).(map[string]any)
				for g, want := range groups {
					r, want := rowOf(f, v, "group", g), want.(map[string]any)
					where := fmt.Sprintf("%s/%s: %s in %s", s.name, a.ID, v, g)
					checkNumber(t, where, r, want)
					for k, key := range map[string]string{"q1": "q25", "median": "median", "q3": "q75"} {
						if !within(r.Get(key), want[k], 0) {
							t.Errorf("%s: %s is %v, R has %v", where, key, r.Get(key), want[k])
						}
					}
				}
			}
		}
	}
}

func TestNumAccToTheLastDigit(t *testing.T) {
	s := readReference(t, "../../testdata/numerics")
	f := run(t, programOf(t, s.schema, Args{Kind: "describe", Variables: []string{"v"}, By: "series", Rules: open}), s.tables...)
	for series, want := range map[string][2]float64{ // NIST's certified values
		"numacc1": {10000002, 1}, "numacc2": {1.2, 0.1}, "numacc3": {1000000.2, 0.1}, "numacc4": {10000000.2, 0.1}} {
		r := rowOf(f, "v", "group", series)
		if r.Get("mean") != want[0] || r.Get("sd") != want[1] {
			t.Errorf("%s: mean %v, sd %v, want %v", series, r.Get("mean"), r.Get("sd"), want)
		}
	}
	// Without a declared step values are taken as read: the doubles nearest to the decimals carry fewer digits.
	field, err := s.schema.Field("v")
	if err != nil {
		t.Fatal(err)
	}
	field.GridDeclared = false
	f = run(t, programOf(t, s.schema, Args{Kind: "describe", Variables: []string{"v"}, By: "series", Rules: open}), s.tables...)
	for series, want := range map[string][3]float64{"numacc1": {10000002, 1, 1e-15}, "numacc2": {1.2, 0.1, 1e-9}, "numacc3": {1000000.2, 0.1, 1e-9}, "numacc4": {10000000.2, 0.1, 1e-8}} {
		r := rowOf(f, "v", "group", series)
		if m, sd := r.Get("mean").(float64), r.Get("sd").(float64); math.Abs(m-want[0]) > 1e-15*want[0] || math.Abs(sd-want[1]) > want[2] {
			t.Errorf("%s as read: mean %v, sd %v, want %v", series, m, sd, want)
		}
	}
}
