package engine_test

import (
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// encryptedKinds are analyses with a part under encryption, or beside one.
var encryptedKinds = []string{
	`kind: logistic, formula: "infection ~ treat + age", final_steps: 0, evaluate: {cells: 0}`,
	`kind: logistic, formula: "infection ~ treat + age", final_steps: 1, evaluate: {cells: 100}`,
	`kind: logistic, formula: "infection ~ treat + age", ridge: 2, final_steps: 2, degree: 2, evaluate: {cells: 0}`,
	`kind: rank, variable: infections, by: treat`,
	`kind: roc, outcome: infection, score: age`,
	`kind: linear, formula: "weight ~ age + sex"`,
	`kind: linear, formula: "weight ~ age + sex", withhold: [vcov, std_error]`,
	`kind: describe, variables: [age], by: treat`,
}

// TestTranscriptOfEncryptedStudies reads every message: each masked number
// belongs to an opening of the plan, each step under encryption is in the plan's count, and the result lists them all.
func TestTranscriptOfEncryptedStudies(t *testing.T) {
	t.Parallel()
	studies := [][]string{encryptedKinds, encryptedKinds[7:]} // all under one key, and one that needs none
	if veiledRing == 0 {
		for _, one := range encryptedKinds {
			studies = append(studies, []string{one})
		}
	}
	for i, list := range studies {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s, tables := cgdStudy(t, numbered(list), "{reveal: model}")
			x := new(transcript)
			r, err := engine.Simulate(t.Context(), s, tables, engine.InsecureTest(engine.Options{Tap: x.tap(t), Progress: x.progress}, veiledRingOfTests))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range r.Analyses {
				if a.Refused != nil {
					t.Fatalf("%s: %v", a.ID, a.Refused)
				}
			}
			plan, err := engine.PlanInsecureTest(s, veiledRingOfTests)
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, x, plan, r, len(s.Sites))
			steps := 0
			if plan.Veil != nil {
				steps = plan.Veil.Steps
			}
			for site, vows := range x.vows {
				if vows > steps {
					t.Errorf("%s took %d steps under encryption, the plan has %d", site, vows, steps)
				}
			}
			if steps > 0 && len(x.vows) != len(s.Sites) {
				t.Errorf("%d hospitals took part under encryption", len(x.vows))
			}
		})
	}
}

// veiledRingOfTests holds the models of these tests, at a fraction of the time.
const veiledRingOfTests = 12

func numbered(list []string) string {
	var b strings.Builder
	for i, a := range list {
		fmt.Fprintf(&b, "  - {id: a%d, %s}\n", i, a)
	}
	return b.String()
}

// TestAnalystAloneSeesTheEncryptedModel: hospitals see what their next step
// depends on, and of the model nothing: its sum is never unlocked to them. What
// the analyst opens is what an open study shows.
func TestAnalystAloneSeesTheEncryptedModel(t *testing.T) {
	t.Parallel()
	analyses := numbered([]string{encryptedKinds[0], encryptedKinds[3], `kind: crosstab, rows: treat, columns: infection`})
	analyst, err := party.NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := analyst.Public()
	s, tables := cgdStudy(t, analyses, "{reveal: model, release: analyst}")
	x := new(transcript)
	r, err := engine.Simulate(t.Context(), s, tables, engine.InsecureTest(engine.Options{Reader: &key, Tap: x.tap(t), Progress: x.progress}, veiledRingOfTests))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Analyses {
		if a.Frame != nil {
			t.Errorf("%s: hospitals have a result", a.ID)
		}
	}
	plan, err := engine.PlanInsecureTest(s, veiledRingOfTests)
	if err != nil {
		t.Fatal(err)
	}
	checkUnlocked(t, x, plan)

	got, err := engine.OpenInsecureTest(s, r.Sealed, analyst, veiledRingOfTests)
	if err != nil {
		t.Fatal(err)
	}
	open, tables := cgdStudy(t, analyses, "{reveal: model}")
	want, err := engine.Simulate(t.Context(), open, tables, engine.InsecureTest(engine.Options{}, veiledRingOfTests))
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range want.Analyses {
		alike(t, a, got.Analyses[i])
	}
}

// checkUnlocked: a sum is unlocked to the hospitals exactly when everything it opens is declared as shown to them.
func checkUnlocked(t *testing.T, x *transcript, plan *report.Plan) {
	t.Helper()
	sealed := 0
	for k, p := range x.sums {
		shown := slices.ContainsFunc(p.Opened, func(o engine.Opened) bool {
			for _, a := range plan.Analyses {
				if a.ID == o.Analysis {
					return a.Openings[o.Opening].Shown
				}
			}
			return plan.Openings[o.Opening].Shown
		})
		if !shown {
			sealed++
		}
		if got := x.answers[uint64(k+1)]; got == wire.Type_UNLOCKS != shown {
			t.Errorf("sum %d, shown to hospitals: %v, was answered with %v", k+1, shown, got)
		}
	}
	if sealed == 0 || sealed == len(x.sums) {
		t.Errorf("%d of %d sums are sealed", sealed, len(x.sums))
	}
}

// alike compares two results of one analysis: a model as far as the noise of its opening allows.
func alike(t *testing.T, want, got report.Analysis) {
	t.Helper()
	if want.Refused != nil || got.Refused != nil || want.Frame == nil || got.Frame == nil {
		t.Fatalf("%s: %v, %v", want.ID, want.Refused, got.Refused)
	}
	if len(want.Frame.Tidy) != len(got.Frame.Tidy) || want.Frame.N != got.Frame.N {
		t.Fatalf("%s: %d and %d rows", want.ID, len(want.Frame.Tidy), len(got.Frame.Tidy))
	}
	for i, r := range want.Frame.Tidy {
		for _, key := range []string{"estimate", "statistic", "p_value", "n"} {
			a, b := r.Get(key), got.Frame.Tidy[i].Get(key)
			x, ok1 := a.(float64)
			y, ok2 := b.(float64)
			switch {
			case ok1 != ok2, !ok1 && a != b:
				t.Errorf("%s: row %d, %s: %v and %v", want.ID, i, key, a, b)
			case key == "estimate" && math.Abs(x-y) > 0.05*(1+math.Abs(x)), key != "estimate" && math.Abs(x-y) > 1e-12*math.Abs(x):
				t.Errorf("%s: row %d, %s: %v and %v", want.ID, i, key, x, y)
			}
		}
	}
}
