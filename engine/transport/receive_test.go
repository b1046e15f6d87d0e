package transport

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/consilium-health/consilium/protocols/party"
)

// What is announced is taken as it is only if nothing can be missing before it, and only once.
// Where something is, the reader asks the log, which here it cannot reach.
func TestAnAnnouncementAfterAGapWaits(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := newConn("a", 0, nil)
	ch := &Channel{conn: c, at: place{"study", 1}, out: make(chan parcel), turn: make(chan struct{}, 1)}
	ch.life, ch.stop = context.WithCancelCause(c.life)
	r := newReader(ch, party.Hub, route{})
	r.behind = false
	ch.work.Add(1)
	go r.run()
	say := func(seq, before uint64, body string) {
		r.announce(copied{seq: seq, before: before, data: wholeEntry(idOf("study", 1, party.Hub, "a", []byte(body)), []byte(body))})
	}
	say(1, 0, "first")
	say(1, 0, "first")
	say(4, 1, "first") // stored twice
	say(5, 4, "second")
	for _, want := range []string{"first", "second"} {
		if _, b, err := ch.Receive(t.Context()); err != nil || string(b) != want {
			t.Errorf("got %q, %v, want %q", b, err, want)
		}
	}
	say(9, 7, "fourth") // 7 was never announced
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, b, err := ch.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v, past a gap", b, err)
	}
	ch.end(ErrClosed)
	c.stop()
}

// A look asks the log about peers that have said nothing, and about all when it has to.
func TestALookLeavesAloneWhoIsHeard(t *testing.T) {
	ch := &Channel{}
	r := newReader(ch, party.Hub, route{})
	for _, x := range []struct {
		heard, always, want bool
	}{
		{want: true}, {heard: true}, {want: true}, {heard: true, always: true, want: true}, {want: true}, {heard: true},
	} {
		r.behind, r.waiting = false, nil
		if x.heard {
			r.announce(copied{seq: 1})
		}
		if r.look(x.always); r.behind != x.want {
			t.Errorf("%+v: asks %v", x, r.behind)
		}
	}
}
