package transport_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }

// large is n bytes that no two names share.
func large(name string, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b)
	return b
}

func TestMessagesGoBothWays(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	hub, a := w.open(w.hub(), 1, "a", "b"), w.open(w.dial(w.dialer("a")), 1)
	const n = 1000
	go func() {
		for i := range n {
			if err := a.Send(t.Context(), party.Hub, fmt.Append(nil, "up ", i)); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range n {
		from, b := receive(t, hub)
		if want := fmt.Sprint("up ", i); from != "a" || string(b) != want {
			t.Fatalf("from %s: got %q, want %q", from, b, want)
		}
		send(t, hub, "a", fmt.Append(nil, "down ", i))
		if from, b := receive(t, a); from != party.Hub || string(b) != fmt.Sprint("down ", i) {
			t.Fatalf("from %s: got %q, want %q", from, b, fmt.Sprint("down ", i))
		}
	}
	for _, n := range []int{0, 1, 512<<10 - 1, 512 << 10, 512<<10 + 1, 60_000_000} {
		want := large("b", n)
		send(t, a, party.Hub, want)
		if _, got := receive(t, hub); !bytes.Equal(got, want) {
			t.Errorf("up: %d bytes arrived as %d others", n, len(got))
		}
		send(t, hub, "a", want)
		if _, got := receive(t, a); !bytes.Equal(got, want) {
			t.Errorf("down: %d bytes arrived as %d others", n, len(got))
		}
	}
	if err := a.Send(t.Context(), party.Hub, make([]byte, 64<<20+1)); err == nil || !contains(err, "at most 67108864") {
		t.Errorf("a message beyond the limit: got %v", err)
	}
	if err := a.Send(t.Context(), "b", nil); err == nil || !contains(err, `does not talk to "b"`) {
		t.Errorf("a message past the hub: got %v", err)
	}
}

var _ transport.Link = (*transport.Channel)(nil)

func TestEverythingArrivesOverALineThatIsCut(t *testing.T) {
	for _, scheme := range []string{"tls", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			w := newWorld(t, "a")
			w.start()
			to := w.config.TLS
			if scheme == "wss" {
				to = w.config.WSS
			}
			l := newLine(t, to)
			l.cutEvery(5_000_000)
			d := w.dialer("a")
			d.URLs = []string{scheme + "://" + l.listener.Addr().String()}
			hub, a := w.open(w.hub(), 1, "a"), w.open(w.dial(d), 1)
			big := large("big", 12_000_000)
			exchange := func(from, to transport.Link, self, peer party.ID) {
				go func() {
					for i := range 100 {
						if i == 50 {
							send(t, from, peer, big)
						}
						send(t, from, peer, large(fmt.Sprint(self, i), 20_000))
					}
				}()
				for i := range 101 {
					want := large(fmt.Sprint(self, i-i/51), 20_000)
					if i == 50 {
						want = big
					}
					if id, got := receive(t, to); id != self || !bytes.Equal(got, want) {
						t.Fatalf("message %d: %d bytes of %s, want %d of %s", i, len(got), id, len(want), self)
					}
				}
			}
			exchange(a, hub, "a", party.Hub)
			exchange(hub, a, party.Hub, "a")
			if l.count() < 5 {
				t.Errorf("the line was cut %d times, want at least 5", l.count())
			}
		})
	}
}

func TestWhoWasAwayGetsWhatWasSentMeanwhile(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	hub := w.open(w.hub(), 1, "a")
	big := large("big", 3_000_000)
	send(t, hub, "a", []byte("first"))
	send(t, hub, "a", big)
	conn := w.dial(w.dialer("a"))
	for range 2 { // and once more when it opens the channel again, as after a crash
		a := w.open(conn, 1)
		if _, b := receive(t, a); string(b) != "first" {
			t.Errorf("got %q, want the first message", b)
		}
		if _, b := receive(t, a); !bytes.Equal(b, big) {
			t.Errorf("got %d bytes, want the second message", len(b))
		}
		a.Close()
	}
	send(t, hub, "a", []byte("first")) // the same message again is no message
	send(t, hub, "a", []byte("last"))
	other := w.open(conn, 2) // another attempt is another channel
	a := w.open(conn, 1)
	for _, want := range []string{"first", string(big), "last"} {
		if _, b := receive(t, a); string(b) != want {
			t.Errorf("got %d bytes, want %d", len(b), len(want))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, b, err := other.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the other attempt got %q, %v", b, err)
	}
}

func TestWhatIsOverIsPruned(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	c := w.hub()
	hub, a, b := w.open(c, 1, "a", "b"), w.open(w.dial(w.dialer("a")), 1), w.open(w.dial(w.dialer("b")), 1)
	later := w.open(c, 2, "a", "b")
	big := large("big", 2_000_000)
	send(t, hub, "a", big)
	send(t, a, party.Hub, big)
	send(t, b, party.Hub, []byte("of b"))
	send(t, later, "b", []byte("of the next attempt"))
	if n := diskUse(t, w.config.Dir); n < 4_000_000 {
		t.Fatalf("the log takes %d bytes, want at least 4 MB", n)
	}
	asked := map[uint32]int{}
	if err := c.Prune(t.Context(), func(study string, attempt uint32) (t time.Time) {
		if asked[attempt]++; study == "study" && attempt == 1 {
			t = time.Now().Add(time.Hour)
		}
		return t
	}); err != nil {
		t.Fatal(err)
	}
	if asked[1] != 1 || asked[2] != 1 || len(asked) != 2 {
		t.Errorf("asked %v times about attempts 1 and 2, want once each", asked)
	}
	if n := diskUse(t, w.config.Dir); n > 200_000 {
		t.Errorf("the log still takes %d bytes", n)
	}
	hub.Close()
	hub = w.open(c, 1, "a", "b")
	send(t, a, party.Hub, []byte("late"))
	if from, got := receive(t, hub); string(got) != "late" || from != "a" {
		t.Errorf("got %q, want what was sent after", got)
	}
	b.Close()
	conn := w.dial(w.dialer("b"))
	if _, got := receive(t, w.open(conn, 2)); string(got) != "of the next attempt" {
		t.Errorf("got %q, want what is not over", got)
	}
	if err := conn.Prune(t.Context(), func(string, uint32) time.Time { return time.Now() }); err == nil || !contains(err, "only the hub can") {
		t.Errorf("b prunes the log: got %v", err)
	}
}

func TestOldEntriesArePruned(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	c := w.hub()
	hub, conn := w.open(c, 1, "a"), w.dial(w.dialer("a"))
	a := w.open(conn, 1)
	other := w.open(c, 2, "a")
	for i := range 7 {
		send(t, hub, "a", fmt.Append(nil, "old ", i))
		send(t, other, "a", fmt.Append(nil, "other ", i))
	}
	for range 7 {
		receive(t, a)
	}
	since := time.Now()
	left := func(before time.Time, want ...string) {
		t.Helper()
		if err := c.Prune(t.Context(), func(_ string, attempt uint32) (t time.Time) {
			if attempt == 1 {
				t = before
			}
			return t
		}); err != nil {
			t.Fatal(err)
		}
		a.Close()
		a = w.open(conn, 1)
		for _, x := range want {
			if _, b := receive(t, a); string(b) != x {
				t.Errorf("got %q, want %q", b, x)
			}
		}
	}
	left(since.Add(-time.Hour), "old 0", "old 1", "old 2", "old 3", "old 4", "old 5", "old 6")
	for i := range 3 {
		send(t, hub, "a", fmt.Append(nil, "new ", i))
	}
	left(since, "new 0", "new 1", "new 2")
	left(time.Now().Add(time.Hour))
	send(t, hub, "a", []byte("last"))
	left(since, "last")
	if _, b := receive(t, w.open(conn, 2)); string(b) != "other 0" {
		t.Errorf("another attempt begins with %q", b)
	}
}

func diskUse(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".blk") {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAFullLogRefusesAndDropsNothing(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	c, err := w.server.Hub(t.Context(), transport.Keep{Bytes: 2_000_000}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	hub, a, b := w.open(c, 1, "a", "b"), w.open(w.dial(w.dialer("a")), 1), w.open(w.dial(w.dialer("b")), 1)
	send(t, a, party.Hub, []byte("kept"))
	for i := 0; err == nil && i < 10; i++ {
		err = a.Send(t.Context(), party.Hub, large(fmt.Sprint(i), 400_000))
	}
	if !errors.Is(err, transport.ErrFull) {
		t.Errorf("got %v, want %v", err, transport.ErrFull)
	}
	if _, got := receive(t, hub); string(got) != "kept" {
		t.Errorf("the hub got %d bytes first, want what was sent first", len(got))
	}
	send(t, b, party.Hub, []byte("b has a limit of its own"))
}

func TestTwoServersDoNotShareADirectory(t *testing.T) {
	w := newWorld(t, "a")
	var warnings bytes.Buffer
	w.config.Log = slog.New(slog.NewTextHandler(&warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.start()
	if warnings.Len() > 0 {
		t.Errorf("a server that starts warns: %s", &warnings)
	}
	w.config.Log = nil
	hub := w.open(w.hub(), 1, "a")
	second := w.config
	second.TLS, second.WSS = "127.0.0.1:0", ""
	if s, err := transport.Listen(second); err == nil || !contains(err, "is in use by another server") {
		t.Errorf("a second server: got %v, %v", s, err)
	}
	a := w.open(w.dial(w.dialer("a")), 1)
	send(t, a, party.Hub, []byte("undisturbed"))
	receive(t, hub)
	w.server.Close()
	w.start() // whoever comes after it may have the directory
}

func TestCloseEndsWhatWaits(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	w.hub()
	conn := w.dial(w.dialer("a"))
	a := w.open(conn, 1)
	if _, err := conn.Open("study", 1); err == nil || !contains(err, "open already") {
		t.Errorf("opened twice: got %v", err)
	}
	ended := make(chan error)
	go func() {
		_, _, err := a.Receive(context.Background())
		ended <- err
	}()
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Receive: got %v, want %v", err, transport.ErrClosed)
	}
	if err := a.Send(t.Context(), party.Hub, nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send: got %v, want %v", err, transport.ErrClosed)
	}
	if _, err := conn.Open("study", 2); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Open: got %v, want %v", err, transport.ErrClosed)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	w.server.Close()
	if _, err := w.dialer("a").Dial(ctx); !errors.Is(err, context.DeadlineExceeded) || !contains(err, "refused") {
		t.Errorf("without a server: got %v, want the end of the time, and why", err)
	}
}
