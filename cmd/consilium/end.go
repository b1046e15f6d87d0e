package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
)

func newEnd() *cobra.Command {
	var f analystFlags
	c := &cobra.Command{
		Use:   "end RUN",
		Short: "End a run with what is finished of it",
		Long: `End is for a run that cannot go on, because a hospital stays away after something
was opened, or that is not wanted any more. It cannot be taken back. Hospitals take
part in no further attempt and open nothing more; those that are there, at least
half of them, report the analyses that are finished, which fetch then gets; the
others are refused by the rule unfinished, which names who was gone. A run in
which nothing was opened is over without a result.`,
		Example: "  consilium end cgd --config analyst.yaml\n  consilium end c8786d40 && consilium fetch c8786d40",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := readConfig(f.config, roleAnalyst)
			if err != nil {
				return err
			}
			return asAnalyst(c, cfg, f.timeout, func(ctx context.Context, a *engine.Analyst) error {
				run, study, err := ownRun(ctx, a, args[0])
				if err != nil {
					return err
				}
				if err := a.End(ctx, run); err != nil {
					return err
				}
				if f.json {
					return writeJSON(c.OutOrStdout(), map[string]string{"run": run.String(), "study": study})
				}
				fmt.Fprintf(c.OutOrStdout(), "run %s of %s is being ended; consilium fetch gets what is finished\n", shortRun(run.String()), study)
				return nil
			})
		},
	}
	f.add(c, 30*time.Second, "give up when the hub has not answered by then")
	completeRuns(c)
	return c
}
