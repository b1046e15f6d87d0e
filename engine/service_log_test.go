package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// wired is a town whose parties talk over TLS, through a server on loopback.
type wired struct {
	*town
	authority *transport.Authority
	server    *transport.Server
	dir       string // of the log
	conns     map[party.ID]*transport.Conn
}

func newWired(t testing.TB) *wired {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")) })
	w := &wired{town: newTown(t), dir: t.TempDir(), conns: map[party.ID]*transport.Conn{}}
	var err error
	if w.authority, err = transport.NewAuthority("town", time.Now()); err != nil {
		t.Fatal(err)
	}
	own, err := w.authority.Issue(party.Hub, time.Now(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cfg := transport.ServerConfig{TLS: "127.0.0.1:0", Certificate: own, CAs: w.authority.Pool(), Dir: w.dir, Log: w.log()}
	parties := append([]party.ID{"ana"}, hospitals...)
	for _, id := range parties {
		cfg.Parties = append(cfg.Parties, transport.Party{ID: id})
	}
	if w.server, err = transport.Listen(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.server.Close)
	hub, err := w.server.Hub(t.Context(), transport.Keep{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.conns[party.Hub] = hub
	t.Cleanup(func() { hub.Close(context.Background()) })
	for _, id := range parties {
		w.conns[id] = w.dial(id)
	}
	w.network = func(self party.ID) engine.Network { return engine.Over(w.conns[self]) }
	w.hub.Retention = hub
	return w
}

func (w *wired) dial(id party.ID) *transport.Conn {
	w.t.Helper()
	own, err := w.authority.Issue(id, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := patience()
	defer cancel()
	c, err := transport.Dialer{Self: id, URLs: []string{"tls://" + w.server.TLS()}, Certificate: own, CAs: w.authority.Pool(), Log: w.log()}.Dial(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// held are the attempts of which the log holds anything.
func (w *wired) held() (attempts []string) {
	w.t.Helper()
	err := w.conns[party.Hub].Prune(w.t.Context(), func(name string, attempt uint32) time.Time {
		if name != engine.ControlChannel {
			attempts = append(attempts, fmt.Sprint(name, " ", attempt))
		}
		return time.Time{}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return attempts
}

// disk is how many bytes of messages the log has on its disk.
func (w *wired) disk() (n int64) {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".blk") {
			return nil // a file may go while the log is cleared
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// trim drops every notice that the log holds.
func (w *wired) trim() {
	w.t.Helper()
	if err := w.conns[party.Hub].Prune(w.t.Context(), func(name string, _ uint32) (t time.Time) {
		if name == engine.ControlChannel {
			t = time.Now().Add(time.Minute)
		}
		return t
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheLogOfStudiesThatAreOverIsCleared(t *testing.T) {
	w := newWired(t)
	w.all()
	a := w.newAnalyst()
	const n = 12
	var early, notices int64
	for i := range n {
		w.fetch(a, w.submit(a, strings.Replace(smallStudy, "study: five", fmt.Sprint("study: s", i), 1)))
		w.until(func() bool { return len(w.held()) == 0 })
		if i == n-1 {
			notices = w.disk()
		}
		if i == n/4-1 || i == n-1 { // what is left are notices, which go after a month
			w.trim()
		}
		if i == n/4-1 {
			early = w.disk()
		}
	}
	late := w.disk()
	t.Logf("on the disk: %d bytes after %d studies, %d after %d; with the last %d studies' notices %d", early, n/4, late, n, n-n/4, notices)
	if late > early+100_000 {
		t.Errorf("the log takes %d bytes after %d studies and %d after %d", early, n/4, late, n)
	}
}

// A hospital comes back when the others are done without it and the log holds nothing of that any more.
func TestALatecomerIsToldThatTheRunIsOver(t *testing.T) {
	w := newWired(t)
	run, back := w.gone(smallStudy, 1)
	w.fetch(w.newAnalyst(), run)
	w.until(func() bool { return len(w.held()) == 0 })
	w.trim()
	egg := back()
	w.until(func() bool {
		r, err := egg.Study(run)
		return err == nil && r.Stage == engine.StageOver
	})
}
