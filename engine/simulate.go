package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// Progress tells how far a study is.
type Progress = runner.Progress

// Opened is what one sum opened of one declared opening.
type Opened = runner.Opened

// Phase is where a computation under encryption is.
type Phase = runner.Phase

// Options of Simulate. The zero value of each field is its default.
type Options struct {
	Progress func(Progress)                    // called by one gateway after every sum and at every step under encryption
	Reader   *party.PublicKey                  // the analyst's key; needed by, and only by, release: analyst
	Tap      func(from, to party.ID, b []byte) // sees every message as sent, from several goroutines
	Rand     io.Reader                         // keys and masks; nil means the operating system's. Safe for concurrent use

	// Around is called with each party's part, in the goroutine in which that party computes, and has to
	// call it: whoever measures a party's processor time does it here. Sending is done in other goroutines. nil calls it.
	Around func(id party.ID, part func())

	deadline     time.Duration                                 // of a round; 0: in one process nobody fails to answer
	wrap         func(party.ID, transport.Link) transport.Link // a network that tests may tamper with; nil outside tests
	insecureTest int                                           // logarithm of the degree of a ring far too small to be secure; 0 outside tests
}

// Simulate runs a study with all its parties in this process: a gateway for
// every hospital and a hub that adds, each with its own keys, over links in
// memory. tables has the records of every site of the study.
//
// With release: analyst the report has no figures; its Sealed packages are opened by Open.
func Simulate(ctx context.Context, s *study.Spec, tables map[party.ID]*table.Table, options ...Options) (*report.Report, error) {
	var o Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		return nil, errors.New("engine: more than one Options")
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if (o.Reader != nil) != (s.Privacy.Release == "analyst") {
		return nil, errors.New("engine: release: analyst and the analyst's public key go together: give both or neither")
	}
	start := runner.Clock()
	plan, err := newPlan(s, o.insecureTest)
	if err != nil {
		return nil, err
	}
	parties, err := enrol(s, plan, tables, o)
	if err != nil {
		return nil, err
	}
	outcomes, summary, err := parties.run(ctx)
	if err != nil {
		return nil, err
	}
	r := outcomes[0].Report
	if o.Reader != nil {
		if r.Sealed, err = seal(parties, r, summary.Packages); err != nil {
			return nil, err
		}
	}
	r.Cost = report.Cost{Seconds: runner.Clock().Sub(start).Seconds(), Rounds: outcomes[0].Rounds, Phases: outcomes[0].Phases,
		BytesUp: make(map[string]int64), BytesDown: make(map[string]int64)}
	for _, site := range s.Sites {
		r.Cost.BytesUp[string(site.ID)], r.Cost.BytesDown[string(site.ID)] = parties.net.Traffic(site.ID)
	}
	return r, agree(outcomes)
}

// parties are everyone in a simulated study.
type parties struct {
	hub      *runner.Hub
	gateways []*runner.Gateway
	net      *transport.Memory
	around   func(party.ID, func())
}

// enrol draws identities, signs up the roster and makes a gateway per hospital.
func enrol(s *study.Spec, plan *plan, tables map[party.ID]*table.Table, o Options) (*parties, error) {
	ids := []party.ID{party.Hub}
	keys := make(map[party.ID]*party.Identity)
	var members []party.Member
	for _, site := range s.Sites {
		if tables[site.ID] == nil {
			return nil, fmt.Errorf("engine: no records for site %q", site.ID)
		}
		id, err := party.NewIdentity(o.Rand)
		if err != nil {
			return nil, err
		}
		keys[site.ID], ids = id, append(ids, site.ID)
		members = append(members, party.Member{ID: site.ID, Site: string(site.ID), Key: id.Public()})
	}
	roster, err := party.NewRoster(members)
	if err != nil {
		return nil, err
	}
	charter := runner.Charter(s, Version, plan.digest, roster, o.Reader, runner.LargestSum(plan.Plan), plan.veil)
	p := &parties{net: transport.NewMemory(ids, o.Tap), around: o.Around}
	if p.around == nil {
		p.around = func(_ party.ID, part func()) { part() }
	}
	link := p.net.Link
	if o.wrap != nil {
		link = func(id party.ID) transport.Link { return o.wrap(id, p.net.Link(id)) }
	}
	turns := runner.NewTurns()
	common := runner.Party{Roster: roster, Charter: charter, Veil: plan.veil, Deadline: o.deadline}
	p.hub = &runner.Hub{Party: common}
	p.hub.ID, p.hub.Link = party.Hub, link(party.Hub)
	common.Deadline = 3 * o.deadline // the hub, which knows who is missing, says so first
	for _, site := range s.Sites {
		g := &runner.Gateway{Party: common, Identity: keys[site.ID], Reader: o.Reader, Spec: s, Table: tables[site.ID],
			Gate: policy.New(s.Privacy), Journal: runner.MemoryJournal(), Rand: o.Rand, Turns: turns}
		g.ID, g.Link = site.ID, link(site.ID)
		p.gateways = append(p.gateways, g)
	}
	p.gateways[0].Progress = o.Progress
	return p, nil
}

// run lets all parties do their part.
func (p *parties) run(ctx context.Context) (outcomes []*runner.Outcome, summary runner.Summary, err error) {
	outcomes = make([]*runner.Outcome, len(p.gateways))
	all := []func(context.Context) error{func(ctx context.Context) (err error) {
		p.around(party.Hub, func() { summary, err = p.hub.Run(ctx) })
		return err
	}}
	for i, g := range p.gateways {
		all = append(all, func(ctx context.Context) (err error) {
			p.around(g.ID, func() { outcomes[i], err = g.Run(ctx) })
			return err
		})
	}
	err = runner.Together(ctx, all...)
	return outcomes, summary, err
}

// agree checks that every hospital came to the same result.
func agree(outcomes []*runner.Outcome) error {
	var first []byte
	for i, o := range outcomes {
		b, err := json.Marshal(o.Report.Analyses)
		if err != nil {
			return err
		}
		if i == 0 {
			first = b
		} else if !bytes.Equal(first, b) {
			return errors.New("engine: two hospitals came to different results from the same totals")
		}
	}
	return nil
}
