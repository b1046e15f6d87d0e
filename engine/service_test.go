package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

func equal(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStudyOfPartiesEqualsSimulation(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		gateways := w.all()
		a := w.newAnalyst()
		run := w.submit(a, fiveStudy)
		r := w.fetch(a, run)
		equal(t, tidy(t, r), tidy(t, simulated(t, fiveStudy, hospitals...)))
		again := w.fetch(w.newAnalyst(), run) // another day
		equal(t, tidy(t, again), tidy(t, r))
		if err := r.WriteDir(filepath.Join(t.TempDir(), "results")); err != nil {
			t.Error(err)
		}
		if r.Cost.Rounds == 0 || len(r.Cost.BytesUp) != len(hospitals) || r.Cost.BytesUp["egg"] == 0 {
			t.Errorf("the cost is %+v", r.Cost)
		}
		for id, g := range gateways {
			if all := g.Studies(); len(all) != 1 || all[0].Stage != engine.StageDelivered {
				t.Errorf("%s: studies %v", id, all)
			}
			disclosed := 0
			err := w.stores[id].Events(0, func(e store.Entry) error {
				if e.Event.Kind == store.KindDisclosed {
					disclosed++
				}
				return nil
			})
			if err != nil || disclosed < len(r.Disclosed)+len(r.Analyses) {
				t.Errorf("%s: %d disclosures in the audit log, error %v", id, disclosed, err)
			}
			if frozen := w.stores[id].Frozen(); len(frozen) != 1 {
				t.Errorf("%s: %d cohorts are frozen, want 1", id, len(frozen))
			}
		}
	})
}

// A second study over the same patients by other hospitals could be subtracted from the first.
func TestAnotherRosterOverTheSameCohortIsRefused(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.all()
		a := w.newAnalyst()
		w.fetch(a, w.submit(a, fiveStudy))
		four := strings.Replace(strings.Replace(fiveStudy, ", egg: {csv: x}", "", 1), "study: five", "study: four", 1)
		ctx, cancel := patience()
		defer cancel()
		if r, err := a.Fetch(ctx, w.submit(a, four)); !errors.Is(err, engine.ErrOver) {
			t.Fatalf("got %v, %v; want a run that is over without a result", r, err)
		}
		for _, id := range hospitals[:4] {
			if err := w.stores[id].Clear(w.stores[id].Frozen()[0].Cohort, "steward", "egg has left the consortium"); err != nil {
				t.Fatal(err)
			}
		}
		w.fetch(a, w.submit(a, four))
	})
}

func TestRefusalEndsARun(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.policy["chur"] = engine.Policy{}
		w.ask = func(id party.ID, r engine.Request) *engine.Answer {
			return &engine.Answer{Why: "no time this year"}
		}
		gateways := w.all()
		a := w.newAnalyst()
		run := w.submit(a, fiveStudy)
		ctx, cancel := patience()
		defer cancel()
		if _, err := a.Fetch(ctx, run); !errors.Is(err, engine.ErrOver) {
			t.Fatalf("got %v, want a run that is over", err)
		}
		all, err := a.Studies(ctx)
		if err != nil || len(all) != 1 || all[0].Why["chur"] != "no time this year" || all[0].Hub.Stage != engine.StageOver || !slices.Equal(all[0].Hub.Waiting, []party.ID{"chur"}) {
			t.Errorf("studies %+v, error %v", *all[0], err)
		}
		w.until(func() bool { return gateways["chur"].Approve(run, engine.Scope{}) != nil }) // once it has heard that it is over
	})
}

// What was refused once can be asked for again: the decisions of the others are about the plan, and hold.
func TestAnotherRunAsksAgain(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.policy["chur"] = engine.Policy{}
		answers := make(chan *engine.Answer, 2)
		answers <- &engine.Answer{Why: "not this year"}
		answers <- &engine.Answer{Scope: &engine.Scope{}}
		w.ask = func(party.ID, engine.Request) *engine.Answer { return <-answers }
		w.all()
		a := w.newAnalyst()
		ctx, cancel := patience()
		defer cancel()
		if _, err := a.Fetch(ctx, w.submit(a, smallStudy)); !errors.Is(err, engine.ErrOver) {
			t.Fatalf("got %v, want a run that is over", err)
		}
		w.fetch(a, w.submit(a, smallStudy))
	})
}

func TestOthersGoOnWithoutARefusingHospitalWhereTheStudyAllowsIt(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.hub.Wait = time.Hour
		w.policy["chur"] = engine.Policy{ForbidColumns: []string{"event"}}
		w.all()
		a := w.newAnalyst()
		r := w.fetch(a, w.submit(a, fiveStudy))
		others := []party.ID{"aarau", "basel", "davos", "egg"}
		four := strings.Replace(fiveStudy, "chur: {csv: x}, ", "", 1)
		equal(t, tidy(t, r), tidy(t, simulated(t, four, others...)))
		if !slices.Equal(r.Absent, []string{"chur"}) {
			t.Errorf("absent: %v", r.Absent)
		}
		var text strings.Builder
		if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "Another estimand") {
			t.Errorf("the report does not say so: %v\n%s", err, text.String())
		}
	})
}

// Nobody computes under an approval that has expired, whatever the hub's clock says.
func TestExpiredApprovalIsNone(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		var mu sync.Mutex
		at := time.Now()
		w.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
		for _, id := range hospitals {
			w.policy[id] = engine.Policy{ApproveKinds: []string{"describe", "logistic"}, Scope: engine.Scope{Expires: at.Add(time.Hour)}}
		}
		w.policy["egg"] = engine.Policy{} // decides last
		gateways := w.all()
		a := w.newAnalyst()
		run := w.submit(a, fiveStudy)
		w.until(func() bool {
			return len(gateways["egg"].Studies()) == 1 && decided(gateways, "aarau", "basel", "chur", "davos")
		})
		mu.Lock()
		at = at.Add(2 * time.Hour)
		mu.Unlock()
		if err := gateways["egg"].Approve(run, engine.Scope{Runs: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := patience()
		defer cancel()
		err := a.Watch(ctx, run, func(s engine.Status) error {
			if s.From == party.Hub && s.Stage == engine.StageWaiting && len(s.Waiting) == 4 {
				return errSeen
			}
			return nil
		})
		if !errors.Is(err, errSeen) {
			t.Fatalf("the hub does not wait for the others: %v", err)
		}
		for _, id := range hospitals[:4] { // and now they approve again
			if err := gateways[id].Approve(run, engine.Scope{}); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, tidy(t, w.fetch(a, run)), tidy(t, simulated(t, fiveStudy, hospitals...)))
	})
}

var errSeen = errors.New("seen")

func decided(gateways map[party.ID]*engine.Gateway, ids ...party.ID) bool {
	for _, id := range ids {
		if all := gateways[id].Studies(); len(all) == 0 || all[0].Decision == nil {
			return false
		}
	}
	return true
}

// until waits for something to become true.
func (w *town) until(f func() bool) {
	w.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	for pause := time.Millisecond; !f(); pause = min(2*pause, 50*time.Millisecond) {
		select {
		case <-ctx.Done():
			w.t.Fatal("it does not happen")
		case <-time.After(pause):
		}
	}
}

func TestPolicyIsStricterThanTheStudyNeverLaxer(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]engine.Policy{
		"min_cell":  {MinCell: 10},
		"min_sites": {MinSites: 5},
		"columns":   {ForbidColumns: []string{"age"}},
		"hospitals": {ForbidOwn: true},
	} {
		story(t, name, func(t *testing.T) {
			w := newTown(t)
			policy.ApproveKinds = []string{"describe", "logistic"}
			w.policy["basel"] = policy
			gateways := w.all()
			a := w.newAnalyst()
			file := fiveStudy
			if policy.ForbidOwn {
				file = strings.Replace(file, "by: treated", "by: site", 1)
			}
			run := w.submit(a, file)
			ctx, cancel := patience()
			defer cancel()
			if _, err := a.Fetch(ctx, run); !errors.Is(err, engine.ErrOver) {
				t.Errorf("got %v, want a run that is over", err)
			}
			q, err := gateways["basel"].Study(run)
			if err != nil || q.Refusal == "" || q.Decision == nil || q.Decision.Approve {
				t.Errorf("request %+v, error %v", q, err)
			}
		})
	}
}

// A hospital that approved a plan once approves it again only as often as its steward said.
func TestRunsAreCounted(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		for _, id := range hospitals {
			p := w.policy[id]
			p.ApproveKinds, p.Scope = nil, engine.Scope{Runs: 2}
			w.policy[id] = p
		}
		asked := 0
		var mu sync.Mutex
		w.ask = func(id party.ID, r engine.Request) *engine.Answer {
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked > len(hospitals) {
				return &engine.Answer{Why: "twice is enough"}
			}
			return &engine.Answer{Scope: &engine.Scope{Runs: 2}}
		}
		w.all()
		a := w.newAnalyst()
		first := w.fetch(a, w.submit(a, fiveStudy))
		second := w.fetch(a, w.submit(a, fiveStudy))
		equal(t, tidy(t, second), tidy(t, first))
		ctx, cancel := patience()
		defer cancel()
		if _, err := a.Fetch(ctx, w.submit(a, fiveStudy)); !errors.Is(err, engine.ErrOver) {
			t.Errorf("a third run: got %v, want one that is over", err)
		}
	})
}

func TestProgressIsSeenByTheAnalyst(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.all()
		a := w.newAnalyst()
		run := w.submit(a, fiveStudy)
		ctx, cancel := patience()
		defer cancel()
		last := map[party.ID]engine.Stage{}
		approved := map[party.ID]bool{}
		err := a.Watch(ctx, run, func(s engine.Status) error {
			last[s.From] = s.Stage
			approved[s.From] = approved[s.From] || s.Stage == engine.StageApproved
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range hospitals {
			if !approved[id] || last[id] != engine.StageDelivered {
				t.Errorf("%s: approved %v, last seen at %v", id, approved[id], last[id])
			}
		}
		if last[party.Hub] != engine.StageOver {
			t.Errorf("the hub was last seen at %v", last[party.Hub])
		}
	})
}

func TestDrainEndsAGateway(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		g := w.newGateway("basel")
		done := make(chan error, 1)
		go func() { done <- g.Run(context.Background()) }()
		g.Drain()
		w.until(func() bool {
			g.Drain() // it may not have begun
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				return true
			default:
				return false
			}
		})
	})
}

const analystStudy = `
study: five
sites: {aarau: {csv: x}, basel: {csv: x}, chur: {csv: x}, davos: {csv: x}, egg: {csv: x}}
variables:
  treated: {type: category, levels: [no, yes]}
  event:   {type: binary}
analyses:
  - {id: effect, kind: crosstab, rows: treated, columns: event}
privacy: {release: analyst}
`

func TestAnalystAloneOpensASealedStudy(t *testing.T) {
	t.Parallel()
	for _, absent := range []int{0, 1} {
		story(t, fmt.Sprint(absent, " absent"), func(t *testing.T) {
			w := newTown(t)
			text := analystStudy
			if absent > 0 {
				w.hub.Wait = time.Hour
				w.policy["egg"] = engine.Policy{ForbidColumns: []string{"event"}}
				text = strings.Replace(text, ", egg: {csv: x}", "", 1)
			}
			w.all()
			a := w.newAnalyst()
			r := w.fetch(a, w.submit(a, analystStudy))
			want := simulated(t, strings.Replace(text, "release: analyst", "release: all", 1), hospitals[:5-absent]...)
			if !r.Opened || len(r.Absent) != absent {
				t.Errorf("opened %v, absent %v", r.Opened, r.Absent)
			}
			var got, expected strings.Builder
			if err := errors.Join(r.WriteCSV(&got, "effect"), want.WriteCSV(&expected, "effect")); err != nil {
				t.Fatal(err)
			}
			equal(t, got.String(), expected.String())
		})
	}
}
