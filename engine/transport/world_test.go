package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// world is an authority, a server on loopback and those who connect to it.
type world struct {
	t         *testing.T
	authority *transport.Authority
	config    transport.ServerConfig
	server    *transport.Server
	log       *slog.Logger
}

// newWorld makes a world for parties; the server is not started.
func newWorld(t *testing.T, parties ...party.ID) *world {
	t.Helper()
	// Registered first, so that it looks last. The server library starts one clock per process.
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreCurrent()) })
	w := &world{t: t, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	var err error
	if w.authority, err = transport.NewAuthority("test authority", time.Now()); err != nil {
		t.Fatal(err)
	}
	w.config = transport.ServerConfig{TLS: "127.0.0.1:0", WSS: "127.0.0.1:0", Certificate: w.certificate(party.Hub, "127.0.0.1", "hub.example"),
		CAs: w.authority.Pool(), Dir: t.TempDir(), Log: w.log}
	for _, id := range parties {
		w.config.Parties = append(w.config.Parties, transport.Party{ID: id})
	}
	return w
}

func (w *world) certificate(id party.ID, hosts ...string) tls.Certificate {
	w.t.Helper()
	c, err := w.authority.Issue(id, time.Now(), hosts...)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// start starts the server, on the ports it had before if it ran already.
func (w *world) start() {
	w.t.Helper()
	var err error
	if w.server, err = transport.Listen(w.config); err != nil {
		w.t.Fatal(err)
	}
	w.config.TLS, w.config.WSS = w.server.TLS(), w.server.WSS()
	w.t.Cleanup(w.server.Close)
}

func (w *world) hub() *transport.Conn {
	w.t.Helper()
	c, err := w.server.Hub(w.t.Context(), transport.Keep{}, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func (w *world) dialer(id party.ID) transport.Dialer {
	return transport.Dialer{Self: id, URLs: []string{"tls://" + w.config.TLS}, Certificate: w.certificate(id), CAs: w.authority.Pool(), Log: w.log}
}

func (w *world) dial(d transport.Dialer) *transport.Conn {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	c, err := d.Dial(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func (w *world) open(c *transport.Conn, attempt uint32, peers ...party.ID) *transport.Channel {
	w.t.Helper()
	ch, err := c.Open("study", attempt, peers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return ch
}

// receive waits for a message, not for ever.
func receive(t *testing.T, l transport.Link) (party.ID, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	from, b, err := l.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return from, b
}

func send(t *testing.T, l transport.Link, to party.ID, b []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := l.Send(ctx, to, b); err != nil {
		t.Fatal(err)
	}
}

// A line is a TCP connection that can be cut: it listens, and passes on to an address.
type line struct {
	listener net.Listener
	to       string
	through  func(n int) // called after every read; may be nil

	mu    sync.Mutex
	conns map[net.Conn]bool
	cuts  int
	done  sync.WaitGroup
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, to: to, conns: map[net.Conn]bool{}}
	l.done.Add(1)
	go l.accept()
	t.Cleanup(func() {
		listener.Close()
		l.cut()
		l.done.Wait()
	})
	return l
}

func (l *line) accept() {
	defer l.done.Done()
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", l.to)
		if err != nil {
			in.Close()
			continue
		}
		l.mu.Lock()
		l.conns[in], l.conns[out] = true, true
		l.mu.Unlock()
		l.done.Add(2)
		go l.copy(in, out)
		go l.copy(out, in)
	}
}

func (l *line) copy(to, from net.Conn) {
	defer l.done.Done()
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if l.through != nil {
			l.through(n)
		}
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// cutEvery cuts the line whenever n more bytes have passed, wherever that is.
func (l *line) cutEvery(n int64) {
	var passed atomic.Int64
	l.through = func(k int) {
		if now := passed.Add(int64(k)); (now-int64(k))/n < now/n {
			l.cut()
		}
	}
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts
}

// cut closes every connection; new ones are taken.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
	l.cuts++
}

func refused(t *testing.T, err error, text string) {
	t.Helper()
	if !errors.Is(err, transport.ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	} else if !contains(err, text) {
		t.Errorf("got %q, want it to say %q", err, text)
	}
}
