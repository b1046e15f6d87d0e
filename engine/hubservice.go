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

	began time.Time
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
		began: runner.Clock(), clear: make(chan struct{}, 1)}, nil
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
