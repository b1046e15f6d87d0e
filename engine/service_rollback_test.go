//go:build long

package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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

// yesterday runs the small study until egg dies at its first unlock, which the
// others have seen, and puts egg's store back to what it was before its first vector.
func yesterday(t *testing.T) (w *town, run engine.RunID) {
	t.Helper()
	w = newTown(t)
	w.hub.Deadline, w.hub.Attempts = time.Second, 100
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
			if e.Type == wire.Type_SEAL {
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
	watch(t, w, run, func(s engine.Status) bool { return s.From == party.Hub && s.Stage == engine.StageFailed })
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

// A gateway whose store is yesterday's has forgotten an unlock. Its peers have
// not: no vector of it leaves until an operator says that the store was restored, and then the study ends well.
//
// Whether a peer has heard that unlock when the attempt ends is a matter of the
// schedule: where none has, nothing was lost, and the study ends well by itself.
func TestStoreOfYesterdayIsRefusedUntilAnOperatorSaysSo(t *testing.T) {
	for range 8 {
		if refusesYesterday(t) {
			return
		}
	}
	t.Error("no peer ever noticed what a store has lost")
}

// refusesYesterday reports whether the peers had heard what the store has lost.
func refusesYesterday(t *testing.T) bool {
	w, run := yesterday(t)
	left := w.counting()
	egg := w.newGateway("egg")
	w.live(egg.Run)
	rollback := func() (n int) {
		err := w.stores["egg"].Events(0, func(e store.Entry) error {
			if e.Event.Kind == store.KindEvidence && e.Event.Proof != nil {
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.until(func() bool {
		q, _ := egg.Study(run)
		return rollback() > 0 || q.Stage == engine.StageDelivered
	})
	if rollback() == 0 {
		equal(t, tidy(t, w.fetch(w.newAnalyst(), run)), tidy(t, simulated(t, smallStudy, hospitals...)))
		return false
	}
	if n := left(wire.Type_MASKED) + left(wire.Type_UNLOCK); n > 0 {
		// In the attempt that was open when the copy was taken it goes on from its journal, with the
		// same keys, until a peer that has seen more notices.
		t.Logf("%d vectors and unlocks left a gateway with an older store before its peers noticed", n)
		return false
	}
	_, records := w.evidence("egg")
	if records[0].Code != wire.Code_ROLLBACK {
		t.Errorf("it stopped with code %v", records[0].Code)
	}
	w.until(func() bool { return egg.Restored(run) == nil }) // refused while the attempt still ends
	equal(t, tidy(t, w.fetch(w.newAnalyst(), run)), tidy(t, simulated(t, smallStudy, hospitals...)))
	return true
}
