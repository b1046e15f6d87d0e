package engine_test

import (
	"context"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// drained runs a service without an end of its own; the channel is closed when it has come to its end all the same.
func (w *town) drained(run func(context.Context) error) <-chan struct{} {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		if err := run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	return done
}

func (w *town) ends(done <-chan struct{}) {
	w.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
		w.t.Fatal("a drained service does not end")
	}
}

// A service that is drained in an attempt lets it end, and stops then.
func TestDrainLetsAnAttemptEnd(t *testing.T) {
	t.Parallel()
	for _, who := range []party.ID{"basel", party.Hub} {
		story(t, string(who), func(t *testing.T) {
			w := newTown(t)
			var drain func()
			begun := make(chan struct{}, 1<<16)
			inner := w.network
			w.network = func(self party.ID) engine.Network {
				return between{receive: func(channel string, _ uint32, _ party.ID, b []byte) [][]byte {
					if channel != engine.ControlChannel && self == who {
						begun <- struct{}{}
					}
					return [][]byte{b}
				}}.network(inner(self))
			}
			var done <-chan struct{}
			for _, id := range hospitals {
				g := w.newGateway(id)
				if id == who {
					done, drain = w.drained(g.Run), g.Drain
				} else {
					w.live(g.Run)
				}
			}
			h := w.newHub()
			if who == party.Hub {
				done, drain = w.drained(h.Run), h.Drain
			} else {
				w.live(h.Run)
			}
			a := w.newAnalyst()
			run := w.submit(a, twoStudy)
			<-begun // a message of the attempt
			drain()
			w.ends(done)
			if who == party.Hub { // what came after the attempt's end waits for its next life
				w.live(w.newHub().Run)
			}
			equal(t, tidy(t, w.fetch(a, run)), tidy(t, simulated(t, twoStudy, hospitals...)))
		})
	}
}

// A gateway that is drained while others are missing stops when its attempt has
// failed, takes part in no other, and goes on in its next life.
func TestDrainedGatewayGoesOnInItsNextLife(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		var basel *engine.Gateway
		begun := make(chan struct{}, 1<<16)
		inner := w.network
		w.network = func(self party.ID) engine.Network {
			return between{receive: func(channel string, _ uint32, _ party.ID, b []byte) [][]byte {
				if channel != engine.ControlChannel && self == "basel" {
					begun <- struct{}{}
				}
				return [][]byte{b}
			}}.network(inner(self))
		}
		var done <-chan struct{}
		w.instead = map[party.ID]func(*engine.Gateway){"basel": func(g *engine.Gateway) { basel, done = g, w.drained(g.Run) }}
		run, back := w.gone(twoStudy, 9)
		<-begun
		basel.Drain()
		w.ends(done)
		w.instead = nil
		w.live(w.newGateway("basel").Run)
		back()
		equal(t, tidy(t, w.fetch(w.newAnalyst(), run)), tidy(t, simulated(t, twoStudy, hospitals...)))
	})
}
