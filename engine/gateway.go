package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// RunID names a run: one submission of one study.
type RunID = control.RunID

// ParseRunID reads what RunID's String wrote.
func ParseRunID(s string) (RunID, error) { return control.ParseRunID(s) }

// Status is how far a party is with a run. It says nothing of the data.
type Status = control.Progress

// Stage is how far.
type Stage = control.Stage

// Stages, in the order in which they are usually passed. An attempt that failed
// may be followed by another; nothing follows StageOver.
const (
	StageWaiting    = control.Waiting
	StageApproved   = control.Approved
	StageDeclined   = control.Declined
	StageReading    = control.Reading
	StageSettingUp  = control.SettingUp
	StageSumming    = control.Summing
	StageKeys       = control.KeysMade
	StageEncrypting = control.Encrypting
	StageSolving    = control.Solving
	StageOpening    = control.OpeningUp
	StageFinishing  = control.Finishing
	StageDelivered  = control.Delivered
	StageFailed     = control.Failed
	StageOver       = control.Over
)

// GatewayConfig is what a hospital's gateway is made of.
type GatewayConfig struct {
	ID       party.ID
	Identity *party.Identity // whose public key the roster has at ID
	Roster   party.Roster    // every hospital this one works with; keys compared out of band
	Analysts map[party.ID]party.PublicKey

	// Stewards are the keys that hospitals' decisions are verified with; a
	// hospital that is not in it decides with its gateway's key.
	Stewards map[party.ID]party.PublicKey
	// Steward signs what Approve, Refuse and the policy decide; nil: Identity. When
	// its key is not the one that Stewards has for ID, the gateway takes decisions by Decide alone.
	Steward *party.Identity

	Network Network
	Store   *store.Store // this gateway's own; not closed by it
	Source  Source
	Policy  Policy

	// Ask is called with every study that the policy does not decide; nil, or an
	// answer of nil, leaves it to Approve and Refuse. It may take its time: nothing else waits for it.
	Ask func(context.Context, Request) *Answer

	Results  string        // directory for the reports, one below it for each run; "": they are not kept
	Deadline time.Duration // for the hub's answer in a round, before an attempt is given up; 0: ten minutes
	Attempts uint32        // at one run, at most; 0: 1000

	Now      func() time.Time // decides what has expired, and nothing else; nil: the system's clock
	Rand     io.Reader        // nil: the operating system's; safe for concurrent use
	Log      *slog.Logger     // nil: nowhere. Never a value, a total or a key
	Metrics  Metrics          // nil: nowhere
	Progress func(Status)     // this gateway's own; may be nil. It must not wait

	insecureTest int
}

// Gateway is a hospital's side of studies: it is asked, decides, computes on its
// own records and tells the analyst the report. It dials out only; what it
// remembers is in its store, so that a new Gateway goes on where another one died.
type Gateway struct {
	cfg    GatewayConfig
	author control.Author
	keys   map[party.ID]control.Keys
	desk   desk

	mu       sync.Mutex
	journal  *store.Journal // of what was said; nil while Run is not running
	runs     map[RunID]*gatewayRun
	order    []RunID
	box      []letter
	ctx      context.Context // of Run
	tasks    runner.Group
	draining bool
	unkept   bool // the journal could not be written, as when the disk is full
}

// controlJournal is the name under which a store keeps what was said of studies.
var controlJournal = store.Plan{Study: "control", Digest: store.Digest(party.Hash("control journal"))}

// Kinds of records in it.
const (
	recordSubmitted = "submitted"
	recordProposed  = "proposed"
	recordLeft      = "left"
	recordDelivered = "delivered"
	recordOver      = "over"

	recordConcluding = "concluding"
)

// NewGateway checks a configuration and makes a gateway of it. Run does the rest.
func NewGateway(cfg GatewayConfig) (*Gateway, error) {
	if cfg.Identity == nil || cfg.Network == nil || cfg.Store == nil || cfg.Source == nil {
		return nil, errors.New("engine: gateway: identity, network, store and source are needed")
	}
	i := cfg.Roster.Index(cfg.ID)
	if i < 0 || !cfg.Roster.At(i).Key.Equal(cfg.Identity.Public()) {
		return nil, fmt.Errorf("engine: gateway: the roster does not have %q with this identity's key", cfg.ID)
	}
	if cfg.Steward == nil {
		cfg.Steward = cfg.Identity
	}
	for id := range cfg.Analysts {
		if err := checkAnalyst(id, cfg.Roster); err != nil {
			return nil, err
		}
	}
	cfg.Deadline = orElse(cfg.Deadline, 10*time.Minute)
	cfg.Attempts = orElse(cfg.Attempts, 1000)
	if cfg.Now == nil {
		cfg.Now = runner.Clock
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = noMetrics{}
	}
	cfg.Log = cfg.Log.With("party", string(cfg.ID))
	g := &Gateway{cfg: cfg, author: control.Author{ID: cfg.ID, Identity: cfg.Identity}, keys: pinned(cfg.Roster, cfg.Stewards),
		runs: map[RunID]*gatewayRun{}, desk: newDesk(cfg.Network, cfg.Log, cfg.Metrics)}
	return g, nil
}

func orElse[T comparable](x, other T) T {
	if x == *new(T) {
		return other
	}
	return x
}

// checkAnalyst refuses a name that could be taken for another party's.
func checkAnalyst(id party.ID, roster party.Roster) error {
	if err := id.Check(); err != nil {
		return err
	}
	if id == party.Hub || roster.Index(id) >= 0 {
		return fmt.Errorf("engine: analyst %q has the name of another party", id)
	}
	return nil
}

// pinned are the keys of every hospital.
func pinned(roster party.Roster, stewards map[party.ID]party.PublicKey) map[party.ID]control.Keys {
	keys := map[party.ID]control.Keys{}
	for _, m := range roster.Members() {
		keys[m.ID] = control.Keys{Gateway: m.Key, Steward: orElse(stewards[m.ID], m.Key)}
	}
	return keys
}

// Run serves studies until ctx ends, then returns nil: what is under way stops
// where it is, and goes on in the next life. After Drain it returns when nothing
// is under way any more. It may be called again.
func (g *Gateway) Run(ctx context.Context) error {
	journal, err := g.cfg.Store.Journal(controlJournal)
	if err != nil {
		return fmt.Errorf("engine: gateway: %w", err)
	}
	defer journal.Close()
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		g.tasks.Wait()
		g.mu.Lock()
		g.journal = nil
		g.mu.Unlock()
	}()
	g.mu.Lock()
	g.journal, g.ctx, g.draining = journal, ctx, false
	g.runs, g.order, g.box = map[RunID]*gatewayRun{}, nil, nil
	err = g.remember()
	g.mu.Unlock()
	if err != nil {
		return err
	}
	return g.desk.serve(ctx, g)
}

// Drain lets attempts under way end and takes part in no new ones; then Run returns.
func (g *Gateway) Drain() {
	g.mu.Lock()
	g.draining = true
	g.mu.Unlock()
	g.desk.nudge()
}
