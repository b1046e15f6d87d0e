package main

import (
	"crypto/x509"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/transport"
)

// A certificate is looked at with the clock of several days.
func TestDoctorReadsCertificatesByTheClock(t *testing.T) {
	const day = 24 * time.Hour
	dir, made := t.TempDir(), time.Now()
	authority, err := transport.NewAuthority("consortium", made)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Write(dir, "ca"); err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue("north", made)
	if err == nil {
		err = transport.WriteCertificate(dir, "north", certificate)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{0, "ok certificate north, issued by consortium, valid until "},
		{-10 * day, "wrong certificate it is valid from "},
		{710 * day, "warning certificate north, issued by consortium: it ends in "},
		{740 * day, "wrong certificate it ended on "},
		{3640 * day, "warning authority consortium in "},
		{3700 * day, "warning authority consortium in "},
	} {
		d := &doctor{c: new(cobra.Command), config: &config{path: filepath.Join(dir, "consilium.yaml")}, now: made.Add(c.after)}
		d.certificate("north.crt", "north.key", "ca.crt", x509.ExtKeyUsageClientAuth, "north")
		if !slices.ContainsFunc(d.all, func(f finding) bool {
			return strings.HasPrefix(f.State+" "+f.What+" "+f.Found, c.want) && (f.State == "ok") == (f.Fix == "")
		}) {
			t.Errorf("after %s: %+v, want one of %q with what to do", c.after, d.all, c.want)
		}
	}
}
