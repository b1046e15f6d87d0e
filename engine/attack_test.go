package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// The attack tests read what a study releases, as anyone may who holds the
// result files, and try to learn about single people or single hospitals.
// Each must learn nothing under the rules, and must succeed with the rule
// switched off: a test that could not succeed would prove nothing.

// madeUp is a study whose records are written in the test: hospitals h1, h2, ... with lines of CSV.
type madeUp struct {
	variables []string // lines of the dictionary, as in a study file
	header    string
	rows      [][]string // per hospital
}

// text is the study file: privacy and analyses are written as in a study file, without ids.
func (m *madeUp) text(privacy string, analyses []string) string {
	var b strings.Builder
	b.WriteString("study: attack\nsites:\n")
	for i := range m.rows {
		fmt.Fprintf(&b, "  h%d: {csv: h%d.csv}\n", i+1, i+1)
	}
	b.WriteString("variables:\n")
	for _, v := range m.variables {
		b.WriteString("  " + v + "\n")
	}
	b.WriteString("analyses:\n")
	for i, a := range analyses {
		fmt.Fprintf(&b, "  - {id: a%d, %s}\n", i, a)
	}
	if privacy != "" {
		b.WriteString("privacy: {" + privacy + "}\n")
	}
	return b.String()
}

func (m *madeUp) spec(t testing.TB, privacy string, analyses []string) *study.Spec {
	t.Helper()
	s, err := study.Parse("attack.yaml", []byte(m.text(privacy, analyses)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (m *madeUp) tables(t testing.TB, s *study.Spec) map[party.ID]*table.Table {
	t.Helper()
	tables := map[party.ID]*table.Table{}
	for i, site := range s.Sites {
		src := m.header + "\n" + strings.Join(m.rows[i], "\n") + "\n"
		tab, _, err := table.ReadCSV(strings.NewReader(src), site.Source.CSV, site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows)
		if err != nil {
			t.Fatal(err)
		}
		tables[site.ID] = tab
	}
	return tables
}

// result runs the whole study, all parties and masks, and reads its result.json: analyses a0, a1, ... in order.
func (m *madeUp) result(t *testing.T, privacy string, analyses ...string) map[string]map[string]any {
	t.Helper()
	s := m.spec(t, privacy, analyses)
	return simulate(t, s, m.tables(t, s))
}

// add gives the next row to the hospitals in turn.
func (m *madeUp) add(hospitals int, lines ...string) {
	for len(m.rows) < hospitals {
		m.rows = append(m.rows, nil)
	}
	for _, l := range lines {
		least := 0
		for i := range m.rows {
			if len(m.rows[i]) < len(m.rows[least]) {
				least = i
			}
		}
		m.rows[least] = append(m.rows[least], l)
	}
}

// released runs one analysis over all rows as if they were one hospital's,
// without the protocols: what its statistic would release. The rules on
// numbers of hospitals are not the statistic's.
func (m *madeUp) released(t testing.TB, privacy, analysis string) (stat.Frame, *stat.Refusal) {
	t.Helper()
	s := m.spec(t, privacy+", min_sites: 1", []string{analysis})
	src := m.header + "\n"
	for _, lines := range m.rows {
		src += strings.Join(lines, "\n") + "\n"
	}
	tab, _, err := table.ReadCSV(strings.NewReader(src), "all.csv", s.Sites[0].Source, s.Schema, string(s.Sites[0].ID), s.Privacy.MaxRows)
	if err != nil {
		t.Fatal(err)
	}
	return release(t, s, tab)
}

// release drives the first analysis of a study over one table.
func release(t testing.TB, s *study.Spec, tab *table.Table) (stat.Frame, *stat.Refusal) {
	t.Helper()
	args := s.Analyses[0]
	kind, _ := stat.Lookup(args.Kind)
	var refused *stat.Refusal
	p, err := kind.Statistic.Begin(args, s.Schema)
	if errors.As(err, &refused) {
		return stat.Frame{}, refused
	}
	if err != nil {
		t.Fatal(err)
	}
	rows, err := tab.Select(s.Cohort, args.Where)
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		var cells []fixed.Cell
		for _, a := range p.Ask() {
			for _, c := range a.Cells {
				cells = append(cells, c.Cell)
			}
		}
		out := fixed.New(cells)
		if err := p.Map(rows, out); err != nil {
			t.Fatal(err)
		}
		total, err := fixed.Decode(cells, out.Words(), s.Privacy.MaxRows)
		if err != nil {
			t.Fatal(err)
		}
		done, err = p.Reduce(total)
		if errors.As(err, &refused) {
			return stat.Frame{}, refused
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return p.Result(), nil
}

// number reads a number of a result, NaN where it is null or not there.
func number(v any, path ...string) float64 {
	if x, ok := lookup(v, path...).(float64); ok {
		return x
	}
	return math.NaN()
}

// warned reports whether a result has a warning with all the words.
func warned(result map[string]any, words ...string) bool {
	list, _ := result["warnings"].([]any)
	for _, w := range list {
		all := true
		for _, word := range words {
			all = all && strings.Contains(text(w), word)
		}
		if all {
			return true
		}
	}
	return false
}

// rule is the rule that refused an analysis, empty when none did.
func ruleOf(result map[string]any) string {
	r, _ := result["refused"].(map[string]any)
	if r == nil {
		return ""
	}
	return text(r["rule"])
}

// scatter is a fixed sequence of numbers below n that looks random.
func scatter(i, n int) int { return int((uint64(i+1) * 2654435761 >> 7) % uint64(n)) }

// planText is the plan of a study file as a steward reads it.
func planText(t testing.TB, src string) string {
	t.Helper()
	s, err := study.Parse("attack.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Plan(s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
