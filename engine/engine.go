// Package engine runs studies. Simulate runs every party of one in this
// process: the real protocols with real keys and masks, over a network in
// memory. Plan says what a study would open, before any row is read.
package engine

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

// Version is the program's, part of every plan digest: another version may ask for other sums.
const Version = "v0.1.0"

// Plan lists everything a study would open, in a steward's words, and what it
// would cost. It reads no row. Two plans with the same digest open the same.
func Plan(s *study.Spec) (*report.Plan, error) {
	p, err := newPlan(s, 0)
	if err != nil {
		return nil, err
	}
	return p.Plan, nil
}

// plan is a plan with what the parties of a run need of it.
type plan struct {
	*report.Plan
	veil   *blind.Plan // what is computed under encryption; nil: nothing
	digest [32]byte
}

// newPlan is Plan; insecureTest is 0, or the logarithm of the degree of a ring for tests.
func newPlan(s *study.Spec, insecureTest int) (*plan, error) {
	analyses, err := runner.Planned(s)
	if err != nil {
		return nil, err
	}
	if err := runner.Fits(s, analyses); err != nil {
		return nil, err
	}
	p := &plan{Plan: &report.Plan{Spec: s, Openings: runner.Openings(s), Analyses: analyses, Warnings: s.Warnings}}
	if p.veil, err = runner.Veil(s, insecureTest); err != nil {
		return nil, err
	}
	p.Veil = runner.Described(p.veil)
	if p.digest, err = planDigest(p.Plan); err != nil {
		return nil, err
	}
	p.Digest = fmt.Sprintf("sha256:%x", p.digest)
	p.Rounds, p.BytesUp, p.BytesDown = runner.Estimate(s, p.Plan)
	return p, nil
}

// planDigest binds the study, the version and every declared opening.
func planDigest(p *report.Plan) (digest [32]byte, err error) {
	type planned struct {
		ID       string
		Openings []stat.Opening
		Refused  *stat.Refusal
	}
	var all []planned
	for _, a := range p.Analyses {
		all = append(all, planned{a.ID, a.Openings, a.Refused})
	}
	b, err := json.Marshal(struct {
		Study    string
		Version  string
		Openings []stat.Opening
		Analyses []planned
		Veil     *report.Veil `json:",omitempty"`
	}{string(p.Spec.Canonical()), Version, p.Openings, all, p.Veil})
	if err != nil {
		return digest, err
	}
	return sha256.Sum256(b), nil
}
