package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// reach goes the way to the hub step by step: name, port, then TLS and the
// hub's own door, and compares clocks.
func (d *doctor) reach(self party.ID, to connection) {
	const what = "hub"
	dialer, err := d.config.dialer(self, to)
	if err != nil {
		d.wrong(what, err, "correct "+map[bool]string{true: "cluster", false: "hub"}[self == party.Hub]+" in the configuration")
		return
	}
	ctx, cancel := context.WithTimeout(d.c.Context(), d.timeout)
	defer cancel()
	open := false
	for _, next := range d.firstHops(dialer) {
		open = d.hop(ctx, next) || open
	}
	if !open {
		return
	}
	began := time.Now()
	conn, err := dialer.Dial(ctx)
	switch {
	case errors.Is(err, transport.ErrRefused):
		d.wrong(what, err, "compare certificate and ca with those of whoever runs the hub, and the roster with theirs: the hub's log has the other half of this")
		return
	case err != nil && dialer.Proxy != nil:
		d.wrong(what, fmt.Errorf("not reached within %s: %w", d.timeout, err), "have the proxy allow CONNECT to "+strings.Join(to.URLs, " or ")+", without opening TLS")
		return
	case err != nil:
		d.wrong(what, fmt.Errorf("its port answers, and yet no connection within %s: %w", d.timeout, err),
			"check that hub.urls has the hub's port and its kind (tls:// or wss://), and that nothing between opens TLS")
		return
	}
	defer conn.Close(ctx)
	d.ok(what, "reached as %s in %.1f s", self, time.Since(began).Seconds())
	if skew := conn.Skew(); skew.Abs() > time.Minute {
		d.warn("clock", fmt.Sprintf("the hub's is %s ahead of this machine's", skew.Round(time.Second)), "set this machine's clock, or ask whoever runs the hub to set theirs: approvals expire by it")
	} else {
		d.ok("clock", "within %s of the hub's", max(skew.Abs().Round(time.Millisecond), time.Millisecond))
	}
}

// hop is the first machine on the way to the hub: the hub itself, or a proxy.
type hop struct{ host, port, key, of string }

func (d *doctor) firstHops(to transport.Dialer) (all []hop) {
	if to.Proxy != nil {
		return []hop{{to.Proxy.Hostname(), to.Proxy.Port(), "hub.proxy", "the proxy"}}
	}
	for _, s := range to.URLs {
		if u, err := url.Parse(s); err == nil {
			all = append(all, hop{u.Hostname(), u.Port(), "hub.urls", "the hub"})
		}
	}
	return all
}

// hop says whether a machine has a name and answers at a port.
func (d *doctor) hop(ctx context.Context, h hop) bool {
	if net.ParseIP(h.host) == nil {
		addresses, err := net.DefaultResolver.LookupHost(ctx, h.host)
		if err != nil {
			fix := "check " + h.key + " and this machine's name server"
			if h.key == "hub.urls" {
				fix += "; where names outside are known to a proxy alone, set hub.proxy"
			}
			d.wrong("name", fmt.Errorf("%s has no address here: %w", h.host, err), fix)
			return false
		}
		d.ok("name", "%s is %s", h.host, strings.Join(addresses, ", "))
	}
	address := net.JoinHostPort(h.host, h.port)
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	timeout := net.Error(nil)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		d.wrong("port", fmt.Errorf("%s at %s: its machine answers, and nothing listens there: %w", h.of, address, err), "ask whether "+h.of+" is running, and whether the port in "+h.key+" is right")
		return false
	case errors.As(err, &timeout) && timeout.Timeout():
		d.wrong("port", fmt.Errorf("%s at %s: no answer within %s", h.of, address, d.timeout), "have the firewall allow outbound connections to "+address+"; where a proxy is needed, set hub.proxy")
		return false
	case err != nil:
		d.wrong("port", fmt.Errorf("%s at %s: %w", h.of, address, err), "check the network of this machine, and "+h.key)
		return false
	}
	_ = c.Close()
	d.ok("port", "%s answers at %s", h.of, address)
	return true
}

// listening says whether the hub's ports are its own to take.
func (d *doctor) listening() {
	for _, address := range []string{d.config.Listen.TLS, d.config.Listen.WSS} {
		if address == "" {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			d.warn("port", err.Error(), "that is as it should be while the hub runs; otherwise another process has the port, or it is below 1024 and needs CAP_NET_BIND_SERVICE")
			continue
		}
		_ = l.Close()
		d.ok("port", "%s is free for the hub", address)
	}
}
