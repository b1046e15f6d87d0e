package runner

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// lockstep advances all analyses of a study together: one sum a round carries
// every unfinished program's asks. With release: analyst a round may have two:
// what hospitals see as well, because what they do next depends on it, then
// what is sealed.
type lockstep struct {
	spec   *study.Spec
	gate   policy.Gate
	table  *table.Table
	all    []*analysis
	round  int
	vetoes bool // this round asks which analyses a hospital stops
	sealed bool // release: analyst: hospitals make all sealed asks without seeing a total
	state  [32]byte

	residuals []Phase // of the solves whose residuals the last sum opened

	rows, filtered int64 // of the cohort, over all hospitals
	vetoed         bool  // the veto sum was opened
	vetoCells      int
}

// halves are the sums a round may have: shown to hospitals or not.
func (l *lockstep) halves() []bool {
	if l.sealed {
		return []bool{true, false}
	}
	return []bool{true}
}

// asking reports whether an analysis takes part in the next sum. Hospitals that
// see no totals cannot know of a refusal by one: they ask to the end.
func (l *lockstep) asking(a *analysis) bool {
	if l.sealed {
		return !a.static && !a.stopped && len(a.program.Ask()) > 0
	}
	return !a.done && a.refused == nil
}

// running returns the analyses that still need sums.
func (l *lockstep) running() (rest []*analysis) {
	for _, a := range l.all {
		if l.asking(a) {
			rest = append(rest, a)
		}
	}
	return rest
}

// begin fixes the asks of a round. Without any the study is finished.
func (l *lockstep) begin() (more bool, err error) {
	for i, a := range l.all {
		a.asks = nil
		if l.vetoes || !l.asking(a) {
			continue
		}
		a.asks, a.shown = a.program.Ask(), true
		if err := l.gate.Contribute(i, a.plan, a.asks, l.table.Rows()); err != nil {
			return false, fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		if l.sealed {
			if a.shown, err = a.seen(); err != nil {
				return false, err
			}
		}
		a.measure()
		more = true
	}
	return more || l.vetoes, nil
}

// ask returns the digest of one half of the round's asks and this hospital's
// term of all their cells; no cells when the half is empty.
func (l *lockstep) ask(context [32]byte, shown bool) (digest [32]byte, x [][2]uint64, err error) {
	h := newDigest("ask", context)
	h.number(uint64(l.round))
	if l.sealed {
		h.flag(shown)
	}
	if l.vetoes {
		if shown {
			x = l.stops(h)
		}
		return h.sum(), x, nil
	}
	if l.cohortIn(shown) {
		if x, err = l.cohort(); err != nil {
			return digest, nil, err
		}
	}
	for _, a := range l.all {
		if a.asks == nil || a.shown != shown {
			continue
		}
		h.text(a.args.ID)
		var cells []fixed.Cell
		for _, ask := range a.asks {
			h.ask(a.plan[ask.Opening], ask)
			for _, c := range ask.Cells {
				cells = append(cells, c.Cell)
			}
		}
		a.out = fixed.New(cells)
		if err := a.program.Map(a.rows, a.out); err != nil {
			return digest, nil, fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		if err := a.out.Check(uint64(max(1, l.table.Rows()))); err != nil {
			return digest, nil, fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		a.unveil()
		x = append(x, a.out.Words()...)
	}
	return h.sum(), x, nil
}

// cohortIn reports whether the counts of the whole cohort are part of a sum:
// the first one that everybody who learns the result sees.
func (l *lockstep) cohortIn(shown bool) bool {
	return l.round == 0 && !l.vetoes && shown != l.sealed && len(l.running()) > 0
}

// cohort is this hospital's term of the two counts that open with the first sum.
func (l *lockstep) cohort() ([][2]uint64, error) {
	v, err := l.table.Select(l.spec.Cohort)
	if err != nil {
		return nil, err
	}
	return [][2]uint64{{uint64(l.table.Rows()), 0}, {uint64(v.Filtered), 0}}, nil
}

// reduce hands the totals of one half of the round to the programs.
func (l *lockstep) reduce(total [][2]uint64, shown bool) error {
	if l.residuals = nil; shown {
		l.chain(total)
	}
	if l.vetoes {
		l.stop(total)
		return nil
	}
	if l.cohortIn(shown) {
		l.rows, l.filtered = int64(total[0][0]), int64(total[1][0])
		if uint64(l.rows) > l.spec.Privacy.MaxRows {
			return fmt.Errorf("runner: the hospitals hold %d rows together, the study allows %d: raise max_rows", l.rows, l.spec.Privacy.MaxRows)
		}
		total = total[2:]
	}
	for _, a := range l.all {
		if a.asks == nil || a.shown != shown {
			continue
		}
		n := a.out.Len()
		t, err := fixed.Decode(a.out.Cells(), total[:n], l.spec.Privacy.MaxRows)
		if err == nil {
			err = a.opened(total[:n])
		}
		if err != nil {
			return fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		l.residuals = append(l.residuals, a.residuals(t)...)
		if err := a.take(t, l.round == 0, shown); err != nil {
			return fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		total = total[n:]
	}
	if l.round == 0 {
		l.judge(shown)
	}
	return nil
}

// skip moves the analyses of a sealed half on, without totals.
func (l *lockstep) skip() {
	for _, a := range l.all {
		if a.asks != nil && !a.shown {
			a.tally()
			a.skip()
		}
	}
}

// end closes the round.
func (l *lockstep) end() {
	l.vetoes = l.round == 0 && l.vetoNeeded()
	l.round++
}

// drawn lists what one half of the round opens.
func (l *lockstep) drawn(shown bool) (all []Opened) {
	if l.vetoes {
		return []Opened{{Opening: 1, Cells: l.vetoCells}}
	}
	if l.cohortIn(shown) {
		all = append(all, Opened{Opening: 0, Cells: 2})
	}
	for _, a := range l.all {
		if a.asks == nil || a.shown != shown {
			continue
		}
		for _, ask := range a.asks {
			all = append(all, Opened{a.args.ID, ask.Opening, len(ask.Cells)})
		}
	}
	return all
}

// chain extends the state digest by exact integer totals, never by floating-point values.
func (l *lockstep) chain(total [][2]uint64) {
	h := newDigest("state", l.state)
	for _, w := range total {
		h.number(w[0])
		h.number(w[1])
	}
	l.state = h.sum()
}
