package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// HubConfig is what a hub is made of. It has no identity: nothing it says is
// believed that others' signatures do not prove.
type HubConfig struct {
	Roster   party.Roster // every hospital that may connect
	Analysts map[party.ID]party.PublicKey
	Stewards map[party.ID]party.PublicKey // as in GatewayConfig

	Network Network
	Store   *store.Store // the hub's own; not closed by it

	Retention Retention     // clears the log behind Network; nil: nobody does
	Notices   time.Duration // how long that log keeps what is said of studies; 0: 30 days
	Closed    time.Duration // and what is left of attempts that are closed; 0: not at all

	Deadline time.Duration // of a round, before an attempt is given up; 0: one minute
	// Wait is how long stewards who have not decided, and hospitals that are gone
	// or refuse, are waited for before the others go on without them, where the
	// study's min_sites allows it and nobody has unlocked anything; 0: for ever.
	Wait time.Duration
	// GiveUp is how long hospitals that are gone after something was unlocked are
	// waited for, before the run ends with what is finished; 0: for ever.
	GiveUp   time.Duration
	Attempts int // that fail one after the other although every hospital is there, before a run ends with what is finished; 0: 5
	Studies  int // runs of one analyst that are not over, at most; 0: 16

	Now      func() time.Time // decides which approvals have expired; nil: the system's clock
	Log      *slog.Logger     // nil: nowhere
	Metrics  Metrics          // nil: nowhere
	Progress func(Status)     // how the hub sees runs; may be nil. It must not wait

	insecureTest int
}

// Hub passes on what analysts and hospitals say of studies, proposes attempts,
// and adds noise to noise in them. It learns who takes part, the study files,
// sizes and times; never a total.
type Hub struct {
	cfg  HubConfig
	keys map[party.ID]control.Keys
	desk desk

	clear chan struct{} // a token: something in the log may have become useless

	mu      sync.Mutex
	journal *store.Journal
	runs    map[RunID]*hubRun
	order   []RunID
	box     []letter
	pace    map[party.ID]*pace
	ctx     context.Context
	tasks   runner.Group
	drained bool
}

// Further kinds of records in a hub's journal.
const (
	recordDecided = "decided"
	recordHanded  = "handed"
)

// NewHub checks a configuration and makes a hub of it.
func NewHub(cfg HubConfig) (*Hub, error) {
	if cfg.Network == nil || cfg.Store == nil {
		return nil, errors.New("engine: hub: network and store are needed")
	}
	peers := []party.ID{}
	for _, m := range cfg.Roster.Members() {
		peers = append(peers, m.ID)
	}
	for id := range cfg.Analysts {
		if err := checkAnalyst(id, cfg.Roster); err != nil {
			return nil, err
		}
		peers = append(peers, id)
	}
	cfg.Deadline, cfg.Attempts, cfg.Studies = orElse(cfg.Deadline, time.Minute), orElse(cfg.Attempts, 5), orElse(cfg.Studies, 16)
	cfg.Notices = orElse(cfg.Notices, noticesLast)
	if cfg.Now == nil {
		cfg.Now = runner.Clock
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = noMetrics{}
	}
	cfg.Log = cfg.Log.With("party", string(party.Hub))
	return &Hub{cfg: cfg, keys: pinned(cfg.Roster, cfg.Stewards), desk: newDesk(cfg.Network, cfg.Log, cfg.Metrics, peers...),
		clear: make(chan struct{}, 1)}, nil
}

// hubAuthor writes what the hub says: unsigned.
var hubAuthor = control.Author{ID: party.Hub}

// Run serves until ctx ends, then returns nil; after Drain, until nothing is
// under way. It may be called again.
func (h *Hub) Run(ctx context.Context) error {
	journal, err := h.cfg.Store.Journal(controlJournal)
	if err != nil {
		return fmt.Errorf("engine: hub: %w", err)
	}
	defer journal.Close()
	ctx, stop := context.WithCancel(ctx)
	defer h.tasks.Wait()
	defer stop()
	h.mu.Lock()
	h.journal, h.ctx, h.drained = journal, ctx, false
	h.runs, h.order, h.box, h.pace = map[RunID]*hubRun{}, nil, nil, map[party.ID]*pace{}
	err = h.remember()
	h.mu.Unlock()
	if err != nil {
		return err
	}
	if h.cfg.Retention != nil {
		h.tasks.Go(func() error { return h.clears(ctx) }, nil)
	}
	return h.desk.serve(ctx, h)
}

// Drain lets attempts under way end, and begins none; then Run returns.
func (h *Hub) Drain() {
	h.mu.Lock()
	h.drained = true
	h.mu.Unlock()
	h.desk.nudge()
}

// Studies returns how the hub sees every run, the earliest first.
func (h *Hub) Studies() []Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []Status
	for _, id := range h.order {
		all = append(all, h.runs[id].standing)
	}
	return all
}

// remember rebuilds what an earlier life knew. The lock is held.
func (h *Hub) remember() error {
	foreign := 0
	err := h.journal.Replay(func(kind string, record []byte) error {
		if kind == store.RecordEvidence {
			return nil
		}
		n, err := control.Read(clone(record))
		if err != nil {
			return fmt.Errorf("engine: hub: a record of kind %q is damaged: %w", kind, err)
		}
		if kind == recordSubmitted {
			if _, err := h.enter(n); err != nil { // it was good when it was written
				foreign++
			}
			return nil
		}
		r := h.runs[n.Run]
		if r == nil {
			return nil
		}
		switch kind {
		case recordDecided:
			_, _ = h.hear(r, n) // a decision under a key that is no longer in the roster is none
		case recordProposed:
			var p *control.Proposal
			if p, err = control.ReadProposal(n); err == nil {
				r.proposal, r.last, r.closings, r.ended = p, max(r.last, p.Attempt), map[party.ID]control.Closed{}, false
			}
		case recordLeft:
			_, _ = h.left(r, n)
		case recordDelivered:
			_, err = h.delivered(r, n)
		case recordConcluding:
			r.ending, err = control.ReadConclusion(n)
		case recordHanded:
			r.handed = append(r.handed, n.Bytes)
		case recordOver:
			r.over = true
			r.standing, err = control.ReadStanding(n)
		}
		return err
	})
	if err != nil {
		return err
	}
	if foreign > 0 {
		h.cfg.Log.Warn("studies of an earlier roster or version of the program are left alone", "studies", foreign)
	}
	for _, id := range h.order {
		if r := h.runs[id]; !r.over && r.proposal != nil && !r.ended && r.ending == nil {
			h.start(r) // a log gives again what was said in it; where there is none, the attempt ends for lack of answers
		}
	}
	return nil
}

// opened implements clerk: whoever was away learns what is under way.
func (h *Hub) opened() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.cfg.Roster.Members() {
		h.brief(m.ID)
	}
	for _, id := range h.order {
		h.standAgain(h.runs[id])
	}
}

// brief tells a hospital what concerns it. The lock is held.
func (h *Hub) brief(id party.ID) {
	for _, run := range h.order {
		r := h.runs[run]
		if r.over || r.roster.Index(id) < 0 {
			continue
		}
		if r.delivered[id] == nil {
			h.post(id, r.sub.Bytes)
		}
		if r.ending != nil {
			h.post(id, r.ending.Bytes)
		}
		if r.task != nil {
			h.post(id, r.proposal.Bytes)
		}
	}
}

// post puts a notice into the box. The lock is held.
func (h *Hub) post(to party.ID, b []byte) {
	h.box = append(h.box, letter{to, b})
	h.desk.nudge()
}

// due implements clerk.
func (h *Hub) due(send func(party.ID, []byte) error) error {
	for {
		h.mu.Lock()
		box := h.box
		h.box = nil
		h.mu.Unlock()
		if len(box) == 0 {
			return nil
		}
		for i, l := range box {
			if err := send(l.to, l.b); err != nil {
				h.mu.Lock()
				h.box = append(box[i:], h.box...)
				h.mu.Unlock()
				return err
			}
		}
	}
}

// next implements clerk: while anything waits, the hub looks after it now and then.
func (h *Hub) next() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, soonest := runner.Clock(), time.Duration(0)
	for _, r := range h.runs {
		if r.over || r.task != nil || r.due.IsZero() {
			continue
		}
		if d := max(time.Millisecond, r.due.Sub(now)); soonest == 0 || d < soonest {
			soonest = d
		}
	}
	return soonest
}

// tick implements clerk.
func (h *Hub) tick() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	busy := len(h.box) > 0
	for _, id := range h.order {
		r := h.runs[id]
		if !h.drained {
			h.advance(r)
		}
		busy = busy || r.task != nil
	}
	return h.drained && !busy
}
