package main

import (
	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
)

func newPlan() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan STUDY.yaml",
		Short: "Say what a study would open, to whom, and what each hospital must supply",
		Long: `Plan reads the study file alone, no records, and prints everything that the
study could open, in a data steward's words: how many numbers, how often, to
whom, and whether they are released or only used on the way. It ends with
status 3 when it can already tell that a disclosure rule refuses an analysis.`,
		Example: "  consilium plan testdata/cgd/study.yaml\n  consilium plan study.yaml --json",
		Args:    exactly(1),
		RunE:    func(c *cobra.Command, args []string) error { return planStudy(c, args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON")
	return c
}

func planStudy(c *cobra.Command, path string, asJSON bool) error {
	s, _, err := readStudy(path)
	if err != nil {
		return err
	}
	p, err := engine.Plan(s)
	if err != nil {
		return &status{exitUsage, err}
	}
	write := p.WriteText
	if asJSON {
		write = p.WriteJSON
	}
	if err := write(c.OutOrStdout()); err != nil {
		return &status{exitFailure, err}
	}
	return refusals(len(p.Analyses), p.Refused())
}
