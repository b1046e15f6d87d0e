package runner

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// Open replays a study at the reader of `release: analyst`: the same lockstep
// as at a hospital, over no rows, each total taken from a sealed package.
func Open(s *study.Spec, c secagg.Charter, roster party.Roster, reader *party.Identity, veil *blind.Plan, packages [][]byte) (*report.Report, error) {
	none, err := table.New(s.Schema, string(s.Sites[0].ID), make([][]float64, len(s.Schema.Fields)))
	if err != nil {
		return nil, err
	}
	steps, err := newLockstep(s, policy.New(s.Privacy), none, veil)
	if err != nil {
		return nil, err
	}
	for taken := 0; ; {
		more, err := steps.begin()
		switch {
		case err != nil:
			return nil, err
		case !more && taken == len(packages):
			return steps.report(c), nil
		case !more:
			return nil, wrongNumber(len(packages))
		}
		for _, shown := range steps.halves() {
			digest, x, err := steps.ask(c.Plan, shown)
			if err != nil {
				return nil, err
			}
			if len(x) == 0 {
				continue
			}
			if taken == len(packages) {
				return nil, wrongNumber(len(packages))
			}
			ask := secagg.Ask{Digest: digest, State: steps.state, Cells: len(x), Shown: shown}
			total, err := secagg.OpenAtReader(reader, c, roster, ask, packages[taken])
			if taken++; err != nil {
				return nil, fmt.Errorf("sum %d: %w", taken, err)
			}
			if err := steps.reduce(total.Sum, shown); err != nil {
				return nil, fmt.Errorf("sum %d: %w", taken, err)
			}
		}
		steps.end()
	}
}

func wrongNumber(n int) error {
	return fmt.Errorf("runner: %d sealed sums, the study has another number", n)
}
