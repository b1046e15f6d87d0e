package secagg

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Ask is what a sum is about. All members must hold the same, and the sum is
// opened only if they do.
type Ask struct {
	Digest [32]byte // of everything the cells mean
	State  [32]byte // of the totals opened so far, which the asking rests on
	Cells  int      // 1 to the charter's limit
	Shown  bool     // with ReleaseAnalyst: members learn the total too, as with ReleaseAll, and the reader as from every sum
}

// Total is what a sum yielded.
type Total struct {
	Sequence uint64   // which of the session's sums, from 1
	Label    [32]byte // c
	Sum      Vector   // Ask.Cells cells; nil for members when only the reader may know
}

// Session is a completed set-up: a member can now take part in sums, one at
// a time, and must end with Close.
type Session struct {
	*member
	transcript [32]byte
	veil       [32]byte
	veilCheck  [32]byte
	pairs      [][32]byte // K_ij
	macOut     [][32]byte // tag keys, me to j
	macIn      [][32]byte // tag keys, j to me
	next       uint64     // sequence of the next sum
	busy       bool       // a sum is under way
}

func newSession(m *member) *Session {
	a := m.log.agreed
	s := &Session{member: m, transcript: digest(a.Transcript), veil: digest(a.Veil), next: 1}
	s.veilCheck = derive(s.veil[:], "check")
	s.pairs, s.macOut, s.macIn = make([][32]byte, m.n), make([][32]byte, m.n), make([][32]byte, m.n)
	me := []byte(m.cfg.ID)
	for j := range m.n {
		peer := []byte(m.cfg.Roster.At(j).ID)
		s.pairs[j] = digest(a.Pairs[j*32:])
		s.macOut[j] = derive(s.pairs[j][:], "mac", me, peer)
		s.macIn[j] = derive(s.pairs[j][:], "mac", peer, me)
	}
	return s
}

// Sum is one masked sum: masked, then unlock. x has ask.Cells cells and is
// copied. After a restart the sums must be asked for again in their order; those that were
// opened answer from the journal, without a message, and x is not looked at.
func (s *Session) Sum(ask Ask, x Vector) (round.Machine[Total], error) {
	switch {
	case s.log.closed != nil:
		return nil, ErrClosed
	case s.busy:
		return nil, errors.New("secagg: sum: the one before is not finished")
	case ask.Shown && s.cfg.Reader == nil:
		return nil, errors.New("secagg: sum: shown to members as well, where there is no reader: every sum is theirs")
	case ask.Cells < 1 || ask.Cells > s.cfg.Charter.Limits.Cells:
		return nil, fmt.Errorf("secagg: sum: %d cells, want 1 to the charter's %d", ask.Cells, s.cfg.Charter.Limits.Cells)
	case len(x) != ask.Cells:
		return nil, fmt.Errorf("secagg: sum: the vector has %d cells, the ask %d", len(x), ask.Cells)
	}
	m, err := newSum(s, ask, x)
	if err != nil {
		return nil, err
	}
	return round.Guard[Total](m), nil
}

// Close ends the attempt for this member, for ever: with Code_DONE when the
// study is finished, else with a reason. The machine yields everybody's closing
// records, which a new attempt would need.
func (s *Session) Close(code Code) round.Machine[Record] {
	return round.Guard[Record](&closer{member: s.member, code: code})
}

// ID returns S, the digest of charter and Hellos, that names the session in logs.
func (s *Session) ID() [32]byte { return digest(s.log.sealing.Session) }

// Members returns the number of members.
func (s *Session) Members() int { return s.n }

// Dropped counts messages that were not for this attempt, or were repeated.
func (s *Session) Dropped() int { return s.dropped }

// tags authenticates body to every peer, in roster order.
func (s *Session) tags(kind string, body []byte) []byte {
	out := make([]byte, 0, (s.n-1)*wire.TagSize)
	for j := range s.n {
		if j != s.me {
			out = append(out, tag(s.macOut[j], kind, body)...)
		}
	}
	return out
}

// peers reads a list of bodies from all members: the own one must be as sent,
// the others' tags must verify.
func (s *Session) peers(kind string, list []*wire.Tagged, own []byte) error {
	for j, t := range list {
		if j == s.me {
			if string(t.GetBody()) != string(own) || len(t.GetTag()) != 0 {
				return s.hub(wire.Code_ALTERED, fmt.Errorf("secagg: this member's own %s was changed", kind))
			}
			continue
		}
		if !tagged(s.macIn[j], kind, t.GetBody(), t.GetTag()) {
			return s.abort(wire.Code_TAG, "the tag on the %s of %s does not verify: it, or the hub, or set-up went wrong", kind, s.id(j))
		}
	}
	return nil
}

// ids lists the roster, for the journal.
func (s *Session) ids() []string {
	out := make([]string, s.n)
	for j := range out {
		out[j] = string(s.id(j))
	}
	return out
}

func (s *Session) id(j int) party.ID { return s.cfg.Roster.At(j).ID }
