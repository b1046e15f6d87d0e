package runner

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// analysis is one program under way at one hospital.
type analysis struct {
	args    stat.Args
	program stat.Program
	plan    []stat.Opening
	rows    *table.View
	asks    []stat.Ask
	shown   bool        // hospitals see what this round's asks open
	out     *fixed.Sums // this round's term
	times   []int       // sums opened, per opening
	cells   []int       // largest number of cells opened at once, per opening

	circuits []circuit        // computed under encryption
	unveiled [][]*mhe.Opening // by ask: this round's terms of what is opened from under encryption

	n          *int64 // rows over all hospitals, once opened
	parts      map[stat.Part]int64
	own        int64 // rows of this hospital
	sites      int64
	seenCensus bool // hospitals have seen these
	refused    *stat.Refusal
	stopped    bool // refused by totals that hospitals see
	static     bool // refused before anything was asked
	warnings   []string
	done       bool
}

// seen reports whether hospitals see what the asks open, with release: analyst.
func (a *analysis) seen() (bool, error) {
	shown := false
	for i, ask := range a.asks {
		if o := a.plan[ask.Opening].Shown; i > 0 && o != shown {
			return false, fmt.Errorf("runner: analysis %s: one round asks for totals that hospitals see and totals that they do not", a.args.ID)
		} else {
			shown = o
		}
	}
	return shown, nil
}

// take lets the program reduce its totals and keeps count of what was opened.
func (a *analysis) take(t fixed.Totals, first, shown bool) error {
	at := 0
	a.seenCensus = a.seenCensus || first && shown
	for _, ask := range a.asks {
		for _, c := range ask.Cells {
			if first {
				a.census(c, t.Count(at), int64(a.out.Words()[at][0]))
			}
			at++
		}
	}
	a.tally()
	if a.refused != nil && !shown { // at the reader: hospitals could not know
		a.skip()
		return nil
	}
	done, err := a.program.Reduce(t)
	refused := (*stat.Refusal)(nil)
	if errors.As(err, &refused) {
		if a.refused == nil {
			a.refused = refused
		}
		a.stopped = a.stopped || shown
		return nil
	}
	a.done = done
	return err
}

// skip moves the program on without totals: see stat.Blind.
func (a *analysis) skip() { a.program.(stat.Blind).Skip() }

// tally counts what the round's sum opens.
func (a *analysis) tally() {
	per := make(map[int]int)
	for _, ask := range a.asks {
		per[ask.Opening] += len(ask.Cells)
	}
	for o, n := range per {
		a.times[o]++
		a.cells[o] = max(a.cells[o], n)
	}
}

// census notes the cells of the first ask that the gate has rules for.
func (a *analysis) census(c stat.Cell, total, own int64) {
	switch c.Meaning {
	case stat.People:
		a.n, a.own = &total, own
	case stat.Contributors:
		a.sites = total
	}
	if c.Part == (stat.Part{}) {
		return
	}
	if a.parts == nil {
		a.parts = make(map[stat.Part]int64)
	}
	a.parts[c.Part] += total
	if c.Part.Variable != "" && c.Part.Factor != "" { // the levels together
		a.parts[stat.Part{Variable: c.Part.Variable}] += total
	}
}
