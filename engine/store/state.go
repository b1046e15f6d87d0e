package store

import (
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
)

// state is what the audit log amounts to. It changes only by apply, which sees
// the same events whether they are being written or read again.
type state struct {
	decided map[Digest]map[party.ID]Decision // by plan: each member's latest
	runs    map[Digest]map[string]*usage     // by plan
	begun   []*usage
	frozen  map[Digest]Freeze // by cohort
}

// usage is a run that was begun.
type usage struct {
	request Request
	under   Digest // the decision that it was begun under
	ended   bool
}

func newState() state {
	return state{decided: map[Digest]map[party.ID]Decision{}, runs: map[Digest]map[string]*usage{}, frozen: map[Digest]Freeze{}}
}

func (s *state) apply(e *Event) error {
	switch {
	case e.Kind == KindDecided && e.Decision != nil:
		if s.decided[e.Decision.Plan] == nil {
			s.decided[e.Decision.Plan] = map[party.ID]Decision{}
		}
		s.decided[e.Decision.Plan][e.Decision.Member] = *e.Decision
	case e.Kind == KindBegun && e.Request != nil:
		if s.runs[e.Plan] == nil {
			s.runs[e.Plan] = map[string]*usage{}
		}
		u := &usage{request: *e.Request}
		if d, ok := s.decided[e.Plan][e.Request.Member]; ok {
			u.under = d.Digest()
		}
		s.runs[e.Plan][e.Run] = u
		s.begun = append(s.begun, u)
	case e.Kind == KindEnded && s.runs[e.Plan][e.Run] != nil:
		s.runs[e.Plan][e.Run].ended = true
	case e.Kind == KindFrozen && e.Freeze != nil:
		s.frozen[e.Freeze.Cohort] = *e.Freeze
	case e.Kind == KindCleared && e.Freeze != nil:
		delete(s.frozen, e.Freeze.Cohort)
	case byHand(e.Kind):
	default:
		return fmt.Errorf("store: an audit event of kind %q is not understood: it was written by another version of this program", e.Kind)
	}
	return nil
}

// used counts the runs that were begun under the member's latest decision.
func (s *state) used(plan Digest, member party.ID) int {
	d, ok := s.decided[plan][member]
	if !ok {
		return 0
	}
	n, under := 0, d.Digest()
	for _, u := range s.runs[plan] {
		if u.under == under {
			n++
		}
	}
	return n
}
