package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/consilium-health/consilium/bench"
)

type benchFlags struct {
	suite, out, only         string
	readme                   []string
	runs                     int
	json, list, again, quiet bool
}

func newBench() *cobra.Command {
	var f benchFlags
	var names []string
	for _, s := range bench.Suites() {
		names = append(names, s.Name)
	}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure what studies cost on this machine",
		Long: `Bench runs a suite of scenarios with all their parties in this process and
measures each: seconds, the same work in clear beside it, bytes and round trips of
a hospital, processor time of each party, memory, and how far the answer is from
the one in clear. Records are made up; nothing is read.

Every row is written as soon as it is measured. A suite that was interrupted goes
on where it was when it is started again with the same --out and the same program.
In DIR are results.json, results.txt, results.bench (Go's benchmark format, for
benchstat) and, where a suite varies one size, plots.

Suites: ` + strings.Join(names, ", ") + "; " + bench.All + ` is all of them.`,
		Example: "  consilium bench\n  consilium bench --suite published --out published-results\n  consilium bench compare before-results after-results",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runBench(c, f) },
	}
	c.Flags().StringVar(&f.suite, "suite", "smoke", "which scenarios")
	c.Flags().StringVar(&f.only, "only", "", "of the suite, the scenarios whose names match this regular expression")
	c.Flags().StringVarP(&f.out, "out", "o", "bench-results", "directory of the results; rows of other suites in it stay")
	c.Flags().IntVar(&f.runs, "runs", 0, "how often each scenario is run (default: as the scenario says)")
	c.Flags().StringSliceVar(&f.readme, "readme", nil, "documents whose blocks <!-- bench: SUITE --> are rewritten from DIR")
	c.Flags().BoolVar(&f.json, "json", false, "print the suite's results.json instead of a table")
	c.Flags().BoolVar(&f.list, "list", false, "list suites and scenarios and run nothing")
	c.Flags().BoolVar(&f.again, "again", false, "measure also what DIR has already")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	c.AddCommand(newBenchCompare())
	return c
}

func runBench(c *cobra.Command, f benchFlags) error {
	if f.list {
		return listSuites(c.OutOrStdout())
	}
	if f.runs < 0 {
		return fmt.Errorf("--runs %d: want at least 1", f.runs)
	}
	suite, err := bench.Find(f.suite)
	if err != nil {
		return err
	}
	if suite, err = suite.Only(f.only); err != nil {
		return err
	}
	ctx := c.Context()
	p := newBenchProgress(c.ErrOrStderr(), f.quiet)
	rows, err := bench.Run(ctx, suite, bench.Options{Dir: f.out, Runs: f.runs, Again: f.again, Progress: p.show})
	p.end()
	if ctx.Err() != nil {
		return &status{exitInterrupted, fmt.Errorf("interrupted; %d of %d rows are in %s, the same command goes on with the rest", len(rows), len(suite.Scenarios), f.out)}
	}
	if err != nil {
		return &status{exitFailure, err}
	}
	if err := showRows(c.OutOrStdout(), rows, f.json); err != nil {
		return &status{exitFailure, err}
	}
	if err := updateDocuments(f.out, f.readme); err != nil {
		return &status{exitFailure, err}
	}
	return failures(rows)
}

// updateDocuments puts the figures of a directory into documents.
func updateDocuments(dir string, documents []string) error {
	if documents == nil {
		return nil
	}
	results, err := bench.ReadResults(dir)
	if err != nil {
		return err
	}
	for _, d := range documents {
		if err := bench.UpdateDocument(d, results); err != nil {
			return err
		}
	}
	return nil
}

func showRows(w io.Writer, rows []bench.Row, asJSON bool) error {
	if !asJSON {
		return errors.Join(bench.WriteTable(w, rows), bench.WritePublished(w, rows))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(bench.Results{Machine: bench.ThisMachine(), Rows: rows})
}

// failures is the error of a suite of which scenarios failed; those that were skipped are in the table.
func failures(rows []bench.Row) error {
	var failed []string
	for _, r := range rows {
		if r.Failed != "" {
			failed = append(failed, r.Key())
		}
	}
	if failed == nil {
		return nil
	}
	return &status{exitFailure, fmt.Errorf("%d of %d scenarios failed: %s", len(failed), len(rows), strings.Join(failed, ", "))}
}

func listSuites(w io.Writer) error {
	for _, s := range bench.Suites() {
		if _, err := fmt.Fprintf(w, "%s: %s\n", s.Name, s.About); err != nil {
			return err
		}
		for _, x := range s.Scenarios {
			if _, err := fmt.Fprintf(w, "  %s\n", x.Key()); err != nil {
				return err
			}
		}
	}
	return nil
}

func newBenchCompare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Compare two results of bench, row by row",
		Long: `Compare prints seconds, bytes and memory of every scenario that both results
have, and the change. Times whose ranges overlap are not called different.
BEFORE and AFTER are directories that bench wrote, or files results.json.`,
		Example: "  consilium bench compare before-results after-results",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			before, err := bench.ReadResults(args[0])
			if err != nil {
				return err
			}
			after, err := bench.ReadResults(args[1])
			if err != nil {
				return err
			}
			return bench.WriteComparison(c.OutOrStdout(), before, after)
		},
	}
}

// benchProgress shows which scenario is under way and how long the rest may take.
type benchProgress struct {
	line io.Writer    // a terminal, or nil
	log  *slog.Logger // elsewhere, or nil
}

func newBenchProgress(w io.Writer, quiet bool) *benchProgress {
	f, ok := w.(*os.File)
	switch {
	case quiet:
		return &benchProgress{}
	case ok && term.IsTerminal(int(f.Fd())):
		return &benchProgress{line: w}
	}
	return &benchProgress{log: slog.New(slog.NewTextHandler(w, nil))}
}

func (p *benchProgress) show(s bench.State) {
	left := s.Left.Round(time.Second)
	switch {
	case p.line != nil && s.Next != "":
		fmt.Fprintf(p.line, "\r\x1b[K%d of %d, about %v left: %s", s.Done+1, s.Of, left, s.Next)
	case p.log != nil && s.Next != "":
		p.log.Info("measuring", "scenario", s.Next, "row", s.Done+1, "of", s.Of, "left", left)
	}
}

func (p *benchProgress) end() {
	if p.line != nil {
		fmt.Fprint(p.line, "\r\x1b[K")
	}
}
