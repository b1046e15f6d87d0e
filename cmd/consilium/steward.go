package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

func newShow() *cobra.Command {
	var path string
	var asJSON, file bool
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a steward what a study that was asked for would open, and to whom",
		Long: `Show prints the plan of a study that an analyst has asked this hospital for, in a
steward's words: how many numbers would be opened, how often, to whom, and
whether they are released. RUN is the beginning of the run's name (four
characters or more) or the name of the study.`,
		Example: "  consilium show cgd --config gateway.yaml\n  consilium show c8786d40 --study-file",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := stewardOf(path)
			if err != nil {
				return err
			}
			var a asked
			if err := s.ask(c.Context(), "GET", studyPath(args[0], ""), nil, &a); err != nil {
				return err
			}
			switch w := c.OutOrStdout(); {
			case asJSON:
				return writeJSON(w, a)
			case file:
				_, err = io.WriteString(w, a.File)
			default:
				_, err = io.WriteString(w, a.words())
			}
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	c.Flags().BoolVar(&file, "study-file", false, "print the study file as the analyst signed it")
	return c
}

// words is what a steward reads before deciding.
func (a asked) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "run %s of study %s, asked for by %s on %s\n", shortRun(a.Run), a.Study, a.Analyst, moment(a.Made))
	fmt.Fprintf(&b, "it uses the columns: %s\n", strings.Join(a.Columns, ", "))
	fmt.Fprintf(&b, "this hospital: %s\n", a.standing())
	fmt.Fprintf(&b, "\n%s", a.Text)
	return b.String()
}

// standing is what this hospital has said, and how far it is.
func (a asked) standing() string {
	switch d := a.Decision; {
	case a.Refusal != "":
		return a.Stage + "; its policy forbids it: " + a.Refusal
	case d == nil:
		return a.Stage
	case d.Approve:
		return fmt.Sprintf("%s; approved on %s for %d run(s) until %s", a.Stage, moment(d.Made), d.Runs, moment(d.Expires))
	default:
		return fmt.Sprintf("%s; refused on %s: %s", a.Stage, moment(d.Made), d.Why)
	}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// stewardOf is a steward's command at the gateway of a configuration.
func stewardOf(path string) (*steward, error) {
	c, err := readConfig(path, roleGateway)
	if err != nil {
		return nil, err
	}
	return newSteward(c), nil
}

type decideFlags struct {
	config, key, passphrase string
	json                    bool
}

func (f *decideFlags) add(c *cobra.Command) {
	configFlag(c, &f.config)
	c.Flags().StringVarP(&f.key, "key", "k", "", "the steward's own secret key, where the roster has one (default: the gateway signs)")
	c.Flags().StringVar(&f.passphrase, "passphrase-file", "", "take the key's passphrase from this file's first line")
	c.Flags().BoolVar(&f.json, "json", false, "print the study after the decision as JSON")
}

func newApprove() *cobra.Command {
	var f decideFlags
	var s scope
	var expires string
	c := &cobra.Command{
		Use:   "approve RUN",
		Short: "Approve a study in this hospital's name",
		Long: `Approve signs that this hospital takes part in a study: in this plan and no other,
asked for by this analyst, as often as --runs says, until it expires. Any change
of the study needs another approval. refuse takes it back.

Where the roster has a key of the steward's own, give it with --key: then the
gateway's machine alone cannot approve anything.`,
		Example: "  consilium approve cgd --config gateway.yaml\n  consilium approve c8786d40 --runs 3 --expires 2027-03-31",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if expires != "" {
				day, err := time.ParseInLocation("2006-01-02", expires, time.UTC)
				if err != nil {
					return fmt.Errorf("--expires %q: want a day such as 2027-03-31; the approval holds to its end (UTC)", expires)
				}
				s.Expires = day.Add(24*time.Hour - time.Second)
			}
			return decide(c, f, args[0], &s, "")
		},
	}
	f.add(c)
	c.Flags().IntVar(&s.Runs, "runs", 0, "how many runs of the same plan (default 1)")
	c.Flags().StringVar(&expires, "expires", "", "last day on which a run may begin, YYYY-MM-DD (default in 30 days)")
	c.Flags().StringSliceVar(&s.Analyses, "analyses", nil, "approve these analyses; nothing is signed if the study has others (default: all it has)")
	c.Flags().StringSliceVar(&s.Columns, "columns", nil, "approve the use of these columns; nothing is signed if it uses others (default: all it uses)")
	return c
}

func newRefuse() *cobra.Command {
	var f decideFlags
	var why string
	c := &cobra.Command{
		Use:   "refuse RUN --why REASON",
		Short: "Refuse a study, or take an approval back",
		Long: `Refuse signs that this hospital takes no part in a study. The analyst reads the
reason. An approval that was given before is taken back: nothing of the study
begins after that; what was opened by then stays opened.`,
		Example: `  consilium refuse cgd --why "the ethics vote does not cover height"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("say why: the analyst has to know what to change (--why)")
			}
			return decide(c, f, args[0], nil, why)
		},
	}
	f.add(c)
	c.Flags().StringVar(&why, "why", "", "the reason, for the analyst")
	if err := c.MarkFlagRequired("why"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return c
}

// decide has the gateway sign a decision, or signs it here with the steward's key.
func decide(c *cobra.Command, f decideFlags, run string, s *scope, why string) error {
	desk, err := stewardOf(f.config)
	if err != nil {
		return err
	}
	var after asked
	ctx := c.Context()
	switch {
	case f.key != "":
		id, err := readIdentity(c, f.key, f.passphrase)
		if err != nil {
			return err
		}
		var d store.Decision
		if err := desk.ask(ctx, "POST", studyPath(run, "draft"), wish{Scope: s, Why: why}, &d); err != nil {
			return err
		}
		if err := d.Sign(id); err != nil {
			return &status{exitFailure, err}
		}
		err = desk.ask(ctx, "POST", studyPath(run, "decide"), d, &after)
		if err != nil {
			return err
		}
	case s != nil:
		err = desk.ask(ctx, "POST", studyPath(run, "approve"), s, &after)
	default:
		err = desk.ask(ctx, "POST", studyPath(run, "refuse"), wish{Why: why}, &after)
	}
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), after)
	}
	d := after.Decision
	if d.Approve {
		fmt.Fprintf(c.OutOrStdout(), "approved: study %s, plan %s, for %d run(s) of %s until %s\n", after.Study, after.Plan, d.Runs, after.Analyst, moment(d.Expires))
	} else {
		fmt.Fprintf(c.OutOrStdout(), "refused: study %s, plan %s\n", after.Study, after.Plan)
	}
	return nil
}

// studiesOfGateway lists what this hospital was asked for.
func studiesOfGateway(c *cobra.Command, cfg *config, asJSON bool) error {
	var all []asked
	if err := newSteward(cfg).ask(c.Context(), "GET", "/studies", nil, &all); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(c.OutOrStdout(), all)
	}
	if len(all) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "no study was asked for yet")
		return nil
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTUDY\tANALYST\tASKED FOR\tTHIS HOSPITAL")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", shortRun(a.Run), a.Study, a.Analyst, moment(a.Made), a.standing())
	}
	return w.Flush()
}

// watchGateway tells of this hospital's own progress until it is interrupted,
// or, with a run, until that is delivered or over.
func watchGateway(c *cobra.Command, cfg *config, run string, asJSON bool) error {
	s := newSteward(cfg)
	if run != "" {
		var a asked
		if err := s.ask(c.Context(), "GET", studyPath(run, ""), nil, &a); err != nil {
			return err
		}
		run = a.Run
	}
	err := s.watch(c.Context(), func(t told) (bool, error) {
		if run != "" && t.Run != run {
			return false, nil
		}
		if t.From == "" {
			t.From = cfg.Name
		}
		last := run != "" && (t.Stage == "delivered" || t.Stage == "over" || t.Stage == "refused")
		return last, tell(c.OutOrStdout(), t, asJSON)
	})
	if c.Context().Err() != nil {
		return nil // watching ends when the watcher has had enough
	}
	return err
}

// tell prints a line about progress.
func tell(w io.Writer, t told, asJSON bool) error {
	if asJSON {
		return jsonLine(w, t)
	}
	at := "                    "
	if !t.At.IsZero() {
		at = t.At.UTC().Format("2006-01-02 15:04:05 ")
	}
	_, err := fmt.Fprintf(w, "%s%-16s %s\n", at, who(t), t.words())
	return err
}

func who(t told) string {
	if t.From == party.Hub {
		return "hub"
	}
	return string(t.From)
}

// words are how far a party is.
func (t told) words() string {
	s := t.Stage
	if t.Study != "" {
		s = t.Study + ": " + s
	}
	if t.Round > 0 {
		s += fmt.Sprintf(", %d sums opened", t.Round)
	}
	if t.Of > 0 {
		s += fmt.Sprintf(", step %d of %d", t.Step, t.Of)
	}
	if t.Attempt > 1 {
		s += fmt.Sprintf(", attempt %d", t.Attempt)
	}
	if t.Why != "" {
		s += " (" + t.Why + ")"
	}
	if len(t.Waiting) > 0 {
		var ids []string
		for _, id := range t.Waiting {
			ids = append(ids, string(id))
		}
		s += "; waiting for " + strings.Join(ids, ", ")
	}
	return s
}
