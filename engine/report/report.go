// Package report writes the outcome of a study: a readable report in the
// manner of R's summary, result.json, disclosed.json and one CSV per analysis;
// and, before anything runs, the plan that a data steward approves.
//
//	Report ──► WriteText   report.txt   people
//	       ──► WriteJSON   result.json  programs
//	       ──► WriteDir    all of them, in one step or not at all
//
// It prints what the disclosure rules let through and nothing else: it never
// sees a total that was suppressed.
package report

import (
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// Report is the outcome of a study.
type Report struct {
	Spec       *study.Spec
	PlanDigest string   // "sha256:..."
	Consilium  string   // version of the program that computed it
	Absent     []string // hospitals of the study file that did not take part: the figures are of the others, another estimand
	Cohort     Cohort
	Disclosed  []Disclosed // opened for the study as a whole, beside its analyses
	Analyses   []Analysis  // in the order of the study file
	Sealed     *Sealed     // release: analyst; nil otherwise
	Opened     bool        // release: analyst: the sealed sums have been opened; until then no analysis has a frame
	Cost       Cost
}

// Sealed is the outcome of a study with `release: analyst` before it is
// opened: written to sealed.json, of use to the holder of the analyst's key alone.
type Sealed struct {
	Study      string         `json:"study"`
	PlanDigest string         `json:"plan_digest"`
	Consilium  string         `json:"consilium"`
	Members    []SealedMember `json:"members"`
	Packages   [][]byte       `json:"packages"`   // one a sum
	StudyFile  string         `json:"study_file"` // its text: opening needs the very study that was run
	Cost       Cost           `json:"cost"`

	// Of a run between parties of their own: which attempt the sums are of, what
	// the stewards approved, and the closing record of the attempt before.
	Attempt   uint32 `json:"attempt,omitempty"` // 0: the first
	Approvals []byte `json:"approvals,omitempty"`
	Previous  []byte `json:"previous,omitempty"`
}

// SealedMember is one hospital whose signatures the packages carry.
type SealedMember struct {
	ID   party.ID `json:"id"`
	Site string   `json:"site"`
	Key  []byte   `json:"key"`
}

// Cohort says how many rows all hospitals hold together and how many of them the cohort's `where` removed.
type Cohort struct {
	Rows     int64
	Filtered int64
}

// Analysis is the outcome of one analysis: a frame, or the rule that refused it.
type Analysis struct {
	ID, Kind  string
	Frame     *stat.Frame   // nil when refused
	Refused   *stat.Refusal // nil when not
	N         *int64        // rows used, known although refused; nil when n was not opened. Frame.N stands when there is a frame
	Disclosed []Disclosed   // in the order of the program's plan
}

// Disclosed is one opening of an analysis and how often it was used.
type Disclosed struct {
	What         string
	Cells        int // numbers per sum
	Times        int // sums opened
	MaxTimes     int // sums declared
	CountsPeople bool
	PerHospital  bool
	Released     bool
	To           string // see To
}

// Cost is what the computation took.
type Cost struct {
	Seconds   float64          `json:"seconds"`
	Rounds    int              `json:"rounds"`     // masked sums
	Phases    []Phase          `json:"phases"`     // at one hospital
	BytesUp   map[string]int64 `json:"bytes_up"`   // sent to the hub, by hospital
	BytesDown map[string]int64 `json:"bytes_down"` // received from the hub, by hospital
}

// Phase is a part of the computation at one hospital: set-up, sums, project
// (the pass over its rows), keys, encrypt, solve, open, final steps, closing.
type Phase struct {
	Name       string  `json:"phase"`
	Seconds    float64 `json:"seconds"`
	RoundTrips int     `json:"round_trips"`
	BytesUp    int64   `json:"bytes_up"`
	BytesDown  int64   `json:"bytes_down"`
}

// Trips is the number of round trips between a hospital and the hub.
func (c Cost) Trips() (n int) {
	for _, p := range c.Phases {
		n += p.RoundTrips
	}
	return n
}

// encrypted reports whether anything was computed under encryption.
func (c Cost) encrypted() bool {
	return slices.ContainsFunc(c.Phases, func(p Phase) bool { return p.Name == "keys" })
}

// analyst is the one who learns the totals of a study with release: analyst.
const analyst = "the analyst"

// To says who learns an opened total under a study's privacy section.
func To(p study.Privacy) string {
	if p.Release == "analyst" {
		return analyst
	}
	return "all hospitals"
}

// ToWhom says it of one opening: with release: analyst hospitals see what their next step depends on.
func ToWhom(o stat.Opening, p study.Privacy) string {
	if p.Release == "analyst" && o.Shown {
		return "all hospitals and the analyst"
	}
	return To(p)
}

// sealed reports whether the results are there for the analyst's key alone.
func (r *Report) sealed() bool { return r.Sealed != nil && !r.Opened }

// Refused lists the analyses that a disclosure rule refused.
func (r *Report) Refused() (ids []string) {
	for _, a := range r.Analyses {
		if a.Refused != nil {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// args returns the keys of an analysis, from the study file.
func (r *Report) args(id string) stat.Args {
	for _, a := range r.Spec.Analyses {
		if a.ID == id {
			return a
		}
	}
	return stat.Args{ID: id}
}
