// Package policy decides what a hospital takes part in, contributes to and
// lets out. It looks at declarations, counts of rows and totals, never at rows.
//
// Rules that depend on what numbers mean (small cells of a table, columns of a
// model) live with the statistic in package stat; here are those that hold for
// every kind: nothing undeclared, enough hospitals, no total from which one
// hospital's few rows follow by subtraction, no two results that differ by a
// few rows.
package policy

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// Counted is one analysis after its census was opened.
type Counted struct {
	Index     int      // in the study
	ID        string   // of the analysis
	Variables []string // everything it uses, conditions included
	Where     []string // what its own condition uses; empty when it has none
	N         int64    // rows over all hospitals
	Parts     map[stat.Part]int64
	Sites     int64 // hospitals with at least max(1, min_cell) rows
	Own       int64 // rows of this hospital
}

// Gate is one hospital's doorkeeper: Admit once, Contribute before every share
// is made, Judge and Veto when the censuses are open.
type Gate interface {
	// Admit refuses a whole study before a row is read.
	Admit(s *study.Spec, r party.Roster) error
	// Contribute refuses an ask that its plan does not cover. rows is the number of this hospital's records.
	Contribute(analysis int, plan []stat.Opening, asks []stat.Ask, rows int) error
	// Judge applies the rules that every hospital decides alike from the opened
	// counts: refusals and warnings by the index of the analysis.
	Judge(all []Counted) (refused map[int]*stat.Refusal, warnings map[int][]string)
	// Veto says whether this hospital stops an analysis for reasons that only it
	// can see. Only the number of hospitals that do is opened.
	Veto(c Counted) bool
}

// Rules is the gate made of a study's own rules. A hospital may set a stricter MinCell.
type Rules struct {
	MinCell      int // remainder and differencing: 1 switches both off
	MinSites     int
	MaxRows      uint64
	Differencing string // warn | refuse

	spent map[[2]int]int // sums drawn on (analysis, opening)
}

var _ Gate = (*Rules)(nil)

// New returns the gate of a study.
func New(p study.Privacy) *Rules {
	return &Rules{MinCell: p.MinCell, MinSites: p.MinSites, MaxRows: p.MaxRows, Differencing: p.Differencing, spent: make(map[[2]int]int)}
}

// Admit implements Gate: enough hospitals in the roster.
func (g *Rules) Admit(s *study.Spec, r party.Roster) error {
	if r.Len() < g.MinSites {
		return fmt.Errorf("policy: study %s has %d hospitals, at least %d (min_sites): with fewer, the others can subtract themselves", s.Name, r.Len(), g.MinSites)
	}
	return nil
}

// Contribute implements Gate: every ask lies within a declared opening, this
// hospital's rows within the bound that excludes overflow, and every cell within it, too.
func (g *Rules) Contribute(analysis int, plan []stat.Opening, asks []stat.Ask, rows int) error {
	if uint64(rows) > g.MaxRows {
		return fmt.Errorf("policy: this hospital has %d rows, the study allows %d over all hospitals (max_rows)", rows, g.MaxRows)
	}
	drawn := make(map[int]int)
	for _, a := range asks {
		if a.Opening < 0 || a.Opening >= len(plan) {
			return fmt.Errorf("policy: a sum draws on opening %d, the plan declares %d", a.Opening, len(plan))
		}
		drawn[a.Opening] += len(a.Cells)
		for _, c := range a.Cells {
			if a.From == nil && !c.Fits(g.MaxRows) { // what is opened from under encryption is bounded by its circuit
				return fmt.Errorf("policy: cell %q: terms of up to %g in steps of %s, of %d rows (max_rows), can exceed 128 bits", c.Name, c.Max, c.Step, g.MaxRows)
			}
		}
	}
	for o, n := range drawn {
		if n > plan[o].Cells {
			return fmt.Errorf("policy: a sum of %d cells, the plan declares %d for %q", n, plan[o].Cells, plan[o].What)
		}
		k := [2]int{analysis, o}
		if g.spent[k]++; g.spent[k] > plan[o].MaxTimes {
			return fmt.Errorf("policy: sum %d of at most %d for %q", g.spent[k], plan[o].MaxTimes, plan[o].What)
		}
	}
	return nil
}
