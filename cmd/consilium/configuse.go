package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

func (c *config) files() map[string]file {
	all := map[string]file{}
	if c.Data.CSV != "" {
		all[""] = c.Data.file
	}
	for name, f := range c.Data.Studies {
		all[".studies."+name] = f
	}
	return all
}

func (f file) source() table.Source {
	return table.Source{CSV: f.CSV, Encoding: f.Encoding, Separator: f.Separator, Columns: f.Columns}
}

// source is where the gateway reads.
func (c *config) source() engine.CSV {
	s := engine.CSV{Dir: filepath.Dir(c.path), File: c.Data.source(), Studies: map[string]table.Source{}, Cohort: c.Data.Cohort}
	for name, f := range c.Data.Studies {
		s.Studies[name] = f.source()
	}
	return s
}

// house is the policy as the gateway wants it.
func (c *config) house() engine.Policy {
	p := c.Policy
	return engine.Policy{ApprovePlans: p.Approve.Plans, ApproveKinds: p.Approve.Kinds, ApproveFrom: p.Approve.Analysts,
		Scope: engine.Scope{Runs: p.Approve.Runs}, ForbidColumns: p.Forbid, ForbidOwn: p.Own, MinCell: p.MinCell, MinSites: p.MinSites, Studies: p.Studies, ApprovalsLast: time.Duration(p.Lasts)}
}

// identity reads the secret key; ask may be nil.
func (c *config) identity(ask func() ([]byte, error)) (*party.Identity, error) {
	if c.Passphrase != "" {
		ask = func() ([]byte, error) { return readPassphrase(c.at(c.Passphrase)) }
	}
	id, err := store.ReadIdentity(c.at(c.Key), ask)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("configuration %s: key %s: no such file; consilium keys new makes it, on this machine", c.path, c.at(c.Key))
	}
	if err != nil {
		return nil, &status{exitUsage, err}
	}
	return id, nil
}

// dialer is how this party reaches the hub.
func (c *config) dialer(self party.ID, to connection) (transport.Dialer, error) {
	d := transport.Dialer{Self: self, URLs: to.URLs}
	var err error
	wrong := func(what string, err error) (transport.Dialer, error) {
		key := "hub"
		if c.Role == roleHub {
			key = "cluster"
		}
		return d, &status{exitUsage, fmt.Errorf("configuration %s: %s.%s: %w", c.path, key, what, err)}
	}
	if to.Certificate == "" || to.Key == "" {
		return wrong("certificate and certificate_key", errors.New("missing: without them the hub cannot tell who connects; consilium certificates issue makes them"))
	}
	if d.Certificate, err = transport.LoadCertificate(c.at(to.Certificate), c.at(to.Key)); err != nil {
		return wrong("certificate and certificate_key", err)
	}
	if to.CA != "" {
		if d.CAs, err = transport.LoadPool(c.at(to.CA)); err != nil {
			return wrong("ca", fmt.Errorf("%w; whoever runs the hub has the authority's certificate", err))
		}
	}
	if to.Proxy != "" {
		if d.Proxy, err = url.Parse(to.Proxy); err != nil || d.Proxy.Scheme != "http" || d.Proxy.Port() == "" {
			return wrong("proxy", errors.New("want http://[user:password@]host:port"))
		}
	}
	return d, nil
}
