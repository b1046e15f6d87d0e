package report

import (
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

// Plan is what a study would open, known before any row is read.
type Plan struct {
	Spec     *study.Spec
	Digest   string         // of the plan, "sha256:..."
	Openings []stat.Opening // for the study as a whole: rows of the cohort, hospitals that stop an analysis
	Analyses []PlannedAnalysis
	Rounds   Range // masked sums, all analyses side by side
	// BytesUp and BytesDown estimate what one hospital sends and receives, at most.
	BytesUp, BytesDown int64
	Warnings           []string // about the study as a whole
}

// Range is a smallest and a largest number.
type Range struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// PlannedAnalysis is one analysis of a plan.
type PlannedAnalysis struct {
	ID, Kind string
	Openings []stat.Opening
	Refused  *stat.Refusal // a rule that can already tell; nil otherwise
}

// Refusals reports whether a rule can already tell that it will refuse an analysis.
func (p *Plan) Refusals() bool {
	for _, a := range p.Analyses {
		if a.Refused != nil {
			return true
		}
	}
	return false
}
