package mhe

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Verify says who sees the shares.
const (
	VerifyFold = "fold" // the hub; every member checks that what it adds is the sum of what was signed
	VerifyFull = "full" // every member too: N times the download, for up to ten members or so
)

// Kinds of journal records. They are wire.Sent and wire.Ended.
const (
	KindBegan  = "mhe began"  // a session: there is never a second one for its attempt
	KindVowed  = "mhe vowed"  // a vow as sent
	KindOpened = "mhe opened" // numbers were handed to a masked sum
	KindEnded  = "mhe ended"  // the key is gone
)

// Says reports whether a record leads to something that its member has not said before.
func Says(kind string) bool { return kind == KindBegan || kind == KindVowed || kind == KindOpened }

// Journal is a member's memory of what it has begun and vowed, across crashes.
// Append makes a record durable before it returns. Keys and shares are never in it.
type Journal interface {
	Append(kind string, record []byte) error
	Replay(f func(kind string, record []byte) error) error
}

// Config is what a member brings to an encrypted session.
type Config struct {
	Session  round.Session // of a completed set-up, as secagg.Session.Beside gives it
	Params   Params
	Registry *Registry // circuits whose results may be opened
	Verify   string    // VerifyFold or VerifyFull
	Rand     io.Reader // crypto/rand.Reader; tests hand in a seeded one
	Journal  Journal
}

var (
	// ErrBurnt is returned by a session that was aborted, and for an attempt that
	// had one before this process began: its key is gone.
	ErrBurnt = errors.New("mhe: the session has ended and its key is gone: a new attempt is needed")
	errBusy  = errors.New("mhe: the step before is not finished")
)

// Session is a member's side of one encrypted session, one step at a time. It
// must not be used by two goroutines at once: what it has of the library is its own.
type Session struct {
	cfg      Config
	params   Params
	n, me    int
	limits   wire.Limits
	accepted map[round.Place][32]byte // hash of what the hub sent for each place
	dropped  int
	said     []byte // the last message of this member
	heard    []byte // the message of the hub that is being judged

	next   uint64   // sequence of the next step, from 1
	before [32]byte // digest of the last step's vows and outcome
	prior  *folded  // what the next vow must claim about
	busy   bool
	burnt  bool

	secret    secretKey
	crs       crs
	rkg       *relinGen // between its rounds
	rlk       *relinKey
	tool      *toolbox
	refreshed map[[32]byte]bool // ciphertexts whose decryption share was made
	opened    int               // in all
	openings  map[string]int    // by circuit
	masks     [][]wide          // retained; zeroed with the key
	constants []constants       // used last
	packing   []byte            // where shares are packed, one after the other
}

// folded is a finished step whose sum has not been confirmed by all members yet.
type folded struct {
	shape shape
	own   claim // of the own share
	sum   claim // of what the hub said is the sum
}

// Limits is what messages of a session may measure: the charter's Limits are
// these, with as many cells as the study's largest sum has.
func (p Params) Limits(members int, verify string) wire.Limits {
	return wire.Limits{Members: members, Cells: 1, Share: p.largestShare(), Full: verify == VerifyFull}
}

// New begins the session that belongs to cfg.Session's attempt. It journals that
// it has: after a crash there is no second session for it.
func New(cfg Config) (*Session, error) {
	if err := cfg.Session.Check(); err != nil {
		return nil, err
	}
	n := cfg.Session.Roster.Len()
	switch {
	case cfg.Rand == nil || cfg.Journal == nil || cfg.Params.lit.LogN == 0:
		return nil, errors.New("mhe: config: params, rand and journal are needed")
	case cfg.Verify != VerifyFold && cfg.Verify != VerifyFull:
		return nil, fmt.Errorf("mhe: config: verify is %q, want %q or %q", cfg.Verify, VerifyFold, VerifyFull)
	case n < 2 || n > cfg.Params.MaxMembers():
		return nil, fmt.Errorf("mhe: config: %d members, want 2 to %d", n, cfg.Params.MaxMembers())
	case cfg.Registry != nil && (cfg.Registry.members != n || cfg.Registry.params.Digest() != cfg.Params.Digest()):
		return nil, errors.New("mhe: config: the registry of circuits was made for other parameters or another number of members")
	}
	if have, want := cfg.Session.Limits, cfg.Params.Limits(n, cfg.Verify); have.Share != want.Share || have.Full != want.Full {
		return nil, fmt.Errorf("mhe: config: the charter is for shares of %d bytes (to all members: %v), want %d (%v): see Params.Limits", have.Share, have.Full, want.Share, want.Full)
	}
	plan, attempt := cfg.Session.Plan, cfg.Session.Attempt
	err := cfg.Journal.Replay(func(kind string, record []byte) error {
		r := new(wire.Sent)
		if kind != KindBegan {
			return nil
		}
		if err := wire.Decode(record, r); err != nil {
			return fmt.Errorf("mhe: journal: a record of kind %q is damaged: %w", kind, err)
		}
		if bytes.Equal(r.Plan, plan[:]) && r.Attempt >= attempt {
			return fmt.Errorf("%w (attempt %d had one)", ErrBurnt, r.Attempt)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cfg.Registry = cfg.Registry.clone() // what was agreed on does not change any more
	s := &Session{
		cfg: cfg, params: cfg.Params, n: n, me: cfg.Session.Roster.Index(cfg.Session.ID), next: 1,
		limits: cfg.Session.Limits, accepted: map[round.Place][32]byte{}, refreshed: map[[32]byte]bool{},
	}
	if err := s.record(KindBegan, &wire.Sent{Plan: plan[:], Attempt: attempt, Label: s.transcript()}); err != nil {
		return nil, err
	}
	s.tool = newToolbox(cfg.Params, reader{cfg.Rand})
	s.secret = s.tool.newSecret()
	cfg.Session.OnClose(s.Burn)
	return s, nil
}

func (s *Session) transcript() []byte { return s.cfg.Session.Context.Session[:] }

// Members returns the number of members.
func (s *Session) Members() int { return s.n }

// Dropped counts messages that were not for this session, or were repeated.
func (s *Session) Dropped() int { return s.dropped }

// Burn ends the session: the key and everything retained is overwritten, and no
// step is ever taken again. A session that has done its work is burnt as well.
func (s *Session) Burn() error {
	if s.burnt {
		return nil
	}
	s.burnt = true
	s.secret.wipe()
	if s.rkg != nil {
		s.rkg.eph.wipe()
	}
	for _, m := range s.masks {
		clear(m)
	}
	s.masks, s.prior = nil, nil
	return s.record(KindEnded, &wire.Ended{Plan: s.cfg.Session.Plan[:], Attempt: s.cfg.Session.Attempt})
}

// guard runs the library's arithmetic: a panic in it ends the session. What
// panicked is named by its type only, since its text might quote a record.
func (s *Session) guard(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(fmt.Errorf("mhe: internal fault (%T): the session is over", p), s.Burn())
		}
	}()
	f()
	return nil
}

// fail burns first and tells afterwards.
func (s *Session) fail(err error) ([]round.Message, error) {
	if e := s.Burn(); e != nil {
		err = errors.Join(err, e)
	}
	return s.cfg.Session.Stop(err, s.said, s.heard)
}

// secretKey is a member's share s_i of the key: ternary, Montgomery form, NTT domain, modulo QP.
type secretKey struct{ key *rlwe.SecretKey }

func (k secretKey) wipe() {
	for _, p := range []ring.Poly{k.key.Value.Q, k.key.Value.P} {
		for _, row := range p.Coeffs {
			clear(row)
		}
	}
}

// reader makes short reads impossible: the library does not look at n.
type reader struct{ io.Reader }

func (r reader) Read(b []byte) (int, error) { return io.ReadFull(r.Reader, b) }

// The errors of this package's machines.

func (s *Session) hub(code wire.Code, err error) error {
	return &round.Blame{Who: party.Hub, Code: code, Err: err}
}

func (s *Session) blame(i int, code wire.Code, format string, args ...any) error {
	return &round.Blame{Who: s.id(i), Code: code, Err: fmt.Errorf("mhe: "+format, args...)}
}

func (s *Session) abort(code wire.Code, format string, args ...any) error {
	return &round.Abort{Code: code, Err: fmt.Errorf("mhe: "+format, args...)}
}

func (s *Session) id(i int) party.ID { return s.cfg.Session.Roster.At(i).ID }
