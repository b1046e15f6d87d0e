package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A gate is a way to the hub that can be cut or held: a plain forwarder, or an
// HTTP proxy that tunnels to the names it knows.
type gate struct {
	net.Listener
	to             string            // forwards to this address; or
	known          map[string]string // tunnels to these
	user, password string            // "": for everybody

	mu      sync.Mutex
	changed sync.Cond
	shut    bool // takes no connection
	held    bool // passes nothing on
	closed  bool
	conns   map[net.Conn]bool
	passed  int // connections
	work    sync.WaitGroup
}

func newGate(t *testing.T, g *gate) *gate {
	t.Helper()
	var err error
	if g.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	g.changed.L, g.conns = &g.mu, map[net.Conn]bool{}
	g.work.Go(func() {
		for {
			c, err := g.Accept()
			if err != nil {
				return
			}
			g.work.Go(func() { g.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = g.Close()
		g.set(func() { g.closed = true })
		g.cut(true)
		g.work.Wait()
	})
	return g
}

func (g *gate) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	g.changed.Broadcast()
}

// cut ends all connections; shut: and takes no others.
func (g *gate) cut(shut bool) {
	g.set(func() {
		g.shut = shut
		for c := range g.conns {
			_ = c.Close()
		}
	})
}

// count is how many connections were made.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passed
}

func (g *gate) serve(in net.Conn) {
	defer in.Close()
	to, greeting := g.to, ""
	if g.known != nil {
		r, err := http.ReadRequest(bufio.NewReader(in))
		if err != nil || r.Method != http.MethodConnect {
			return
		}
		r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
		user, password, _ := r.BasicAuth()
		if user != g.user || password != g.password {
			_, _ = io.WriteString(in, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
			return
		}
		to, greeting = g.known[r.Host], "HTTP/1.1 200 Connection established\r\n\r\n"
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	refused := false
	g.set(func() {
		if refused = g.shut; !refused {
			g.conns[in], g.conns[out] = true, true
			g.passed++
		}
	})
	if refused {
		return
	}
	_, _ = io.WriteString(in, greeting)
	g.work.Go(func() { g.copy(out, in) })
	g.copy(in, out)
}

func (g *gate) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		g.mu.Lock()
		for g.held && !g.closed {
			g.changed.Wait()
		}
		g.mu.Unlock()
		if _, failed := to.Write(b[:n]); err != nil || failed != nil {
			break
		}
	}
	g.set(func() { delete(g.conns, to); delete(g.conns, from) })
}
