package transport_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// The line takes nothing any more, and nobody says so: Send ends when it is told to, holds no more
// than its window meanwhile, and goes on when the line does.
func TestSendOnALineThatTakesNothing(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	l := newLine(t, w.config.TLS)
	gate := make(chan struct{})
	var stalled bool
	l.through = func(int) {
		l.mu.Lock()
		held := stalled
		l.mu.Unlock()
		if held {
			<-gate
		}
	}
	hub := w.open(w.hub(), 1, "a")
	d := w.dialer("a")
	d.URLs = []string{"tls://" + l.listener.Addr().String()}
	conn := w.dial(d)
	a := w.open(conn, 1)
	send(t, a, party.Hub, []byte("first"))
	receive(t, hub)
	l.mu.Lock()
	stalled = true
	l.mu.Unlock()
	big := large("big", 60_000_000)
	before := heap()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		began := time.Now()
		if err := a.Send(ctx, party.Hub, big); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send: got %v, want the end of its time", err)
		}
		cancel()
		if late := time.Since(began) - time.Second; late > time.Second {
			t.Errorf("Send returned %v after the end of its time", late)
		}
	}
	held := int64(heap()) - int64(before)
	t.Logf("%d MB are held of 3 x 60 MB", held/1_000_000)
	if held > 40_000_000 {
		t.Errorf("%d bytes are held", held)
	}
	l.mu.Lock()
	stalled = false
	l.mu.Unlock()
	close(gate)
	send(t, a, party.Hub, big)
	if _, b := receive(t, hub); len(b) != len(big) {
		t.Errorf("got %d bytes, want %d", len(b), len(big))
	}
}
