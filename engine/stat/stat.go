// Package stat computes statistics from sums over hospitals. A statistic says
// which sums it needs, maps a hospital's rows to its term of them, and reduces
// the totals, until it is done; it never sees another hospital's rows or
// subtotals, nor how the sums are protected.
//
// Every party runs the same Program in lockstep. What a program may open is
// declared by Plan before a row is read; an Ask outside it is refused by
// whoever runs the program.
//
//	Begin ──► Plan                       no rows seen
//	  ┌─────► Ask ──► Map(my rows) ──► [sum over hospitals] ──► Reduce(total) ─┐
//	  └────────────────────────── not done ──────────────────────────────────┘
//	                                                             done ──► Result
//
// To add a statistic: one file with a type that implements Statistic, one line
// in catalog.go, one test with numbers from R.
package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Statistic makes programs. Begin sees the study file's keys and the
// dictionary, never rows; its errors are errors of the study file.
type Statistic interface {
	Begin(Args, *table.Schema) (Program, error)
}

// Program is one analysis under way: the same at every party, in lockstep.
// It is used by one goroutine.
type Program interface {
	// Plan lists every kind of total the program may ask for. It never changes.
	Plan() []Opening
	// Ask returns this round's sums, each drawn on one opening of the plan.
	// It may not depend on the hospital's rows.
	Ask() []Ask
	// Map writes this hospital's term of the asked cells, all asks one after the other, into out.
	// rows are those that the study's and the analysis's `where` keep.
	Map(rows *table.View, out *fixed.Sums) error
	// Reduce takes the totals of the asked cells. A *Refusal ends the analysis by a disclosure rule.
	Reduce(total fixed.Totals) (done bool, err error)
	// Result is the outcome, after Reduce said done: small cells are already suppressed.
	Result() Frame
}

// Opening declares one kind of total that hospitals' processes will see.
type Opening struct {
	What         string // in a steward's words, and what can be computed from it
	Cells        int    // numbers per sum, at most
	MaxTimes     int    // sums, at most
	CountsPeople bool   // cells are numbers of people and may be below min_cell
	PerHospital  bool   // figures of single hospitals
	Released     bool   // written to the result (after the disclosure rules), not only used on the way
	Shown        bool   // with release: analyst, hospitals see it as well, since what they do next depends on it
}

// Meaning tells the disclosure gate which cells it has rules for.
type Meaning uint8

// Cells whose meaning is known to the gate; all others are Plain.
const (
	Plain        Meaning = iota
	People               // rows of the analysis: checked against remainder and differencing
	Contributors         // hospitals with at least max(1, min_cell) rows: checked against min_sites
)

// Part is some of an analysis's people: those who have a value of Variable (""
// for all rows used) and the level of Factor ("" for all levels). The gate compares analyses part by part.
type Part struct{ Variable, Factor, Level string }

// Cell is one number of a sum.
type Cell struct {
	fixed.Cell        // bound on one row's term and step
	Name       string // the legend, e.g. "sum of age, interferon"
	Meaning    Meaning
	Part       Part    // whose people the cell counts, or some of whose: the gate adds cells of the same part up
	Noise      float64 // with Ask.From, once the ask is made: standard deviation of the noise in the opened number
}

// Ask is a round's request for a sum of cells.
type Ask struct {
	Opening int       // index into Plan
	Cells   []Cell    // at most Plan()[Opening].Cells
	State   []float64 // numbers handed to Map, rounded by Round40, for instance the coefficients a score is taken at
	From    *From     // opened from under encryption; nil: sums of what Map writes
}

// Rules are the disclosure rules of a study that depend on what numbers mean.
type Rules struct {
	MinCell             int // 1 switches the cell rules off
	MinSites            int
	MaxParametersPerRow float64
	MaxRows             uint64 // over all hospitals; bounds every sum
}

// Refusal ends an analysis by a disclosure rule.
type Refusal struct {
	Rule    string // min_cell, min_sites, max_parameters_per_row, remainder, differencing, saturated, resolution, ...
	Message string // what was found, without small numbers
	Remedy  string // what to change in the study
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refused by rule %s: %s (%s)", r.Rule, r.Message, r.Remedy)
}

// Frame is the outcome of an analysis: two small tables, as R's broom gives.
type Frame struct {
	N, Excluded, Filtered, Sites int64          // rows used, dropped for missing values, removed by `where`; hospitals contributing
	Tidy                         []Record       // one per term, level, cell or class
	Glance                       Record         // one row about the whole; nil when the kind has none
	Glances                      []Record       // instead, one row per group
	VCov                         *Matrix        // models only
	Levels                       []FactorLevels // models only: the levels that their columns were made of
	Drop1                        []Record       // models with drop1: the fit without each term
	Tables                       []Table        // further ones, by name
	Cuts                         []Cut          // places at which Tidy tells people apart by a quantity
	Suppressed                   bool           // at least one cell was suppressed or merged
	Warnings                     []string
}

// FactorLevels are the levels of a factor that a model's columns were made of.
type FactorLevels = formula.FactorLevels

// Table is a further table of an outcome, beside tidy and glance.
type Table struct {
	Name string // its key in result.json
	Rows []Record
}

// Matrix is a square table with one name per row and column.
type Matrix struct {
	Terms  []string    `json:"terms"`
	Matrix [][]float64 `json:"matrix"`
}
