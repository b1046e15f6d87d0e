package runner

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// Openings declares what is opened for the study as a whole, beside its analyses.
func Openings(s *study.Spec) []stat.Opening {
	return []stat.Opening{
		{What: "how many records all hospitals hold together, and how many the cohort's condition removes", Cells: 2, MaxTimes: 1, CountsPeople: true, Released: true},
		{What: "for each analysis, how many hospitals stop it because the others' rows beside their own would be too few", Cells: len(s.Analyses), MaxTimes: 1, Shown: true},
	}
}

func newLockstep(s *study.Spec, gate policy.Gate, t *table.Table, veil *blind.Plan) (*lockstep, error) {
	l := &lockstep{spec: s, gate: gate, table: t, sealed: s.Privacy.Release == "analyst"}
	job := 0
	for _, args := range s.Analyses {
		a := &analysis{args: args}
		l.all = append(l.all, a)
		var err error
		if a.program, a.refused, err = begin(args, s); err != nil {
			return nil, err
		}
		if a.refused != nil {
			a.static = true
			continue
		}
		if a.rows, err = t.Select(s.Cohort, args.Where); err != nil {
			return nil, err
		}
		a.plan = a.program.Plan()
		a.times, a.cells = make([]int, len(a.plan)), make([]int, len(a.plan))
		if v, ok := a.program.(stat.Veiled); ok {
			for range v.Circuits() {
				a.circuits = append(a.circuits, circuit{plan: veil, job: job})
				job++
			}
		}
	}
	return l, nil
}

// begin makes the program of an analysis, or says which rule refuses it before any row is read.
func begin(args stat.Args, s *study.Spec) (stat.Program, *stat.Refusal, error) {
	kind, ok := stat.Lookup(args.Kind)
	if !ok {
		return nil, nil, fmt.Errorf("runner: analysis %s: no kind %q", args.ID, args.Kind)
	}
	p, err := kind.Statistic.Begin(args, s.Schema)
	var refused *stat.Refusal
	if errors.As(err, &refused) {
		return nil, refused, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("runner: analysis %s: %w", args.ID, err)
	}
	if b, ok := p.(stat.Blind); s.Privacy.Release == "analyst" && !(ok && b.Blind()) {
		return nil, &stat.Refusal{Rule: "release", Message: "a later step of kind " + args.Kind + " depends on totals, which hospitals do not see under release: analyst",
			Remedy: "use release: all, or a kind whose sums are all known beforehand"}, nil
	}
	return p, nil, nil
}
