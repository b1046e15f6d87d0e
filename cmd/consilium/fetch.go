package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
)

// collecting says where results go when they are there.
type collecting struct {
	out   string
	json  bool
	quiet bool
}

func (f *collecting) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.out, "out", "o", "", "directory of the results (default NAME-results, NAME being the study's)")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "do not say that it waits")
}

func newFetch() *cobra.Command {
	var f analystFlags
	var to collecting
	wait := true
	c := &cobra.Command{
		Use:   "fetch RUN",
		Short: "Wait for the results of a study and write them to a directory",
		Long: `Fetch waits until all hospitals that took part have sent their reports, checks
that every one is signed and that they agree to the byte, opens what is sealed
to the analyst, and writes the directory that run writes. The hub can withhold
reports; it cannot change them.

Status 1: there is no result, because hospitals refused, the run failed, or
(--wait=false) it is not over yet; 3: a disclosure rule refused an analysis.`,
		Example: "  consilium fetch cgd --config analyst.yaml --out results\n  consilium fetch c8786d40 --timeout 1h\n  consilium fetch cgd --wait=false",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := readConfig(f.config, roleAnalyst)
			if err != nil {
				return err
			}
			if to.out != "" {
				if err := checkOut(to.out); err != nil {
					return err
				}
			}
			to.json = f.json
			return asAnalyst(c, cfg, f.timeout, func(ctx context.Context, a *engine.Analyst) error {
				run, study, err := ownRun(ctx, a, args[0])
				if err == nil && !wait {
					err = over(ctx, a, run)
				}
				if err != nil {
					return err
				}
				return fetch(ctx, c, a, run, study, to)
			})
		},
	}
	f.add(c, 0, "give up when there is no result by then (default: wait until the run is over)")
	to.add(c)
	c.Flags().BoolVar(&wait, "wait", true, "wait for a run that is not over")
	completeRuns(c)
	return c
}

// over is an error while a run is not over.
func over(ctx context.Context, a *engine.Analyst, run engine.RunID) error {
	all, err := a.Studies(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Run == run && s.Hub.Stage != engine.StageOver {
			return fmt.Errorf("run %s of %s is not over: %s; without --wait=false fetch waits for it", shortRun(run.String()), s.Study, toldOf(s.Hub).words())
		}
	}
	return nil
}

func fetch(ctx context.Context, c *cobra.Command, a *engine.Analyst, run engine.RunID, study string, to collecting) error {
	if !to.quiet {
		fmt.Fprintf(c.ErrOrStderr(), "waiting for the hospitals' reports of run %s; consilium watch shows how far they are\n", shortRun(run.String()))
	}
	r, err := a.Fetch(ctx, run)
	if err != nil {
		return err
	}
	if to.out == "" {
		if r.Spec != nil {
			study = r.Spec.Name
		}
		to.out = study + "-results"
		if err := checkOut(to.out); err != nil {
			return err
		}
	}
	if err := r.WriteDir(to.out); err != nil {
		return err
	}
	if !to.quiet {
		fmt.Fprintf(c.ErrOrStderr(), "%d hospitals signed the same report; results are in %s\n", len(r.Cost.BytesUp), to.out)
	}
	return show(c, r, to.json)
}
