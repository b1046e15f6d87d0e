package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

func newDoctor() *cobra.Command {
	var config string
	var studies []string
	var offline, asJSON bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check a configuration, keys, certificates, clock, records and the way to the hub",
		Long: `Doctor checks what a gateway, an analyst or a hub needs, and says what to fix: the
configuration and its files, that the roster has this party's key, certificates
and how long they last, the clock against the hub's, the way to the hub, the
state directory, and, for a gateway, that the hospital's records conform to the
dictionaries of studies (--study, and those the running gateway was asked for).
What it says about records is for this hospital alone. It changes nothing.

Status 0: all is well, or there are warnings; 1: something is wrong; 4: only the
records do not conform.`,
		Example: "  consilium doctor --config gateway.yaml\n  consilium doctor --config gateway.yaml --study study.yaml --offline",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := readConfig(config, roleGateway, roleHub, roleAnalyst)
			if err != nil {
				return err
			}
			d := &doctor{c: c, config: cfg, timeout: timeout, now: time.Now()}
			d.examine(studies, offline)
			return d.report(asJSON)
		},
	}
	configFlag(c, &config)
	c.Flags().StringSliceVar(&studies, "study", nil, "check the records against this study file, too")
	c.Flags().BoolVar(&offline, "offline", false, "do not try to reach the hub")
	c.Flags().DurationVar(&timeout, "timeout", 15*time.Second, "for reaching the hub")
	jsonFlag(c, &asJSON, "print the findings as JSON")
	return c
}

// finding is one thing that was looked at.
type finding struct {
	What  string `json:"what"`
	State string `json:"state"` // ok, warning, wrong, or records: which do not conform
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// doctor examines one party.
type doctor struct {
	c       *cobra.Command
	config  *config
	timeout time.Duration
	now     time.Time
	all     []finding
}

func (d *doctor) ok(what, format string, args ...any) {
	d.all = append(d.all, finding{What: what, State: "ok", Found: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(what, found, fix string) {
	d.all = append(d.all, finding{what, "warning", found, fix})
}

func (d *doctor) wrong(what string, err error, fix string) {
	d.all = append(d.all, finding{what, "wrong", err.Error(), fix})
}

func (d *doctor) examine(studies []string, offline bool) {
	c := d.config
	d.ok("configuration", "%s: a %s", c.path, c.Role)
	d.files()
	pins := d.roster()
	switch to, isHub := c.Hub, c.Role == roleHub; {
	case isHub && c.Cluster == nil:
		d.certificate(c.Listen.Certificate, c.Listen.Key, c.Listen.CA, x509.ExtKeyUsageServerAuth, party.Hub)
		d.listening()
	default:
		self := c.Name
		if isHub {
			to, self = *c.Cluster, party.Hub
		}
		d.certificate(to.Certificate, to.Key, to.CA, x509.ExtKeyUsageClientAuth, self)
		if !offline {
			d.reach(self, to)
		}
	}
	if c.Role != roleAnalyst {
		d.state()
	}
	if c.Role == roleGateway && pins != nil {
		d.records(studies)
	}
}

// files looks at modes: keys are refused when others can read them, the rest is not.
func (d *doctor) files() {
	c := d.config
	if info, err := os.Stat(c.path); err == nil && info.Mode().Perm()&0o022 != 0 {
		d.warn("configuration", fmt.Sprintf("%s can be changed by others (mode %04o)", c.path, info.Mode().Perm()), "chmod 640 "+c.path)
	}
	if c.Passphrase != "" {
		if info, err := os.Stat(c.at(c.Passphrase)); err == nil && info.Mode().Perm()&0o077 != 0 {
			d.warn("passphrase", fmt.Sprintf("%s can be read by others (mode %04o)", c.at(c.Passphrase), info.Mode().Perm()), "chmod 600 "+c.at(c.Passphrase))
		}
	}
}

// roster holds the identity against the roster.
func (d *doctor) roster() *pins {
	c := d.config
	path := c.at(c.Roster)
	_, p, err := readRoster(path)
	if err != nil {
		d.wrong("roster", err, "get the roster from whoever keeps it, and compare its fingerprint over the telephone")
		return nil
	}
	d.ok("roster", "%d hospitals, %d analysts; fingerprint %s", p.roster.Len(), len(p.analysts), p.fingerprint())
	if c.Role == roleHub {
		return p
	}
	id, err := c.identity(askPassphrase(d.c, "passphrase of "+c.Key))
	if err != nil {
		d.wrong("key", err, "the file of the secret is made by: consilium keys new; its mode is 600")
		return p
	}
	var pinned party.PublicKey
	if i := p.roster.Index(c.Name); c.Role == roleGateway && i >= 0 {
		pinned = p.roster.At(i).Key
	} else if c.Role == roleAnalyst {
		pinned = p.analysts[c.Name]
	}
	switch mine := id.Public(); {
	case pinned.IsZero():
		d.wrong("key", fmt.Errorf("the roster has no %s %q", map[string]string{roleGateway: "hospital", roleAnalyst: "analyst"}[c.Role], c.Name),
			"check name in the configuration, or have the key added: consilium roster add")
	case !pinned.Equal(mine):
		d.wrong("key", fmt.Errorf("this key is %s, the roster has %s for %s", mine, pinned, c.Name), "use the key that the others know, or have the roster changed everywhere")
	default:
		d.ok("key", "fingerprint %s, as in the roster", mine)
	}
	return p
}

// soon is when a certificate is to be renewed.
const soon = 30 * 24 * time.Hour

// certificate checks that the authority vouches for it, that it names this party, and how long it lasts.
func (d *doctor) certificate(certificate, key, ca string, use x509.ExtKeyUsage, self party.ID) {
	const what = "certificate"
	cert, err := transport.LoadCertificate(d.config.at(certificate), d.config.at(key))
	if err != nil {
		d.wrong(what, err, "make one: consilium certificates issue "+string(self))
		return
	}
	leaf := cert.Leaf
	if ca != "" {
		pool, err := transport.LoadPool(d.config.at(ca))
		if err != nil {
			d.wrong(what, err, "get the authority's certificate from whoever runs the hub")
			return
		}
		between := x509.NewCertPool()
		for _, der := range cert.Certificate[1:] {
			if c, err := x509.ParseCertificate(der); err == nil {
				between.AddCert(c)
			}
		}
		at := d.now
		if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
			at = leaf.NotAfter // what the clock has to do with it is said below
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
			d.wrong(what, err, "the certificate and ca are of different authorities, or it is for another use: have it issued again")
			return
		}
	}
	if names := append([]string{leaf.Subject.CommonName}, leaf.DNSNames...); self != party.Hub && !contains(names, string(self)) {
		d.wrong(what, fmt.Errorf("it names %s, not %s", strings.Join(names, ", "), self), "the hub knows this party by that name: have it issued for "+string(self))
		return
	}
	left := leaf.NotAfter.Sub(d.now)
	switch {
	case d.now.Before(leaf.NotBefore):
		d.wrong(what, fmt.Errorf("it is valid from %s on, this machine's clock says %s", moment(leaf.NotBefore), moment(d.now)), "set the clock")
	case left < 0:
		d.wrong(what, fmt.Errorf("it ended on %s, this machine's clock says %s", moment(leaf.NotAfter), moment(d.now)), "have it renewed, or set the clock")
	case left < soon:
		d.warn(what, fmt.Sprintf("it ends in %d days", int(left.Hours()/24)), "have it renewed")
	default:
		d.ok(what, "%s, issued by %s, valid until %s", leaf.Subject.CommonName, leaf.Issuer.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if strings.EqualFold(a, s) {
			return true
		}
	}
	return false
}

// reach connects to the hub as the service would, and compares clocks.
func (d *doctor) reach(self party.ID, to connection) {
	const what = "hub"
	dialer, err := d.config.dialer(self, to)
	if err != nil {
		d.wrong(what, err, "")
		return
	}
	ctx, cancel := context.WithTimeout(d.c.Context(), d.timeout)
	defer cancel()
	began := time.Now()
	conn, err := dialer.Dial(ctx)
	switch {
	case errors.Is(err, transport.ErrRefused):
		d.wrong(what, err, "")
		return
	case err != nil:
		way := "an outbound connection to " + strings.Join(to.URLs, " or ")
		if to.Proxy == "" {
			way += "; where a proxy is needed, set hub.proxy"
		} else {
			way += " through the proxy"
		}
		d.wrong(what, fmt.Errorf("not reached within %s: %w", d.timeout, err), "the firewall has to allow "+way+"; or the hub is not running")
		return
	}
	defer conn.Close(ctx)
	d.ok(what, "reached as %s in %.1f s", self, time.Since(began).Seconds())
	if skew := conn.Skew(); skew.Abs() > time.Minute {
		d.warn("clock", fmt.Sprintf("the hub's is %s ahead of this machine's", skew), "set this machine's clock, or ask whoever runs the hub to set theirs: approvals expire by it")
	} else {
		d.ok("clock", "within %s of the hub's", max(skew.Abs(), time.Millisecond))
	}
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

// state verifies what is remembered.
func (d *doctor) state() {
	dir := filepath.Join(d.config.at(d.config.State), "store")
	r, err := store.Read(dir)
	if errors.Is(err, os.ErrNotExist) {
		d.ok("state", "%s: nothing yet; the first start makes it", dir)
		return
	}
	if err != nil {
		d.wrong("state", err, "run this command as the service's own user (sudo -u consilium ...)")
		return
	}
	defer r.Close()
	journal, audit, err := r.Verify()
	if err != nil {
		d.wrong("state", err, "keep the directory as it is, restore a backup into another one, and tell the other hospitals")
		return
	}
	d.ok("state", "journal of %d and audit log of %d records, unbroken", journal.Position, audit.Position)
}

// records reads the hospital's records as studies describe them.
func (d *doctor) records(files []string) {
	var all []*study.Spec
	for _, path := range files {
		s, _, err := readStudy(path)
		if err != nil {
			d.wrong("records", err, "")
			continue
		}
		all = append(all, s)
	}
	for _, a := range d.askedFor() {
		if s, err := study.Parse(a.Study+".yaml", []byte(a.File)); err == nil {
			all = append(all, s)
		}
	}
	for name, f := range d.config.files() {
		path := f.CSV
		if !filepath.IsAbs(path) {
			path = d.config.at(path)
		}
		if info, err := os.Stat(path); err != nil {
			d.wrong("records", fmt.Errorf("data%s: %s: %w", name, path, reason(err)), "check data in the configuration")
		} else if len(all) == 0 {
			d.ok("records", "%s is there (%d bytes); --study STUDY.yaml checks what is in it", path, info.Size())
		}
	}
	seen := map[string]bool{}
	for _, s := range all {
		if key := s.Name + string(s.Canonical()); !seen[key] {
			seen[key] = true
			d.conforms(s)
		}
	}
}

// askedFor are the studies a running gateway was asked for; none if it does not run.
func (d *doctor) askedFor() (all []asked) {
	s := newSteward(d.config)
	var list []asked
	if s.ask(d.c.Context(), "GET", "/studies", nil, &list) != nil {
		return nil
	}
	for _, a := range list {
		var one asked
		if s.ask(d.c.Context(), "GET", studyPath(a.Run, ""), nil, &one) == nil {
			all = append(all, one)
		}
	}
	return all
}

func (d *doctor) conforms(s *study.Spec) {
	what := "records for " + s.Name
	r, err := d.config.source().Records(d.c.Context(), s, d.config.Name)
	invalid := (*table.Invalid)(nil)
	switch {
	case errors.As(err, &invalid):
		d.all = append(d.all, finding{what, "records", strings.TrimSpace(err.Error()), "correct the export, or say in data how this file differs: encoding, separator, columns"})
	case err != nil:
		d.wrong(what, err, "check data in the configuration")
	default:
		d.ok(what, "%d records conform to its dictionary", r.Table.Rows())
	}
}

// report prints the findings and returns the status they deserve.
func (d *doctor) report(asJSON bool) error {
	w := d.c.OutOrStdout()
	count := map[string]int{}
	for _, f := range d.all {
		count[f.State]++
	}
	if asJSON {
		if err := writeJSON(w, d.all); err != nil {
			return err
		}
	} else {
		for _, f := range d.all {
			state := f.State
			if state == "records" {
				state = "wrong"
			}
			fmt.Fprintf(w, "%-8s %s: %s\n", state, f.What, f.Found)
			if f.Fix != "" {
				fmt.Fprintf(w, "         to do: %s\n", f.Fix)
			}
		}
	}
	switch {
	case d.c.Context().Err() != nil:
		return d.c.Context().Err()
	case count["wrong"] > 0:
		return &status{exitFailure, fmt.Errorf("%d of %d checks failed", count["wrong"]+count["records"], len(d.all))}
	case count["records"] > 0:
		return &status{exitConformance, errors.New("the records do not conform")}
	}
	return nil
}
