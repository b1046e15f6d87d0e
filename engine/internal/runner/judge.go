package runner

import (
	"github.com/consilium-health/consilium/engine/policy"
)

// judge applies the rules on the counts that have been opened. What hospitals
// see, they and the reader judge alike; the rest only the reader can.
func (l *lockstep) judge(shown bool) {
	var counted []policy.Counted
	for i, a := range l.all {
		if a.refused == nil && a.n != nil {
			counted = append(counted, l.counted(i))
		}
	}
	refused, warnings := l.gate.Judge(counted)
	for i, a := range l.all {
		if r := refused[i]; r != nil && a.refused == nil {
			a.refused, a.stopped = r, shown
		}
		if w := warnings[i]; w != nil {
			a.warnings = w
		}
	}
}

// vetoNeeded reports whether a hospital has seen a count that it may stop an analysis for.
func (l *lockstep) vetoNeeded() bool {
	for _, a := range l.all {
		if l.stoppable(a) {
			return true
		}
	}
	return false
}

// stoppable: with release: analyst hospitals stop what they have seen the rows of; nobody else knows which those are.
func (l *lockstep) stoppable(a *analysis) bool {
	if l.sealed {
		return !a.static && !a.stopped && a.seenCensus
	}
	return a.refused == nil
}

// stops is the one sum that is nobody's statistic: for every analysis, how many hospitals stop it.
func (l *lockstep) stops(h digest) [][2]uint64 {
	var x [][2]uint64
	for i, a := range l.all {
		if !l.stoppable(a) {
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

// stop ends the analyses that a hospital stops.
func (l *lockstep) stop(total [][2]uint64) {
	l.vetoed = true
	for _, a := range l.all {
		if !l.stoppable(a) {
			continue
		}
		if total[0] != [2]uint64{} {
			a.refused, a.stopped = policy.Remainder(a.args.Rules.MinCell), true
		}
		total = total[1:]
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
