package prototest

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Story is a World told by commands. Its verbs:
//
//	members a b c [cells=3] [release=analyst]   a new world, attempt 1
//	attempt 2 [a b] [closings=none]             the next attempt, maybe of other members
//	setup [a b]                                 these (or all) join, until nothing moves
//	sum n [a b] [ask.b=7] [state.b=7] [cells.b=2] [x.b=1,-2,2^127] [shown=yes] [shown.b=no]
//	close CODE [a b]                            these (or all) close
//	drop, twice, flip, hold, late from= to= type= seq= times=   network rules
//	release                                     what was held goes out now
//	replay from= to= type= seq=                 delivers old messages again
//	quiet                                       no rules any more
//	kill a [records=n]                          loses all but the journal (its first n records)
//	restart a                                   goes on from the journal
//	resend a, expire a|hub                      what a driver can do
//	open n ask=n [shown=yes]                    the reader opens package n
//	restored a                                  the operator confirms it
//	table a other                               a's table changes
type Story struct {
	*World
	t       *testing.T
	Rules   Rules
	Verbs   map[string]Verb
	lines   []string
	held    []round.Message
	past    []round.Message
	told    map[string]string
	record  secagg.Record
	sizes   bool
	reader  *party.Identity
	removed []*Member
	digests map[string]int
}

// NewStory returns an empty story.
func NewStory(t *testing.T) *Story {
	s := &Story{t: t, digests: map[string]int{}}
	s.Verbs = map[string]Verb{
		"members": s.members, "attempt": s.attempt, "setup": s.setup, "sum": s.sum, "close": s.close, "kill": s.kill,
		"restart": s.restart, "resend": s.resend, "expire": s.expire, "quiet": s.quiet, "release": s.release, "replay": s.replay,
		"open": s.open, "restored": s.restored, "table": s.table,
		"drop":  s.rule(func(m round.Message, c Command) []round.Message { return nil }),
		"twice": s.rule(func(m round.Message, c Command) []round.Message { return []round.Message{m, m} }),
		"flip": s.rule(func(m round.Message, c Command) []round.Message {
			at, _ := strconv.Atoi(c.Keys["at"])
			return []round.Message{Flip(m, at)}
		}),
		"hold": s.rule(func(m round.Message, c Command) []round.Message {
			s.held = append(s.held, m)
			return nil
		}),
	}
	return s
}

// rule makes a verb that adds a network rule.
func (s *Story) rule(act func(round.Message, Command) []round.Message) Verb {
	return func(c Command) (string, error) {
		m, err := MatchOf(c)
		s.Rules = append(s.Rules, &Rule{Match: m, Act: func(msg round.Message) []round.Message { return act(msg, c) }})
		return "", err
	}
}

// AddRule makes a verb of a rewriting of envelopes.
func (s *Story) AddRule(act func(*wire.Envelope, Command) error) Verb {
	return s.rule(func(m round.Message, c Command) []round.Message {
		return []round.Message{Rewrite(m, func(e *wire.Envelope) {
			if err := act(e, c); err != nil {
				s.t.Errorf("%s: %v", c.Verb, err)
			}
		})}
	})
}

func (s *Story) members(c Command) (string, error) {
	var ids []party.ID
	for _, w := range c.Words {
		ids = append(ids, party.ID(w))
	}
	s.sizes = c.Keys["sizes"] != ""
	s.told = map[string]string{}
	s.World = NewWith(s.t, 1, s.charter(c), ids...)
	s.readers()
	s.Network = func(m round.Message) []round.Message { return s.Rules.Apply(m) }
	s.Seen = func(m round.Message) {
		s.past = append(s.past, m)
		s.lines = append(s.lines, Line(m, s.sizes))
	}
	return "", nil
}

func (s *Story) charter(c Command) func(*secagg.Charter) {
	return func(ch *secagg.Charter) {
		if c.Keys["release"] == "analyst" {
			if s.reader == nil {
				s.reader, _ = party.NewIdentity(Rand(1, "reader"))
			}
			ch.Release, ch.Reader = secagg.ReleaseAnalyst, s.reader.Public().Digest()
		}
	}
}

func (s *Story) readers() {
	if s.reader == nil {
		return
	}
	key := s.reader.Public()
	for _, m := range s.Members {
		m.Config.Reader = &key
	}
}

// who returns the members named, or all.
func (s *Story) who(words []string) []*Member {
	if len(words) == 0 {
		return s.Members
	}
	var out []*Member
	for _, w := range words {
		out = append(out, s.Member(party.ID(w)))
	}
	return out
}

func (s *Story) attempt(c Command) (string, error) {
	n, err := strconv.Atoi(c.Words[0])
	if err != nil {
		return "", err
	}
	s.removed = append(s.removed, s.Members...)
	var members []*Member
	for _, w := range c.Words[1:] {
		i := slices.IndexFunc(s.removed, func(m *Member) bool { return m.ID == party.ID(w) })
		members = append(members, s.removed[i])
	}
	if len(members) > 0 {
		s.Members = members
	}
	if r, ok := s.Hub.Result(); ok {
		s.record = r.Record
	}
	list := make([]party.Member, len(s.Members))
	for i, m := range s.Members {
		list[i] = party.Member{ID: m.ID, Key: m.Identity.Public()}
	}
	roster, err := party.NewRoster(list)
	if err != nil {
		return "", err
	}
	closings := s.record.For(roster)
	if c.Keys["closings"] == "none" {
		closings = nil
	}
	s.told = map[string]string{}
	s.Begin(uint32(n), closings, s.charter(c))
	s.readers()
	return "", nil
}

func (s *Story) setup(c Command) (string, error) {
	for _, m := range s.who(c.Words) {
		s.Join(m)
	}
	return s.tell(), nil
}

func (s *Story) sum(c Command) (string, error) {
	n, err := strconv.Atoi(c.Words[0])
	if err != nil {
		return "", err
	}
	for _, m := range s.who(c.Words[1:]) {
		st, err := s.input(n, m, c)
		if err != nil {
			return "", err
		}
		s.StartSum(m, st.ask, st.x)
	}
	return s.tell(), nil
}

func (s *Story) input(n int, m *Member, c Command) (asked, error) {
	cells := 3
	if v := c.Keys["cells."+string(m.ID)]; v != "" {
		cells, _ = strconv.Atoi(v)
	}
	st := asked{ask: Ask(n, cells), x: make(secagg.Vector, cells)}
	st.ask.Shown = c.Keys["shown"] == "yes"
	if v := c.Keys["shown."+string(m.ID)]; v != "" {
		st.ask.Shown = v == "yes"
	}
	if v := c.Keys["ask."+string(m.ID)]; v != "" {
		st.ask.Digest = party.Hash("ask " + v)
	}
	if v := c.Keys["state."+string(m.ID)]; v != "" {
		st.ask.State = party.Hash("state " + v)
	}
	for k := range st.x { // a: 1 2 3, b: 10 20 30, c: 100 200 300
		v := big.NewInt(int64(k + 1))
		st.x[k] = fromBig(v.Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.Roster.Index(m.ID))), nil)))
	}
	if v := c.Keys["x."+string(m.ID)]; v != "" {
		for k, w := range strings.Split(v, ",") {
			x, err := Integer(w)
			if err != nil {
				return st, err
			}
			st.x[k] = x
		}
	}
	return st, nil
}

// Integer reads a decimal integer or ±2^n as a cell.
func Integer(w string) ([2]uint64, error) {
	sign := int64(1)
	if strings.HasPrefix(w, "-") {
		sign, w = -1, w[1:]
	}
	x, ok := new(big.Int), true
	if e, power := strings.CutPrefix(w, "2^"); power {
		n, err := strconv.Atoi(e)
		x.Lsh(big.NewInt(1), uint(n))
		ok = err == nil
	} else {
		x, ok = x.SetString(w, 10)
	}
	if !ok {
		return [2]uint64{}, fmt.Errorf("%q is not an integer", w)
	}
	return fromBig(x.Mul(x, big.NewInt(sign))), nil
}

func (s *Story) close(c Command) (string, error) {
	code, known := wire.Code_value[c.Words[0]]
	if !known {
		return "", fmt.Errorf("no code %q", c.Words[0])
	}
	for _, m := range s.who(c.Words[1:]) {
		s.StartClose(m, wire.Code(code))
	}
	return s.tell(), nil
}

func (s *Story) kill(c Command) (string, error) {
	m := s.Member(party.ID(c.Words[0]))
	if n, err := strconv.Atoi(c.Keys["records"]); err == nil {
		m.Journal = m.Journal.Copy(n)
		m.Config.Journal = m.Journal
	}
	m.Kill()
	delete(s.told, string(m.ID))
	return fmt.Sprintf("%s: killed, %d journal records left\n", m.ID, m.Journal.Len()), nil
}

func (s *Story) restart(c Command) (string, error) {
	m := s.Member(party.ID(c.Words[0]))
	s.Restart(m) // what went wrong is in m.Err
	return s.tell(), nil
}

func (s *Story) resend(c Command) (string, error) {
	return s.drive(c.Words[0], func(m round.Machine[any]) ([]round.Message, error) { return m.Start() })
}

func (s *Story) expire(c Command) (string, error) {
	if c.Words[0] == string(party.Hub) {
		out, err := s.Hub.Expire()
		s.post(out)
		return s.tell(), err
	}
	return s.drive(c.Words[0], func(m round.Machine[any]) ([]round.Message, error) { return m.Expire() })
}

// drive does something to the machine that a member is running.
func (s *Story) drive(id string, f func(round.Machine[any]) ([]round.Message, error)) (string, error) {
	m := s.Member(party.ID(id))
	machine := m.machine()
	if machine == nil {
		return "", errors.New("no machine is running")
	}
	out, err := f(machine)
	if err != nil {
		m.Err = err
	}
	m.collect()
	s.post(out)
	return s.tell(), nil
}

func (s *Story) quiet(Command) (string, error) {
	s.Rules = nil
	return "", nil
}

func (s *Story) release(Command) (string, error) {
	s.Queue, s.held = append(s.Queue, s.held...), nil
	return s.tell(), nil
}

// replay delivers again what was delivered before.
func (s *Story) replay(c Command) (string, error) {
	match, err := MatchOf(c)
	if err != nil {
		return "", err
	}
	var again []round.Message
	for _, m := range s.past {
		if match.matches(m) {
			again = append(again, m)
		}
	}
	s.post(again)
	return s.tell(), nil
}

func (s *Story) open(c Command) (string, error) {
	n, _ := strconv.Atoi(c.Words[0])
	ask, _ := strconv.Atoi(c.Keys["ask"])
	r, ok := s.Hub.Result()
	if !ok || len(r.Packages) < n {
		return "", errors.New("the hub has no such package")
	}
	about := Ask(ask, 3)
	about.Shown = c.Keys["shown"] == "yes"
	total, err := secagg.OpenAtReader(s.reader, s.Charter, s.Roster, about, r.Packages[n-1])
	if err != nil {
		return fmt.Sprintf("reader: %v\n", err), nil
	}
	return fmt.Sprintf("reader: total %d = %s\n", total.Sequence, Show(total.Sum)), nil
}

func (s *Story) restored(c Command) (string, error) {
	s.Member(party.ID(c.Words[0])).Config.Restored = true
	return "", nil
}

func (s *Story) table(c Command) (string, error) {
	m := s.Member(party.ID(c.Words[0]))
	m.Config.Data = party.Hash("another table")
	return "", nil
}

// tell lets everything happen and says what has.
// named numbers digests in the order they are told, so that a transcript says
// which are equal and does not change with every key.
// Show prints cells as signed integers.
