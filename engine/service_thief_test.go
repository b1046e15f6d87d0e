package engine_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// thief lets chur hear what basel sends to the hub in some channels, and say each of it
// again under its own certificate, in the same channel and at once.
func thief(t *testing.T, in func(name string) bool) (w *wired, repeated func() int) {
	w = newWired(t)
	inner := w.network
	var mu sync.Mutex
	n, channels := 0, map[string]engine.Channel{} // of chur
	w.network = func(self party.ID) engine.Network {
		switch self {
		case "basel":
			return between{send: func(name string, attempt uint32, to party.ID, b []byte) [][]byte {
				mu.Lock()
				ch := channels[name]
				mu.Unlock()
				if in(name) && ch != nil && ch.Send(context.Background(), to, bytes.Clone(b)) == nil {
					mu.Lock()
					n++
					mu.Unlock()
				}
				return [][]byte{b}
			}}.network(inner(self))
		case "chur":
			return func(name string, attempt uint32, peers ...party.ID) (engine.Channel, error) {
				ch, err := inner(self)(name, attempt, peers...)
				if err == nil {
					mu.Lock()
					channels[name] = ch
					mu.Unlock()
				}
				return ch, err
			}
		}
		return inner(self)
	}
	return w, func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestAStolenNoticeIsNobodysWord(t *testing.T) {
	w, repeated := thief(t, func(name string) bool { return name == engine.ControlChannel })
	w.all()
	a := w.newAnalyst()
	r := w.fetch(a, w.submit(a, smallStudy))
	equal(t, tidy(t, r), tidy(t, simulated(t, smallStudy, hospitals...)))
	if n := repeated(); n < 4 { // a decision, a delivery and progress
		t.Errorf("only %d notices were said again", n)
	}
}

// In an attempt, whoever says another's words is named and the attempt is over.
func TestAStolenMessageNamesTheThief(t *testing.T) {
	w, repeated := thief(t, func(name string) bool { return name != engine.ControlChannel })
	w.hub.Attempts = 1
	w.all()
	a := w.newAnalyst()
	ctx, cancel := patience()
	defer cancel()
	if r, err := a.Fetch(ctx, w.submit(a, smallStudy)); !errors.Is(err, engine.ErrOver) {
		t.Errorf("got %v, %v, want no result", r, err)
	}
	if repeated() == 0 {
		t.Error("nothing was said again")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if said := w.logs.String(); !strings.Contains(said, "chur is to blame") || strings.Contains(said, "basel is to blame") {
		t.Error("the thief is not named, or whom it stole from")
	}
}
