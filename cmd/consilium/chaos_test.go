package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

var (
	chaosSeed   = flag.Uint64("seed", 1, "of the first run of TestChaos; the others follow")
	chaosRuns   = flag.Int("runs", chaosDefault, "of TestChaos")
	chaosScript = flag.String("script", "", "of all runs of TestChaos; empty: each in turn")
)

// TestChaos runs studies between processes while processes are killed,
// connections are cut and disks are lost, by scripts that a seed decides. After
// every run there is the right result, or none and a reason.
//
//	go test ./cmd/consilium -run TestChaos -tags long -args -seed 1 -runs 200
func TestChaos(t *testing.T) {
	var mu sync.Mutex
	counts := map[string]int{}
	scripts := append(scripts, longScripts...)
	t.Run("runs", func(t *testing.T) {
		for n := range *chaosRuns {
			seed := *chaosSeed + uint64(n)
			s, turn := scripts[seed%uint64(len(scripts))], int(seed/uint64(len(scripts)))
			for _, x := range scripts {
				if x.name == *chaosScript {
					s, turn = x, n
				}
			}
			t.Run(fmt.Sprintf("%s/%d", s.name, seed), func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Skipped() {
						mu.Lock()
						defer mu.Unlock()
						counts[s.name+": SKIPPED"]++
					}
				}()
				outcome := s.run(t, seed, turn)
				mu.Lock()
				defer mu.Unlock()
				counts[s.name+": "+outcome]++
				if t.Failed() {
					counts["FAILED, seed "+fmt.Sprint(seed)]++
				}
			})
		}
	})
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d  %s", counts[k], k)
	}
}

// script is a kind of run.
type script struct {
	name     string
	options  func(r *rand.Rand) options
	before   func(w *town)                   // everything is made, no gateway runs
	during   func(w *town, run engine.RunID) // the study was submitted
	await    func(w *town, ctx context.Context, run engine.RunID) string
	absent   bool     // a hospital may be left out
	gives    []string // other outcomes that are right
	restored bool     // see check
	limit    time.Duration
}

// run plays a script.
func (s script) run(t *testing.T, seed uint64, turn int) string {
	o := options{hospitals: 3}
	if s.options != nil {
		o = s.options(rand.New(rand.NewPCG(seed, 2)))
	}
	w := newTown(t, seed, o)
	w.turn = turn
	limit := 60 * time.Second
	if s.limit > 0 {
		limit = s.limit
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if s.before != nil {
		s.before(w)
	}
	w.gateways()
	var run engine.RunID
	submit := func(a *engine.Analyst) (err error) {
		run, err = a.Submit(ctx, w.demo.source)
		return err
	}
	err := w.analyst(ctx, submit)
	for w.misdated(err) && ctx.Err() == nil {
		time.Sleep(250 * time.Millisecond)
		err = w.analyst(ctx, submit)
	}
	if err != nil {
		t.Errorf("submitting: %v", err)
		return "FAILED"
	}
	if s.during != nil {
		s.during(w, run)
	}
	await := fetched
	if s.await != nil {
		await = s.await
	}
	outcome := await(w, ctx, run)
	w.stop()
	w.collect()
	absent := s.absent || w.blows == 0 // a slow machine alone may be one that the others go on without
	if got := outcome; got != "right" && !slices.Contains(s.gives, got) && !(absent && strings.HasPrefix(got, "right, without ")) {
		t.Errorf("the run ended with: %s", got)
	}
	w.check(s.restored)
	if w.blows == 0 {
		outcome += ", before anything happened"
	}
	return outcome
}

// fetched waits for the result and says what became of it.
func fetched(w *town, ctx context.Context, run engine.RunID) string {
	var r *report.Report
	var err error
	for unknown := 0; ; unknown++ {
		err = w.analyst(ctx, func(a *engine.Analyst) (err error) {
			r, err = a.Fetch(ctx, run)
			return err
		})
		if !w.misdated(err) && !errors.Is(err, engine.ErrUnknownRun) || ctx.Err() != nil {
			break
		}
		if unknown == 20 && !w.misdated(err) {
			return "ended: the hub does not know it any more"
		}
		time.Sleep(250 * time.Millisecond) // hospitals will show it the study
	}
	switch {
	case err == nil:
		return w.judged(r)
	case ctx.Err() != nil:
		return "nothing, in all the time there was: " + w.standing(run)
	case errors.Is(err, engine.ErrOver):
		return "ended: " + strings.TrimPrefix(err.Error(), engine.ErrOver.Error())
	}
	return err.Error()
}

// misdated reports whether the hub could not be reached because its clock is wrong, until it is put right.
func (w *town) misdated(err error) bool {
	return w.clocks != nil && errors.Is(err, transport.ErrRefused)
}

// judged holds a result against that of one process.
func (w *town) judged(r *report.Report) string {
	took := slices.DeleteFunc(slices.Clone(w.ids), func(id party.ID) bool { return slices.Contains(r.Absent, string(id)) })
	want, err := w.expected(took)
	if err != nil {
		return err.Error()
	}
	first, err1 := tidyOf(r)
	second, err2 := tidyOf(want)
	switch err := errors.Join(err1, err2); {
	case err != nil:
		return err.Error()
	case w.veiled && r.Analyses[0].Frame != nil && want.Analyses[0].Frame != nil:
		if far := apart(r, want); far != "" {
			return "WRONG: " + far
		}
	case first != second:
		return "WRONG:\n" + first + "\nand not\n" + second
	}
	if len(r.Absent) > 0 {
		return "right, without " + strings.Join(r.Absent, " ")
	}
	return "right"
}

// apart says where two results under encryption differ by more than their noise.
func apart(got, want *report.Report) string {
	a, b := got.Analyses[0], want.Analyses[0]
	if a.N == nil || b.N == nil || *a.N != *b.N || len(a.Frame.Tidy) != len(b.Frame.Tidy) {
		return fmt.Sprintf("got %+v, want %+v", a, b)
	}
	for i, row := range a.Frame.Tidy {
		x, ok1 := row.Get("estimate").(float64)
		y, ok2 := b.Frame.Tidy[i].Get("estimate").(float64)
		if d := x - y; !ok1 || !ok2 || d > 1e-3 || d < -1e-3 {
			return fmt.Sprintf("row %d: estimate %v, want %v", i, x, y)
		}
	}
	return ""
}

// standing is the hub's latest word.
func (w *town) standing(run engine.RunID) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	said := "nobody knows it"
	err := w.analyst(ctx, func(a *engine.Analyst) error {
		all, err := a.Studies(ctx)
		for _, s := range all {
			if s.Run == run {
				said = fmt.Sprintf("hub: %s, code %v, waits for %v, attempt %d; hospitals:", stageWords(s.Hub.Stage), s.Hub.Code, s.Hub.Waiting, s.Hub.Attempt)
				for _, id := range slices.Sorted(maps.Keys(s.Sites)) {
					said += fmt.Sprintf(" %s %s %d.%d;", id, stageWords(s.Sites[id].Stage), s.Sites[id].Attempt, s.Sites[id].Round)
				}
			}
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	return said
}
