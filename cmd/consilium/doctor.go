package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

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
and how long they last, the way to the hub step by step (name, port or proxy, TLS,
the hub's permission), the clock against the hub's, the state directory, room and
speed of its disk, the chains in it; for a gateway also its policy, and that the
hospital's records conform to the dictionaries of studies (--study, and those the
running gateway was asked for). What it says about records is for this hospital
alone. It changes nothing; to time the disk it writes a small file and removes it.

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
	d.ok("configuration", "%s, of role %s", c.path, c.Role)
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
		d.records(pins, studies)
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
