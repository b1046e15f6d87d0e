package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// files looks at modes: keys are refused when others can read them, the rest is not.
func (d *doctor) files() {
	c := d.config
	if info, err := os.Stat(c.path); err == nil && writable(info) {
		d.warn("configuration", fmt.Sprintf("%s can be changed by others (mode %04o)", c.path, info.Mode().Perm()), "chmod go-w "+c.path)
	}
	if path := c.at(c.Roster); path != "" {
		if info, err := os.Stat(path); err == nil && writable(info) {
			d.warn("roster", fmt.Sprintf("%s can be changed by others (mode %04o), and says whom this party believes", path, info.Mode().Perm()), "chmod go-w "+path)
		}
	}
	if c.Passphrase != "" {
		if info, err := os.Stat(c.at(c.Passphrase)); err == nil && info.Mode().Perm()&0o077 != 0 {
			d.warn("passphrase", fmt.Sprintf("%s can be read by others (mode %04o)", c.at(c.Passphrase), info.Mode().Perm()), "chmod 600 "+c.at(c.Passphrase))
		}
	}
}

// writable reports whether others than a file's owner may change it. A group is
// others, too: a roster is as good as whoever writes it.
func writable(info os.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0
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
	d.ok("roster", "hospitals: %d, analysts: %d; fingerprint of the whole %s", p.roster.Len(), len(p.analysts), p.fingerprint())
	if c.Role == roleHub {
		return p
	}
	id, err := c.identity(askPassphrase(d.c, "passphrase of "+c.Key))
	if err != nil {
		fix := "name the file that consilium keys new made on this machine, and how to get its passphrase"
		if info, e := os.Stat(c.at(c.Key)); e == nil && info.Mode().Perm()&0o077 != 0 {
			fix = "chmod 600 " + c.at(c.Key) + "; if others may have read it, make a new one"
		}
		d.wrong("key", err, fix)
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
	if certificate == "" || key == "" {
		d.wrong(what, errors.New("certificate or certificate_key is missing: without them nobody knows who connects"), "have one issued (consilium certificates issue "+string(self)+"), and name both files")
		return
	}
	cert, err := transport.LoadCertificate(d.config.at(certificate), d.config.at(key))
	if err != nil {
		fix := "put the two files that were issued together in place"
		switch info, e := os.Stat(d.config.at(key)); {
		case errors.Is(err, fs.ErrNotExist):
			fix = "have one issued: consilium certificates issue " + string(self)
		case e == nil && info.Mode().Perm()&0o077 != 0:
			fix = "chmod 600 " + d.config.at(key)
		}
		d.wrong(what, err, fix)
		return
	}
	leaf := cert.Leaf
	if ca != "" {
		pool, err := transport.LoadPool(d.config.at(ca))
		if err != nil {
			d.wrong("authority", err, "get the authority's certificate from whoever runs the hub")
			return
		}
		d.authority(d.config.at(ca))
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
	issued := fmt.Sprintf("%s, issued by %s", leaf.Subject.CommonName, leaf.Issuer.CommonName)
	if self == party.Hub {
		hosts := slices.Clone(leaf.DNSNames)
		for _, ip := range leaf.IPAddresses {
			hosts = append(hosts, ip.String())
		}
		issued += ", for " + strings.Join(hosts, ", ")
	}
	left := leaf.NotAfter.Sub(d.now)
	switch {
	case d.now.Before(leaf.NotBefore):
		d.wrong(what, fmt.Errorf("it is valid from %s on, this machine's clock says %s", moment(leaf.NotBefore), moment(d.now)), "set the clock")
	case left < 0:
		d.wrong(what, fmt.Errorf("it ended on %s, this machine's clock says %s", moment(leaf.NotAfter), moment(d.now)), "have it renewed, or set the clock")
	case left < soon:
		d.warn(what, fmt.Sprintf("%s: it ends in %d days", issued, int(left.Hours()/24)), "have it renewed")
	default:
		d.ok(what, "%s, valid until %s", issued, leaf.NotAfter.UTC().Format(time.DateOnly))
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

// authority says how long those who vouch for certificates do.
func (d *doctor) authority(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return // LoadPool has read it
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		if left := c.NotAfter.Sub(d.now); left < 0 {
			d.warn("authority", fmt.Sprintf("%s in %s ended on %s", c.Subject.CommonName, path, moment(c.NotAfter)), "have a new one made, or take it out of the file if another one follows it; or set the clock")
		} else if left < soon {
			d.warn("authority", fmt.Sprintf("%s in %s ends in %d days", c.Subject.CommonName, path, int(left.Hours()/24)), "have a new one made; every party trusts both until all certificates are of the new one")
		}
	}
}

// policy holds what the hospital decides beforehand against what there is: a
// name that means nothing approves nothing, and forbids nothing either.
func (d *doctor) policy(p *pins, known []*study.Spec) {
	const what = "policy"
	c := d.config.Policy
	before := len(d.all)
	for _, plan := range c.Approve.Plans {
		if new(store.Digest).UnmarshalText([]byte(plan)) != nil {
			d.wrong(what, fmt.Errorf("approve.plans has %q, which is no digest", plan), "write it as consilium show prints it: sha256: and 64 hexadecimal digits")
		}
	}
	var kinds []string
	for _, k := range stat.Catalog() {
		kinds = append(kinds, k.Name)
	}
	for _, k := range c.Approve.Kinds {
		if !slices.Contains(kinds, k) {
			d.wrong(what, fmt.Errorf("approve.kinds has %q, which is no kind of analysis", k), table.Hint(k, kinds))
		}
	}
	for _, id := range c.Approve.Analysts {
		if _, ok := p.analysts[id]; !ok {
			d.warn(what, fmt.Sprintf("approve.analysts has %q, whom the roster does not have", id), "correct the name, or get the roster that has them")
		}
	}
	for _, column := range c.Forbid {
		if len(known) > 0 && !slices.ContainsFunc(known, func(s *study.Spec) bool { return slices.Contains(s.Schema.Names(), column) }) {
			d.warn(what, fmt.Sprintf("forbid_columns has %q, which no study here knows", column), "name variables as studies do, not as this hospital's file does")
		}
	}
	if len(d.all) > before {
		return
	}
	switch {
	case len(c.Approve.Kinds) > 0:
		from := "any analyst of the roster"
		if len(c.Approve.Analysts) > 0 {
			from = joinIDs(c.Approve.Analysts)
		}
		d.ok(what, "approves without asking: studies of %s alone, by %s", strings.Join(c.Approve.Kinds, ", "), from)
	case len(c.Approve.Plans) > 0:
		d.ok(what, "approves without asking: %d plans, by digest", len(c.Approve.Plans))
	default:
		d.ok(what, "asks the steward about every study")
	}
}

func joinIDs(ids []party.ID) string {
	var all []string
	for _, id := range ids {
		all = append(all, string(id))
	}
	return strings.Join(all, ", ")
}
