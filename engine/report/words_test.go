package report

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/study"
)

// A model of a kind that is not encrypted is not said to be.
func TestWhatIsNotEncryptedIsNamed(t *testing.T) {
	const hidden, open = "computed under encryption", "Not encrypted, but open as with reveal: sums: "
	for analyses, want := range map[string]string{
		`{id: a, kind: poisson, formula: "k ~ x"}`: open + "a.", `{id: a, kind: logistic, formula: "y ~ x"}`: hidden,
		`{id: a, kind: logistic, formula: "y ~ x"}, {id: b, kind: linear, formula: "k ~ x"}, {id: c, kind: negbin, formula: "k ~ x"}`: open + "b, c.",
		`{id: a, kind: rank, variable: x, by: y}`: hidden,
	} {
		s, err := study.Parse("s.yaml", []byte("study: s\nsites: {a: {csv: a.csv}, b: {csv: b.csv}, c: {csv: c.csv}}\nvariables: {x: {type: number, integer: true, min: 0, max: 9}, k: {type: number, integer: true, min: 0, max: 9}, y: {type: binary}}\nanalyses: ["+analyses+"]\nprivacy: {reveal: model}\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := whoLearns(s)
		if !strings.Contains(got, want) || strings.Contains(got, hidden) == (want == open+"a.") || strings.Contains(got, open) == (want == hidden) {
			t.Errorf("%s: %q, want %q", analyses, got, want)
		}
	}
}
