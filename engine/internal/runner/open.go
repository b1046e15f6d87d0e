package runner

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// Open replays a study at the reader of `release: analyst`: the same lockstep
// as at a hospital, over no rows, each total taken from a sealed package. Of a
// study that was ended before it was finished, unfinished is what its further
// analyses are refused for; nil otherwise.
func Open(s *study.Spec, c secagg.Charter, roster party.Roster, reader *party.Identity, veil *blind.Plan, packages [][]byte, unfinished *stat.Refusal) (*report.Report, error) {
	steps, err := overNoRows(s, veil)
	if err != nil {
		return nil, err
	}
	taken := 0
	done, err := steps.replay(c.Plan, len(packages), func(ask secagg.Ask) (secagg.Vector, error) {
		total, err := secagg.OpenAtReader(reader, c, roster, ask, packages[taken])
		taken++
		return total.Sum, err
	})
	switch {
	case err != nil:
		return nil, err
	case taken < len(packages), !done && unfinished == nil:
		return nil, fmt.Errorf("runner: %d sealed sums, the study has another number", len(packages))
	case !done:
		steps.unfinished(*unfinished)
	}
	return steps.report(c), nil
}

// Conclude makes the report of a study that was ended after the first sums of an
// attempt, at a hospital that has opened them: from its journal alone, so that
// every hospital makes the same, and nothing more is opened. Analyses that need
// further sums are refused as unfinished says.
func Conclude(s *study.Spec, c secagg.Charter, veil *blind.Plan, h *secagg.History, sums int, unfinished stat.Refusal) (*report.Report, error) {
	if c.Digest() != h.Charter {
		return nil, fmt.Errorf("runner: attempt %d was made under another charter than the one proposed", c.Attempt)
	}
	if have := h.Sums(); sums > have {
		return nil, fmt.Errorf("runner: the study is to be concluded after %d sums of attempt %d, this hospital has opened %d", sums, c.Attempt, have)
	}
	steps, err := overNoRows(s, veil)
	if err != nil {
		return nil, err
	}
	done, err := steps.replay(c.Plan, sums, func(ask secagg.Ask) (secagg.Vector, error) {
		total, err := h.Next(ask)
		return total.Sum, err
	})
	if err != nil {
		return nil, err
	}
	if !done {
		steps.unfinished(unfinished)
	}
	return steps.report(c), nil
}

// overNoRows is the lockstep of a party whose own rows do not matter any more.
func overNoRows(s *study.Spec, veil *blind.Plan) (*lockstep, error) {
	none, err := table.New(s.Schema, string(s.Sites[0].ID), make([][]float64, len(s.Schema.Fields)))
	if err != nil {
		return nil, err
	}
	return newLockstep(s, policy.New(s.Privacy), none, veil)
}

// replay goes through at most so many sums, whose totals next gives: nil where
// only the reader may know them. done: the study needs no more.
func (l *lockstep) replay(plan [32]byte, sums int, next func(secagg.Ask) (secagg.Vector, error)) (done bool, err error) {
	for taken := 0; ; {
		more, err := l.begin()
		if err != nil || !more {
			return err == nil, err
		}
		for _, shown := range l.halves() {
			digest, x, err := l.ask(plan, shown)
			if err != nil {
				return false, err
			}
			if len(x) == 0 {
				continue
			}
			if taken == sums {
				return false, nil
			}
			taken++
			total, err := next(secagg.Ask{Digest: digest, State: l.state, Cells: len(x), Shown: l.sealed && shown})
			switch {
			case err != nil:
			case total == nil:
				l.skip()
			default:
				err = l.reduce(total, shown)
			}
			if err != nil {
				return false, fmt.Errorf("sum %d: %w", taken, err)
			}
		}
		l.end()
	}
}

// unfinished refuses what would need further sums. Until the hospitals have been
// asked which analyses they stop, that is all of them, computed or not.
func (l *lockstep) unfinished(why stat.Refusal) {
	judged := l.round > 0 && !l.vetoes
	for _, a := range l.all {
		if a.refused == nil && (l.asking(a) || !judged) {
			a.refused = &why
		}
	}
}
