package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// Wide is a study among services: a hub with its log, a gateway for every
// hospital and an analyst, as a deployment has them, all in this process, each
// with a store, a certificate and a TLS connection of its own.
type Wide struct {
	Study  []byte        // the file that the analyst submits
	Source engine.Source // of all hospitals' records
	Dir    string        // on the disk that every party writes to; it must exist
	Lines  *Lines        // between the hub and the others; nil: loopback as it is
	Log    *slog.Logger  // nil: nowhere
}

// WideFigures is what a study among services took.
type WideFigures struct {
	Seconds float64 // from the submission until the analyst has the report
	Attempt float64 // of these, at the hospital that took longest: from its records to its report
	Sums    int
	Trips   int // round trips of one hospital in the protocols

	// Bytes on the lines, with all that TLS and the log add, from the submission on; 0 without Lines.
	HubOut, HubIn   int64
	SiteOut, SiteIn int64 // at the hospital with most

	Report *report.Report
}

// Run connects everybody and takes the study from submission to report.
func (w Wide) Run(ctx context.Context) (f *WideFigures, err error) {
	spec, err := study.Parse("study.yaml", w.Study)
	if err != nil {
		return nil, err
	}
	t := &wideTown{Wide: w, keys: map[party.ID]*party.Identity{}}
	ctx, stop := context.WithCancelCause(ctx)
	defer func() {
		stop(nil)
		t.services.Wait()
		for _, end := range t.ends { // in the order of their making: the log's server is last but for stores
			err = errors.Join(err, end())
		}
	}()
	t.fail = stop
	if err := t.found(spec); err != nil {
		return nil, err
	}
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	f, err = t.conduct(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return f, err
}

// wideAnalyst is the analyst's name.
const wideAnalyst = party.ID("analyst")

// wideTown is everybody.
type wideTown struct {
	Wide
	spec     *study.Spec
	keys     map[party.ID]*party.Identity
	roster   party.Roster
	analysts map[party.ID]party.PublicKey

	hosts    []*Host // of hospitals
	services sync.WaitGroup
	fail     context.CancelCauseFunc
	ends     []func() error
	analyst  *engine.Analyst
}

// found draws identities.
func (t *wideTown) found(spec *study.Spec) error {
	t.spec = spec
	var members []party.Member
	for _, site := range spec.Sites {
		id, err := party.NewIdentity(rand.Reader)
		if err != nil {
			return err
		}
		t.keys[site.ID] = id
		members = append(members, party.Member{ID: site.ID, Site: string(site.ID), Key: id.Public()})
	}
	id, err := party.NewIdentity(rand.Reader)
	if err != nil {
		return err
	}
	t.keys[wideAnalyst], t.analysts = id, map[party.ID]party.PublicKey{wideAnalyst: id.Public()}
	t.roster, err = party.NewRoster(members)
	return err
}

// open starts the hub's log and every service.
func (t *wideTown) open(ctx context.Context) error {
	authority, err := transport.NewAuthority("benchmark", time.Now())
	if err != nil {
		return err
	}
	own, err := authority.Issue(party.Hub, time.Now(), "127.0.0.1")
	if err != nil {
		return err
	}
	parties := []transport.Party{{ID: wideAnalyst}}
	for _, m := range t.roster.Members() {
		parties = append(parties, transport.Party{ID: m.ID})
	}
	server, err := transport.Listen(transport.ServerConfig{TLS: "127.0.0.1:0", Certificate: own, CAs: authority.Pool(), Dir: filepath.Join(t.Dir, "log"), Parties: parties, Log: t.Log})
	if err != nil {
		return err
	}
	closing := func(c *transport.Conn) func() error {
		return func() error { return c.Close(context.WithoutCancel(ctx)) }
	}
	conn, err := server.Hub(ctx, transport.Keep{}, 0)
	if err != nil {
		server.Close()
		return err
	}
	defer func() { t.ends = append(t.ends, closing(conn), func() error { server.Close(); return nil }) }()
	hubStore, err := t.store(party.Hub)
	if err != nil {
		return err
	}
	hub, err := engine.NewHub(engine.HubConfig{Roster: t.roster, Analysts: t.analysts, Network: engine.Over(conn), Store: hubStore, Deadline: time.Hour, Log: t.Log})
	if err != nil {
		return err
	}
	t.serve(ctx, hub.Run)
	for _, p := range parties {
		certificate, err := authority.Issue(p.ID, time.Now())
		if err != nil {
			return err
		}
		c, err := t.dial(ctx, server.TLS(), p.ID, certificate, authority)
		if err != nil {
			return err
		}
		t.ends = append(t.ends, closing(c))
		if err := t.join(ctx, p.ID, engine.Over(c)); err != nil {
			return err
		}
	}
	return nil
}

// dial connects a party from a host of its own.
func (t *wideTown) dial(ctx context.Context, address string, id party.ID, own tls.Certificate, authority *transport.Authority) (*transport.Conn, error) {
	if t.Lines != nil {
		h, err := t.Lines.Host(address)
		if err != nil {
			return nil, err
		}
		address = h.Address
		if id != wideAnalyst {
			t.hosts = append(t.hosts, h)
		}
	}
	return transport.Dialer{Self: id, URLs: []string{"tls://" + address}, Certificate: own, CAs: authority.Pool(), Log: t.Log}.Dial(ctx)
}

// join makes a party's service.
func (t *wideTown) join(ctx context.Context, id party.ID, network engine.Network) (err error) {
	if id == wideAnalyst {
		t.analyst, err = engine.NewAnalyst(engine.AnalystConfig{ID: id, Identity: t.keys[id], Roster: t.roster, Network: network, Log: t.Log})
		return err
	}
	s, err := t.store(id)
	if err != nil {
		return err
	}
	p, err := engine.Plan(t.spec)
	if err != nil {
		return err
	}
	g, err := engine.NewGateway(engine.GatewayConfig{ID: id, Identity: t.keys[id], Roster: t.roster, Analysts: t.analysts, Network: network, Store: s,
		Source: t.Source, Policy: engine.Policy{ApprovePlans: []string{p.Digest}}, Deadline: time.Hour, Log: t.Log})
	if err != nil {
		return err
	}
	t.serve(ctx, g.Run)
	return nil
}

// store opens a party's store.
func (t *wideTown) store(id party.ID) (*store.Store, error) {
	dir := filepath.Join(t.Dir, string(id))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	s, err := store.Open(store.Config{Dir: dir, Now: time.Now})
	if err == nil {
		t.ends = append(t.ends, s.Close)
	}
	return s, err
}

func (t *wideTown) serve(ctx context.Context, run func(context.Context) error) {
	t.services.Go(func() {
		if err := run(ctx); err != nil {
			t.fail(err)
		}
	})
}

// conduct submits the study and waits for its report.
func (t *wideTown) conduct(ctx context.Context) (*WideFigures, error) {
	before := t.traffic()
	start := time.Now()
	run, err := t.analyst.Submit(ctx, t.Study)
	if err != nil {
		return nil, err
	}
	r, err := t.analyst.Fetch(ctx, run)
	if err != nil {
		return nil, err
	}
	f := &WideFigures{Seconds: time.Since(start).Seconds(), Attempt: r.Cost.Seconds, Sums: r.Cost.Rounds, Trips: r.Cost.Trips(), Report: r}
	for _, a := range r.Analyses {
		if a.Refused != nil {
			return nil, fmt.Errorf("bench: analysis %s was refused: %s", a.ID, a.Refused.Message)
		}
	}
	for i, now := range t.traffic() {
		out, in := now[0]-before[i][0], now[1]-before[i][1]
		if i == 0 {
			f.HubOut, f.HubIn = out, in
		} else {
			f.SiteOut, f.SiteIn = max(f.SiteOut, out), max(f.SiteIn, in)
		}
	}
	return f, nil
}

// traffic is what was sent and received by the hub and by each hospital.
func (t *wideTown) traffic() (all [][2]int64) {
	if t.Lines == nil {
		return nil
	}
	add := func(e *ends) {
		out, in := e.Traffic()
		all = append(all, [2]int64{out, in})
	}
	add(&t.Lines.middle)
	for _, h := range t.hosts {
		add(&h.ends)
	}
	return all
}
