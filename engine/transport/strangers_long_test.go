//go:build long

package transport_test

import (
	"crypto/tls"
	"io"
	"net"
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
