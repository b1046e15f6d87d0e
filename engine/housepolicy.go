package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/party"
)

// Policy is what a hospital decides beforehand, in its gateway's file. What it
// does not decide waits for the steward. It can make a hospital stricter than a
// study, never laxer. The zero value approves nothing and forbids nothing.
type Policy struct {
	// A study is approved without asking if its plan is in ApprovePlans
	// ("sha256:..."), or all its analyses are of ApproveKinds, it shows no figures
	// of single hospitals, and, if ApproveFrom names any, its analyst is among them.
	ApprovePlans []string
	ApproveKinds []string
	ApproveFrom  []party.ID
	Scope        Scope // of what is approved without asking

	ForbidColumns []string      // no study may use these variables
	ForbidOwn     bool          // no study may show figures of single hospitals
	ApprovalsLast time.Duration // when a scope does not say; 0: 30 days
	MinCell       int           // a study's min_cell must be at least this
	MinSites      int           // and its min_sites this
	Studies       int           // runs of one analyst that are undecided or under way, at most; 0: 16
}

// forbids says why a study can have no part of this hospital; "": it can.
func (p Policy) forbids(s *submitted) string {
	var found []string
	for _, c := range p.ForbidColumns {
		if slices.Contains(s.wanted.Columns, c) {
			found = append(found, c)
		}
	}
	v := s.spec.Privacy
	switch {
	case found != nil:
		return "this hospital does not release statistics of: " + strings.Join(found, ", ")
	case p.ForbidOwn && showsHospitals(s.plan.Analyses):
		return "the study shows figures of single hospitals, which this hospital does not allow"
	case v.MinCell < p.MinCell:
		return fmt.Sprintf("the study's min_cell is %d, this hospital wants at least %d", v.MinCell, p.MinCell)
	case v.MinSites < p.MinSites:
		return fmt.Sprintf("the study's min_sites is %d, this hospital wants at least %d", v.MinSites, p.MinSites)
	}
	return ""
}

// approves says whether the policy approves a study without asking.
func (p Policy) approves(s *submitted) bool {
	if slices.Contains(p.ApprovePlans, s.plan.Digest) {
		return true
	}
	if len(p.ApproveFrom) > 0 && !slices.Contains(p.ApproveFrom, s.sub.Analyst) || len(p.ApproveKinds) == 0 {
		return false
	}
	for _, a := range s.plan.Analyses {
		if !slices.Contains(p.ApproveKinds, a.Kind) {
			return false
		}
	}
	return !showsHospitals(s.plan.Analyses)
}

// showsHospitals reports whether an analysis opens figures of single hospitals.
func showsHospitals(all []report.PlannedAnalysis) bool {
	return slices.ContainsFunc(all, func(a report.PlannedAnalysis) bool {
		return slices.ContainsFunc(a.Openings, func(o stat.Opening) bool { return o.PerHospital })
	})
}
