package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// Open is the analyst's side of `release: analyst`: it opens the sealed sums
// of a study with the analyst's key and reduces them, min_cell and min_sites included.
// Everything in sealed is checked: every hospital's signatures, the plan, the
// hub's addition. s must be the very study that was run.
//
// The analyst sees small cells on the way; the report does not show them.
func Open(s *study.Spec, sealed *report.Sealed, analyst *party.Identity) (*report.Report, error) {
	return open(s, sealed, analyst, nil, 0)
}

// open opens what was sealed; unfinished is nil unless the study was ended before it was finished.
func open(s *study.Spec, sealed *report.Sealed, analyst *party.Identity, unfinished *stat.Refusal, insecureTest int) (*report.Report, error) {
	if s.Privacy.Release != "analyst" {
		return nil, errors.New("engine: open: the study releases to all hospitals, there is nothing to open")
	}
	plan, err := newPlan(s, insecureTest)
	if err != nil {
		return nil, err
	}
	if plan.Digest != sealed.PlanDigest {
		return nil, fmt.Errorf("engine: open: the sealed sums are of plan %s, this study file gives %s: use the study file that was run, with the same version of the program", sealed.PlanDigest, plan.Digest)
	}
	var members []party.Member
	for _, m := range sealed.Members {
		key, err := party.ParsePublicKey(m.Key)
		if err != nil {
			return nil, fmt.Errorf("engine: open: member %q: %w", m.ID, err)
		}
		members = append(members, party.Member{ID: m.ID, Site: m.Site, Key: key})
	}
	roster, err := party.NewRoster(members)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if !slices.ContainsFunc(s.Sites, func(site study.Site) bool { return site.ID == m.ID }) {
			return nil, fmt.Errorf("engine: open: sealed by %s, which is not in the study", m.ID)
		}
	}
	if roster.Len() != len(s.Sites) && (sealed.Attempt == 0 || roster.Len() < s.Privacy.MinSites) {
		return nil, fmt.Errorf("engine: open: sealed by %d hospitals, the study has %d", roster.Len(), len(s.Sites))
	}
	public := analyst.Public()
	part := reduced(s, roster)
	charter := runner.Charter(part, Version, plan.digest, roster, &public, runner.LargestSum(plan.Plan), plan.veil)
	if sealed.Attempt > 0 {
		charter.Attempt = sealed.Attempt
		copy(charter.Approvals[:], sealed.Approvals)
		copy(charter.Previous[:], sealed.Previous)
	}
	r, err := runner.Open(part, charter, roster, analyst, plan.veil, sealed.Packages, unfinished)
	if err != nil {
		return nil, err
	}
	r.Absent = absent(s, roster)
	return r, nil
}

// seal gathers what the analyst needs to open the sums of a run.
func seal(p *parties, r *report.Report, packages [][]byte) (*report.Sealed, error) {
	s := &report.Sealed{Study: r.Spec.Name, PlanDigest: r.PlanDigest, Consilium: r.Consilium, Packages: packages}
	for _, m := range p.hub.Roster.Members() {
		key, err := m.Key.MarshalBinary()
		if err != nil {
			return nil, err
		}
		s.Members = append(s.Members, report.SealedMember{ID: m.ID, Site: m.Site, Key: key})
	}
	return s, nil
}

// ParseSealed reads what a run wrote to sealed.json.
func ParseSealed(b []byte) (*report.Sealed, error) {
	s := new(report.Sealed)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("engine: the sealed sums cannot be read: %w", err)
	}
	return s, nil
}
