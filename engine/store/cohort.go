package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Freeze says for which roster totals over a cohort have been unlocked. Until a
// steward clears it, no plan over the cohort unlocks anything for another
// roster: the difference of two such totals could be one hospital's own.
type Freeze struct {
	Cohort Digest    `json:"cohort"`
	Roster Digest    `json:"roster"`
	Study  string    `json:"study"` // whose unlock was the first
	Plan   Digest    `json:"plan"`
	Since  time.Time `json:"since"`
}

// free says whether p may unlock something: a *Refusal if its cohort is frozen
// for another roster. first is true if p's unlock would freeze it.
func (s *state) free(p Plan) (first bool, err error) {
	f, frozen := s.frozen[p.Cohort]
	if frozen && f.Roster != p.Roster {
		return false, &Refusal{Rule: "cohort", Why: fmt.Sprintf("since %s totals over these rows have been unlocked for the roster %s (study %q), and this attempt is for another: the difference could be one hospital's own total. Run it with that roster, or a steward clears the cohort, with a reason",
			f.Since.Format(time.DateOnly), f.Roster.short(), f.Study)}
	}
	return !frozen, nil
}

// freezing is the event that goes before the first unlock over p's cohort.
func (p Plan) freezing(now time.Time) *Event {
	return &Event{Kind: KindFrozen, Study: p.Study, Plan: p.Digest, What: "the cohort is for one roster from now on",
		Freeze: &Freeze{Cohort: p.Cohort, Roster: p.Roster, Study: p.Study, Plan: p.Digest, Since: now.UTC().Round(0)}}
}

// Frozen returns the ledger: every cohort that is frozen, the earliest first.
func (s *Store) Frozen() []Freeze {
	s.write.Lock()
	defer s.write.Unlock()
	return slices.SortedFunc(maps.Values(s.frozen), func(a, b Freeze) int { return a.Since.Compare(b.Since) })
}

// Clear lets another roster have the cohort. who is the steward, why goes into
// the audit log: whoever has both totals can subtract them.
func (s *Store) Clear(cohort Digest, who, why string) error {
	if who == "" || why == "" {
		return errors.New("store: clear: who clears the cohort and why are needed")
	}
	s.write.Lock()
	defer s.write.Unlock()
	f, frozen := s.frozen[cohort]
	if !frozen {
		return fmt.Errorf("store: clear: cohort %s is not frozen", cohort.short())
	}
	return s.commit(nil, &Event{Kind: KindCleared, Study: f.Study, Plan: f.Plan, Who: who, Why: why, Freeze: &f})
}
