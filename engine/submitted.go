package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// submitted is a submission that was read: what every party makes of it alike.
type submitted struct {
	sub    *control.Submission
	spec   *study.Spec
	plan   *plan
	roster party.Roster // all of the study's hospitals
	wanted control.Wanted
	reader *party.PublicKey // release: analyst
	proved int              // pieces of evidence, in this life
}

// readSubmission parses a study and holds it against the plan that its analyst signed.
func readSubmission(sub *control.Submission, pinned party.Roster, insecureTest int) (*submitted, error) {
	if sub.Program != Version {
		return nil, fmt.Errorf("engine: study %q was planned by version %q of the program, this is %q: the analyst and all hospitals use the same", sub.Study, sub.Program, Version)
	}
	s, err := study.Parse(sub.Study+".yaml", sub.Text)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(s, insecureTest)
	if err != nil {
		return nil, err
	}
	if p.digest != sub.Plan || s.Name != sub.Study {
		return nil, fmt.Errorf("engine: study %q has the plan %s, the analyst signed sha256:%x", s.Name, p.Digest, sub.Plan)
	}
	var ids []party.ID
	for _, site := range s.Sites {
		ids = append(ids, site.ID)
	}
	roster, err := control.Roster(pinned, ids)
	if err != nil {
		return nil, err
	}
	out := &submitted{sub: sub, spec: s, plan: p, roster: roster}
	out.wanted = control.Wanted{Plan: sub.Plan, Roster: roster.Digest(), Analyst: sub.Key.Digest(), Analyses: analyses(s), Columns: columns(s)}
	if s.Privacy.Release == "analyst" {
		out.reader = &sub.Key
	}
	return out, nil
}

func analyses(s *study.Spec) (ids []string) {
	for _, a := range s.Analyses {
		ids = append(ids, a.ID)
	}
	return ids
}

// columns are the variables of the dictionary that a study uses.
func columns(s *study.Spec) []string {
	var names []string
	for i := range s.Analyses {
		names = append(names, s.Variables(i)...)
	}
	if s.Cohort != nil {
		names = append(names, s.Cohort.Variables()...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "site" })
}

// attempt is one attempt as every party makes it of a proposal.
type attempt struct {
	spec    *study.Spec // its Sites are those that take part
	party   runner.Party
	absent  []string
	members []party.ID
}

// attempt makes the charter of a proposed attempt. decisions are of its members, in roster order.
func (s *submitted) attempt(p *control.Proposal, decisions []store.Decision, insecureTest int) (*attempt, error) {
	for _, id := range p.Members {
		if s.roster.Index(id) < 0 {
			return nil, fmt.Errorf("engine: attempt %d of study %q is proposed with %s, which is not in the study", p.Attempt, s.spec.Name, id)
		}
	}
	if len(p.Members) < s.spec.Privacy.MinSites {
		return nil, fmt.Errorf("engine: attempt %d of study %q is proposed with %d hospitals, at least %d (min_sites)", p.Attempt, s.spec.Name, len(p.Members), s.spec.Privacy.MinSites)
	}
	if p.Attempt == 1 && len(p.Closings) > 0 {
		return nil, errors.New("engine: a first attempt is proposed with closing records of one before")
	}
	roster, err := control.Roster(s.roster, p.Members)
	if err != nil {
		return nil, err
	}
	a := &attempt{spec: reduced(s.spec, roster), members: p.Members, absent: absent(s.spec, roster)}
	veil := s.plan.veil
	if a.absent != nil {
		if veil, err = runner.Veil(a.spec, insecureTest); err != nil {
			return nil, err
		}
	}
	charter := runner.Charter(a.spec, Version, s.plan.digest, roster, s.reader, runner.LargestSum(s.plan.Plan), veil)
	a.party = runner.Party{Roster: roster, Veil: veil, Charter: runner.Attempt(charter, p.Attempt, control.Approvals(decisions), p.Closings)}
	return a, nil
}

// reduced is a study over those of its hospitals that take part. Its dictionary
// and digest are the study's: a hospital that is absent is one without rows.
func reduced(s *study.Spec, roster party.Roster) *study.Spec {
	if roster.Len() == len(s.Sites) {
		return s
	}
	r := *s
	r.Sites = slices.DeleteFunc(slices.Clone(s.Sites), func(site study.Site) bool { return roster.Index(site.ID) < 0 })
	return &r
}

// absent are the hospitals of a study that do not take part.
func absent(s *study.Spec, roster party.Roster) (names []string) {
	for _, site := range s.Sites {
		if roster.Index(site.ID) < 0 {
			names = append(names, string(site.ID))
		}
	}
	return names
}

// cost is what an attempt took at one hospital.
func cost(id party.ID, o *runner.Outcome, seconds float64) report.Cost {
	c := report.Cost{Seconds: seconds, Rounds: o.Rounds, Phases: o.Phases, BytesUp: map[string]int64{}, BytesDown: map[string]int64{}}
	for _, p := range o.Phases {
		c.BytesUp[string(id)] += p.BytesUp
		c.BytesDown[string(id)] += p.BytesDown
	}
	return c
}
