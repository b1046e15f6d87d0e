package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// desk is where a gateway's steward is served: HTTP over a unix socket in the
// state directory, which the gateway's own user alone can enter. Only this
// process writes the store, so what a steward decides goes through it.
type desk struct {
	gateway *engine.Gateway
	store   *store.Store
	log     *slog.Logger

	mu     sync.Mutex
	latest map[engine.RunID]engine.Status
	order  []engine.RunID
	change chan struct{} // closed at every change
	ended  bool
}

func newDesk(log *slog.Logger) *desk {
	return &desk{log: log, latest: map[engine.RunID]engine.Status{}, change: make(chan struct{})}
}

// maxBody is more than any answer of a steward takes.
const maxBody = 1 << 20

// socketPath is the same for the gateway and its steward's commands.
func (c *config) socketPath() string { return filepath.Join(c.at(c.State), "steward.sock") }

// listenDesk listens where no other user can. The store, which is open by now,
// has made sure that no other gateway serves here: a socket that is left is a dead one's.
func listenDesk(c *config) (net.Listener, error) {
	path := c.socketPath()
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil { // before there is a socket in it
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		if len(path) > 100 {
			err = fmt.Errorf("%w: the path has %d characters, systems allow about 100: move state", err, len(path))
		}
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// progress takes the gateway's own progress; it does not wait.
func (d *desk) progress(s engine.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.latest[s.Run]; !known {
		d.order = append(d.order, s.Run)
	}
	d.latest[s.Run] = s
	d.changed()
}

// end lets everybody go who watches.
func (d *desk) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	d.changed()
}

func (d *desk) changed() {
	close(d.change)
	d.change = make(chan struct{})
}

// handler is what stewards' commands talk to.
func (d *desk) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /studies", d.studies)
	mux.HandleFunc("GET /studies/{run}", d.one(func(r engine.Request, _ *http.Request) (any, error) { return detailed(r) }))
	mux.HandleFunc("POST /studies/{run}/approve", d.one(d.approve))
	mux.HandleFunc("POST /studies/{run}/refuse", d.one(d.refuse))
	mux.HandleFunc("POST /studies/{run}/draft", d.one(d.draft))
	mux.HandleFunc("POST /studies/{run}/decide", d.one(d.decide))
	mux.HandleFunc("POST /studies/{run}/restored", d.one(d.restored))
	mux.HandleFunc("GET /cohorts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, append([]store.Freeze{}, d.store.Frozen()...), nil)
	})
	mux.HandleFunc("POST /cohorts/clear", d.clear)
	mux.HandleFunc("GET /watch", d.watch)
	return mux
}

// asked is a study as a steward's command shows it.
type asked struct {
	Run      string    `json:"run"`
	Study    string    `json:"study"`
	Title    string    `json:"title,omitempty"`
	Analyst  party.ID  `json:"analyst"`
	Made     time.Time `json:"made"` // by the analyst's clock
	Plan     string    `json:"plan_digest"`
	Stage    string    `json:"stage"`
	Attempt  uint32    `json:"attempt,omitempty"`
	Columns  []string  `json:"columns"`
	Decision *decision `json:"decision,omitempty"`
	Refusal  string    `json:"forbidden,omitempty"` // by this hospital's policy

	Text   string          `json:"text,omitempty"` // the plan in a steward's words
	Openly json.RawMessage `json:"plan,omitempty"` // the plan as data
	File   string          `json:"study_file,omitempty"`
}

func summary(r engine.Request) asked {
	return asked{Run: r.Run.String(), Study: r.Study, Title: r.Spec.Title, Analyst: r.Analyst, Made: r.Made, Plan: r.Plan.Digest, Stage: stageWords(r.Stage),
		Attempt: r.Attempt, Columns: r.Columns, Decision: decisionOf(r.Decision), Refusal: r.Refusal}
}

func detailed(r engine.Request) (asked, error) {
	a := summary(r)
	var text, plan strings.Builder
	if err := errors.Join(r.Plan.WriteText(&text), r.Plan.WriteJSON(&plan)); err != nil {
		return a, err
	}
	a.Text, a.Openly, a.File = text.String(), json.RawMessage(plan.String()), string(r.Text)
	return a, nil
}

func (d *desk) studies(w http.ResponseWriter, _ *http.Request) {
	all := []asked{}
	for _, r := range d.gateway.Studies() {
		all = append(all, summary(r))
	}
	answer(w, all, nil)
}

// one finds the study that a path names and answers with what f makes of it.
func (d *desk) one(f func(engine.Request, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		q, err := d.find(r.PathValue("run"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		x, err := f(q, r)
		answer(w, x, err)
	}
}

// find finds a run by its name, the beginning of it, or the name of its study
// when that has one run alone.
func (d *desk) find(name string) (engine.Request, error) {
	var known []runName
	all := d.gateway.Studies()
	for _, r := range all {
		known = append(known, runName{r.Run, r.Study, r.Made, r.Stage == engine.StageOver || r.Stage == engine.StageDelivered})
	}
	run, err := findRun(name, known)
	if err != nil {
		return engine.Request{}, err
	}
	i := slices.IndexFunc(all, func(r engine.Request) bool { return r.Run == run })
	return all[i], nil
}

// scope is what an approval is asked for with.
type scope struct {
	Analyses []string  `json:"analyses,omitempty"`
	Columns  []string  `json:"columns,omitempty"`
	Runs     int       `json:"runs,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
}

func (s scope) engine() engine.Scope {
	return engine.Scope{Analyses: s.Analyses, Columns: s.Columns, Runs: s.Runs, Expires: s.Expires}
}

// wish is a decision that a steward wants to sign elsewhere, or the reason for one.
type wish struct {
	Scope  *scope `json:"scope,omitempty"` // nil: refuse
	Why    string `json:"why,omitempty"`
	Cohort string `json:"cohort,omitempty"`
	Who    string `json:"who,omitempty"`
}

func read[T any](r *http.Request) (x T, err error) {
	err = json.NewDecoder(r.Body).Decode(&x)
	return x, err
}

func (d *desk) approve(q engine.Request, r *http.Request) (any, error) {
	s, err := read[scope](r)
	if err == nil {
		err = d.gateway.Approve(q.Run, s.engine())
	}
	return d.decided(q, err)
}

func (d *desk) refuse(q engine.Request, r *http.Request) (any, error) {
	w, err := read[wish](r)
	if err == nil {
		err = d.gateway.Refuse(q.Run, w.Why)
	}
	return d.decided(q, err)
}

func (d *desk) draft(q engine.Request, r *http.Request) (any, error) {
	w, err := read[wish](r)
	if err != nil {
		return nil, err
	}
	if w.Scope == nil {
		return d.gateway.Wanted(q.Run, nil, w.Why)
	}
	s := w.Scope.engine()
	return d.gateway.Wanted(q.Run, &s, "")
}

func (d *desk) decide(q engine.Request, r *http.Request) (any, error) {
	x, err := read[store.Decision](r)
	if err == nil {
		err = d.gateway.Decide(q.Run, x)
	}
	return d.decided(q, err)
}

// decided shows a study as it is after a decision.
func (d *desk) decided(q engine.Request, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	after, err := d.gateway.Study(q.Run)
	return summary(after), err
}

func (d *desk) restored(q engine.Request, _ *http.Request) (any, error) {
	return summary(q), d.gateway.Restored(q.Run)
}

func (d *desk) clear(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	x, err := read[wish](r)
	var cohort store.Digest
	if err == nil {
		err = cohort.UnmarshalText([]byte(x.Cohort))
	}
	if err == nil {
		err = d.store.Clear(cohort, x.Who, x.Why)
	}
	answer(w, struct{}{}, err)
}
