package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/consilium-health/consilium/engine/table"
)

// Exit statuses. When several apply the first of this list wins.
const (
	exitUsage       = 2 // the command line, the study file, a key this version does not know; nothing ran
	exitConformance = 4 // a site's records do not conform; nothing was opened
	exitFailure     = 1
	exitRefused     = 3 // a disclosure rule refused an analysis; the others ran
	exitInterrupted = 130
)

// status is an error that knows the exit status it deserves; an error without one is a usage error.
type status struct {
	code int
	err  error
}

func (s *status) Error() string { return s.err.Error() }
func (s *status) Unwrap() error { return s.err }

// execute runs a command line and returns the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var s *status
	if ctx.Err() != nil && !(errors.As(err, &s) && s.code == exitInterrupted) {
		fmt.Fprintln(stderr, "consilium: interrupted; no result was written")
		return exitInterrupted
	}
	if errors.As(err, &s) {
		fmt.Fprintln(stderr, "consilium: "+err.Error())
		return s.code
	}
	fmt.Fprintf(stderr, "consilium: %s\nsee: %s --help\n", strings.TrimSpace(err.Error()), ran.CommandPath())
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "consilium",
		Short: "Joint statistics over the records of several hospitals",
		Long: `Consilium computes statistics and regressions over the records of several
hospitals together. No record leaves its hospital, and no hospital's own
subtotal does, unless the study names site as a variable.

Exit status: 0 done; 2 usage or an invalid study file; 4 records that do not
conform; 1 a failure; 3 an analysis refused by a disclosure rule; 130 interrupted.

` + jsonRule,
		Example:       "  consilium plan testdata/cgd/study.yaml\n  consilium run testdata/cgd/study.yaml",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q; %s", args[0], table.Hint(args[0], commandNames(c)))
			}
			return errors.New("no command; want one of " + strings.Join(commandNames(c), ", "))
		},
	}
	root.SetFlagErrorFunc(suggestFlag)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"study", "A study:", []*cobra.Command{newPlan(), newCheck(), newRun(), newPredict(), newOpen(), newDemo(), newSynth(), newBench()}},
		{"analyst", "An analyst in a consortium:", []*cobra.Command{newSubmit(), newStudies(), newWatch(), newFetch(), newEnd()}},
		{"steward", "A hospital's data steward:", []*cobra.Command{newShow(), newApprove(), newRefuse(), newAudit(), newCohorts()}},
		{"operations", "Whoever runs a gateway or the hub:", []*cobra.Command{newGatewayCommand(), newHubCommand(), newDoctor(), newKeys(), newRoster(),
			newCertificates(), newBackup(), newRestored(), newVersion()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	return root
}

func commandNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// exactly says which arguments a command wants when it has others.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		got := "none"
		if len(args) > 0 {
			got = strings.Join(args, " ")
		}
		return fmt.Errorf("want %s %s; got %s", c.CommandPath(), strings.TrimPrefix(c.Use, c.Name()+" "), got)
	}
}

// failed gives an error without a status of its own that of a failure.
func failed(err error) error {
	if s := (*status)(nil); err == nil || errors.As(err, &s) {
		return err
	}
	return &status{exitFailure, err}
}

// suggestFlag adds the nearest flag to the error about an unknown one.
func suggestFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near, ok := table.Near(unknown.GetSpecifiedName(), names); ok {
		return fmt.Errorf("%w; the nearest is --%s", err, near)
	}
	return err
}
