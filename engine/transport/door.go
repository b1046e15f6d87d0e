package transport

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/consilium-health/consilium/protocols/party"
)

// Permissions returns what a party other than the hub may publish and subscribe to. On a cluster
// that is not ours its users must be given exactly these.
func Permissions(id party.ID) (publish, subscribe []string) {
	p := string(id)
	return []string{root + "up." + p + ".>", root + "log." + p, root + "read." + p},
		[]string{root + "push.down." + p + ".>", root + "inbox." + p + ".>"}
}

// connsOfParty is how many connections one party may have: one, and what is left of lines that were cut.
const connsOfParty = 8

// A door lets parties in by their certificates.
type door struct {
	secret string
	ns     *server.Server

	mu    sync.Mutex
	names map[string]party.ID // by the name in the certificate
	conns map[party.ID][]caller

	quotas map[party.ID]*quota
}

// A caller is one connection, and the name in its certificate.
type caller struct {
	conn uint64
	name string
}

func newDoor(parties []Party, secret string) (*door, error) {
	d := &door{secret: secret, conns: map[party.ID][]caller{}, quotas: map[party.ID]*quota{}}
	return d, d.set(parties)
}

func (d *door) set(parties []Party) error {
	names := make(map[string]party.ID, len(parties))
	for _, p := range parties {
		if err := p.ID.Check(); err != nil {
			return err
		}
		if p.ID == party.Hub {
			return errors.New("transport: the hub connects from within, it is none of the parties")
		}
		if p.Name == "" {
			p.Name = string(p.ID)
		}
		if other, twice := names[p.Name]; twice {
			return fmt.Errorf("transport: the name %q is %s's and %s's: a certificate is one party's", p.Name, other, p.ID)
		}
		names[p.Name] = p.ID
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = names
	for id, conns := range d.conns {
		if slices.ContainsFunc(conns, func(c caller) bool { return names[c.name] != id }) {
			d.cut(id)
		}
	}
	return nil
}

func (d *door) parties() []party.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []party.ID
	for _, id := range d.names {
		all = append(all, id)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Check implements server.Authentication.
func (d *door) Check(c server.ClientAuthentication) bool {
	if c.Kind() != server.CLIENT {
		return false
	}
	tls, said := c.GetTLSConnectionState(), c.GetOpts()
	if tls == nil { // from within this process
		if subtle.ConstantTimeCompare([]byte(said.Password), []byte(d.secret)) != 1 {
			return false
		}
		c.RegisterUser(&server.User{Username: string(party.Hub)})
		return true
	}
	if len(tls.VerifiedChains) == 0 {
		return false
	}
	cert := tls.PeerCertificates[0]
	d.mu.Lock()
	defer d.mu.Unlock()
	name := cert.Subject.CommonName
	id, ok := d.names[name]
	for i := 0; !ok && i < len(cert.DNSNames); i++ {
		name = cert.DNSNames[i]
		id, ok = d.names[name]
	}
	if !ok || said.Username != string(id) || !d.may(id) {
		return false
	}
	publish, subscribe := Permissions(id)
	c.RegisterUser(&server.User{Username: string(id), Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe},
	}})
	d.admit(id, caller{c.GetID(), name})
	return true
}

// admit counts a party's connections and cuts the oldest when they are too many.
func (d *door) admit(id party.ID, now caller) {
	conns := slices.DeleteFunc(d.conns[id], func(c caller) bool { return d.ns.GetClient(c.conn) == nil })
	if len(conns) >= connsOfParty {
		d.ns.DisconnectClientByID(conns[0].conn)
		conns = conns[1:]
	}
	d.conns[id] = append(conns, now)
}

// handshakeFirst is what the server warns of whenever it is to speak TLS from the first byte.
const handshakeFirst = `Clients that are not using "TLS Handshake First" option will fail to connect`

// serverLog passes the server's words on. Its debugging words, which quote what is sent, are off.
type serverLog struct {
	log    *slog.Logger
	failed func(error) // may be nil

	mu     sync.Mutex
	err    error
	broken bool
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf("nats: "+format, v...)) }
func (l *serverLog) Warnf(format string, v ...any) {
	if format == handshakeFirst {
		return // every client of this server does
	}
	l.log.Warn(fmt.Sprintf("nats: "+format, v...))
}
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}

// Errorf is mostly called for strangers at the door. But a stream that could not be
// written once takes nothing more, also when there is room again: that this has
// happened the server says here alone.
func (l *serverLog) Errorf(format string, v ...any) {
	l.Warnf(format, v...)
	if l.failed == nil || !strings.Contains(strings.ToLower(format), "critical write error") {
		return
	}
	l.mu.Lock()
	again := l.broken
	l.broken = true
	l.mu.Unlock()
	if !again {
		l.failed(fmt.Errorf("transport: the log cannot be written: "+format, v...))
	}
}

// Fatalf is called where the server cannot start or go on. It must not end the process.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.log.Error(fmt.Sprintf("nats: "+format, v...))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf(format, v...)
	}
}

func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
