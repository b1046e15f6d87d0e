package engine_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// cgdStudy is a study over the thirteen hospitals with other analyses.
func cgdStudy(t *testing.T, analyses, privacy string) (*study.Spec, map[party.ID]*table.Table) {
	t.Helper()
	base, tables := load(t, "../testdata/cgd/study.yaml")
	var b strings.Builder
	b.WriteString("study: other\nsites:\n")
	for _, s := range base.Sites {
		b.WriteString("  " + string(s.ID) + ": {csv: " + s.Source.CSV + "}\n")
	}
	b.WriteString("variables:\n  treat: {type: category, levels: [placebo, interferon]}\n  steroids: {type: binary}\n  infection: {type: binary}\n  age: {type: number, integer: true, min: 0, max: 100}\n" +
		"  sex: {type: category, levels: [male, female]}\n  weight: {type: number, step: 0.1, min: 2, max: 200}\n  infections: {type: number, integer: true, min: 0, max: 50}\n")
	b.WriteString("analyses:\n" + analyses + "privacy: " + privacy + "\n")
	s, err := study.Parse("other.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range s.Sites {
		if tables[site.ID], _, err = table.OpenCSV(filepath.Dir("../testdata/cgd/study.yaml"), site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows); err != nil {
			t.Fatal(err)
		}
	}
	return s, tables
}

const blindKinds = `  - {id: effect, kind: crosstab, rows: treat, columns: infection}
  - {id: rare, kind: crosstab, rows: steroids, columns: infection}
  - {id: ages, kind: histogram, variable: age, breaks: [0, 5, 10, 20, 45]}
  - {id: curve, kind: roc, outcome: infection, score: age, thresholds: [10, 20]}
  - {id: levels, kind: describe, variables: [treat, infection]}
`

// The analyst opens what the hospitals would have seen with release: all, and nobody else can.
func TestAnalystOpensWhatHospitalsCannotSee(t *testing.T) {
	t.Parallel()
	analyst, err := party.NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := analyst.Public()
	s, tables := cgdStudy(t, blindKinds+"  - {id: model, kind: logistic, formula: \"infection ~ age\"}\n", "{release: analyst}")
	r, err := engine.Simulate(t.Context(), s, tables, engine.Options{Reader: &key})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Analyses {
		if a.Frame != nil || a.N != nil {
			t.Errorf("%s: a hospital knows figures", a.ID)
		}
		if refused := a.Refused != nil && a.Refused.Rule == "release"; refused != (a.ID == "model") {
			t.Errorf("%s: refused %v", a.ID, a.Refused)
		}
	}
	opened, err := engine.Open(s, r.Sealed, analyst)
	if err != nil {
		t.Fatal(err)
	}
	all, tables := cgdStudy(t, blindKinds, "{release: all}")
	want, err := engine.Simulate(t.Context(), all, tables)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range want.Analyses {
		got, _ := json.Marshal(opened.Analyses[i].Frame)
		want, _ := json.Marshal(a.Frame)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the analyst has\n%s\nrelease: all gives\n%s", a.ID, got, want)
		}
	}
	refuseOthers(t, s, r.Sealed, analyst)
}

// refuseOthers: another key, another study, a changed or missing package.
func refuseOthers(t *testing.T, s *study.Spec, sealed *report.Sealed, analyst *party.Identity) {
	t.Helper()
	stranger, err := party.NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Open(s, sealed, stranger); err == nil {
		t.Error("a stranger opened the sums")
	}
	other, _ := cgdStudy(t, blindKinds, "{release: analyst, min_cell: 1}")
	if _, err := engine.Open(other, sealed, analyst); err == nil {
		t.Error("opened under a study with other disclosure rules")
	}
	short := *sealed
	short.Packages = sealed.Packages[:1]
	if _, err := engine.Open(s, &short, analyst); err == nil {
		t.Error("opened with a sum missing")
	}
	swapped := *sealed
	swapped.Packages = [][]byte{sealed.Packages[1], sealed.Packages[0]}
	if _, err := engine.Open(s, &swapped, analyst); err == nil {
		t.Error("opened with sums exchanged")
	}
	changed := *sealed
	changed.Packages = [][]byte{bytes.Clone(sealed.Packages[0]), sealed.Packages[1]}
	changed.Packages[0][len(changed.Packages[0])/2] ^= 1
	if _, err := engine.Open(s, &changed, analyst); err == nil {
		t.Error("opened a changed package")
	}
}

// A sealed.json of anybody's making is refused or opened, and costs no more than its size.
func FuzzParseSealed(f *testing.F) {
	f.Add([]byte(`{"study":"x","members":[{"id":"a","site":"a","key":"AQ=="}],"packages":["AA=="]}`))
	f.Add([]byte(`{"packages":null}`))
	f.Add([]byte(`[]`))
	analyst, err := party.NewIdentity(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	src := "study: s\nsites: {a: {csv: a.csv}, b: {csv: b.csv}, c: {csv: c.csv}}\nvariables: {t: {type: binary}, u: {type: binary}}\nanalyses: [{id: x, kind: crosstab, rows: t, columns: u}]\nprivacy: {release: analyst}\n"
	s, err := study.Parse("s.yaml", []byte(src))
	if err != nil {
		f.Fatal(err)
	}
	plan, err := engine.Plan(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed, err := engine.ParseSealed(b)
		if err != nil {
			return
		}
		sealed.PlanDigest = plan.Digest
		if _, err := engine.Open(s, sealed, analyst); err == nil {
			t.Error("sums that nobody signed were opened")
		}
	})
}
