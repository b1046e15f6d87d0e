package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// Request is a run that somebody asks for.
type Request struct {
	Study    string   `json:"study"`
	Plan     Digest   `json:"plan"`
	Roster   Digest   `json:"roster"`
	Member   party.ID `json:"member"`  // whose approval it needs: this gateway's own
	Run      string   `json:"run"`     // names the run among all of this plan; 1 to 64 characters
	Analyst  Digest   `json:"analyst"` // of the key that signed the request
	Analyses []string `json:"analyses"`
	Columns  []string `json:"columns"`
}

// Refusal says which rule a request does not meet.
type Refusal struct {
	Rule string // approval, analyst, roster, analyses, columns, expiry, runs, run or cohort
	Why  string
}

// Error is Why.
func (r *Refusal) Error() string { return "store: " + r.Why }

// Begin counts a run before anything of it is sent. It is refused with a
// *Refusal if the member's steward did not approve it or its approval is used
// up. A run that was begun and not ended, as after a crash, goes on and is
// not counted again: then again is true.
func (s *Store) Begin(r Request) (again bool, err error) {
	if r.Study == "" || r.Plan.IsZero() || r.Run == "" || len(r.Run) > 64 {
		return false, errors.New("store: begin: study, plan and a run of 1 to 64 characters are needed")
	}
	s.write.Lock()
	defer s.write.Unlock()
	if u := s.runs[r.Plan][r.Run]; u != nil {
		if u.ended {
			return false, &Refusal{"run", fmt.Sprintf("run %q of study %q has ended: another run has another name, and is counted", r.Run, r.Study)}
		}
		if !u.request.same(r) {
			return false, &Refusal{"run", fmt.Sprintf("run %q of study %q was begun for another roster, analyst, analyses or columns", r.Run, r.Study)}
		}
		return true, nil
	}
	if err := s.admit(r); err != nil {
		return false, err
	}
	return false, s.commit(nil, &Event{Kind: KindBegun, Study: r.Study, Plan: r.Plan, Run: r.Run, Who: "analyst " + r.Analyst.String(), Request: &r})
}

func (r Request) same(o Request) bool {
	return r.Study == o.Study && r.Roster == o.Roster && r.Member == o.Member && r.Analyst == o.Analyst && slices.Equal(r.Analyses, o.Analyses) && slices.Equal(r.Columns, o.Columns)
}

// admit holds r against its member's decision.
func (s *Store) admit(r Request) error {
	refuse := func(rule, format string, args ...any) error {
		return &Refusal{rule, fmt.Sprintf("study %q: ", r.Study) + fmt.Sprintf(format, args...)}
	}
	d, ok := s.decided[r.Plan][r.Member]
	switch {
	case !ok:
		return refuse("approval", "the steward of %s has not decided about this plan (%s)", r.Member, r.Plan.short())
	case !d.Approve:
		return refuse("approval", "the steward of %s has refused this plan: %s", r.Member, d.Why)
	case d.Roster != r.Roster:
		return refuse("roster", "the steward of %s has approved it for another roster", r.Member)
	case d.Analyst != r.Analyst:
		return refuse("analyst", "the steward of %s has approved it for another analyst", r.Member)
	}
	if x := beyond(r.Analyses, d.Analyses); x != "" {
		return refuse("analyses", "the steward of %s has not approved: %s", r.Member, x)
	}
	if x := beyond(r.Columns, d.Columns); x != "" {
		return refuse("columns", "the steward of %s has not approved the use of: %s", r.Member, x)
	}
	if now := s.now(); !now.Before(d.Expires) {
		return refuse("expiry", "the approval by the steward of %s expired at %s (this machine's clock says %s)", r.Member, d.Expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if used := s.used(r.Plan, r.Member); used >= d.Runs {
		return refuse("runs", "the runs that the steward of %s has approved are used up (%d of %d)", r.Member, used, d.Runs)
	}
	return nil
}

// beyond lists what is wanted and not among those allowed; none allowed is all.
func beyond(wanted, allowed []string) string {
	if len(allowed) == 0 {
		return ""
	}
	var out []string
	for _, w := range wanted {
		if !slices.Contains(allowed, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, ", ")
}

// End records how a run ended: why is empty if it gave its result. Ending it
// again changes nothing.
func (s *Store) End(plan Digest, run, why string) error {
	s.write.Lock()
	defer s.write.Unlock()
	u := s.runs[plan][run]
	if u == nil {
		return fmt.Errorf("store: end: no run %q of plan %s was begun", run, plan.short())
	}
	if u.ended {
		return nil
	}
	return s.commit(nil, &Event{Kind: KindEnded, Study: u.request.Study, Plan: plan, Run: run, Why: why})
}

// Used returns how many runs of a plan were begun under the member's latest decision.
func (s *Store) Used(plan Digest, member party.ID) int {
	s.write.Lock()
	defer s.write.Unlock()
	return s.used(plan, member)
}

// Unfinished returns the runs that were begun and not ended, the earliest
// first: after a crash, those to go on with.
func (s *Store) Unfinished() []Request {
	s.write.Lock()
	defer s.write.Unlock()
	var out []Request
	for _, u := range s.begun {
		if !u.ended {
			out = append(out, u.request)
		}
	}
	return out
}
