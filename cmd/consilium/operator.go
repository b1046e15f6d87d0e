package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/store"
)

func newCohorts() *cobra.Command {
	var config string
	var asJSON bool
	c := &cobra.Command{
		Use:   "cohorts",
		Short: "List cohorts of which totals were opened, and for which set of hospitals",
		Long: `Cohorts lists the ledger of a gateway: every cohort of this hospital of which a
total has been opened, with the study that was the first. From then on totals
over that cohort are opened for the same set of hospitals only: the difference
of a total with and one without a hospital would be that hospital's own.`,
		Example: "  consilium cohorts --config gateway.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := stewardOf(config)
			if err != nil {
				return err
			}
			var all []store.Freeze
			if err := s.ask(c.Context(), "GET", "/cohorts", nil, &all); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), all)
			}
			if len(all) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "nothing was opened yet")
				return nil
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "COHORT\tFIRST STUDY\tSINCE\tHOSPITALS (DIGEST)")
			for _, f := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%.19s\n", f.Cohort, f.Study, moment(f.Since), f.Roster.String())
			}
			return w.Flush()
		},
	}
	configFlag(c, &config)
	jsonFlag(c, &asJSON, "print them as JSON")
	c.AddCommand(newCohortsClear())
	return c
}

func newCohortsClear() *cobra.Command {
	var config, why string
	var asJSON bool
	c := &cobra.Command{
		Use:   "clear COHORT --why REASON",
		Short: "Let another set of hospitals have a cohort",
		Long: `Clear lifts the freeze of a cohort. Whoever has totals of it from before and from
after can subtract them; so the reason goes into the audit log for ever.`,
		Example: `  consilium cohorts clear sha256:... --why "the study was repeated with new patients; the committee agreed on 3 May"`,
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("say why: it is kept in the audit log (--why)")
			}
			s, err := stewardOf(config)
			if err != nil {
				return err
			}
			who := operator()
			if err := s.ask(c.Context(), "POST", "/cohorts/clear", wish{Cohort: args[0], Who: who, Why: why}, nil); err != nil {
				return err
			}
			return said(c, asJSON, map[string]string{"cohort": args[0], "cleared_by": who, "why": why},
				"cohort %s is free: the next total of it may be for another set of hospitals\nthe audit log keeps that %s cleared it, and why", args[0], who)
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&why, "why", "", "the reason, for the audit log")
	jsonFlag(c, &asJSON, "print what was done as JSON")
	if err := c.MarkFlagRequired("why"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return c
}

// operator is who gives a command, as far as the machine knows.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody at the command line"
}

func newRestored() *cobra.Command {
	var config string
	var asJSON bool
	c := &cobra.Command{
		Use:   "restored RUN",
		Short: "Confirm that this gateway's state was restored from an older copy",
		Long: `Restored is for after the loss of a machine. The other hospitals have seen messages
that a gateway restored from a backup does not remember, and its unfinished
studies stop there rather than risk that one thing is said in two ways. Restored
confirms that the copy is older; the next attempt at the run goes on with it.`,
		Example: "  consilium restored cgd --config gateway.yaml",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := stewardOf(config)
			if err != nil {
				return err
			}
			var a asked
			if err := s.ask(c.Context(), "POST", studyPath(args[0], "restored"), nil, &a); err != nil {
				return err
			}
			return said(c, asJSON, a, "run %s of study %s: its next attempt takes this older copy as it is\nif it is under way now, watch shows when it goes on", shortRun(a.Run), a.Study)
		},
	}
	configFlag(c, &config)
	jsonFlag(c, &asJSON, "print the study as JSON")
	completeRuns(c)
	return c
}

func newBackup() *cobra.Command {
	var config string
	var asJSON bool
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy what a gateway or hub remembers, while it runs",
		Long: `Backup writes a copy of the state's database, as it is at one moment, to a new
file. It holds session keys: keep it where the gateway's own disk would be kept.
The identity key is not in it. To restore it, put it in the place of
STATE/store/store.db while the service is stopped, remove store.db-journal beside
it, start the service, and see: consilium restored --help`,
		Example: "  consilium backup /backup/consilium-$(date +%F).db --config gateway.yaml",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			r, err := readStore(config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			if err := r.Backup(args[0]); err != nil {
				return &status{exitFailure, err}
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return &status{exitFailure, err}
			}
			return said(c, asJSON, map[string]any{"file": args[0], "bytes": info.Size(), "made": time.Now().UTC()},
				"%s: %s, readable by this user alone; it holds session keys: keep it as you would the machine's own disk", args[0], size(info.Size()))
		},
	}
	configFlag(c, &config)
	jsonFlag(c, &asJSON, "print what was written as JSON")
	return c
}
