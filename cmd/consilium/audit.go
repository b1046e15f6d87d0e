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
			return errors.New("no command; want one of evidence, export, print, verify")
		},
		Args:    cobra.NoArgs,
		Example: "  consilium audit print --config gateway.yaml\n  consilium audit verify --config gateway.yaml",
	}
	c.AddCommand(newAuditPrint(), newAuditVerify(), newAuditExport(), newAuditEvidence())
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

// auditLine is an event as print --json and export give it.
type auditLine struct {
	store.Head
	Event store.Event `json:"event"`
}

func newAuditPrint() *cobra.Command {
	var config string
	var after int64
	var asJSON bool
	c := &cobra.Command{
		Use:     "print",
		Short:   "Print the events, the earliest first",
		Long:    "Print prints the events in words; with --json, the lines that export writes.",
		Example: "  consilium audit print --config gateway.yaml --after 120",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			r, err := readStore(config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			any := false
			err = r.Events(after, func(e store.Entry) error {
				any = true
				if asJSON {
					return jsonLine(c.OutOrStdout(), auditLine(e))
				}
				_, err := io.WriteString(c.OutOrStdout(), hanging(fmt.Sprintf("%6d  %s  ", e.Position, moment(e.Event.Time)), 8, eventWords(e.Event)))
				return err
			})
			if err != nil {
				return &status{exitFailure, err}
			}
			if !any && !asJSON {
				return said(c, false, nil, "no event yet")
			}
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().Int64Var(&after, "after", 0, "leave out events up to this position")
	jsonFlag(c, &asJSON, "print JSON lines")
	return c
}

// eventWords is an event in a sentence.
func eventWords(e store.Event) string {
	run := "run " + shortRun(e.Run) + " of study " + e.Study
	switch d, f := e.Decision, e.Freeze; {
	case d != nil && d.Approve:
		text := fmt.Sprintf("decided: %s approved study %s, for %s until %s", d.Member, e.Study, runs(d.Runs), moment(d.Expires))
		for _, scope := range []struct {
			what  string
			names []string
		}{{"analyses", d.Analyses}, {"columns", d.Columns}} {
			if len(scope.names) > 0 {
				text += ", " + scope.what + " " + strings.Join(scope.names, ", ")
			}
		}
		return text + signed(e)
	case d != nil:
		return fmt.Sprintf("decided: %s refused study %s: %s%s", d.Member, e.Study, d.Why, signed(e))
	case e.Kind == store.KindBegun && e.Request != nil:
		return fmt.Sprintf("begun: %s, asked for by the analyst whose key is %.19s; plan %.19s", run, e.Request.Analyst, e.Plan)
	case e.Kind == store.KindEnded && e.Why == "":
		return "ended: " + run + ", with its result"
	case e.Kind == store.KindEnded:
		return "ended: " + run + ", without a result: " + e.Why
	case e.Kind == store.KindFrozen && f != nil:
		return fmt.Sprintf("frozen: study %s opened the first total of cohort %s; from now on it is for this set of hospitals alone (roster %.19s)", e.Study, f.Cohort, f.Roster)
	case e.Kind == store.KindCleared && f != nil:
		return fmt.Sprintf("cleared by %s: cohort %s may be for another set of hospitals; why: %s", e.Who, f.Cohort, e.Why)
	case e.Kind == store.KindDisclosed:
		return fmt.Sprintf("opened to %s by %s: %s (%s)", strings.Join(e.To, ", "), run, e.What, numbers(e.Cells))
	}
	text := string(e.Kind) + ": " + e.What
	if e.Run != "" {
		text += ", in " + run
	}
	if e.Who != "" {
		text += ", by " + e.Who
	}
	if e.Why != "" {
		text += "; why: " + e.Why
	}
	if p := e.Proof; p != nil {
		text += fmt.Sprintf("; messages kept in journal record %d (%.19s)", p.Position, p.Record)
	}
	return text
}

// signed says who signed which decision.
func signed(e store.Event) string {
	return fmt.Sprintf("; plan %.19s, signed by the %s", e.Plan, e.Who)
}

func newAuditVerify() *cobra.Command {
	var config, head, file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Follow the chain from its first record; print the heads to be written down",
		Long: `Verify follows both chains, of the journal and of the audit log, from the first
record, and names the record where one breaks. With --head it also says whether
the audit log still contains the head that was written down earlier. With --file
it follows the chain of an exported copy, where there is no gateway; --head is then
the one that the copy ends with.

Evidence that the log has against other parties is listed, and the messages that
it rests on are held against the log: "consilium audit evidence" copies them out.`,
		Example: "  consilium audit verify --config gateway.yaml\n  consilium audit verify --head 118-7QXA-...\n  consilium audit verify --file audit.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file != "" {
				return verifyExport(c, file, head, asJSON)
			}
			return verifyStore(c, config, head, asJSON)
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&head, "head", "", "a head of the audit log that was written down")
	c.Flags().StringVar(&file, "file", "", "verify this export")
	jsonFlag(c, &asJSON, "print the numbers of records and the head as JSON")
	return c
}

// verified is what verify found unbroken.
type verified struct {
	Journal  *int64 `json:"journal_records,omitempty"` // not of an export
	Audit    int64  `json:"audit_records"`
	Head     string `json:"audit_head"`
	Contains string `json:"contains_head,omitempty"` // that was written down earlier
	Evidence *int   `json:"evidence,omitempty"`      // pieces, against other parties; not of an export
}

func verifyStore(c *cobra.Command, config, head string, asJSON bool) (err error) {
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
	n, listed := 0, ""
	err = eachEvidence(r, func(e store.Entry, _ []byte) error {
		n++
		listed += hanging(fmt.Sprintf("%6d  %s  ", e.Position, moment(e.Event.Time)), 8, eventWords(e.Event))
		return nil
	})
	if err != nil {
		return &status{exitFailure, err}
	}
	if asJSON {
		return writeJSON(c.OutOrStdout(), verified{&journal.Position, audit.Position, audit.String(), head, &n})
	}
	contains := ""
	if head != "" {
		contains = "nothing up to " + head + " was changed since that was written down\n"
	}
	return said(c, false, nil, "journal: %d records, unbroken\naudit log: %d records, unbroken\n%spieces of evidence against other parties: %d\n%shead of the audit log, to be written down: %s", journal.Position, audit.Position, contains, n, listed, audit)
}

func verifyExport(c *cobra.Command, file, head string, asJSON bool) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, reason(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err := store.VerifyExport(f)
	if err != nil {
		return &status{exitFailure, err}
	}
	if head != "" && head != h.String() {
		return &status{exitFailure, fmt.Errorf("%s ends with the head %s, not %s: it was exported at another time, or changed; a store says whether it contains a head (verify without --file)", file, h, head)}
	}
	if asJSON {
		return writeJSON(c.OutOrStdout(), verified{nil, h.Position, h.String(), head, nil})
	}
	return said(c, false, nil, "audit log: %d records, unbroken\nhead: %s", h.Position, h)
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
