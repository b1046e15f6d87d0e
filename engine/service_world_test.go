package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

var hospitals = []party.ID{"aarau", "basel", "chur", "davos", "egg"}

const fiveStudy = `
study: five
sites: {aarau: {csv: x}, basel: {csv: x}, chur: {csv: x}, davos: {csv: x}, egg: {csv: x}}
variables:
  treated: {type: category, levels: [no, yes]}
  age:     {type: number, integer: true, min: 18, max: 110}
  event:   {type: binary}
analyses:
  - {id: ages, kind: describe, variables: [age], by: treated, quantiles: [0.5]}
  - {id: risk, kind: logistic, formula: "event ~ age + treated"}
`

// someone has an identity.
func someone(t testing.TB) *party.Identity {
	t.Helper()
	id, err := party.NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// town is five hospitals, a hub and an analyst in one process, each with a
// store, a network and a life of its own.
type town struct {
	t          testing.TB
	board      *transport.Board
	network    func(self party.ID) engine.Network
	roster     party.Roster
	identities map[party.ID]*party.Identity
	analyst    *party.Identity
	stores     map[party.ID]*store.Store
	dirs       map[party.ID]string
	policy     map[party.ID]engine.Policy
	now        func() time.Time
	skew       map[party.ID]time.Duration // of a party's clock; not changed while anybody lives
	hub        engine.HubConfig
	deadline   time.Duration
	source     map[party.ID]engine.Source
	insecure   int // logarithm of the degree of a ring for tests
	ask        func(party.ID, engine.Request) *engine.Answer
	instead    map[party.ID]func(*engine.Gateway) // runs a gateway in the place of live
	started    func(stop func())                  // called with the end of every life; may be nil

	mu   sync.Mutex
	logs bytes.Buffer
}

// unhurried runs a story by a clock that moves only while everybody in it waits for something: no deadline passes
// because the machine is busy, and what waits takes no time. What a story leaves behind fails it.
func unhurried(t *testing.T, story func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, story)
}

// story is a part of t that is unhurried.
func story(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { unhurried(t, f) })
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{t: t, board: transport.NewBoard(), identities: map[party.ID]*party.Identity{}, analyst: someone(t), stores: map[party.ID]*store.Store{},
		dirs: map[party.ID]string{}, policy: map[party.ID]engine.Policy{}, now: time.Now, source: map[party.ID]engine.Source{}, skew: map[party.ID]time.Duration{}}
	w.network = func(self party.ID) engine.Network { return engine.OnBoard(w.board, self) }
	var members []party.Member
	for _, id := range hospitals {
		w.identities[id] = someone(t)
		members = append(members, party.Member{ID: id, Site: string(id), Key: w.identities[id].Public()})
		w.policy[id] = engine.Policy{ApproveKinds: []string{"describe", "logistic", "crosstab"}}
	}
	var err error
	if w.roster, err = party.NewRoster(members); err != nil {
		t.Fatal(err)
	}
	for _, id := range append([]party.ID{party.Hub}, hospitals...) {
		if w.dirs[id], err = os.MkdirTemp(ram(), "town"); err != nil {
			t.Fatal(err)
		}
		w.openStore(id)
	}
	t.Cleanup(func() {
		for id, s := range w.stores {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			os.RemoveAll(w.dirs[id])
		}
		if t.Failed() {
			w.mu.Lock()
			t.Log(w.logs.String())
			w.mu.Unlock()
		}
	})
	return w
}

// ram is a folder in memory where there is one: stores wait for the disk at every record.
func ram() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (w *town) openStore(id party.ID) {
	w.t.Helper()
	s, err := store.Open(store.Config{Dir: w.dirs[id] + "/state", Now: w.clock(id)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.stores[id] = s
}

// clock is a party's.
func (w *town) clock(id party.ID) func() time.Time {
	return func() time.Time { return w.now().Add(w.skew[id]) }
}

func (w *town) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(b)
}

func (w *town) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (w *town) analysts() map[party.ID]party.PublicKey {
	return map[party.ID]party.PublicKey{"ana": w.analyst.Public()}
}

// records of a hospital: 40 people, the same whenever they are asked for.
func records(id party.ID) string {
	var b strings.Builder
	b.WriteString("age,treated,event\n")
	h := party.Hash("records", []byte(id))
	for i := range 40 {
		x := int(h[i%32]) + 13*i
		fmt.Fprintf(&b, "%d,%s,%d\n", 20+x%70, []string{"no", "yes"}[x%2], (x/3+x%5)%2)
	}
	return b.String()
}

func tableOf(s *study.Spec, id party.ID) (*table.Table, *table.Conformance, error) {
	return table.ReadCSV(strings.NewReader(records(id)), string(id)+".csv", table.Source{}, s.Schema, string(id), s.Privacy.MaxRows)
}

func (w *town) newGateway(id party.ID) *engine.Gateway {
	w.t.Helper()
	source := w.source[id]
	if source == nil {
		source = engine.SourceFunc(func(_ context.Context, s *study.Spec, site party.ID) (engine.Records, error) {
			t, c, err := tableOf(s, site)
			return engine.Records{Table: t, Conformance: c, Cohort: "patients of " + string(site)}, err
		})
	}
	cfg := engine.GatewayConfig{ID: id, Identity: w.identities[id], Roster: w.roster, Analysts: w.analysts(), Network: w.network(id), Store: w.stores[id],
		Source: source, Policy: w.policy[id], Now: w.clock(id), Log: w.log(), Deadline: w.deadline}
	if w.ask != nil {
		cfg.Ask = func(_ context.Context, r engine.Request) *engine.Answer { return w.ask(id, r) }
	}
	engine.InsecureServices(w.insecure, &cfg, nil, nil)
	g, err := engine.NewGateway(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func (w *town) newHub() *engine.Hub {
	w.t.Helper()
	cfg := w.hub
	cfg.Roster, cfg.Analysts, cfg.Network, cfg.Store, cfg.Log = w.roster, w.analysts(), w.network(party.Hub), w.stores[party.Hub], w.log()
	cfg.Now = w.clock(party.Hub)
	engine.InsecureServices(w.insecure, nil, &cfg, nil)
	h, err := engine.NewHub(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (w *town) newAnalyst() *engine.Analyst {
	w.t.Helper()
	cfg := engine.AnalystConfig{ID: "ana", Identity: w.analyst, Roster: w.roster, Network: w.network("ana"), Log: w.log()}
	engine.InsecureServices(w.insecure, nil, nil, &cfg)
	a, err := engine.NewAnalyst(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// live runs a service until the returned function is called, which waits for its end.
func (w *town) live(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Error(err)
			}
		})
	}
	w.t.Cleanup(stop)
	if w.started != nil {
		w.started(stop)
	}
	return stop
}

// all starts everybody.
func (w *town) all() (gateways map[party.ID]*engine.Gateway) {
	gateways = map[party.ID]*engine.Gateway{}
	for _, id := range hospitals {
		gateways[id] = w.newGateway(id)
		w.live(gateways[id].Run)
	}
	w.live(w.newHub().Run)
	return gateways
}

func (w *town) submit(a *engine.Analyst, text string) engine.RunID {
	w.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	run, err := a.Submit(ctx, []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *town) fetch(a *engine.Analyst, run engine.RunID) *report.Report {
	w.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	r, err := a.Fetch(ctx, run)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// patience is more than anything takes that goes well.
func patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}

// simulated is the result of the study in one process, by the hospitals given.
func simulated(t testing.TB, text string, ids ...party.ID) *report.Report {
	t.Helper()
	s, err := study.Parse("study.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[party.ID]*table.Table{}
	for _, id := range ids {
		if tables[id], _, err = tableOf(s, id); err != nil {
			t.Fatal(err)
		}
	}
	r, err := engine.Simulate(t.Context(), s, tables)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tidy is what must be the same to the byte: every analysis, and what was disclosed.
func tidy(t testing.TB, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	for _, a := range r.Analyses {
		if err := r.WriteCSV(&b, a.ID); err != nil {
			t.Fatal(err)
		}
		one, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(one)
	}
	return b.String()
}
