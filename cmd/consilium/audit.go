package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/store"
)

func newAudit() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Print, verify and export a gateway's or hub's audit log",
		Long: `Audit reads the log of a gateway or a hub: what stewards decided, which runs began
and ended, everything that was opened, evidence against other parties. It reads
it while the service runs, and changes nothing. Every record is chained to the
one before: write down the head that verify prints, and no earlier record can be
changed unseen.`,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("no command; want one of export, print, verify")
		},
		Args:    cobra.NoArgs,
		Example: "  consilium audit print --config gateway.yaml\n  consilium audit verify --config gateway.yaml",
	}
	c.AddCommand(newAuditPrint(), newAuditVerify(), newAuditExport())
	return c
}

// readStore opens what a service of a configuration remembers, for reading.
func readStore(path string) (*store.Reader, error) {
	c, err := readConfig(path, roleGateway, roleHub)
	if err != nil {
		return nil, err
	}
	r, err := store.Read(filepath.Join(c.at(c.State), "store"))
	if err != nil {
		return nil, &status{exitFailure, err}
	}
	return r, nil
}

func newAuditPrint() *cobra.Command {
	var config string
	var after int64
	var asJSON bool
	c := &cobra.Command{
		Use:     "print",
		Short:   "Print the events, the earliest first",
		Example: "  consilium audit print --config gateway.yaml --after 120",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			r, err := readStore(config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			err = r.Events(after, func(e store.Entry) error {
				if asJSON {
					return jsonLine(c.OutOrStdout(), e)
				}
				_, err := fmt.Fprintf(c.OutOrStdout(), "%6d  %s  %s\n", e.Position, moment(e.Event.Time), eventWords(e.Event))
				return err
			})
			if err != nil {
				return &status{exitFailure, err}
			}
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().Int64Var(&after, "after", 0, "leave out events up to this position")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return c
}

// eventWords is an event in a line.
func eventWords(e store.Event) string {
	var b strings.Builder
	b.WriteString(string(e.Kind))
	add := func(format string, x any, present bool) {
		if present {
			fmt.Fprintf(&b, format, x)
		}
	}
	if d := e.Decision; d != nil {
		verb := "refused"
		if d.Approve {
			verb = fmt.Sprintf("approved for %d run(s) until %s", d.Runs, moment(d.Expires))
		}
		fmt.Fprintf(&b, ": %s %s", d.Member, verb)
		add(": %s", d.Why, d.Why != "")
	}
	add(", study %s", e.Study, e.Study != "")
	add(", plan %.19s", e.Plan.String(), !e.Plan.IsZero())
	add(", run %s", shortRun(e.Run), e.Run != "")
	add(", by %s", e.Who, e.Who != "")
	add(": %s", e.What, e.What != "")
	add(" (%d numbers)", e.Cells, e.Cells > 0)
	add(", to %s", strings.Join(e.To, ", "), len(e.To) > 0)
	if f := e.Freeze; f != nil {
		fmt.Fprintf(&b, ", cohort %s", f.Cohort)
	}
	add("; why: %s", e.Why, e.Why != "")
	return b.String()
}

func newAuditVerify() *cobra.Command {
	var config, head, file string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Follow the chain from its first record; print the heads to be written down",
		Long: `Verify follows both chains, of the journal and of the audit log, from the first
record, and names the record where one breaks. With --head it also says whether
the audit log still contains the head that was written down earlier. With --file
it follows the chain of an exported copy, where there is no gateway.`,
		Example: "  consilium audit verify --config gateway.yaml\n  consilium audit verify --head '118 7QXA-...'\n  consilium audit verify --file audit.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file != "" {
				return verifyExport(c, file)
			}
			return verifyStore(c, config, head)
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&head, "head", "", "a head of the audit log that was written down")
	c.Flags().StringVar(&file, "file", "", "verify this export")
	return c
}

func verifyStore(c *cobra.Command, config, head string) (err error) {
	r, err := readStore(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	journal, audit, err := r.Verify()
	if err == nil && head != "" {
		err = r.Passed(head)
	}
	if err != nil {
		return &status{exitFailure, err}
	}
	fmt.Fprintf(c.OutOrStdout(), "journal: %d records, unbroken\naudit log: %d records, unbroken\nhead of the audit log, to be written down: %s\n", journal.Position, audit.Position, audit)
	return nil
}

func verifyExport(c *cobra.Command, file string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, reason(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err := store.VerifyExport(f)
	if err != nil {
		return &status{exitFailure, err}
	}
	fmt.Fprintf(c.OutOrStdout(), "audit log: %d records, unbroken\nhead: %s\n", h.Position, h)
	return nil
}

func newAuditExport() *cobra.Command {
	var config, out string
	c := &cobra.Command{
		Use:     "export",
		Short:   "Export the events with their chain as JSON lines",
		Example: "  consilium audit export --config gateway.yaml --out audit.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			r, err := readStore(config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			var w io.Writer = c.OutOrStdout()
			if out != "" {
				f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return &status{exitFailure, fmt.Errorf("%s: %w", out, reason(err))}
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				w = f
			}
			if err := r.Export(w); err != nil {
				return &status{exitFailure, err}
			}
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().StringVarP(&out, "out", "o", "", "a new file (default: standard output)")
	return c
}
