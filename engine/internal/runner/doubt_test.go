package runner

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// hubLink is a hub that says what a test says it does.
type hubLink struct {
	sent int
	next func(ctx context.Context) ([]byte, error)
}

func (l *hubLink) Send(context.Context, party.ID, []byte) error { l.sent++; return nil }

func (l *hubLink) Receive(ctx context.Context) (party.ID, []byte, error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	b, err := l.next(ctx)
	return party.Hub, b, err
}

// doubting is b, in an attempt that an earlier life has begun.
func doubting(t *testing.T, hub *hubLink) (w *prototest.World, d *doubt) {
	t.Helper()
	w = prototest.New(t, 7, "a", "b", "c")
	w.SetUp()
	m := w.Member("b")
	d, err := newDoubt(t.Context(), &Gateway{Party: Party{ID: "b", Link: hub, Roster: w.Roster, Charter: w.Charter, Deadline: time.Minute},
		Identity: m.Identity, Journal: m.Journal.Copy(m.Journal.Len()), Rand: prototest.Rand(7, "later life")})
	if err != nil {
		t.Fatal(err)
	}
	return w, d
}

// stopMessage is the hub's word that the attempt is over.
func stopMessage(t *testing.T, w *prototest.World) []byte {
	t.Helper()
	body, err := wireformat.Encode(&wireformat.Stop{Code: wireformat.Code_SILENCE})
	if err != nil {
		t.Fatal(err)
	}
	b, err := wireformat.Encode(&wireformat.Envelope{Version: wireformat.Version, Plan: w.Charter.Plan[:], Attempt: 1, Type: wireformat.Type_STOP,
		Sender: string(party.Hub), Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever a hub sends instead of the others' answers, nothing new is journalled, and
// so said: the wait ends by its deadline, by the hub's word, or by what can be kept, and names whose answers are missing.
func TestDoubtEndsWhateverTheHubSends(t *testing.T) {
	silent := func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, tc := range map[string]struct {
		next  func(w *prototest.World) func(context.Context) ([]byte, error)
		waits time.Duration
	}{
		"nothing": {func(*prototest.World) func(context.Context) ([]byte, error) { return silent }, time.Minute},
		"a relayed message that is none, for ever": {func(w *prototest.World) func(context.Context) ([]byte, error) {
			body, _ := wireformat.Encode(&wireformat.Relayed{Message: []byte{1, 2, 3}})
			b, _ := wireformat.Encode(&wireformat.Envelope{Version: wireformat.Version, Plan: w.Charter.Plan[:], Attempt: 1, Type: wireformat.Type_RELAYED,
				Sender: string(party.Hub), Body: body})
			return func(context.Context) ([]byte, error) { time.Sleep(time.Millisecond); return b, nil }
		}, time.Minute},
		"a megabyte of anything, for ever": {func(*prototest.World) func(context.Context) ([]byte, error) {
			b, n := make([]byte, 1<<20), 0
			return func(ctx context.Context) ([]byte, error) {
				if n++; n > 2*mostLater>>20 {
					return silent(ctx)
				}
				return b, nil
			}
		}, 0},
		"an empty message, for ever": {func(*prototest.World) func(context.Context) ([]byte, error) {
			n := 0
			return func(ctx context.Context) ([]byte, error) {
				if n++; n > mostLater/50 {
					return silent(ctx)
				}
				return nil, nil
			}
		}, 0},
		"that the attempt is over": {func(w *prototest.World) func(context.Context) ([]byte, error) {
			b := stopMessage(t, w)
			return func(context.Context) ([]byte, error) { return b, nil }
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := &hubLink{}
				w, d := doubting(t, hub)
				hub.next = tc.next(w)
				before := 0
				_ = d.Replay(func(string, []byte) error { before++; return nil })
				began := time.Now()
				err := d.Append(secagg.KindMasked, []byte("a vector"))
				few := new(round.TooFew)
				if !errors.As(err, &few) || !slices.Equal(few.Missing, []party.ID{"a", "c"}) {
					t.Errorf("got %v", err)
				}
				if waited := time.Since(began); waited < tc.waits || waited > tc.waits+time.Second {
					t.Errorf("it waited %v, want %v", waited, tc.waits)
				}
				after := 0
				_ = d.Replay(func(string, []byte) error { after++; return nil })
				if after != before || hub.sent != 1 {
					t.Errorf("%d records, before %d; %d messages", after, before, hub.sent)
				}
			})
		})
	}
}

// What came while the others were waited for is heard afterwards, in its order and once.
func TestWhatCameInDoubtIsHeardAfterIt(t *testing.T) {
	hub := &hubLink{}
	w, d := doubting(t, hub)
	var said [][]byte
	for _, id := range []party.ID{"a", "c"} {
		r, err := secagg.NewRecall(w.Member(id).Config)
		if err != nil {
			t.Fatal(err)
		}
		out, err := d.recall.Start()
		if err != nil {
			t.Fatal(err)
		}
		queue, err := w.Hub.Receive(out[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range queue {
			if m.To != id {
				continue
			}
			answers, _, err := r.Receive(m)
			if err != nil {
				t.Fatal(err)
			}
			relayed, err := w.Hub.Receive(answers[0])
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, []byte("before "+id), relayed[0].Body)
		}
	}
	said = append(said, []byte("after"))
	hub.next = func(context.Context) ([]byte, error) { b := said[0]; said = said[1:]; return b, nil }
	if err := d.Append(secagg.KindMasked, []byte("a vector")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before a", "before c", "after"} {
		if _, b, err := d.Receive(t.Context()); err != nil || string(b) != want {
			t.Errorf("heard %q, %v, want %q", b, err, want)
		}
	}
	if d.held != 0 {
		t.Errorf("%d bytes are held", d.held)
	}
}
