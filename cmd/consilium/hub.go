package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
is started again. A second signal stops it at once. On SIGHUP it reads the roster
again: who is new can connect, and who is no longer in it is cut off.`,
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
	return failed(s.hub())
}

func (s *service) hub() (err error) {
	defer func() { err = s.close(err) }()
	if err := s.openStore(); err != nil {
		return err
	}
	line, err := s.hubLine()
	if err != nil {
		return err
	}
	defer line.end()
	s.counts.reached = line.conn.Reached
	h := &renewable{make: func(p *pins) (*engine.Hub, error) {
		return engine.NewHub(engine.HubConfig{Roster: p.roster, Analysts: p.analysts, Stewards: p.stewards,
			Network: engine.Over(line.conn), Store: s.store, Retention: line.conn,
			Notices: time.Duration(s.config.Keep.Notices), Closed: time.Duration(s.config.Keep.Closed),
			Deadline: time.Duration(s.config.Deadline), Wait: time.Duration(s.config.Wait), GiveUp: time.Duration(s.config.GiveUp),
			Attempts: s.config.Tries, Studies: s.config.Studies, Log: s.log, Metrics: s.counts})
	}}
	if h.hub, err = h.make(s.pins); err != nil {
		return err
	}
	defer s.reloads(line, h)()
	line.says(s.out)
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

// callers are the same for the log's door.
func (p *pins) callers() (all []transport.Party) {
	for _, id := range p.parties() {
		all = append(all, transport.Party{ID: id})
	}
	return all
}

// hubLine is the hub's connection to its own log, or to a cluster.
type hubLine struct {
	conn   *transport.Conn
	server *transport.Server // nil: a cluster
	keep   transport.Keep
	end    func()
}

func (s *service) hubLine() (*hubLine, error) {
	c := s.config
	l := &hubLine{keep: transport.Keep{Bytes: c.Keep.Party << 20}, end: func() {}}
	var err error
	if c.Cluster != nil {
		d, err := c.dialer(party.Hub, *c.Cluster)
		if err != nil {
			return nil, err
		}
		d.Log = s.log
		if l.conn, err = d.Dial(s.ctx); err != nil {
			return nil, err
		}
		l.keep.Replicas = c.Cluster.Replicas
	} else {
		if l.server, err = s.listen(); err != nil {
			return nil, err
		}
		l.end = l.server.Close
		if l.conn, err = l.server.Hub(s.ctx, l.keep, 0); err != nil {
			l.end()
			return nil, err
		}
	}
	before := l.end
	l.end = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 2*time.Second)
		defer cancel()
		if err := l.conn.Close(ctx); err != nil {
			s.log.Warn("the log was left in a hurry", "why", err)
		}
		before()
	}
	if l.server == nil {
		if err := l.conn.Admit(s.ctx, l.keep, s.pins.parties()...); err != nil {
			l.end()
			return nil, err
		}
	}
	return l, nil
}

// says names the addresses that the hub listens on.
func (l *hubLine) says(out io.Writer) {
	if l.server == nil {
		return
	}
	for _, at := range [][2]string{{"tls", l.server.TLS()}, {"wss", l.server.WSS()}} {
		if at[1] != "" {
			fmt.Fprintf(out, "listening on %s://%s\n", at[0], at[1])
		}
	}
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
	return transport.Listen(transport.ServerConfig{TLS: l.TLS, WSS: l.WSS, Certificate: certificate, CAs: pool,
		Dir: filepath.Join(s.config.at(s.config.State), "log"), Parties: s.pins.callers(), Disk: s.config.Keep.Disk << 20, Log: s.log, Failed: s.fail})
}
