package engine_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// counting counts the messages that hospitals send in attempts, by type.
func (w *town) counting() (left func(wire.Type) int) {
	var mu sync.Mutex
	counts := map[wire.Type]int{}
	inner := w.network
	w.network = func(self party.ID) engine.Network {
		if self == party.Hub || self == "ana" {
			return inner(self)
		}
		return between{send: func(name string, _ uint32, _ party.ID, b []byte) [][]byte {
			if e := prototest.Peek(round.Message{Body: b}); name != engine.ControlChannel && e != nil {
				mu.Lock()
				counts[e.Type]++
				mu.Unlock()
			}
			return [][]byte{b}
		}}.network(inner(self))
	}
	return func(k wire.Type) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[k]
	}
}

// A wrong clock decides whether a study begins, never what it opens or to whom:
// an approval that is over by any hospital's own clock is none there, and no vector leaves anybody.
func TestClocksChangeWhetherAndNotWhat(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	want := tidy(t, simulated(t, smallStudy, hospitals...))
	for _, tc := range []struct {
		name string
		who  party.ID
		skew time.Duration
		ends engine.Stage // the hub's word for what becomes of it; 0: it runs
	}{
		{"a hospital an hour ahead", "egg", time.Hour, 0},
		{"a hospital an hour behind", "egg", -time.Hour, 0},
		{"the hub an hour ahead", party.Hub, time.Hour, 0},
		{"a hospital ten years ahead", "egg", 10 * year, engine.StageFailed},
		{"a hospital ten years behind", "egg", -10 * year, engine.StageWaiting},
		{"the hub ten years ahead", party.Hub, 10 * year, engine.StageWaiting},
		{"the hub ten years behind", party.Hub, -10 * year, 0},
	} {
		story(t, tc.name, func(t *testing.T) {
			w := newTown(t)
			w.skew[tc.who] = tc.skew
			w.hub.Deadline, w.hub.Attempts = 300*time.Millisecond, 3
			left := w.counting()
			w.all()
			a := w.newAnalyst()
			run := w.submit(a, smallStudy)
			if tc.ends == 0 {
				equal(t, tidy(t, w.fetch(a, run)), want)
			} else {
				ctx, cancel := patience()
				defer cancel()
				err := a.Watch(ctx, run, func(s engine.Status) error {
					waits := s.Stage == engine.StageWaiting && slices.Contains(s.Waiting, "egg") && s.Code == wire.Code_REFUSED
					if s.From == party.Hub && s.Stage == tc.ends && (waits || s.Stage == engine.StageFailed) {
						return errSeen
					}
					return nil
				})
				if !errors.Is(err, errSeen) {
					t.Errorf("the hub does not say that it waits for another approval, or that the attempt failed: %v", err)
				}
				if n := left(wire.Type_MASKED) + left(wire.Type_UNLOCK); n > 0 {
					t.Errorf("%d vectors and unlocks left", n)
				}
			}
			for _, id := range hospitals {
				if all, _ := w.evidence(id); len(all) > 0 {
					t.Errorf("%s: a clock is no evidence: %+v", id, all[0].Event)
				}
			}
		})
	}
}

// All clocks jump back ten years while a study runs: it ends as it would have.
// A second run then needs an approval that is valid by the clock as it is.
func TestClockThatJumpsBackChangesNothingThatHasBegun(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		var back atomic.Bool
		w.now = func() time.Time {
			if back.Load() {
				return time.Now().AddDate(-10, 0, 0)
			}
			return time.Now()
		}
		inner := w.network
		w.network = func(self party.ID) engine.Network {
			return between{send: func(name string, _ uint32, _ party.ID, b []byte) [][]byte {
				if e := prototest.Peek(round.Message{Body: b}); name != engine.ControlChannel && e != nil && e.Type == wire.Type_UNLOCK {
					back.Store(true)
				}
				return [][]byte{b}
			}}.network(inner(self))
		}
		w.all()
		a := w.newAnalyst()
		run := w.submit(a, smallStudy)
		equal(t, tidy(t, w.fetch(a, run)), tidy(t, simulated(t, smallStudy, hospitals...)))
		if !back.Load() {
			t.Error("the clock did not jump")
		}
		for _, id := range hospitals {
			if _, _, err := w.stores[id].Verify(); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}
