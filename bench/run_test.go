package bench

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/secagg"
)

// counting is a suite of scenarios that count their runs.
func counting(runs map[string]int, names ...string) Suite {
	s := Suite{Name: "counting"}
	for _, name := range names {
		s.Scenarios = append(s.Scenarios, Scenario{Name: name, Runs: 2, Prepare: func(context.Context, Scenario) (*Work, error) {
			return &Work{Run: func(context.Context) (*Sample, error) {
				runs[name]++
				return &Sample{Seconds: float64(runs[name])}, nil
			}}, nil
		}})
	}
	return s
}

func TestAnInterruptedSuiteGoesOnWhereItWas(t *testing.T) {
	dir, runs := t.TempDir(), map[string]int{}
	suite := counting(runs, "a", "b", "c")
	ctx, stop := context.WithCancel(t.Context())
	whole := suite.Scenarios[1].Prepare
	suite.Scenarios[1].Prepare = func(ctx context.Context, s Scenario) (*Work, error) {
		stop()
		return nil, ctx.Err()
	}
	rows, err := Run(ctx, suite, Options{Dir: dir})
	if !errors.Is(err, context.Canceled) || len(rows) != 1 || rows[0].Scenario != "a" {
		t.Fatalf("the interrupted run has %v, %v; want row a", rows, err)
	}
	suite.Scenarios[1].Prepare = whole
	rows, err = Run(t.Context(), suite, Options{Dir: dir})
	if err != nil || len(rows) != 3 {
		t.Fatalf("the second run has %v, %v; want three rows", rows, err)
	}
	for name, n := range runs {
		if n != 2 {
			t.Errorf("%s ran %d times, want 2", name, n)
		}
	}
	if _, err = Run(t.Context(), suite, Options{Dir: dir, Again: true}); err != nil || runs["a"] != 4 {
		t.Errorf("asked to, it ran a %d times, want 4 (%v)", runs["a"], err)
	}
	if _, err = Run(t.Context(), suite, Options{Dir: dir, Runs: 3}); err != nil || runs["a"] != 7 {
		t.Errorf("with more runs than the directory has, it ran a %d times, want 7 (%v)", runs["a"], err)
	}
}

func TestRowsOfOtherParametersAreMeasuredAgain(t *testing.T) {
	dir, runs := t.TempDir(), map[string]int{}
	suite := counting(runs, "a")
	if _, err := Run(t.Context(), suite, Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	suite.Scenarios[0].Rows = 7
	if _, err := Run(t.Context(), suite, Options{Dir: dir}); err != nil || runs["a"] != 4 {
		t.Errorf("with another number of rows it ran %d times, want 4 (%v)", runs["a"], err)
	}
	results, err := ReadResults(dir)
	if err != nil || len(results.Rows) != 1 || results.Rows[0].Parameters.Rows != 7 {
		t.Errorf("the results are %+v, %v; want the new row alone", results, err)
	}
	results.Rows[0].Build = "another"
	if err := results.write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), suite, Options{Dir: dir}); err != nil || runs["a"] != 6 {
		t.Errorf("with another build it ran %d times, want 6 (%v)", runs["a"], err)
	}
}

func TestRowsThatFailedOrWereSkippedSayWhy(t *testing.T) {
	suite := counting(map[string]int{}, "fails", "is-skipped", "runs")
	suite.Scenarios[0].Prepare = func(context.Context, Scenario) (*Work, error) { return nil, errors.New("broken") }
	suite.Scenarios[1].Prepare = func(context.Context, Scenario) (*Work, error) { return nil, &Skipped{Why: "no such program"} }
	rows, err := Run(t.Context(), suite, Options{Dir: t.TempDir()})
	if err != nil || len(rows) != 3 {
		t.Fatalf("got %v, %v", rows, err)
	}
	if rows[0].Failed != "broken" || rows[1].Skipped != "no such program" || !rows[2].Done() {
		t.Errorf("rows are %+v", rows)
	}
	var b bytes.Buffer
	if err := WriteTable(&b, rows); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"failed: broken", "skipped: no such program"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, b.String())
		}
	}
}

func TestMediansAndRatios(t *testing.T) {
	sample := func(seconds, plain, off float64) Sample {
		return Sample{Seconds: seconds, PlainSeconds: &plain, Error: &off}
	}
	r := rowOf(Scenario{}, &Work{}, []Sample{sample(3, 1, 0), sample(1, 2, 7), sample(2, 4, 1)})
	if r.Seconds != 2 || r.SecondsMin != 1 || r.SecondsMax != 3 || *r.PlainSeconds != 2 || *r.Ratio != 1 || *r.Error != 7 {
		t.Errorf("got %+v", r)
	}
}

func TestAPartysProjectionCountsTheBusiestHospitalTheHubAndTheirShareOfTheRest(t *testing.T) {
	x := Sample{CPU: 12, Parties: []Party{{ID: "a", CPU: 2}, {ID: "b", CPU: 3}, {ID: "hub", CPU: 1}}}
	if got := x.ownMachines(); got != 8 { // (3 + 1) x 12 / 6
		t.Errorf("got %v s, want 8", got)
	}
}

func TestResultsAreReplacedWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ResultsFile)
	if err := os.Mkdir(path, 0o755); err != nil { // nothing can be renamed to it
		t.Fatal(err)
	}
	if err := (&Results{}).write(dir); err == nil {
		t.Fatal("results were written in the place of a directory")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("the failed write left %d files, want none", len(left)-1)
	}
}

// What a hospital may send and receive for a masked sum of 10,000 cells: 1.1 x 16 bytes a cell and 8 kB up,
// 17 bytes a cell and 4 kB a hospital down.
func TestMaskedSumsSendNoMoreThanTheyShould(t *testing.T) {
	const cells = 10_000
	for _, hospitals := range []int{3, 20} {
		s, err := newStar(hospitals, secagg.Limits{Members: hospitals, Cells: cells}, "sums", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.setUp(); err != nil {
			t.Fatal(err)
		}
		s.sample()
		terms, want := drawTerms(hospitals, cells)
		got, err := s.sum(1, terms)
		if err != nil {
			t.Fatal(err)
		}
		for k := range want {
			if got[k] != want[k] {
				t.Fatalf("cell %d is %v, want %v", k, got[k], want[k])
			}
		}
		x := s.sample()
		for _, p := range x.Parties[:hospitals] {
			if up := 1.1*16*cells + 8<<10; float64(p.BytesUp) > up {
				t.Errorf("%d hospitals: %s sends %d bytes, want at most %.0f", hospitals, p.ID, p.BytesUp, up)
			}
			if down := int64(17*cells + 4<<10*hospitals); p.Down > down {
				t.Errorf("%d hospitals: %s receives %d bytes, want at most %d", hospitals, p.ID, p.Down, down)
			}
		}
		if x.Rounds != 2 {
			t.Errorf("a masked sum took %d round trips, want 2", x.Rounds)
		}
	}
}

func TestPlainFitsAgreeWithTheEngine(t *testing.T) {
	for name, kind := range map[string]recipe{"logistic": logistic, "linear": linear, "describe": describe, "table1": table1, "tests": tests} {
		row, err := Measure(t.Context(), Scenario{Name: name, Hospitals: 3, Rows: 600, Covariates: 5, Reveal: "sums", Prepare: inMemory(kind)}, 1)
		if err != nil || !row.Done() {
			t.Fatalf("%s: %v %s %s", name, err, row.Failed, row.Skipped)
		}
		if row.Error == nil || math.IsNaN(*row.Error) || *row.Error > 1e-9 {
			t.Errorf("%s: the engine's answer is %v from the one in clear", name, row.Error)
		}
		if row.BytesUp == 0 || row.Rounds == 0 || row.Opened == nil || row.Security == nil {
			t.Errorf("%s: the row lacks figures: %+v", name, row)
		}
	}
}

func TestALineIsCarriedOn(t *testing.T) {
	if got := carryOn([]int{3, 6, 12}, []float64{7, 13, 25}, 160); math.Abs(got-321) > 1e-9 {
		t.Errorf("got %v, want 321", got)
	}
	if got := carryOn([]int{3, 6, 12}, []float64{3, 2, 1}, 160); got != 1 {
		t.Errorf("falling costs are carried on to %v, want the last, 1", got)
	}
}

func TestCrossValidationAgreesWithTheOneInClear(t *testing.T) {
	s := Scenario{Name: "cv", Hospitals: 3, Rows: 3000, Covariates: 3, Reveal: "sums", Prepare: crossValidated}
	row, err := Measure(t.Context(), s, 1)
	if err != nil || !row.Done() {
		t.Fatalf("%v %s", err, row.Failed)
	}
	m := row.Samples[0].Metrics
	if *row.Error > 1e-8 || m["auc-error"] > 1e-12 || m["auc"] < 0.6 {
		t.Errorf("error %v, AUC %v, off by %v", *row.Error, m["auc"], m["auc-error"])
	}
}

func TestEveryPublishedRowNamesItsSource(t *testing.T) {
	for _, s := range published().Scenarios {
		p := s.Published
		if p == nil || p.System == "" || p.Figure == "" || p.Source == "" || p.Hardware == "" || p.Disclosure == "" || p.Threat == "" {
			t.Errorf("%s: %+v", s.Key(), p)
		}
	}
}

func TestNoTwoScenariosShareAKey(t *testing.T) {
	seen := map[string]string{}
	for _, suite := range Suites() {
		for _, s := range suite.Scenarios {
			if s.Suite != suite.Name {
				t.Errorf("%s does not know its suite", s.Key())
			}
			if other, ok := seen[s.Key()]; ok {
				t.Errorf("%s and %s both have %s", other, suite.Name, s.Key())
			}
			seen[s.Key()] = suite.Name
		}
	}
}

func TestEncryptedSumsComeOutRight(t *testing.T) {
	row, err := Measure(t.Context(), Scenario{Name: "sum", Hospitals: 3, Cells: 100, Reveal: "model", Prepare: encryptedSum}, 1)
	if err != nil || !row.Done() {
		t.Fatalf("%v %s", err, row.Failed)
	}
	if *row.Error > 1e-8 || row.BytesUp == 0 {
		t.Errorf("off by %v, %d bytes", *row.Error, row.BytesUp)
	}
}

func TestPrimitivesAreMeasured(t *testing.T) {
	for _, s := range micro().Scenarios {
		if s.Hospitals == 0 {
			continue // their errors show in any run
		}
		row, err := Measure(t.Context(), s, 1)
		if err != nil || !row.Done() || row.Seconds <= 0 {
			t.Errorf("%s: %v %s", s.Key(), err, row.Failed)
		}
	}
}

// What a hospital and the hub spend on phases is what they spend in all, and the circuit opens the right root.
func TestPhasesAddUp(t *testing.T) {
	row, err := Measure(t.Context(), Scenario{Name: "phases", Hospitals: 3, Covariates: 2, Prepare: byPhase}, 1)
	if err != nil || !row.Done() {
		t.Fatal(err, row.Failed)
	}
	if *row.Error > 1e-6 {
		t.Errorf("the root is off by %g", *row.Error)
	}
	x := row.Samples[0]
	var hospitals, hub, inPhases, inHubPhases float64
	for _, p := range x.Parties {
		if p.ID == hubName {
			hub += p.CPU
		} else {
			hospitals += p.CPU / 3
		}
	}
	for name, seconds := range x.Metrics {
		switch {
		case strings.HasPrefix(name, "s-hospital-"):
			inPhases += seconds
		case strings.HasPrefix(name, "s-hub-"):
			inHubPhases += seconds
		}
	}
	if math.Abs(inPhases-hospitals) > 1e-6 || math.Abs(inHubPhases-hub) > 1e-6 {
		t.Errorf("phases of a hospital take %g s and of the hub %g s, they themselves %g and %g: %v", inPhases, inHubPhases, hospitals, hub, x.Metrics)
	}
	for _, name := range []string{"keys", "encrypt", "products", "share", "check", "finish", "open"} {
		if x.Metrics["s-hospital-"+name] == 0 && threadTime() > 0 {
			t.Errorf("no time for %s: %v", name, x.Metrics)
		}
	}
}
