package secagg

import (
	"errors"
	"fmt"
	"io"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Config is what a member brings to one attempt at a study.
type Config struct {
	Charter  Charter
	Roster   party.Roster
	ID       party.ID         // this member's, in the roster
	Identity *party.Identity  // whose public key the roster has at ID
	Reader   *party.PublicKey // with ReleaseAnalyst; nil otherwise
	Data     [32]byte         // party.Identity.Commitment to this member's table; the same in every attempt of a plan
	Closings [][]byte         // of the attempt before, as Record.For(Roster) gives them; nil for the first
	Restored bool             // an operator knows that this journal is older than what peers have seen, and goes on
	Rand     io.Reader        // crypto/rand.Reader; tests hand in a seeded one
	Journal  Journal          // this member's own, the same for every attempt of the plan
}

// HubConfig is what the hub knows of an attempt.
type HubConfig struct {
	Charter Charter
	Roster  party.Roster
	Guests  []round.Guest // protocols between the sums, such as mhe.NewHub makes
}

// ErrClosed is returned for an attempt that this member has closed.
var ErrClosed = errors.New("secagg: the attempt is closed")

// check refuses a configuration that contradicts itself or what the journal says.
func (cfg Config) check(l *ledger) error {
	if cfg.Identity == nil || cfg.Rand == nil {
		return errors.New("secagg: config: identity and rand are needed")
	}
	if err := cfg.Charter.check(cfg.Roster, cfg.Reader); err != nil {
		return err
	}
	me := cfg.Roster.Index(cfg.ID)
	if me < 0 {
		return fmt.Errorf("secagg: config: %q is not in the roster", cfg.ID)
	}
	if !cfg.Roster.At(me).Key.Equal(cfg.Identity.Public()) {
		return fmt.Errorf("secagg: config: the roster has another key for %q than its identity's", cfg.ID)
	}
	return cfg.admit(l)
}

// admit holds the attempt against the journal: what was begun, closed or frozen stays so.
func (cfg Config) admit(l *ledger) error {
	c := cfg.Charter
	if l.rolled != nil && !cfg.Restored {
		return refuse(wire.Code_ROLLBACK, "peers have seen more of this member than its journal holds: an operator must confirm a restoration, on the same roster")
	}
	if l.rolled == nil && cfg.Restored {
		return errors.New("secagg: config: restored is set, but no peer has seen more than this journal holds")
	}
	if l.frozen != nil && *l.frozen != c.Roster {
		return refuse(wire.Code_FROZEN, "this member has unlocked totals of this plan for another roster (digest %x): only that roster may go on", l.frozen[:8])
	}
	if d, known := l.data[cfg.ID]; known && d != cfg.Data {
		return refuse(wire.Code_DATA, "the table is not the one that this member committed to in an earlier attempt of this plan")
	}
	a := l.attempts[c.Attempt]
	if a != nil && a.closed != nil {
		return fmt.Errorf("%w: number %d", ErrClosed, c.Attempt)
	}
	if a != nil && a.began != nil {
		if digest(a.began.Charter) != c.Digest() {
			return refuse(wire.Code_CHARTER, "attempt %d was begun under another charter", c.Attempt)
		}
		return nil // going on after a restart
	}
	if c.Attempt <= l.last {
		return fmt.Errorf("%w: number %d, later ones have been begun", ErrClosed, c.Attempt)
	}
	if last := l.attempts[l.last]; last != nil && last.closed == nil {
		return fmt.Errorf("secagg: attempt %d is still open: abandon it before beginning number %d", l.last, c.Attempt)
	}
	if c.Attempt > 1 {
		return cfg.follows(l)
	}
	return nil
}

// follows checks what a later attempt needs: the closing records its charter
// names and, for a roster other than the last one's, proof that nobody in it
// has unlocked anything. Otherwise totals over two rosters would exist, and
// their difference would be one hospital's.
func (cfg Config) follows(l *ledger) error {
	c := cfg.Charter
	if c.Previous != RecordDigest(cfg.Closings) {
		return refuse(wire.Code_CHARTER, "the charter names another closing record than the one given")
	}
	same := len(cfg.Closings) > 0
	if last := l.attempts[l.last]; last != nil && last.roster != nil && *last.roster != c.Roster {
		same = false
	}
	proved := map[party.ID]bool{}
	for _, b := range cfg.Closings {
		cl, err := ParseClosing(b, cfg.Roster)
		if err != nil {
			return err
		}
		if cl.Plan != c.Plan || cl.Attempt != c.Attempt-1 {
			return refuse(wire.Code_CHARTER, "a closing of %s is not of attempt %d of this plan", cl.Member, c.Attempt-1)
		}
		if cl.Roster != c.Roster {
			same = false
		}
		proved[cl.Member] = !cl.Unlocked
	}
	if same {
		return nil
	}
	if l.unlocked {
		return refuse(wire.Code_FROZEN, "this member has unlocked totals of this plan for another roster: only that roster may go on")
	}
	for _, m := range cfg.Roster.Members() {
		if !proved[m.ID] {
			return refuse(wire.Code_FROZEN, "the roster has changed and %s has not shown that it unlocked nothing", m.ID)
		}
	}
	return nil
}

// refuse is an error before the first message: nobody needs to be told.
func refuse(code wire.Code, format string, args ...any) error {
	return &round.Abort{Code: code, Err: fmt.Errorf("secagg: "+format, args...)}
}
