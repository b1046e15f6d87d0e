// Package engine runs studies. Simulate runs every party of one in this
// process: the real protocols with real keys and masks, over a network in
// memory. Plan says what a study would open, before any row is read.
package engine

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

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
	analyses, err := runner.Planned(s)
	if err != nil {
		return nil, err
	}
	if err := runner.Fits(s, analyses); err != nil {
		return nil, err
	}
	p := &report.Plan{Spec: s, Openings: runner.Openings(s), Analyses: analyses, Warnings: s.Warnings}
	digest, err := planDigest(p)
	if err != nil {
		return nil, err
	}
	p.Digest = fmt.Sprintf("sha256:%x", digest)
	p.Rounds, p.BytesUp, p.BytesDown = runner.Estimate(s, p)
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
	}{string(p.Spec.Canonical()), Version, p.Openings, all})
	if err != nil {
		return digest, err
	}
	return sha256.Sum256(b), nil
}
