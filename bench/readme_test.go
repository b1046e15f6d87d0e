package bench

import (
	"os"
	"strings"
	"testing"
)

// The figures in the documents are those of bench/results, which has all scenarios that the documents speak of:
//
//	go run ./cmd/consilium bench --suite published --out bench/results --readme README.md,bench/README.md
func TestDocumentsHaveTheFiguresOfTheResults(t *testing.T) {
	results, err := ReadResults("results")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"README.md", "../README.md"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Document(string(b), results)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if want != string(b) {
			t.Errorf("%s does not have the figures of bench/results: run the command above", path)
		}
	}
	for _, s := range published().Scenarios {
		if row := results.Row(s.Key()); row != nil && !row.Done() {
			t.Errorf("%s has no figures: %s%s", s.Key(), row.Failed, row.Skipped)
		}
	}
}

func TestADocumentWithoutAScenarioIsRefused(t *testing.T) {
	const text = "a\n<!-- bench: published -->\nformer figures\n<!-- end of bench -->\nb\n"
	if _, err := Document(text, &Results{}); err == nil || !strings.Contains(err.Error(), "lack spindle/") {
		t.Errorf("got %v, want an error that names what is missing", err)
	}
	results := &Results{}
	for _, s := range published().Scenarios {
		r := rowOf(s, &Work{}, []Sample{{Seconds: 1}})
		results.put(r)
	}
	got, err := Document(text, results)
	if err != nil || strings.Contains(got, "former figures") || !strings.HasPrefix(got, "a\n") || !strings.HasSuffix(got, "b\n") {
		t.Errorf("got %v\n%s", err, got)
	}
	for _, s := range published().Scenarios {
		if !strings.Contains(got, s.Name) || !strings.Contains(got, s.Published.Source) {
			t.Errorf("the document lacks %s or its source", s.Key())
		}
	}
	again, err := Document(got, results)
	if err != nil || again != got {
		t.Errorf("writing the same figures again changes the document: %v", err)
	}
}

func TestPlotsAreWhole(t *testing.T) {
	var rows []Row
	for _, s := range scale().Scenarios {
		plain := 0.01
		rows = append(rows, rowOf(s, &Work{}, []Sample{{Seconds: float64(s.size()), PlainSeconds: &plain, Parties: []Party{{ID: "s0", CPU: 1, BytesUp: 1000}}}}))
	}
	plots := Plots(rows)
	if len(plots) != 9 {
		t.Fatalf("%d plots, want seconds, processor time and bytes against three axes", len(plots))
	}
	for _, p := range plots {
		svg := p.SVG()
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || !strings.Contains(svg, "prefers-color-scheme: dark") || !strings.HasSuffix(svg, "</svg>\n") {
			t.Errorf("%s is not whole:\n%s", p.Name, svg)
		}
		if lines := strings.Count(svg, "<polyline"); lines != len(p.Series) || lines < 2 {
			t.Errorf("%s has %d lines of %d", p.Name, lines, len(p.Series))
		}
	}
}
