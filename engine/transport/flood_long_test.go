//go:build long

package transport_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// Strangers who connect and say nothing, or a byte now and then, are shown out, and meanwhile
// keep nobody out.
func TestStrangersAreShownOut(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	hub := w.open(w.hub(), 1, "a")
	var strangers []net.Conn
	for i := range 200 {
		to := w.config.TLS
		if i%2 == 1 {
			to = w.config.WSS
		}
		c, err := net.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte{22}) // the first byte of a handshake
		strangers = append(strangers, c)
	}
	a := w.open(w.dial(w.dialer("a")), 1)
	send(t, a, party.Hub, []byte("in between"))
	receive(t, hub)
	end := time.Now().Add(15 * time.Second)
	for _, c := range strangers {
		c.SetReadDeadline(end)
		if b, err := io.ReadAll(c); err != nil && time.Now().After(end) {
			t.Fatalf("a stranger is still there: %v, was told %q", err, b)
		} else if len(b) > 64 { // an alert, no banner
			t.Fatalf("a stranger was told %q", b)
		}
	}
}

// One party that floods the log and asks without end slows another down, within bounds.
func TestAFloodOfOnePartySlowsAnotherLittle(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.log = nil
	w.config.Log = nil
	w.start()
	c := w.hub()
	both := w.open(c, 1, "a", "b")
	a := w.open(w.dial(w.dialer("a")), 1)
	go func() {
		for {
			from, b, err := both.Receive(t.Context())
			if err != nil {
				return
			}
			if from == "a" {
				both.Send(t.Context(), "a", b)
			}
		}
	}()
	latency := func(name string) time.Duration {
		var all []time.Duration
		for i := range 300 {
			began := time.Now()
			send(t, a, party.Hub, fmt.Append(nil, name, i))
			receive(t, a)
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		t.Logf("%s: median %v, 99th of a hundred %v", name, all[150], all[297])
		return all[297]
	}
	quiet := latency("quiet")
	stop := make(chan struct{})
	done := make(chan struct{})
	b := w.open(w.dial(w.dialer("b")), 1)
	nc, _ := w.raw("b")
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			b.Send(t.Context(), party.Hub, fmt.Append(nil, "flood", i))
			for range 50 {
				nc.PublishRequest("consilium.read.b", "consilium.inbox.b.x", []byte(`{"seq":1}`))
			}
		}
	}()
	flooded := latency("flooded")
	close(stop)
	<-done
	if flooded > 4*quiet+20*time.Millisecond {
		t.Errorf("the 99th of a hundred round trips takes %v beside a flood, %v without", flooded, quiet)
	}
}

// A client may not fall back to an older TLS, and needs a certificate to get past the first bytes.
func TestOldTLSIsRefused(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	for _, to := range []string{w.config.TLS, w.config.WSS} {
		c, err := tls.Dial("tcp", to, &tls.Config{RootCAs: w.authority.Pool(), MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{w.certificate("a")}})
		if err == nil {
			c.Close()
			t.Errorf("%s speaks TLS 1.2", to)
		}
	}
}
