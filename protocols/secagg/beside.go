package secagg

import (
	"github.com/consilium-health/consilium/protocols/round"
)

// Beside is this session for another protocol, called name, between the same
// members. Its tag keys are derived for that name: nothing said in one protocol
// can be replayed in the other. When either stops, the attempt is closed for both.
func (s *Session) Beside(name string) round.Session {
	out := round.Session{
		Plan: s.cfg.Charter.Plan, Attempt: s.cfg.Charter.Attempt, Context: s.in(s.transcript[:]),
		Roster: s.cfg.Roster, ID: s.cfg.ID, Identity: s.cfg.Identity, Limits: s.cfg.Charter.limits(),
		TagsOut: make([][32]byte, s.n), TagsIn: make([][32]byte, s.n),
		Stop:    s.stop,
		OnClose: func(f func() error) { s.ending = append(s.ending, f) },
	}
	me := []byte(s.cfg.ID)
	for j := range s.n {
		peer := []byte(s.id(j))
		out.TagsOut[j] = derive(s.pairs[j][:], "mac "+name, me, peer)
		out.TagsIn[j] = derive(s.pairs[j][:], "mac "+name, peer, me)
	}
	return out
}
