package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

func TestRefusalsSayWhy(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	w.hub()
	other, err := transport.NewAuthority("another authority", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.Issue("a", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issued := func(id party.ID, now time.Time) tls.Certificate {
		c, err := w.authority.Issue(id, now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	years := func(n int) time.Time { return time.Now().AddDate(n, 0, 0) }
	for _, scheme := range []string{"tls", "wss"} {
		for _, tc := range []struct {
			name   string
			change func(*transport.Dialer)
			err    string
		}{
			{"hub of an unknown authority", func(d *transport.Dialer) { d.CAs = other.Pool() }, "not from the authority this machine trusts"},
			{"certificate of an unknown authority", func(d *transport.Dialer) { d.Certificate = stranger }, "does not accept this party's certificate (CN=a, issued by CN=another authority)"},
			{"unknown party", func(d *transport.Dialer) { d.Self, d.Certificate = "c", w.certificate("c") }, `does not know the certificate of "c"`},
			{"another's certificate", func(d *transport.Dialer) { d.Certificate = w.certificate("b") }, `the certificate of "b" as party "a"'s`},
			{"the hub's name", func(d *transport.Dialer) { d.Self, d.Certificate = party.Hub, w.certificate(party.Hub) }, `party "hub"'s`},
			{"expired certificate", func(d *transport.Dialer) { d.Certificate = issued("a", years(-5)) }, "renew it"},
			{"certificate from the future", func(d *transport.Dialer) { d.Certificate = issued("a", years(5)) }, "renew it"},
			{"another address", func(d *transport.Dialer) {
				d.URLs[0] = strings.Replace(d.URLs[0], "127.0.0.1", "localhost", 1)
			}, "for another name"},
		} {
			t.Run(scheme+"/"+tc.name, func(t *testing.T) {
				d := w.dialer("a")
				if scheme == "wss" {
					d.URLs[0] = "wss://" + w.config.WSS
				}
				tc.change(&d)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				c, err := d.Dial(ctx)
				if err == nil {
					c.Close(ctx)
				}
				refused(t, err, tc.err)
			})
		}
	}
}

// A clock that is ten years off is the reason most certificates are refused for.
func TestAWrongClockIsNamed(t *testing.T) {
	w := newWorld(t, "a")
	at := func(years int) time.Time { return time.Now().AddDate(years, 0, 0) }
	authority, err := transport.NewAuthority("clock", at(5)) // until 15 years from now
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		hub, a int // years from now when their certificates were made
		want   string
	}{
		{"this clock is slow", 10, 10, "this machine's clock is wrong, at least 365"},
		{"this clock is fast", -9, -9, "its clock seems to be more than 255"},
		{"the hub's clock was fast", 10, 0, "or the hub's was as much fast"},
		{"the hub's certificate is old", -3, 0, "the hub's certificate is to be renewed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hub, err := authority.Issue(party.Hub, at(tc.hub), "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			d := w.dialer("a")
			if d.Certificate, err = authority.Issue("a", at(tc.a)); err != nil {
				t.Fatal(err)
			}
			w.config.Certificate, w.config.CAs, w.config.Dir = hub, authority.Pool(), t.TempDir()
			w.config.TLS, w.config.WSS = "127.0.0.1:0", ""
			w.start()
			defer w.server.Close()
			d.URLs, d.CAs = []string{"tls://" + w.config.TLS}, authority.Pool()
			_, err = d.Dial(t.Context())
			refused(t, err, tc.want)
		})
	}
}

func TestSkewIsMeasured(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	w.hub()
	if s := w.dial(w.dialer("a")).Skew(); s.Abs() > time.Second {
		t.Errorf("two clocks that are one differ by %v", s)
	}
}

// A hospital's network: the only way out is a proxy that tunnels to port 443 for those it knows.
func TestThroughAProxy(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	hub := w.open(w.hub(), 1, "a")
	// Only the proxy knows where the hub is.
	p := newProxy(t, "clerk", "secret", map[string]string{"hub.example:443": w.config.WSS, "hub.example:4222": w.config.TLS})
	for _, address := range []string{"wss://hub.example:443", "tls://hub.example:4222"} {
		d := w.dialer("a")
		d.URLs = []string{address}
		d.Proxy = &url.URL{Scheme: "http", Host: p.Addr().String(), User: url.UserPassword("clerk", "secret")}
		conn := w.dial(d)
		a := w.open(conn, 1)
		send(t, a, party.Hub, []byte(address))
		if _, b := receive(t, hub); string(b) != address {
			t.Errorf("got %q, want %q", b, address)
		}
		conn.Close(t.Context())
		d.Proxy.User = url.UserPassword("clerk", "wrong")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := d.Dial(ctx); err == nil || !contains(err, "407 Proxy Authentication Required") {
			t.Errorf("a wrong password: got %v", err)
		}
		cancel()
	}
	if n := p.tunnels.Load(); n != 2 {
		t.Errorf("%d tunnels were made, want 2", n)
	}
}

type proxy struct {
	net.Listener
	known   map[string]string
	tunnels atomic.Int32
}

func newProxy(t *testing.T, user, password string, known map[string]string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: listener, known: known}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(c, user, password)
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return p
}

func (p *proxy) serve(c net.Conn, user, password string) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	if u, w, ok := r.BasicAuth(); !ok || u != user || w != password {
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	to, err := net.Dial("tcp", p.known[r.Host])
	if err != nil {
		io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	p.tunnels.Add(1)
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		io.Copy(to, c)
		to.Close()
	}()
	io.Copy(c, to)
}
