package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// AnalystConfig is what an analyst is made of.
type AnalystConfig struct {
	ID       party.ID
	Identity *party.Identity // whose public key the hospitals have pinned for ID
	Roster   party.Roster    // the hospitals; keys compared out of band
	Stewards map[party.ID]party.PublicKey
	Network  Network

	Now  func() time.Time // dates submissions; nil: the system's clock
	Rand io.Reader        // nil: the operating system's
	Log  *slog.Logger     // nil: nowhere

	insecureTest int
}

// Analyst submits studies and collects their reports. It keeps nothing: all of
// it can be asked for again. Its methods are called one at a time.
type Analyst struct {
	cfg    AnalystConfig
	author control.Author
	keys   map[party.ID]control.Keys
}

// NewAnalyst checks a configuration and makes an analyst of it.
func NewAnalyst(cfg AnalystConfig) (*Analyst, error) {
	if cfg.Identity == nil || cfg.Network == nil {
		return nil, errors.New("engine: analyst: identity and network are needed")
	}
	if err := checkAnalyst(cfg.ID, cfg.Roster); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = runner.Clock
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Analyst{cfg: cfg, author: control.Author{ID: cfg.ID, Identity: cfg.Identity}, keys: pinned(cfg.Roster, cfg.Stewards)}, nil
}

// ErrRejected is returned for a study that the hub does not take.
var ErrRejected = errors.New("engine: the hub does not take the study")

// Submit signs a study and returns when the hub has it: the hospitals are asked
// then. text is the study file. The same study again is another run.
func (a *Analyst) Submit(ctx context.Context, text []byte) (RunID, error) {
	s, err := study.Parse("study.yaml", text)
	if err != nil {
		return RunID{}, err
	}
	p, err := newPlan(s, a.cfg.insecureTest)
	if err != nil {
		return RunID{}, err
	}
	sub, err := control.Submit(a.author, p.digest, s.Name, Version, text, a.cfg.Now(), a.cfg.Rand)
	if err != nil {
		return RunID{}, err
	}
	if _, err := readSubmission(sub, a.cfg.Roster, a.cfg.insecureTest); err != nil {
		return RunID{}, err
	}
	err = a.session(ctx, func() ([][]byte, error) { return [][]byte{sub.Bytes}, nil }, func(n *control.Notice) (bool, error) {
		if n.Act != control.Stands || n.Run != sub.Run {
			return false, nil
		}
		stands, err := control.ReadStanding(n)
		if err == nil && stands.Stage == StageOver && stands.Code != control.CodeDone {
			err = fmt.Errorf("%w (%v)", ErrRejected, stands.Code)
		}
		return true, err
	})
	return sub.Run, err
}

// End asks the hub to end a run, and returns when it has heard it: no further
// attempt is made, and those hospitals that are there report what is finished,
// which Fetch returns; everything else is refused as unfinished. A run in which
// nothing was opened yet is over without a result.
func (a *Analyst) End(ctx context.Context, run RunID) error {
	var plan [32]byte
	err := a.ask(ctx, run, func(n *control.Notice, end bool) (bool, error) {
		if n.Act == control.Submits && n.Run == run {
			sub, err := control.ReadSubmission(n, a.cfg.Identity.Public())
			if err == nil {
				plan = sub.Plan
			}
			return err == nil, nil
		}
		if end {
			return true, fmt.Errorf("%w: %s", ErrUnknownRun, run)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	wish, err := control.WishEnd(a.author, plan, run)
	if err != nil {
		return err
	}
	return a.session(ctx, func() ([][]byte, error) { return [][]byte{wish}, nil }, func(n *control.Notice) (bool, error) {
		if n.Act != control.Stands || n.Run != endOf(wish) {
			return false, nil
		}
		s, err := control.ReadStanding(n)
		switch {
		case err != nil || s.Stage != StageOver:
		case s.Code == control.CodeDone:
			err = fmt.Errorf("%w: it is over already", ErrEnded)
		default:
			err = fmt.Errorf("%w: %s", ErrUnknownRun, run)
		}
		return true, err
	})
}

// ErrEnded is returned by End for a run that is over.
var ErrEnded = errors.New("engine: the run cannot be ended")

// Study is a run as its analyst sees it.
type Study struct {
	Run   RunID
	Study string // its name
	Made  time.Time
	Hub   Status              // the hub's word, which nobody signed
	Sites map[party.ID]Status // each hospital's latest, signed
	Why   map[party.ID]string // of hospitals that refuse, in their stewards' words
}

// Studies returns this analyst's runs, as far as the hub speaks of them.
func (a *Analyst) Studies(ctx context.Context) ([]*Study, error) {
	var all []*Study
	found := map[RunID]*Study{}
	err := a.ask(ctx, RunID{}, func(n *control.Notice, end bool) (bool, error) {
		a.note(n, found, &all)
		return end, nil
	})
	return all, err
}

// Watch calls f with everything that is said of a run's progress, from its
// beginning, until the run is over, ctx ends, or f returns an error.
func (a *Analyst) Watch(ctx context.Context, run RunID, f func(Status) error) error {
	seen := map[party.ID]uint64{}
	return a.ask(ctx, RunID{}, func(n *control.Notice, _ bool) (bool, error) {
		if n.Run != run {
			return false, nil
		}
		s, why, ok := a.status(n)
		if !ok || s.Number > 0 && s.Number <= seen[s.From] {
			return false, nil
		}
		if s.Number > 0 {
			seen[s.From] = s.Number
		}
		_ = why
		return s.From == party.Hub && s.Stage == StageOver, f(s)
	})
}

// note adds what a notice says to a list of runs. What was said of a run may
// stand before the run itself: the log keeps the first of two equal messages.
func (a *Analyst) note(n *control.Notice, found map[RunID]*Study, all *[]*Study) {
	one := found[n.Run]
	if one == nil {
		one = &Study{Run: n.Run, Sites: map[party.ID]Status{}, Why: map[party.ID]string{}}
		found[n.Run] = one
	}
	if n.Act == control.Submits {
		sub, err := control.ReadSubmission(n, a.cfg.Identity.Public())
		if err == nil && sub.Analyst == a.cfg.ID && one.Study == "" {
			one.Study, one.Made = sub.Study, sub.Made
			*all = append(*all, one)
		}
		return
	}
	s, why, ok := a.status(n)
	switch {
	case !ok:
	case s.From == party.Hub && s.Number > one.Hub.Number:
		one.Hub = s
	case s.From != party.Hub && (s.Number > one.Sites[s.From].Number || one.Sites[s.From].Number == 0):
		one.Sites[s.From] = s
	}
	if ok && n.Act == control.Decides {
		one.Why[s.From] = why
	}
}

// status reads a notice of progress, or a decision, which is one.
func (a *Analyst) status(n *control.Notice) (s Status, why string, ok bool) {
	var err error
	k := a.keys[n.Sender]
	switch n.Act {
	case control.Tells:
		s, err = control.ReadTelling(n, k.Gateway)
	case control.Stands:
		s, err = control.ReadStanding(n)
	case control.Decides:
		d, e := control.ReadDecision(n, k.Gateway, k.Steward)
		s, why, err = Status{From: n.Sender, Run: n.Run, Stage: StageApproved, At: d.Made}, d.Why, e
		if !d.Approve {
			s.Stage = StageDeclined
		}
	default:
		return s, "", false
	}
	if err != nil {
		a.cfg.Log.Warn("a notice was dropped", "why", err)
	}
	return s, why, err == nil
}
