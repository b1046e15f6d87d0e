package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

type runFlags struct {
	out, reader string
	json, quiet bool
}

func newRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run STUDY.yaml",
		Short: "Compute a study with all its hospitals in this process",
		Long: `Run reads the records that the study file names for every site, runs a gateway
for each and a hub over the real protocols in this process, and writes the
results to a directory: report.html, report.txt, result.json, disclosed.json and
one CSV per analysis. The directory appears complete or not at all. A former result at its
place is replaced; any other directory is left alone.

The report goes to standard output, progress to standard error.`,
		Example: "  consilium run testdata/cgd/study.yaml\n  consilium run study.yaml --out results/first --quiet",
		Args:    exactly(1),
		RunE:    func(c *cobra.Command, args []string) error { return runStudy(c, args[0], f) },
	}
	c.Flags().StringVarP(&f.out, "out", "o", "", "directory of the results (default NAME-results, NAME being the study's)")
	c.Flags().StringVar(&f.reader, "reader", "", "the analyst's public key (FILE.pub of keys new), for studies with release: analyst")
	c.Flags().BoolVar(&f.json, "json", false, "print result.json instead of the report")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return c
}

func runStudy(c *cobra.Command, path string, f runFlags) error {
	ctx := c.Context()
	s, source, err := readStudy(path)
	if err != nil {
		return err
	}
	if _, err := engine.Plan(s); err != nil {
		return &status{exitUsage, err}
	}
	reader, err := chosenReader(s, f.reader)
	if err != nil {
		return err
	}
	if f.out == "" {
		f.out = s.Name + "-results"
	}
	if err := checkOut(f.out); err != nil {
		return err
	}
	p := newProgress(c.ErrOrStderr(), f.quiet)
	defer p.end()
	r, err := compute(ctx, s, reader, p)
	if err != nil {
		return err
	}
	if r.Sealed != nil {
		r.Sealed.StudyFile, r.Sealed.Cost = string(source), r.Cost
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.WriteDir(f.out); err != nil {
		return &status{exitFailure, err}
	}
	p.written(r, f.out)
	return show(c, r, f.json)
}

// compute reads the records and runs all parties.
func compute(ctx context.Context, s *study.Spec, reader *party.PublicKey, p *progress) (*report.Report, error) {
	p.reading(s)
	records, err := readRecords(ctx, s)
	if err != nil {
		return nil, err
	}
	p.computing(s, records.rows)
	r, err := engine.Simulate(ctx, s, records.tables, engine.Options{Progress: p.step, Reader: reader})
	if err != nil {
		return nil, &status{exitFailure, err}
	}
	return r, nil
}

// chosenReader reads the key that a study with release: analyst is sealed to.
func chosenReader(s *study.Spec, path string) (*party.PublicKey, error) {
	switch toAnalyst := s.Privacy.Release == "analyst"; {
	case toAnalyst && path == "":
		return nil, fmt.Errorf("study %s releases to the analyst alone: give the analyst's public key with --reader (consilium keys new makes one)", s.Name)
	case !toAnalyst && path != "":
		return nil, fmt.Errorf("study %s releases to all hospitals: --reader is for release: analyst", s.Name)
	case !toAnalyst:
		return nil, nil
	}
	return readReader(path)
}

// checkOut refuses a place where the results could not be written, before anything runs.
func checkOut(dir string) error {
	err := report.CheckDir(dir)
	switch {
	case err == nil:
		return nil
	case report.IsTaken(err):
		return &status{exitUsage, err}
	}
	return &status{exitFailure, err}
}

// show prints the outcome and says whether something was refused.
func show(c *cobra.Command, r *report.Report, asJSON bool) error {
	write := r.WriteText
	if asJSON {
		write = r.WriteJSON
	}
	if err := write(c.OutOrStdout()); err != nil {
		return &status{exitFailure, err}
	}
	return refusals(len(r.Analyses), r.Refused())
}

// refusals is the error of a study of which disclosure rules refused some analyses.
func refusals(of int, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return &status{exitRefused, fmt.Errorf("%d of %d analyses refused by a disclosure rule: %s", len(ids), of, strings.Join(ids, ", "))}
}
