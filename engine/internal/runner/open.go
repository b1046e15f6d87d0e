package runner

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// Open replays a study at the reader of `release: analyst`: the same lockstep
// as at a hospital, over no rows, each total taken from a sealed package.
func Open(s *study.Spec, c secagg.Charter, roster party.Roster, reader *party.Identity, packages [][]byte) (*report.Report, error) {
	none, err := table.New(s.Schema, string(s.Sites[0].ID), make([][]float64, len(s.Schema.Fields)))
	if err != nil {
		return nil, err
	}
	steps, err := newLockstep(s, policy.New(s.Privacy), none)
	if err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		digest, x, err := steps.ask(c.Plan)
		if err != nil {
			return nil, err
		}
		switch {
		case len(x) == 0 && i == len(packages):
			return steps.report(c), nil
		case len(x) == 0 || i == len(packages):
			return nil, fmt.Errorf("runner: %d sealed sums, the study has another number", len(packages))
		}
		total, err := secagg.OpenAtReader(reader, c, roster, secagg.Ask{Digest: digest, State: steps.state, Cells: len(x)}, packages[i])
		if err != nil {
			return nil, fmt.Errorf("sum %d: %w", i+1, err)
		}
		if err := steps.reduce(total.Sum); err != nil {
			return nil, fmt.Errorf("sum %d: %w", i+1, err)
		}
	}
}
