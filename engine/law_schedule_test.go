package engine_test

import (
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// schedule is one story of several studies over one cohort: who takes part in
// which attempt is for chance to say, and so is who falls silent, refuses, dies,
// comes back, and when. The hub is whoever would like two totals that differ by one
// hospital: it proposes any roster, with any closing records that it has. The hospitals'
// journals and ledgers are the real ones.
type schedule struct {
	t      testing.TB
	rnd    *rand.Rand
	seed   uint64
	roster party.Roster
	sites  map[party.ID]*scheduled
	plans  []*scheduledPlan

	unlocked int // by one hospital in one attempt
	opened   int // attempts in which everybody unlocked something
	frozen   int // proposals that a ledger or a journal refused
}

type scheduledPlan struct {
	digest   [32]byte
	attempt  uint32
	closings [][]byte       // of the attempt before
	before   *secagg.Config // its charter and roster
}

// scheduled is a hospital: what lasts beyond its process.
type scheduled struct {
	id       party.ID
	identity *party.Identity
	store    *store.Store
	cohort   store.Digest
	rosters  []party.Roster // for which it has unlocked something since a steward cleared the cohort last
}

// present is a hospital's process in one attempt.
type present struct {
	at      *scheduled
	cfg     secagg.Config
	journal *store.Journal
	setup   round.Machine[*secagg.Session]
	session *secagg.Session
	sum     round.Machine[secagg.Total]
	last    round.Machine[secagg.Record]
	sums    int
	silent  bool
}

const scheduledSums = 2

// begin makes the process, or goes on with it after a death.
func (p *present) begin() (out []round.Message, err error) {
	p.session, p.sum, p.last, p.sums = nil, nil, nil, 0
	if p.setup, err = secagg.NewMember(p.cfg); err != nil {
		return nil, err
	}
	if out, err = p.setup.Start(); err != nil {
		return out, err
	}
	more, err := p.advance()
	return append(out, more...), err
}

// advance goes on to the next machine when one has its result.
func (p *present) advance() (out []round.Message, err error) {
	if p.session == nil {
		if s, done := p.setup.Result(); done {
			p.session = s
		}
	}
	for p.session != nil && p.last == nil {
		if p.sum != nil {
			if _, done := p.sum.Result(); !done {
				return out, nil
			}
			p.sum = nil
		}
		if p.sums == scheduledSums {
			return append(out, p.close(wire.Code_DONE)...), nil
		}
		ask := secagg.Ask{Digest: party.Hash("ask", []byte{byte(p.sums)}), Cells: 1}
		p.sums++
		if p.sum, err = p.session.Sum(ask, secagg.Vector{{1, 0}}); err != nil {
			return out, err
		}
		more, err := p.sum.Start()
		if out = append(out, more...); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (p *present) close(code wire.Code) []round.Message {
	p.last = p.session.Close(code)
	out, _ := p.last.Start()
	return out
}

// hear takes a message; an error is the end of the attempt here, and out has the closing record.
func (p *present) hear(m round.Message) (out []round.Message, err error) {
	switch {
	case p.last != nil:
		return p.last.Receive(m)
	case p.sum != nil:
		out, err = p.sum.Receive(m)
	default:
		out, err = p.setup.Receive(m)
	}
	if err != nil {
		return out, err
	}
	more, err := p.advance()
	return append(out, more...), err
}

// attempt is one proposal of the hub's, to its end.
func (s *schedule) attempt(plan *scheduledPlan) {
	var members []party.Member
	for _, m := range s.roster.Members() {
		if s.rnd.IntN(5) > 0 {
			members = append(members, m)
		}
	}
	if len(members) < 2 {
		return
	}
	roster, err := party.NewRoster(members)
	if err != nil {
		s.t.Fatal(err)
	}
	closings := secagg.Record{Closings: plan.closings}.For(roster)
	if len(closings) > 0 && s.rnd.IntN(4) == 0 { // a hub that keeps one back
		closings = slices.Delete(closings, 0, 1)
	}
	plan.attempt++
	charter := secagg.Charter{Version: "schedule", Study: plan.digest, Plan: plan.digest, Roster: roster.Digest(), Reveal: "sums",
		Release: secagg.ReleaseAll, Attempt: plan.attempt, Limits: secagg.Limits{Members: roster.Len(), Cells: 1}}
	if plan.attempt > 1 {
		charter.Previous = secagg.RecordDigest(closings)
	}
	hub, err := secagg.NewHub(secagg.HubConfig{Charter: charter, Roster: roster})
	if err != nil {
		s.t.Fatal(err)
	}
	var queue []round.Message
	here := map[party.ID]*present{}
	for _, m := range members {
		at := s.sites[m.ID]
		if plan.before != nil && plan.before.Roster.Index(m.ID) >= 0 { // nobody goes on who has not closed what was before
			s.abandon(*plan.before, m.ID)
		}
		p := &present{at: at, cfg: secagg.Config{Charter: charter, Roster: roster, ID: m.ID, Identity: at.identity, Data: party.Hash("data", []byte(m.ID)),
			Closings: closings, Rand: crand.Reader}}
		p.journal, err = at.store.Journal(store.Plan{Study: "schedule", Digest: plan.digest, Cohort: at.cohort, Roster: roster.Digest()})
		if err != nil { // frozen for another roster
			s.frozen++
			continue
		}
		p.cfg.Journal = p.journal
		here[m.ID] = p
		out, err := p.begin()
		if err != nil {
			s.frozen++
			p.silent = true
			continue
		}
		queue = append(queue, out...)
	}
	s.play(hub, here, queue)
	all := true
	for _, m := range members {
		p := here[m.ID]
		unlocked := p != nil && s.unlockedIn(p.journal, charter.Attempt)
		all = all && unlocked
		if p != nil {
			p.journal.Close()
		}
		if unlocked {
			s.unlocked++
			s.sites[m.ID].hold(s, roster)
		}
	}
	if all {
		s.opened++
	}
	plan.before = &secagg.Config{Charter: charter, Roster: roster}
	// Who is there for it closes the attempt; some stay away, and close it when they are proposed another one.
	summary := hub.Summary()
	plan.closings = summary.Record.Closings
	for _, m := range members {
		if s.rnd.IntN(4) == 0 {
			continue
		}
		if b := s.abandon(*plan.before, m.ID); !slices.ContainsFunc(plan.closings, func(c []byte) bool { return string(c) == string(b) }) {
			plan.closings = append(plan.closings, b)
		}
	}
	slices.SortFunc(plan.closings, func(a, b []byte) int {
		x, _ := secagg.ParseClosing(a, s.roster)
		y, _ := secagg.ParseClosing(b, s.roster)
		return s.roster.Index(x.Member) - s.roster.Index(y.Member)
	})
}

// play moves messages until nobody has anything to say, and lets chance act at every step.
func (s *schedule) play(hub *secagg.Hub, here map[party.ID]*present, queue []round.Message) {
	for expired := 0; ; {
		if len(queue) == 0 {
			if expired++; expired > 2 {
				return
			}
			queue, _ = hub.Expire()
			continue
		}
		// Any sender's first message may be the next to arrive.
		from := queue[s.rnd.IntN(len(queue))].From
		i := slices.IndexFunc(queue, func(m round.Message) bool { return m.From == from })
		m := queue[i]
		queue = slices.Delete(queue, i, i+1)
		if m.To == party.Hub {
			out, _ := hub.Receive(m)
			queue = append(queue, out...)
			continue
		}
		p := here[m.To]
		if p == nil || p.silent {
			continue
		}
		switch chance := s.rnd.IntN(60); {
		case chance == 0: // for good, as far as this attempt goes
			p.silent = true
			continue
		case chance == 1 && p.session != nil && p.last == nil:
			queue = append(queue, p.close(wire.Code_REFUSED)...)
			continue
		case chance < 5: // dies, and goes on from its journal
			out, err := p.begin()
			queue = append(queue, out...)
			p.silent = err != nil
			continue
		}
		out, err := p.hear(m)
		queue = append(queue, out...)
		p.silent = err != nil
	}
}

// abandon closes an attempt at one hospital that has nothing to do with it any more.
func (s *schedule) abandon(cfg secagg.Config, id party.ID) []byte {
	at := s.sites[id]
	j, err := at.store.Journal(store.Plan{Study: "schedule", Digest: cfg.Charter.Plan})
	if err != nil {
		s.t.Fatal(err)
	}
	defer j.Close()
	cfg.ID, cfg.Identity, cfg.Journal = id, at.identity, j
	m, err := secagg.Abandon(cfg, wire.Code_SILENCE)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := m.Start()
	if err != nil || len(out) != 1 {
		s.t.Fatalf("seed %d: closing: %v", s.seed, err)
	}
	return out[0].Body
}

// unlockedIn reports whether a hospital's journal has an unlock of an attempt.
func (s *schedule) unlockedIn(j *store.Journal, attempt uint32) (found bool) {
	err := j.Replay(func(kind string, record []byte) error {
		u := new(wire.Unlocked)
		if kind != secagg.KindUnlocked {
			return nil
		}
		err := wire.Decode(record, u)
		found = found || u.Attempt == attempt
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// hold is the law: between two clearings of a cohort a hospital unlocks for one
// roster. Whatever two totals have been opened, every hospital that is in both has
// unlocked both; so they are of one roster, or of two that no hospital is in both of, or a
// steward has said why not.
func (at *scheduled) hold(s *schedule, roster party.Roster) {
	if slices.ContainsFunc(at.rosters, func(r party.Roster) bool { return r.Digest() != roster.Digest() }) {
		s.t.Errorf("seed %d: %s has unlocked over one cohort for %d and for %d hospitals", s.seed, at.id, at.rosters[0].Len(), roster.Len())
	}
	at.rosters = append(at.rosters, roster)
}

// No two opened totals over one cohort differ by one hospital, whatever the schedule.
func TestNoScheduleOpensTwoRosters(t *testing.T) {
	t.Parallel()
	s := &schedule{t: t, sites: map[party.ID]*scheduled{}}
	var members []party.Member
	for _, id := range hospitals[:4] {
		at := &scheduled{id: id, identity: someone(t)}
		dir, err := os.MkdirTemp(ram(), "schedule")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if at.store, err = store.Open(store.Config{Dir: dir + "/state", Now: time.Now}); err != nil {
			t.Fatal(err)
		}
		defer at.store.Close()
		s.sites[id] = at
		members = append(members, party.Member{ID: id, Site: string(id), Key: at.identity.Public()})
	}
	var err error
	if s.roster, err = party.NewRoster(members); err != nil {
		t.Fatal(err)
	}
	cleared := 0
	for seed := range uint64(schedules) {
		s.seed, s.rnd = seed, rand.New(rand.NewPCG(seed, 1))
		s.plans = nil
		for k := range 1 + s.rnd.IntN(3) {
			s.plans = append(s.plans, &scheduledPlan{digest: party.Hash("plan", fmt.Append(nil, seed, k))})
		}
		for _, at := range s.sites {
			at.cohort, at.rosters = store.Digest(party.Hash("cohort", fmt.Append(nil, seed, at.id))), nil
		}
		for range 2 + s.rnd.IntN(5) {
			s.attempt(s.plans[s.rnd.IntN(len(s.plans))])
			if at := s.sites[hospitals[s.rnd.IntN(4)]]; s.rnd.IntN(12) == 0 && at.store.Clear(at.cohort, "steward", "the schedule says so") == nil {
				at.rosters = nil
				cleared++
			}
		}
	}
	t.Logf("%d schedules: %d unlocks in %d attempts that opened totals, %d proposals refused, %d cohorts cleared", schedules, s.unlocked, s.opened, s.frozen, cleared)
	if s.opened < schedules/4 || s.frozen < schedules/4 {
		t.Error("the schedules do not come to anything")
	}
}
