package blind

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/round"
)

// Driver drives a machine to its end over the network.
type Driver func(m round.Machine[struct{}]) error

// Phases of a session, as Run, Keys and Open report them.
const (
	PhaseKeys    = "keys"
	PhaseEncrypt = "encrypt"
	PhaseSolve   = "solve"
	PhaseOpen    = "open"
)

// Session is one member's side of a plan's computation. Any error ends it: its key is gone then.
type Session struct {
	plan  *Plan
	mhe   *mhe.Session
	drive Driver
	kept  map[int]*session // by job that was run
}

// Begin starts the session that belongs to cfg.Session's attempt. Params, Registry
// and Verify of cfg are filled in.
func (l *Plan) Begin(cfg mhe.Config, drive Driver) (*Session, error) {
	cfg.Params, cfg.Registry, cfg.Verify = l.params, l.registry, l.verify
	if cfg.Session.Roster.Len() != l.members {
		return nil, fmt.Errorf("blind: begin: %d members, the plan is for %d", cfg.Session.Roster.Len(), l.members)
	}
	s, err := mhe.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Session{plan: l, mhe: s, drive: drive, kept: map[int]*session{}}, nil
}

// Keys makes the keys, once, before anything else.
func (s *Session) Keys() error {
	m, err := s.mhe.Keys()
	if err != nil {
		return s.fail(err)
	}
	_, err = drive(s.drive, m)
	return s.fail(err)
}

// Run computes a job, once. in is this hospital's term. report is told the phase
// before each step, and how many steps it has.
func (s *Session) Run(job int, in stat.Input, report func(phase string, step, of int)) error {
	if job < 0 || job >= len(s.plan.jobs) || s.kept[job] != nil {
		return fmt.Errorf("blind: run: job %d is none of the plan's, or was run before", job)
	}
	j := s.plan.jobs[job]
	list, err := j.circuit.inputs(in)
	if err != nil {
		return s.fail(fmt.Errorf("blind: %s: %s: %w", j.Analysis, j.Job.Circuit.Name, err))
	}
	if report == nil {
		report = func(string, int, int) {}
	}
	k := &session{mhe: s.mhe, drive: s.drive, report: report, kept: map[int][]retained{}}
	for _, x := range j.bounds.steps {
		if x.refreshes == 0 {
			k.inputs++
		}
	}
	k.steps = len(j.bounds.steps) - k.inputs
	s.kept[job] = k
	e := &evaluator{backend: k}
	if numbers := e.inputs(list); e.err == nil {
		j.circuit.run(e, numbers)
	}
	return s.fail(e.err)
}

// Open makes this member's terms of the masked sums that open an outcome, once:
// one for each of Plan.Outcome.
func (s *Session) Open(job, outcome int) ([]*mhe.Opening, error) {
	k := s.kept[job]
	if k == nil || len(k.kept[outcome]) == 0 {
		return nil, fmt.Errorf("blind: open: outcome %d of job %d: the job was not run, or has none such", outcome, job)
	}
	var out []*mhe.Opening
	for i, r := range k.kept[outcome] {
		k.report(PhaseOpen, i+1, len(k.kept[outcome]))
		m, err := s.mhe.Open(r.circuit(job), r.value, r.cells...)
		if err != nil {
			return nil, s.fail(err)
		}
		o, err := drive(s.drive, m)
		if err != nil {
			return nil, s.fail(err)
		}
		o.Circuit = r.unscaled(o.Circuit)
		out = append(out, o)
	}
	return out, nil
}

// Burn ends the session. What was retained and not opened is gone with the key.
func (s *Session) Burn() error { return s.mhe.Burn() }

// fail burns the key on any error.
func (s *Session) fail(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, s.mhe.Burn())
}

// session is the backend that computes on ciphertexts.
type session struct {
	mhe           *mhe.Session
	drive         Driver
	report        func(phase string, step, of int)
	inputs, steps int
	encrypted     int
	solved        int
	kept          map[int][]retained // by outcome
}

// retained is a value that may be opened.
type retained struct {
	keep
	value *mhe.Retained
}

func (s *session) input(list []mhe.Plain) ([]number, error) {
	s.encrypted++
	s.report(PhaseEncrypt, s.encrypted, s.inputs)
	m, err := s.mhe.Input(list)
	if err != nil {
		return nil, err
	}
	got, err := drive(s.drive, m)
	return numbers(got), err
}

func (s *session) refresh(parts []part) ([][]number, error) {
	s.solved++
	s.report(PhaseSolve, s.solved, s.steps)
	var list []mhe.Part
	for _, p := range parts {
		list = append(list, mhe.Part{C: ciphertext(p.of), Retain: p.keep != nil, Outputs: p.outputs})
	}
	m, err := s.mhe.RefreshAll(list...)
	if err != nil {
		return nil, err
	}
	got, err := drive(s.drive, m)
	if err != nil {
		return nil, err
	}
	var out [][]number
	for i, r := range got {
		out = append(out, numbers(r.Outputs))
		if k := parts[i].keep; k != nil {
			s.kept[k.outcome] = append(s.kept[k.outcome], retained{*k, r.Value})
		}
	}
	return out, nil
}

func (s *session) add(a, b number) (number, error) {
	return one(s.mhe.Add(ciphertext(a), ciphertext(b)))
}
func (s *session) sub(a, b number) (number, error) {
	return one(s.mhe.Sub(ciphertext(a), ciphertext(b)))
}

func (s *session) fromConst(list []mhe.Const, c number) (number, error) {
	return one(s.mhe.FromConst(list, ciphertext(c)))
}

func (s *session) product(pairs [][2]number) (number, error) {
	var list [][2]*mhe.Ciphertext
	for _, p := range pairs {
		list = append(list, [2]*mhe.Ciphertext{ciphertext(p[0]), ciphertext(p[1])})
	}
	return one(s.mhe.Product(list...))
}

func (s *session) argue(c number, b mhe.Bound) (number, error) {
	return one(s.mhe.Argue(ciphertext(c), b))
}

// ciphertext of a number of this backend; nil, which mhe refuses, of any other.
func ciphertext(x number) *mhe.Ciphertext {
	c, _ := x.(*mhe.Ciphertext)
	return c
}

func one(c *mhe.Ciphertext, err error) (number, error) { return c, err }

func numbers(list []*mhe.Ciphertext) []number {
	var out []number
	for _, c := range list {
		out = append(out, c)
	}
	return out
}

// drive drives a machine whatever it yields.
func drive[R any](d Driver, m round.Machine[R]) (R, error) {
	if err := d(silent[R]{m}); err != nil {
		var none R
		return none, err
	}
	r, done := m.Result()
	if !done {
		return r, errors.New("blind: a machine was left before its end")
	}
	return r, nil
}

// silent hides what a machine yields.
type silent[R any] struct{ m round.Machine[R] }

func (s silent[R]) Start() ([]round.Message, error)                  { return s.m.Start() }
func (s silent[R]) Receive(m round.Message) ([]round.Message, error) { return s.m.Receive(m) }
func (s silent[R]) Expire() ([]round.Message, error)                 { return s.m.Expire() }
func (s silent[R]) Result() (none struct{}, done bool)               { _, done = s.m.Result(); return none, done }
