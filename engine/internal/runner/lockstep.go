package runner

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// analysis is one program under way at one hospital.
type analysis struct {
	args    stat.Args
	program stat.Program
	plan    []stat.Opening
	rows    *table.View
	asks    []stat.Ask
	out     *fixed.Sums // this round's term
	times   []int       // sums opened, per opening
	cells   []int       // largest number of cells opened at once, per opening

	n        *int64 // rows over all hospitals, once opened
	parts    map[stat.Part]int64
	own      int64 // rows of this hospital
	sites    int64
	refused  *stat.Refusal
	static   bool // refused before anything was asked
	warnings []string
	done     bool
}

// lockstep advances all analyses of a study together: one sum a round carries
// every unfinished program's asks.
type lockstep struct {
	spec  *study.Spec
	gate  policy.Gate
	table *table.Table
	all   []*analysis
	round int
	veto  bool // the next sum asks which analyses a hospital stops
	blind bool // release: analyst: hospitals make all asks without seeing a total
	state [32]byte

	rows, filtered int64 // of the cohort, over all hospitals
	vetoed         bool  // the veto sum was opened
	vetoCells      int
}

// asking reports whether an analysis takes part in the next sum. Hospitals that
// see no totals cannot know of a refusal: they ask to the end.
func (l *lockstep) asking(a *analysis) bool {
	if l.blind {
		return !a.static && len(a.program.Ask()) > 0
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

// skip moves on without totals.
func (l *lockstep) skip() {
	l.round++
	for _, a := range l.running() {
		a.tally()
		a.program.(stat.Blind).Skip()
	}
}

// ask returns the digest of this round's asks and this hospital's term of all
// their cells. No cells: the study is finished.
func (l *lockstep) ask(context [32]byte) (digest [32]byte, x [][2]uint64, err error) {
	h := newDigest("ask", context)
	h.number(uint64(l.round))
	if l.veto {
		return h.sum(), l.vetoes(h), nil
	}
	if l.round == 0 && len(l.running()) > 0 {
		if x, err = l.cohort(); err != nil {
			return digest, nil, err
		}
	}
	for i, a := range l.all {
		if !l.asking(a) {
			continue
		}
		a.asks = a.program.Ask()
		if err := l.gate.Contribute(i, a.plan, a.asks, l.table.Rows()); err != nil {
			return digest, nil, fmt.Errorf("analysis %s: %w", a.args.ID, err)
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
		x = append(x, a.out.Words()...)
	}
	return h.sum(), x, nil
}

// cohort is this hospital's term of the two counts that open with the first sum.
func (l *lockstep) cohort() ([][2]uint64, error) {
	v, err := l.table.Select(l.spec.Cohort)
	if err != nil {
		return nil, err
	}
	return [][2]uint64{{uint64(l.table.Rows()), 0}, {uint64(v.Filtered), 0}}, nil
}

// vetoes is the one sum that is nobody's statistic: for every analysis, how many hospitals stop it.
func (l *lockstep) vetoes(h digest) [][2]uint64 {
	var x [][2]uint64
	for i, a := range l.all {
		if a.refused != nil {
			continue
		}
		h.text("hospitals that stop " + a.args.ID)
		var one uint64
		if l.gate.Veto(l.counted(i)) {
			one = 1
		}
		x = append(x, [2]uint64{one, 0})
	}
	l.vetoCells = len(x)
	return x
}

// reduce hands the totals of the round to the programs.
func (l *lockstep) reduce(total [][2]uint64) error {
	if !l.blind {
		l.chain(total)
	}
	l.round++
	if l.veto {
		l.veto, l.vetoed = false, true
		for _, a := range l.all {
			if a.refused != nil {
				continue
			}
			if total[0] != [2]uint64{} {
				a.refused = policy.Remainder(a.args.Rules.MinCell)
			}
			total = total[1:]
		}
		return nil
	}
	first := l.round == 1
	if first {
		l.rows, l.filtered = int64(total[0][0]), int64(total[1][0])
		if uint64(l.rows) > l.spec.Privacy.MaxRows {
			return fmt.Errorf("runner: the hospitals hold %d rows together, the study allows %d: raise max_rows", l.rows, l.spec.Privacy.MaxRows)
		}
		total = total[2:]
	}
	for _, a := range l.running() {
		n := a.out.Len()
		t, err := fixed.Decode(a.out.Cells(), total[:n], l.spec.Privacy.MaxRows)
		if err != nil {
			return fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		if err := a.take(t, first); err != nil {
			return fmt.Errorf("analysis %s: %w", a.args.ID, err)
		}
		total = total[n:]
	}
	if first {
		l.judge()
	}
	return nil
}

// take lets the program reduce its totals and keeps count of what was opened.
func (a *analysis) take(t fixed.Totals, first bool) error {
	at := 0
	for _, ask := range a.asks {
		for _, c := range ask.Cells {
			if first {
				a.census(c, t.Count(at), int64(a.out.Words()[at][0]))
			}
			at++
		}
	}
	a.tally()
	if a.refused != nil { // at the reader: hospitals could not know
		a.program.(stat.Blind).Skip()
		return nil
	}
	done, err := a.program.Reduce(t)
	if errors.As(err, &a.refused) {
		return nil
	}
	a.done = done
	return err
}

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

// judge applies the rules on counts; a veto round follows when anything is left to stop.
func (l *lockstep) judge() {
	var counted []policy.Counted
	for i, a := range l.all {
		if a.refused == nil && a.n != nil {
			counted = append(counted, l.counted(i))
		}
	}
	refused, warnings := l.gate.Judge(counted)
	for i, a := range l.all {
		if r := refused[i]; r != nil {
			a.refused = r
		}
		a.warnings = append(a.warnings, warnings[i]...)
		l.veto = l.veto || a.refused == nil && !l.blind
	}
}

func (l *lockstep) counted(i int) policy.Counted {
	a := l.all[i]
	c := policy.Counted{Index: i, ID: a.args.ID, Variables: l.spec.Variables(i), Parts: a.parts, Sites: a.sites, Own: a.own}
	if a.args.Where != nil {
		c.Where = a.args.Where.Variables()
	}
	if a.n != nil {
		c.N = *a.n
	}
	return c
}

// opened lists what the sum asked for last opens.
func (l *lockstep) opened() (all []Opened) {
	switch {
	case l.veto:
		return []Opened{{Opening: 1, Cells: l.vetoCells}}
	case l.round == 0:
		all = append(all, Opened{Opening: 0, Cells: 2})
	}
	for _, a := range l.running() {
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
