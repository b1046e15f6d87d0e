package transport

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/consilium-health/consilium/protocols/party"
)

func TestMessagesOfAPairKeepTheirOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	net := NewMemory([]party.ID{"a", "b", party.Hub}, nil)
	ctx := t.Context()
	const n = 1000
	for _, id := range []party.ID{"a", "b"} {
		go func() {
			for i := range n {
				if err := net.Link(id).Send(ctx, party.Hub, fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	hub, next := net.Link(party.Hub), map[party.ID]int{}
	for range 2 * n {
		from, b, err := hub.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(next[from]); string(b) != want {
			t.Fatalf("message of %s: got %s, want %s", from, b, want)
		}
		next[from]++
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	net := NewMemory([]party.ID{"a", party.Hub}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := net.Link("a").Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if err := net.Link("a").Send(ctx, party.Hub, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestTrafficCountsWhatWasSent(t *testing.T) {
	seen := 0
	net := NewMemory([]party.ID{"a", party.Hub}, func(from, to party.ID, b []byte) { seen += len(b) })
	body := []byte("12345")
	if err := net.Link("a").Send(t.Context(), party.Hub, body); err != nil {
		t.Fatal(err)
	}
	body[0] = 'x' // the sender may reuse its buffer
	if _, b, _ := net.Link(party.Hub).Receive(t.Context()); string(b) != "12345" {
		t.Errorf("got %q: the network kept the sender's buffer", b)
	}
	up, down := net.Traffic("a")
	if _, hub := net.Traffic(party.Hub); up != 5 || down != 0 || hub != 5 || seen != 5 {
		t.Errorf("up %d, down %d, hub %d, seen %d; want 5, 0, 5, 5", up, down, hub, seen)
	}
	if err := net.Link("a").Send(t.Context(), "nobody", nil); err == nil {
		t.Error("a message to nobody was accepted")
	}
}
