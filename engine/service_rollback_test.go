package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// yesterday runs the small study until egg dies at its second vector, which the
// others have not seen, and puts egg's store back to what it was when egg sent its
// first message of a type, before that. The attempt has failed by then, or (patient) is still open.
func yesterday(t *testing.T, before wire.Type, patient bool) (w *town, run engine.RunID) {
	t.Helper()
	w = newTown(t)
	w.hub.Deadline, w.hub.Attempts = time.Second, 100
	if patient {
		w.hub.Deadline = 0 // ten minutes
	}
	copied := filepath.Join(w.dirs["egg"], "copy.db")
	ctx, die := context.WithCancel(context.Background())
	t.Cleanup(die)
	var once sync.Once
	inner := w.network
	w.network = func(self party.ID) engine.Network {
		if self != "egg" {
			return inner(self)
		}
		return between{send: func(name string, _ uint32, to party.ID, b []byte) [][]byte {
			e := prototest.Peek(round.Message{Body: b})
			if name == engine.ControlChannel || e == nil {
				return [][]byte{b}
			}
			if e.Type == before {
				once.Do(func() {
					if err := w.stores["egg"].Backup(copied); err != nil {
						t.Error(err)
					}
				})
			}
			if e.Type == wire.Type_MASKED && e.Sequence == 2 {
				die()
				return nil
			}
			return [][]byte{b}
		}}.network(inner(self))
	}
	for _, id := range hospitals[:4] {
		w.live(w.newGateway(id).Run)
	}
	egg := w.newGateway("egg")
	done := make(chan struct{})
	go func() { defer close(done); _ = egg.Run(ctx) }()
	w.live(w.newHub().Run)
	w.network = inner
	run = w.submit(w.newAnalyst(), smallStudy)
	if !patient {
		watch(t, w, run, func(s engine.Status) bool { return s.From == party.Hub && s.Stage == engine.StageFailed })
	}
	<-done
	if err := w.stores["egg"].Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copied, filepath.Join(w.dirs["egg"], "state", "store.db")); err != nil {
		t.Fatal(err)
	}
	w.openStore("egg") // whole, as far as it can tell
	return w, run
}

func watch(t *testing.T, w *town, run engine.RunID, seen func(engine.Status) bool) {
	t.Helper()
	ctx, cancel := patience()
	defer cancel()
	err := w.newAnalyst().Watch(ctx, run, func(s engine.Status) error {
		if seen(s) {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatalf("what was waited for does not come: %v", err)
	}
}

// A gateway whose store is yesterday's has forgotten a vector and an unlock. Its
// peers have not: no vector or unlock of it leaves until an operator says that the
// store was restored, and then the study ends well. So it is whether the attempt has failed
// meanwhile or its peers are waiting in it, and whatever the store has kept of it.
func TestStoreOfYesterdayIsRefusedUntilAnOperatorSaysSo(t *testing.T) {
	t.Parallel()
	want := tidy(t, simulated(t, smallStudy, hospitals...))
	for _, before := range []wire.Type{wire.Type_HELLO, wire.Type_SEAL} {
		for _, patient := range []bool{false, true} {
			story(t, fmt.Sprintf("%v/patient=%v", before, patient), func(t *testing.T) {
				w, run := yesterday(t, before, patient)
				left := w.counting()
				egg := w.newGateway("egg")
				w.live(egg.Run)
				var codes []wire.Code
				w.until(func() bool { codes = w.proved("egg"); return codes != nil })
				if n := left(wire.Type_MASKED) + left(wire.Type_UNLOCK); n > 0 {
					t.Errorf("%d vectors and unlocks left a gateway with an older store", n)
				}
				if codes[0] != wire.Code_ROLLBACK {
					t.Errorf("it stopped with code %v", codes[0])
				}
				w.until(func() bool { return egg.Restored(run) == nil }) // refused while the attempt still ends
				equal(t, tidy(t, w.fetch(w.newAnalyst(), run)), want)
			})
		}
	}
}

// proved are the codes of the evidence, with messages, that a gateway has.
func (w *town) proved(id party.ID) (codes []wire.Code) {
	w.t.Helper()
	err := w.stores[id].Events(0, func(e store.Entry) error {
		if e.Event.Kind != store.KindEvidence || e.Event.Proof == nil {
			return nil
		}
		b, err := w.stores[id].Proved(*e.Event.Proof)
		if err != nil {
			return err
		}
		x, err := engine.ParseEvidence(b)
		codes = append(codes, x.Code)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return codes
}

// A hub that keeps back, changes, repeats or mixes what the others say of an older store does not make
// it go on: at the latest in the next attempt they say it in their hellos, which it needs.
func TestHubThatMeddlesWithAnswersDoesNotMakeAnOlderStoreGoOn(t *testing.T) {
	t.Parallel()
	want := tidy(t, simulated(t, smallStudy, hospitals...))
	garbage := bytes.Repeat([]byte{0x5a}, 1000)
	for name, meddle := range map[string]func(b []byte) [][]byte{
		"keeps them back":   func([]byte) [][]byte { return nil },
		"lets one through":  func(b []byte) [][]byte { return slices.Repeat([][]byte{b}, min(1, bytes.Count(b, []byte("davos")))) },
		"changes each":      func(b []byte) [][]byte { c := bytes.Clone(b); c[len(c)/3] ^= 8; return [][]byte{c} },
		"cuts each":         func(b []byte) [][]byte { return [][]byte{b[:len(b)-1]} },
		"repeats each":      func(b []byte) [][]byte { return slices.Repeat([][]byte{b}, 300) },
		"says other things": func([]byte) [][]byte { return [][]byte{garbage} },
	} {
		story(t, name, func(t *testing.T) {
			w, run := yesterday(t, wire.Type_SEAL, true)
			w.deadline = 2 * time.Second
			inner := w.network
			w.network = func(self party.ID) engine.Network {
				return between{receive: func(channel string, attempt uint32, _ party.ID, b []byte) [][]byte {
					if e := prototest.Peek(round.Message{Body: b}); channel == engine.ControlChannel || e == nil || e.Type != wire.Type_RELAYED {
						return [][]byte{b}
					}
					return meddle(b)
				}}.network(inner(self))
			}
			left := w.counting()
			egg := w.newGateway("egg")
			w.live(egg.Run)
			w.until(func() bool { return slices.Contains(w.proved("egg"), wire.Code_ROLLBACK) })
			if n := left(wire.Type_MASKED) + left(wire.Type_UNLOCK); n > 0 {
				t.Errorf("%d vectors and unlocks left a gateway with an older store", n)
			}
			if left(wire.Type_RECALL) == 0 {
				t.Error("it asked nobody")
			}
			w.until(func() bool { return egg.Restored(run) == nil })
			equal(t, tidy(t, w.fetch(w.newAnalyst(), run)), want)
		})
	}
}
