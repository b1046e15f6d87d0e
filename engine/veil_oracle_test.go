package engine_test

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// bars are how far, in R's standard errors, an encrypted model may be from R's
// after so many exact steps.
var bars = []float64{0.3, 0.005, 1e-5}

// promised are the models that must have a result: every one of some sets, the named ones of others.
var promised = map[string][]string{"cgd": {"lr_main"}, "aids2": {"lr_dead", "lr_site"}, "birthwt": {"lr_hl"},
	"rotterdam_gbsg": {"lr_rfs"}, "heart4": {"lr_main"}, "ist_eu": nil, "indo_rct": nil}

// TestEncryptedModelsAgreeWithR fits every logistic model of the reference
// answers that has a maximum under encryption, with no, one and two exact
// steps. It is within the bar, or, where nothing was promised, refused by name.
// One set in a small ring; with -tags long all of them at the parameters of studies.
func TestEncryptedModelsAgreeWithR(t *testing.T) {
	t.Parallel()
	own, further := oracleFolders(t)
	for _, dir := range append(own, further...) {
		s := readOracleSet(t, dir)
		text, ids := veiledStudy(t, s)
		if len(ids) == 0 || len(s.schema.Sites) < 2 || veiledRing > 0 && s.schema.Set != "cgd" && s.schema.Set != "wdbc" {
			continue
		}
		for steps, bar := range bars {
			if veiledRing > 0 && (steps == 1) != (s.schema.Set == "cgd") {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", s.schema.Set, steps), func(t *testing.T) {
				got := runVeiled(t, dir, strings.ReplaceAll(text, "STEPS", fmt.Sprint(steps)))
				for _, a := range s.oracle.Analyses {
					if !ids[a.ID] {
						continue
					}
					if r := got[a.ID].Refused; r != nil {
						if named, all := promised[s.schema.Set]; all && (named == nil || slices.Contains(named, a.ID)) || !slices.Contains([]string{"singular", "unconverged", "separation"}, r.Rule) {
							t.Errorf("%s: %v", a.ID, r)
						} else {
							t.Logf("%s: %v", a.ID, r)
						}
						continue
					}
					if worst := distance(t, a, got[a.ID].Frame); !(worst <= bar) {
						t.Errorf("%s: %.2g standard errors from R after %d exact steps, want at most %g", a.ID, worst, steps, bar)
					} else {
						t.Logf("%s: %.2g standard errors", a.ID, worst)
					}
				}
			})
		}
	}
}

var evaluated = regexp.MustCompile(`, drop1: true, evaluate: \{cells: 100\}`)

// veiledStudy is the part of a set's study that can be fitted under encryption.
func veiledStudy(t *testing.T, s *oracleSet) (text string, ids map[string]bool) {
	t.Helper()
	ids = map[string]bool{}
	for _, a := range s.oracle.Analyses {
		_, separated := a.Result["separation"]
		if a.Kind == "logistic" && !separated && !a.tagged("separation") && !a.tagged("refused") && a.Result["coefficients"] != nil && !aliased(a) {
			ids[a.ID] = true
		}
	}
	var b strings.Builder
	for line := range strings.Lines(oracleStudy(t, s)) {
		if strings.HasPrefix(line, "  - {id: ") {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "  - {id: "), ",")
			if !ids[id] {
				continue
			}
			line = evaluated.ReplaceAllString(line, ", final_steps: STEPS, evaluate: {cells: 0}")
		}
		b.WriteString(strings.Replace(line, "reveal: sums", "reveal: model", 1))
	}
	return b.String(), ids
}

// aliased reports whether R dropped a column: encrypted, that is refused as singular.
func aliased(a oracleAnalysis) bool {
	for _, c := range a.Result["coefficients"].([]any) {
		if c.(map[string]any)["aliased"] == true {
			return true
		}
	}
	return false
}

// distance is the largest difference between coefficients, in R's standard errors.
func distance(t *testing.T, a oracleAnalysis, got *stat.Frame) float64 {
	t.Helper()
	if got == nil {
		t.Errorf("%s: no result", a.ID)
		return math.NaN()
	}
	worst := 0.0
	for _, c := range a.Result["coefficients"].([]any) {
		want := c.(map[string]any)
		found := false
		for _, r := range got.Tidy {
			if r.Get("term") != want["name"] {
				continue
			}
			found = true
			b, ok := r.Get("estimate").(float64)
			if !ok {
				t.Errorf("%s: %v has no estimate", a.ID, want["name"])
				return math.NaN()
			}
			worst = max(worst, math.Abs(b-want["estimate"].(float64))/want["se"].(float64))
		}
		if !found {
			t.Errorf("%s: no term %v", a.ID, want["name"])
		}
	}
	return worst
}

// runVeiled runs a study with encrypted steps and returns its analyses.
func runVeiled(t *testing.T, dir, text string) map[string]report.Analysis {
	t.Helper()
	spec, err := study.Parse(filepath.Join(dir, "veiled.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[party.ID]*table.Table{}
	for _, site := range spec.Sites {
		if tables[site.ID], _, err = table.OpenCSV(dir, site.Source, spec.Schema, string(site.ID), spec.Privacy.MaxRows); err != nil {
			t.Fatal(err)
		}
	}
	r, err := engine.Simulate(t.Context(), spec, tables, veiledOptions(engine.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]report.Analysis{}
	for _, a := range r.Analyses {
		out[a.ID] = a
	}
	return out
}

func veiledOptions(o engine.Options) engine.Options {
	if veiledRing > 0 {
		return engine.InsecureTest(o, veiledRing)
	}
	return o
}
