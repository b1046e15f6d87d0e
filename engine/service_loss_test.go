package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// dying is a life of egg that ends when it has sent n messages of attempts; it returns then.
func (w *town) dying(n int) {
	w.t.Helper()
	ctx, die := context.WithCancel(context.Background())
	defer die()
	var mu sync.Mutex
	inner := w.network
	w.network = func(self party.ID) engine.Network {
		return between{send: func(channel string, _ uint32, _ party.ID, b []byte) [][]byte {
			mu.Lock()
			defer mu.Unlock()
			if channel == engine.ControlChannel {
				return [][]byte{b}
			}
			if n--; n < 0 {
				die()
				return nil
			}
			return [][]byte{b}
		}}.network(inner(self))
	}
	g := w.newGateway("egg")
	w.network = inner
	if err := g.Run(ctx); err != nil {
		w.t.Error(err)
	}
}

// A store that is an older copy stops the run until a person says that it is one.
func TestRunWaitsForAPersonWhereAStoreWasRestored(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.hub.Deadline = time.Second
		w.network = (&exchange{places: map[string]*transport.Memory{}}).network // one that keeps everything gives egg back what it has lost
		for _, id := range hospitals[:4] {
			w.live(w.newGateway(id).Run)
		}
		w.live(w.newHub().Run)
		a := w.newAnalyst()
		run := w.submit(a, twoStudy)
		w.dying(4)
		copied := t.TempDir()
		if err := errors.Join(w.stores["egg"].Close(), os.CopyFS(copied, os.DirFS(w.dirs["egg"]))); err != nil {
			t.Fatal(err)
		}
		w.openStore("egg")
		w.dying(6)
		w.stuck(run)
		if err := w.stores["egg"].Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.RemoveAll(w.dirs["egg"]), os.CopyFS(w.dirs["egg"], os.DirFS(copied)), os.Chmod(w.dirs["egg"]+"/state", 0o700),
			os.Chmod(w.dirs["egg"]+"/state/store.db", 0o600)); err != nil {
			t.Fatal(err)
		}
		w.openStore("egg")
		egg := w.newGateway("egg")
		w.live(egg.Run)
		ctx, cancel := patience()
		defer cancel()
		said := ""
		err := a.Watch(ctx, run, func(s engine.Status) error {
			if s.From == party.Hub && s.Stage == engine.StageOver {
				return errors.New("it is over")
			}
			if s.From == party.Hub && s.Stage == engine.StageWaiting && s.Code.String() == "ROLLBACK" && slices.Equal(s.Waiting, []party.ID{"egg"}) {
				return errSeen
			}
			said += " " + s.Stage.String() + " " + s.Code.String()
			return nil
		})
		if !errors.Is(err, errSeen) {
			t.Fatalf("the run does not wait for egg's operator: %v; said%s", err, said)
		}
		w.until(func() bool { return egg.Restored(run) == nil })
		equal(t, tidy(t, w.fetch(a, run)), tidy(t, simulated(t, twoStudy, hospitals...)))
	})
}

// Nobody can confirm what did not happen; and it does no harm.
func TestRestorationThatNobodyNoticedIsNotConfirmed(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.policy["basel"] = engine.Policy{}
		gateways := w.all()
		a := w.newAnalyst()
		run := w.submit(a, smallStudy)
		w.until(func() bool { return len(gateways["basel"].Studies()) == 1 })
		if err := gateways["basel"].Restored(run); err == nil || !strings.Contains(err.Error(), "nothing to confirm") {
			t.Errorf("got %v", err)
		}
		if err := gateways["basel"].Approve(run, engine.Scope{}); err != nil {
			t.Fatal(err)
		}
		equal(t, tidy(t, w.fetch(a, run)), tidy(t, simulated(t, smallStudy, hospitals...)))
	})
}

// cuts is a network whose channels can all be cut, as when the hub's machine goes down.
type cuts struct {
	mu   sync.Mutex
	open []engine.Channel
}

func (c *cuts) network(inner engine.Network) engine.Network {
	return func(name string, attempt uint32, peers ...party.ID) (engine.Channel, error) {
		ch, err := inner(name, attempt, peers...)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open = append(c.open, ch)
		return ch, err
	}
}

func (c *cuts) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.open {
		ch.Close()
	}
	c.open = nil
}

// A hub that loses its disk in the middle of a run, with deadlines and attempts as they are by default.
func TestHubWithAnEmptyDiskGoesOn(t *testing.T) {
	t.Parallel()
	want := tidy(t, simulated(t, twoStudy, hospitals...))
	for _, n := range []int{3, 12, 30, 60} {
		story(t, fmt.Sprint("after ", n, " messages"), func(t *testing.T) {
			w := newTown(t)
			inner := (&exchange{places: map[string]*transport.Memory{}}).network
			all := &cuts{}
			w.network = func(self party.ID) engine.Network { return all.network(inner(self)) }
			for _, id := range hospitals {
				w.live(w.newGateway(id).Run)
			}
			ctx, die := context.WithCancel(context.Background())
			outer, attempted := w.network, 0
			var mu sync.Mutex
			w.network = func(self party.ID) engine.Network {
				return between{receive: func(channel string, _ uint32, _ party.ID, b []byte) [][]byte {
					mu.Lock()
					defer mu.Unlock()
					if channel != engine.ControlChannel {
						if attempted++; attempted == n {
							die()
						}
					}
					return [][]byte{b}
				}}.network(outer(self))
			}
			done := make(chan error, 1)
			first := w.newHub()
			go func() { done <- first.Run(ctx) }()
			w.network = outer
			a := w.newAnalyst()
			run := w.submit(a, twoStudy)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if err := w.stores[party.Hub].Close(); err != nil {
				t.Fatal(err)
			}
			w.dirs[party.Hub] = t.TempDir()
			w.openStore(party.Hub)
			all.cut()
			w.live(w.newHub().Run)
			ctx, cancel := patience()
			var r string
			for r == "" && ctx.Err() == nil { // a hub that has forgotten the run hears of it again
				got, err := a.Fetch(ctx, run)
				if err == nil {
					r = tidy(t, got)
				} else if !errors.Is(err, engine.ErrUnknownRun) {
					t.Fatal(err)
				}
			}
			cancel()
			equal(t, r, want)
		})
	}
}
