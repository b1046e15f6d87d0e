package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// In the first sum the counts, in the second which analyses hospitals stop, then the table; beside and after it the model, a sum a step.
const twoStudy = `
study: five
sites: {aarau: {csv: x}, basel: {csv: x}, chur: {csv: x}, davos: {csv: x}, egg: {csv: x}}
variables:
  treated: {type: category, levels: [no, yes]}
  age:     {type: number, integer: true, min: 18, max: 110}
  event:   {type: binary}
analyses:
  - {id: effect, kind: crosstab, rows: treated, columns: event}
  - {id: risk, kind: logistic, formula: "event ~ age + treated"}
`

// stuck waits until the hub waits for egg after an attempt that failed.
func (w *town) stuck(run engine.RunID) {
	w.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	failed := false
	err := w.newAnalyst().Watch(ctx, run, func(s engine.Status) error {
		failed = failed || s.From == party.Hub && s.Stage == engine.StageFailed
		if failed && s.From == party.Hub && s.Stage == engine.StageWaiting && slices.Equal(s.Waiting, []party.ID{"egg"}) {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		w.t.Fatalf("the hub does not wait for egg: %v", err)
	}
}

func (w *town) end(run engine.RunID) {
	w.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	if err := w.newAnalyst().End(ctx, run); err != nil {
		w.t.Fatal(err)
	}
}

// one is the outcome of an analysis, to the byte.
func one(t testing.TB, r *report.Report, id string) string {
	t.Helper()
	part := *r
	part.Analyses = slices.DeleteFunc(slices.Clone(r.Analyses), func(a report.Analysis) bool { return a.ID != id })
	return tidy(t, &part)
}

// finished checks that a report has the table and not the model, for the reason that egg was gone.
func finished(t *testing.T, r *report.Report, whole *report.Report) {
	t.Helper()
	equal(t, one(t, r, "effect"), one(t, whole, "effect"))
	risk := r.Analyses[1]
	if risk.Frame != nil || risk.Refused == nil || risk.Refused.Rule != "unfinished" || !strings.Contains(risk.Refused.Message, "egg was gone") {
		t.Errorf("the model: frame %v, refused %+v", risk.Frame, risk.Refused)
	}
	if r.Absent != nil || len(r.Cost.BytesUp) != 4 || r.Cohort != whole.Cohort {
		t.Errorf("absent %v, signed by %v, cohort %+v", r.Absent, r.Cost.BytesUp, r.Cohort)
	}
}

func TestStudyEndsWithWhatIsFinished(t *testing.T) {
	t.Parallel()
	whole := simulated(t, twoStudy, hospitals...)
	line := strings.Index(twoStudy, "  - {id: risk")
	sums := int64(simulated(t, twoStudy[:line], hospitals...).Cost.Rounds) // until the table is there: two messages each, after two to begin with
	for n, where := range map[int64]string{2 + 2*sums + 1: "after a masked vector", 2 + 2*sums + 4: "after an unlock, a step later"} {
		story(t, where, func(t *testing.T) {
			w, run, back := goneFrom(t, twoStudy, n)
			w.stuck(run)
			unlocked := w.unlocks(twoStudy)
			w.end(run)
			r := w.fetch(w.newAnalyst(), run)
			finished(t, r, whole)
			back() // and takes part in nothing any more
			w.until(func() bool { return w.hears("egg", "the hub has ended a run") })
			if now := w.unlocks(twoStudy); now != unlocked {
				t.Errorf("%d unlocks before it was ended, %d after", unlocked, now)
			}
			ctx, cancel := patience()
			defer cancel()
			if err := w.newAnalyst().End(ctx, run); !errors.Is(err, engine.ErrEnded) {
				t.Errorf("ended a second time: %v", err)
			}
		})
	}
}

// unlocks counts them in the journals of all hospitals, while none of them computes.
func (w *town) unlocks(text string) (n int) {
	w.t.Helper()
	spec, err := study.Parse("study.yaml", []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range hospitals {
		var j *store.Journal
		w.until(func() bool { // a gateway that closes an attempt has it
			j, err = w.stores[id].Journal(store.Plan{Digest: engine.PlanDigest(w.t, spec)})
			return err == nil
		})
		err = j.Replay(func(kind string, _ []byte) error {
			if kind == "unlocked" {
				n++
			}
			return nil
		})
		j.Close()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return n
}

// hears reports whether a party has logged something.
func (w *town) hears(id party.ID, what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.logs.String()) {
		if strings.Contains(line, what) && strings.Contains(line, "party="+string(id)) {
			return true
		}
	}
	return false
}

func TestHubGivesUpWaitingForAHospitalThatIsGone(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w, run, _ := goneFrom(t, twoStudy, 10, func(w *town) { w.hub.GiveUp = time.Second })
		finished(t, w.fetch(w.newAnalyst(), run), simulated(t, twoStudy, hospitals...))
	})
}

// What hospitals have not yet been asked about is not released, though its figures are there.
func TestNothingIsReleasedBeforeHospitalsCouldStopIt(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		text := strings.Replace(smallStudy, "kind: describe, variables: [age], by: treated", "kind: histogram, variable: age, breaks: [18, 50, 110]", 1)
		w, run, _ := goneFrom(t, text, 5, func(w *town) {
			for _, id := range hospitals {
				w.policy[id] = engine.Policy{ApproveKinds: []string{"histogram"}}
			}
		})
		w.stuck(run)
		w.end(run)
		r := w.fetch(w.newAnalyst(), run)
		for _, a := range r.Analyses {
			if a.Frame != nil || a.Refused == nil || a.Refused.Rule != "unfinished" {
				t.Errorf("%s: frame %v, refused %+v", a.ID, a.Frame, a.Refused)
			}
		}
	})
}

func TestRunInWhichNothingWasOpenedEndsWithoutAResult(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w, run, _ := goneFrom(t, twoStudy, 2, func(w *town) { w.hub.Wait = 0 })
		w.stuck(run)
		w.end(run)
		ctx, cancel := patience()
		defer cancel()
		if r, err := w.newAnalyst().Fetch(ctx, run); !errors.Is(err, engine.ErrOver) {
			t.Errorf("got %v, %v; want a run that is over without a result", r, err)
		}
		if err := w.newAnalyst().End(ctx, engine.RunID{1}); !errors.Is(err, engine.ErrUnknownRun) {
			t.Errorf("an unknown run was ended: %v", err)
		}
	})
}

// The hub names the sums that a report rests on. More than were opened are not
// reported of; of fewer, less is reported, and nothing that is not true.
func TestHubThatConcludesFromOtherSums(t *testing.T) {
	t.Parallel()
	whole := simulated(t, twoStudy, hospitals...)
	for name, lie := range map[string]func(int) int{"more": func(n int) int { return n + 1 }, "fewer": func(int) int { return 1 }} {
		story(t, name, func(t *testing.T) {
			w, run, _ := goneFrom(t, twoStudy, 10, func(w *town) {
				inner := w.network
				w.network = func(self party.ID) engine.Network {
					if self != party.Hub {
						return inner(self)
					}
					send := only(control.Concludes, func(n *control.Notice) [][]byte {
						c, err := control.ReadConclusion(n)
						if err != nil || c.Attempt == 0 {
							return [][]byte{n.Bytes}
						}
						c.Sums = lie(c.Sums)
						said, err := control.Conclude(control.Author{ID: party.Hub}, n.Plan, *c)
						if err != nil {
							w.t.Error(err)
							return nil
						}
						return [][]byte{said.Bytes}
					})
					return between{send: send}.network(inner(self))
				}
			})
			w.stuck(run)
			w.end(run)
			if name == "more" {
				w.until(func() bool {
					return !slices.ContainsFunc(hospitals[:4], func(id party.ID) bool { return !w.hears(id, "this hospital has opened") })
				})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if r, err := w.newAnalyst().Fetch(ctx, run); err == nil {
					t.Errorf("a report was made: %+v", r.Analyses)
				}
				return
			}
			r := w.fetch(w.newAnalyst(), run)
			if r.Cohort != whole.Cohort || r.Analyses[0].Frame != nil || r.Analyses[1].Frame != nil {
				t.Errorf("cohort %+v, analyses %+v", r.Cohort, r.Analyses)
			}
		})
	}
}

// Parties that die while a run is concluded, and a hub that forgets all of it, change nothing.
func TestConclusionOutlivesEverybody(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		whole := simulated(t, twoStudy, hospitals...)
		var stops []func()
		w, run, _ := goneFrom(t, twoStudy, 10, func(w *town) { w.started = func(stop func()) { stops = append(stops, stop) } })
		w.stuck(run)
		w.end(run)
		for _, stop := range stops {
			stop()
		}
		if err := w.stores[party.Hub].Close(); err != nil {
			t.Fatal(err)
		}
		w.dirs[party.Hub] = t.TempDir() // an empty disk
		w.openStore(party.Hub)
		for range 2 { // once with what the gateways remember, once with what the hub does, too
			stops = nil
			for _, id := range hospitals[:4] {
				w.live(w.newGateway(id).Run)
			}
			w.live(w.newHub().Run)
			finished(t, w.fetch(w.newAnalyst(), run), whole)
			for _, stop := range stops {
				stop()
			}
		}
	})
}

func TestSealedStudyEndsWithWhatIsFinished(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		text := strings.Replace(analystStudy, "columns: event}\n", "columns: event}\n  - {id: curve, kind: roc, outcome: event, score: age}\n", 1)
		text = strings.Replace(text, "  event:", "  age:     {type: number, integer: true, min: 18, max: 110}\n  event:", 1)
		whole := func() *report.Report {
			w := newTown(t)
			for _, id := range hospitals {
				w.policy[id] = engine.Policy{ApproveKinds: []string{"crosstab", "roc"}}
			}
			w.all()
			a := w.newAnalyst()
			return w.fetch(a, w.submit(a, text))
		}()
		// All that is missing is a report.
		w, run, _ := goneFrom(t, text, int64(2+2*whole.Cost.Rounds), func(w *town) {
			for _, id := range hospitals {
				w.policy[id] = engine.Policy{ApproveKinds: []string{"crosstab", "roc"}}
			}
		})
		w.until(func() bool { return w.hears("hub", "an attempt failed") || w.hears("hub", "an attempt is done") })
		w.end(run)
		r := w.fetch(w.newAnalyst(), run)
		if !r.Opened || len(r.Cost.BytesUp) != 4 {
			t.Errorf("opened %v, signed by %v", r.Opened, r.Cost.BytesUp)
		}
		equal(t, tidy(t, r), tidy(t, whole))
		// Nothing but the counts was opened, and the rest is not made up.
		w, run, _ = goneFrom(t, text, 5, func(w *town) {
			for _, id := range hospitals {
				w.policy[id] = engine.Policy{ApproveKinds: []string{"crosstab", "roc"}}
			}
		})
		w.stuck(run)
		w.end(run)
		for _, a := range w.fetch(w.newAnalyst(), run).Analyses {
			if a.Frame != nil || a.Refused == nil || a.Refused.Rule != "unfinished" {
				t.Errorf("%s: frame %v, refused %+v", a.ID, a.Frame, a.Refused)
			}
		}
	})
}

// A model that was never opened is unfinished; no key is needed to say so.
func TestEncryptedStudyEndsWithWhatIsFinished(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		text := strings.Replace(twoStudy, `"event ~ age + treated"}`, `"event ~ age + treated", evaluate: {cells: 0}}
privacy: {reveal: model}`, 1)
		w, run, _ := goneFrom(t, text, 30, func(w *town) { w.insecure, w.hub.Deadline, w.hub.Wait = 8, 3*time.Second, 0 })
		w.stuck(run)
		w.end(run)
		finished(t, w.fetch(w.newAnalyst(), run), simulated(t, twoStudy, hospitals...))
	})
}

// A model that leaves the range of its encryption fails every attempt, though all hospitals are there: after
// some, the study ends with the rest, as if it had been ended.
func TestModelThatLeavesItsRangeEndsAStudyWithWhatIsFinished(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.insecure, w.hub.Attempts = 8, 2
		w.all()
		a := w.newAnalyst()
		run := w.submit(a, strings.Replace(twoStudy, `"event ~ age + treated"}`, `"event ~ age + treated + offset(1000 * (age - 55))", degree: 3, evaluate: {cells: 0}}
privacy: {reveal: model}`, 1))
		r := w.fetch(a, run)
		equal(t, one(t, r, "effect"), one(t, simulated(t, twoStudy, hospitals...), "effect"))
		if risk := r.Analyses[1]; risk.Frame != nil || risk.Refused == nil || risk.Refused.Rule != "unfinished" {
			t.Errorf("the model: frame %v, refused %+v", risk.Frame, risk.Refused)
		}
		if r.Absent != nil || len(r.Cost.BytesUp) != len(hospitals) {
			t.Errorf("absent %v, signed by %v", r.Absent, r.Cost.BytesUp)
		}
		all, records := w.evidence("egg")
		if len(all) != 2 || records[1].Code != wire.Code_RANGE || !w.hears("egg", "the solution under encryption ran away") {
			t.Errorf("egg has %d pieces of evidence", len(all))
		}
	})
}
