package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// gone starts everybody; egg dies for good when it has sent n messages of an attempt.
func gone(t *testing.T, n int64) (w *town, run engine.RunID, back func() *engine.Gateway) {
	t.Helper()
	return goneFrom(t, smallStudy, n)
}

// goneFrom is gone for any study, in a town that is set up as wanted.
func goneFrom(t *testing.T, text string, n int64, setUp ...func(*town)) (w *town, run engine.RunID, back func() *engine.Gateway) {
	t.Helper()
	w = newTown(t)
	run, back = w.gone(text, n, setUp...)
	return w, run, back
}

func (w *town) gone(text string, n int64, setUp ...func(*town)) (run engine.RunID, back func() *engine.Gateway) {
	w.t.Helper()
	w.hub.Deadline, w.hub.Wait = time.Second, time.Second
	for _, f := range setUp {
		f(w)
	}
	ctx, die := context.WithCancel(context.Background())
	w.t.Cleanup(die)
	var sent atomic.Int64
	inner := w.network
	w.network = func(self party.ID) engine.Network {
		if self != "egg" {
			return inner(self)
		}
		return between{send: func(channel string, _ uint32, _ party.ID, b []byte) [][]byte {
			if channel == engine.ControlChannel {
				return [][]byte{b}
			}
			if sent.Add(1) > n {
				die()
				return nil
			}
			return [][]byte{b}
		}}.network(inner(self))
	}
	for _, id := range hospitals[:4] {
		if run := w.instead[id]; run != nil {
			run(w.newGateway(id))
			continue
		}
		w.live(w.newGateway(id).Run)
	}
	egg := w.newGateway("egg")
	done := make(chan struct{})
	go func() { defer close(done); _ = egg.Run(ctx) }()
	w.live(w.newHub().Run)
	w.network = inner
	run = w.submit(w.newAnalyst(), text)
	return run, func() *engine.Gateway {
		<-done
		egg := w.newGateway("egg")
		w.live(egg.Run)
		return egg
	}
}

func TestStudyGoesOnWithoutAHospitalThatLeftBeforeAnythingWasOpened(t *testing.T) {
	t.Parallel()
	for n, where := range map[int64]string{0: "before its hello", 1: "after its hello", 2: "after its seal"} {
		story(t, where, func(t *testing.T) {
			w, run, _ := gone(t, n)
			r := w.fetch(w.newAnalyst(), run)
			if !slices.Equal(r.Absent, []string{"egg"}) {
				t.Errorf("absent: %v", r.Absent)
			}
			four := strings.Replace(smallStudy, ", egg: {csv: x}", "", 1)
			equal(t, tidy(t, r), tidy(t, simulated(t, four, hospitals[:4]...)))
		})
	}
}

// The difference of a total with egg and one without would be egg's.
func TestStudyWaitsForAHospitalThatLeftAfterSomethingWasOpened(t *testing.T) {
	t.Parallel()
	for n, where := range map[int64]string{3: "after its masked vector, which the others have answered", 4: "after its unlock"} {
		story(t, where, func(t *testing.T) { waits(t, n) })
	}
}

func waits(t *testing.T, n int64) {
	w, run, back := gone(t, n)
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
		t.Fatalf("the hub does not wait for egg: %v", err)
	}
	for _, id := range hospitals[:4] {
		if f := w.stores[id].Frozen(); len(f) != 1 || [32]byte(f[0].Roster) != w.roster.Digest() {
			t.Errorf("%s: frozen %v", id, f)
		}
	}
	back()
	r := w.fetch(w.newAnalyst(), run)
	if r.Absent != nil {
		t.Errorf("absent: %v", r.Absent)
	}
	equal(t, tidy(t, r), tidy(t, simulated(t, smallStudy, hospitals...)))
}
