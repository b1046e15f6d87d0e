package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tcp opens connections for NATS: directly or through a proxy, then TLS 1.3 before any other
// byte. It remembers why the last one failed, which the client library does not tell.
type tcp struct {
	ctx    context.Context // of the whole Conn
	config *tls.Config
	proxy  *url.URL
	wait   time.Duration
	began  time.Time
	heard  atomic.Int64 // when something came last, after began

	mu   sync.Mutex
	last error
}

// SkipTLSHandshake tells the client library that connections come with TLS.
func (d *tcp) SkipTLSHandshake() bool { return true }

// Dial implements nats.CustomDialer.
func (d *tcp) Dial(_, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.wait)
	defer cancel()
	c, err := d.dial(ctx, address)
	d.note(err)
	if err != nil {
		return nil, err
	}
	d.hear()
	return &noted{Conn: newPump(c), tcp: d}, nil
}

func (d *tcp) dial(ctx context.Context, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("transport: address %q: want host:port", address)
	}
	first := address
	if d.proxy != nil {
		first = d.proxy.Host
	}
	var plain net.Dialer
	c, err := plain.DialContext(ctx, "tcp", first)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if d.proxy != nil {
		if c, err = connect(c, d.proxy, address); err != nil {
			return nil, err
		}
	}
	config := d.config.Clone()
	config.ServerName = host
	secure := tls.Client(c, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return secure, nil
}

// connect asks an HTTP proxy for a tunnel to address (RFC 9110, section 9.3.6).
func connect(c net.Conn, proxy *url.URL, address string) (net.Conn, error) {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		r.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := r.Write(c); err != nil {
		c.Close()
		return nil, fmt.Errorf("transport: proxy %s: %w", proxy.Host, err)
	}
	// The server speaks only after the client in TLS, so nothing behind the answer can be lost in this buffer.
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 4096), r)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("transport: proxy %s: %w", proxy.Host, err)
	}
	if answer.StatusCode != http.StatusOK {
		c.Close()
		return nil, fmt.Errorf("transport: proxy %s does not connect to %s: %s", proxy.Host, address, answer.Status)
	}
	return c, nil
}

func (d *tcp) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() == nil { // a dial that was called off says nothing
		d.last = err
	}
}

func (d *tcp) why() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// hear notes that something has come.
func (d *tcp) hear() { d.heard.Store(int64(time.Since(d.began))) }

// silent is how long nothing has come.
func (d *tcp) silent() time.Duration { return time.Since(d.began) - time.Duration(d.heard.Load()) }

// noted tells of what comes, and of a failed read: in TLS 1.3 a server refuses a client's certificate only then.
type noted struct {
	net.Conn
	tcp *tcp
}

func (n *noted) Read(b []byte) (int, error) {
	k, err := n.Conn.Read(b)
	if k > 0 {
		n.tcp.hear()
	}
	if err != nil && strings.Contains(err.Error(), "remote error: tls:") {
		n.tcp.note(err)
	}
	return k, err
}

// explain says what a failed connection means for whoever runs the machine, and whether it is
// worth trying again. own is this party's certificate.
func explain(err error, own *x509.Certificate, now time.Time) (explained error, lasting bool) {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case err == nil:
		return nil, false
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: the hub's certificate is not from the authority this machine trusts (%v): check the file of authorities; if a proxy opens TLS, it must not", ErrRefused, err), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: the hub's certificate is valid from %s to %s, this machine's clock says %s: %s", ErrRefused,
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), day(now), whichClock(own, invalid.Cert, now)), true
	case errors.As(err, &host):
		return fmt.Errorf("%w: the hub's certificate is for another name: %v", ErrRefused, err), true
	case errors.As(err, &invalid):
		return fmt.Errorf("%w: the hub's certificate: %v", ErrRefused, err), true
	}
	_, alert, remote := strings.Cut(err.Error(), "remote error: tls: ")
	switch {
	case !remote:
		return err, false
	case strings.HasPrefix(alert, "expired certificate"):
		text := "renew it"
		if now.After(own.NotBefore) && now.Before(own.NotAfter) {
			text = fmt.Sprintf("this machine's clock says %s, so the hub's seems to be before %s or after %s", day(now), day(own.NotBefore), day(own.NotAfter))
		}
		return fmt.Errorf("%w: the hub takes this party's certificate for expired; it is valid from %s to %s: %s", ErrRefused, day(own.NotBefore), day(own.NotAfter), text), true
	case strings.Contains(alert, "certificate"):
		return fmt.Errorf("%w: the hub does not accept this party's certificate (%s, issued by %s): %s", ErrRefused, own.Subject, own.Issuer, alert), true
	}
	return err, false
}

// whichClock guesses whose clock is wrong from certificates: nobody holds one that was issued after now.
func whichClock(own, peer *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(own.NotBefore):
		return fmt.Sprintf("this machine's clock is wrong, at least %s slow: its own certificate was issued after that", days(own.NotBefore.Sub(now)))
	case now.Before(peer.NotBefore):
		return fmt.Sprintf("this machine's clock seems to be at least %s slow, or the hub's was as much fast when its certificate was made", days(peer.NotBefore.Sub(now)))
	case now.After(own.NotAfter):
		return fmt.Sprintf("this machine's own certificate has expired too: its clock seems to be more than %s fast, or both are to be renewed", days(now.Sub(own.NotAfter)))
	}
	return "the hub's certificate is to be renewed, or this machine's clock is fast"
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
