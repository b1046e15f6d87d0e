package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

func newCertificates() *cobra.Command {
	c := &cobra.Command{
		Use:   "certificates",
		Short: "Make a private authority and TLS certificates for hub, gateways and analysts",
		Long: `Certificates makes what connections need: a private authority, kept by whoever runs
the hub, and a certificate for the hub, each gateway and each analyst. Certificates
of a hospital's own authority serve as well: their common name or DNS name is the
party's name in the roster.

They say who may connect, no more: what parties say to each other is signed and
sealed with the keys of the roster, which are made by: consilium keys new`,
		RunE:    func(*cobra.Command, []string) error { return errors.New("no command; want one of authority, issue") },
		Args:    cobra.NoArgs,
		Example: "  consilium certificates authority ca\n  consilium certificates issue basel --authority ca --out basel",
	}
	c.AddCommand(newCertificatesAuthority(), newCertificatesIssue())
	return c
}

func newCertificatesAuthority() *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use:     "authority PREFIX",
		Short:   "Make an authority: PREFIX.crt for everybody, PREFIX.key for its keeper alone",
		Example: `  consilium certificates authority ca --name "Consortium on CGD"`,
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := transport.NewAuthority(name, time.Now())
			if err == nil {
				err = a.Write(filepath.Dir(args[0]), filepath.Base(args[0]))
			}
			if err != nil {
				return &status{exitFailure, err}
			}
			return said(c, asJSON, certificateFiles{name, args[0] + ".crt", args[0] + ".key", a.Certificate.NotAfter.UTC()},
				"%s.crt: for hub, gateways and analysts; valid until %s\n%s.key: whoever has it can connect as anybody",
				args[0], a.Certificate.NotAfter.UTC().Format(time.DateOnly), args[0])
		},
	}
	c.Flags().StringVar(&name, "name", "consilium", "the authority's name")
	jsonFlag(c, &asJSON, "print the files as JSON")
	return c
}

// certificateFiles are what authority and issue write.
type certificateFiles struct {
	Name        string    `json:"name"`
	Certificate string    `json:"certificate"`
	Key         string    `json:"certificate_key"`
	NotAfter    time.Time `json:"not_after"`
}

func newCertificatesIssue() *cobra.Command {
	var authority, out string
	var asJSON bool
	var hosts []string
	c := &cobra.Command{
		Use:   "issue NAME",
		Short: "Make a certificate for a party: NAME as in the roster, or hub",
		Long: `Issue makes a key and a certificate, valid for two years: PREFIX.crt and PREFIX.key.
The hub's needs the names or addresses under which others reach it (--host).`,
		Example: "  consilium certificates issue hub --authority ca --host hub.example.org --out hub\n  consilium certificates issue basel --authority ca --out basel",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			id := party.ID(args[0])
			switch isHub := id == party.Hub; {
			case isHub && len(hosts) == 0:
				return errors.New("the hub's certificate needs the names or addresses under which others reach it: --host hub.example.org")
			case !isHub && len(hosts) > 0:
				return fmt.Errorf("--host is for the hub alone: nobody connects to %s", id)
			}
			if out == "" {
				out = args[0]
			}
			if err := id.Check(); err != nil && id != party.Hub {
				return err
			}
			a, err := transport.LoadAuthority(filepath.Dir(authority), filepath.Base(authority))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("authority %s: %s.crt or %s.key is not here: whoever keeps it has them, consilium certificates authority makes a new one (--authority)", authority, authority, authority)
			}
			if err != nil {
				return &status{exitFailure, err}
			}
			certificate, err := a.Issue(id, time.Now(), hosts...)
			if err == nil {
				err = transport.WriteCertificate(filepath.Dir(out), filepath.Base(out), certificate)
			}
			if err != nil {
				return &status{exitFailure, err}
			}
			until := certificate.Leaf.NotAfter.UTC()
			return said(c, asJSON, certificateFiles{args[0], out + ".crt", out + ".key", until}, "%s.crt and %s.key: for %s until %s", out, out, id, until.Format(time.DateOnly))
		},
	}
	c.Flags().StringVar(&authority, "authority", "ca", "PREFIX of the authority's files")
	c.Flags().StringSliceVar(&hosts, "host", nil, "name or address of the hub; may be given several times")
	jsonFlag(c, &asJSON, "print the files as JSON")
	c.Flags().StringVarP(&out, "out", "o", "", "PREFIX of the files (default NAME)")
	return c
}
