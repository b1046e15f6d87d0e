package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
)

func newGatewayCommand() *cobra.Command {
	var f serviceFlags
	c := &cobra.Command{
		Use:   "gateway",
		Short: "Serve as a hospital's gateway: ask the steward, compute on its own records",
		Long: `Gateway connects out to the hub, takes studies that analysts of the roster have
signed, has the steward or the policy of its configuration decide, and computes
those that were approved on this hospital's own records. It never listens on a
network. The steward's commands (studies, show, approve, refuse, watch) reach it
through a socket in its state directory that its own user alone can open.

What it remembers is on the disk before it is sent: after a crash it goes on
where it was. On SIGTERM it takes part in nothing new, lets studies under way end
for as long as drain allows, and stops with status 0; what is unfinished goes on
when it is started again. A second signal stops it at once.`,
		Example: "  consilium gateway --config gateway.yaml\n  consilium gateway --config gateway.yaml --metrics 127.0.0.1:9464",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runGateway(c, f) },
	}
	f.add(c)
	return c
}

func runGateway(c *cobra.Command, f serviceFlags) error {
	s, err := newService(c, f, roleGateway)
	if err != nil {
		return err
	}
	return failed(s.gateway(askPassphrase(c, "passphrase of "+s.config.Key)))
}

func (s *service) gateway(ask func() ([]byte, error)) (err error) {
	defer func() { err = s.close(err) }()
	c := s.config
	id, err := c.identity(ask)
	if err != nil {
		return err
	}
	if i := s.pins.roster.Index(c.Name); i < 0 || !s.pins.roster.At(i).Key.Equal(id.Public()) {
		return &status{exitUsage, fmt.Errorf("roster %s does not have hospital %q with the key in %s: nobody would believe it; consilium doctor --config %s shows both", c.at(c.Roster), c.Name, c.at(c.Key), c.path)}
	}
	d, err := c.dialer(c.Name, c.Hub)
	if err != nil {
		return err
	}
	for key, f := range c.files() {
		if _, err := os.Stat(c.at(f.CSV)); err != nil {
			s.log.Warn("the records cannot be read as it stands; studies will fail here", "key", "data"+key, "file", c.at(f.CSV), "why", reason(err))
		}
	}
	d.Log = s.log
	if err := s.openStore(); err != nil {
		return err
	}
	hub := &line{ctx: s.ctx, asked: s.asked, dial: d.Dial}
	s.counts.reached = hub.reached
	defer func() {
		if err := hub.close(); err != nil {
			s.log.Warn("the hub was left in a hurry", "why", err)
		}
	}()
	results := c.Results
	if results == "" {
		results = filepath.Join(c.State, "results")
	}
	if err := os.MkdirAll(c.at(results), 0o700); err != nil {
		return fmt.Errorf("results %s: %w", c.at(results), reason(err))
	}
	desk := newDesk(s.log)
	g, err := engine.NewGateway(engine.GatewayConfig{ID: c.Name, Identity: id, Roster: s.pins.roster, Analysts: s.pins.analysts, Stewards: s.pins.stewards,
		Network: hub.open, Store: s.store, Source: c.source(), Policy: c.house(), Results: c.at(results), Deadline: time.Duration(c.Deadline),
		Log: s.log, Metrics: s.counts, Progress: desk.progress})
	if err != nil {
		return err
	}
	desk.gateway, desk.store = g, s.store
	l, err := listenDesk(c)
	if err != nil {
		return err
	}
	stop := serveHTTP(l, desk.handler())
	defer stop()
	defer desk.end()
	fmt.Fprintf(s.out, "listening on %s\n", l.Addr())
	s.log.Info("the gateway serves", "hospital", c.Name, "hospitals", s.pins.roster.Len(), "version", engine.Version)
	return s.run(g)
}
