package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

func newHubCommand() *cobra.Command {
	var f serviceFlags
	c := &cobra.Command{
		Use:   "hub",
		Short: "Serve as the hub: keep the log between parties, add noise to noise",
		Long: `Hub listens for gateways and analysts, keeps what they say to each other in a
log on its disk, asks hospitals about studies, and runs the adding role of the
protocols. It learns who takes part, the study files, sizes
and times; it never learns a total, nor anything of a patient.

It prints the addresses it listens on to standard output and its log to standard
error. On SIGTERM it begins nothing new, lets studies under way end for as long
as drain allows, and stops with status 0; whatever is unfinished goes on when it
is started again. A second signal stops it at once.`,
		Example: "  consilium hub --config hub.yaml\n  consilium hub --config hub.yaml --metrics 127.0.0.1:9464",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runHub(c, f) },
	}
	f.add(c)
	return c
}

func runHub(c *cobra.Command, f serviceFlags) error {
	s, err := newService(c, f, roleHub)
	if err != nil {
		return err
	}
	if err := s.hub(); err != nil {
		return &status{exitFailure, err}
	}
	return nil
}

func (s *service) hub() (err error) {
	defer func() { err = s.close(err) }()
	if err := s.openStore(); err != nil {
		return err
	}
	conn, end, err := s.hubLine()
	if err != nil {
		return err
	}
	defer end()
	s.counts.note(true)
	h, err := engine.NewHub(engine.HubConfig{Roster: s.pins.roster, Analysts: s.pins.analysts, Stewards: s.pins.stewards,
		Network: engine.Over(conn), Store: s.store, Deadline: time.Duration(s.config.Deadline), Wait: time.Duration(s.config.Wait),
		Attempts: s.config.Tries, Studies: s.config.Studies, Log: s.log, Metrics: s.counts})
	if err != nil {
		return err
	}
	s.log.Info("the hub serves", "hospitals", s.pins.roster.Len(), "analysts", len(s.pins.analysts), "version", engine.Version)
	return s.run(h)
}

// parties are all that may connect.
func (p *pins) parties() (all []party.ID) {
	for _, m := range p.roster.Members() {
		all = append(all, m.ID)
	}
	for id := range p.analysts {
		all = append(all, id)
	}
	return all
}

// hubLine is the hub's connection to its own log, or to a cluster.
func (s *service) hubLine() (*transport.Conn, func(), error) {
	c, keep := s.config, transport.Keep{Bytes: s.config.Keep.Party << 20}
	closing := func(conn *transport.Conn) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 2*time.Second)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			s.log.Warn("the log was left in a hurry", "why", err)
		}
	}
	if c.Cluster != nil {
		d, err := c.dialer(party.Hub, *c.Cluster)
		if err != nil {
			return nil, nil, err
		}
		d.Log = s.log
		conn, err := d.Dial(s.ctx)
		if err != nil {
			return nil, nil, err
		}
		keep.Replicas = c.Cluster.Replicas
		if err := conn.Admit(s.ctx, keep, s.pins.parties()...); err != nil {
			closing(conn)
			return nil, nil, err
		}
		return conn, func() { closing(conn) }, nil
	}
	server, err := s.listen()
	if err != nil {
		return nil, nil, err
	}
	conn, err := server.Hub(s.ctx, keep, 0)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return conn, func() { closing(conn); server.Close() }, nil
}

func (s *service) listen() (*transport.Server, error) {
	l := s.config.Listen
	certificate, err := transport.LoadCertificate(s.config.at(l.Certificate), s.config.at(l.Key))
	if err != nil {
		return nil, err
	}
	if l.CA == "" {
		return nil, errors.New("listen.ca is missing: the file of the private authority that vouches for gateways and analysts")
	}
	pool, err := transport.LoadPool(s.config.at(l.CA))
	if err != nil {
		return nil, err
	}
	var all []transport.Party
	for _, id := range s.pins.parties() {
		all = append(all, transport.Party{ID: id})
	}
	server, err := transport.Listen(transport.ServerConfig{TLS: l.TLS, WSS: l.WSS, Certificate: certificate, CAs: pool,
		Dir: filepath.Join(s.config.at(s.config.State), "log"), Parties: all, Disk: s.config.Keep.Disk << 20, Log: s.log})
	if err != nil {
		return nil, err
	}
	for scheme, address := range map[string]string{"tls": server.TLS(), "wss": server.WSS()} {
		if address != "" {
			fmt.Fprintf(s.out, "listening on %s://%s\n", scheme, address)
		}
	}
	return server, nil
}
