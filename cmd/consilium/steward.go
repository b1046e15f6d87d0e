package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
)

func newShow() *cobra.Command {
	var path string
	var asJSON, file bool
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a steward what a study that was asked for would open, and to whom",
		Long: `Show prints the plan of a study that an analyst has asked this hospital for, in a
steward's words: who asks, which columns are read, what leaves the house, to whom
it becomes visible and what may be derived from it, how small a cell is shown, and
what an approval would sign. RUN is the beginning of the run's name (four
characters or more) or the name of the study.`,
		Example: "  consilium show cgd --config gateway.yaml\n  consilium show c8786d40 --study-file",
		Args:    exactly(1),
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
				_, err = io.WriteString(w, a.words(s.config))
			}
			return err
		},
	}
	configFlag(c, &path)
	jsonFlag(c, &asJSON, "print it as JSON")
	completeRuns(c)
	c.Flags().BoolVar(&file, "study-file", false, "print the study file as the analyst signed it")
	return c
}

// words is what a steward reads before deciding.
func (a asked) words(c *config) string {
	var b strings.Builder
	point := func(what, format string, args ...any) {
		b.WriteString(hanging(fmt.Sprintf("%-11s", what+":"), 11, fmt.Sprintf(format, args...)))
	}
	who := string(a.Analyst)
	if _, p, err := readRoster(c.at(c.Roster)); err == nil {
		if key, ok := p.analysts[a.Analyst]; ok {
			who += ", whose key in the roster is " + key.Fingerprint()
		}
	}
	point("asked by", "%s", who)
	point("on", "%s, as run %s", moment(a.Made), shortRun(a.Run))
	point("it reads", "the columns %s of the records of %s", strings.Join(a.Columns, ", "), c.Name)
	point("here", "%s", a.standing())
	if s, err := study.Parse(a.Study+".yaml", []byte(a.File)); err == nil && s.Privacy.MinSites < len(s.Sites) {
		point("it begins", "when all %d hospitals have approved. The study allows to go on without some of them (they refuse, do not answer, or are gone) as long as %d take part; the result then says so, and is of other patients", len(s.Sites), s.Privacy.MinSites)
	} else if err == nil {
		point("it begins", "when all %d hospitals have approved, and not without one of them", len(s.Sites))
	}
	if a.Refusal == "" && a.Stage == waitingStage {
		point("you can", "consilium approve %s   signs this plan and no other, for 1 run by %s that begins within 30 days (--runs, --expires)", shortRun(a.Run), a.Analyst)
		point("or", "consilium refuse %s --why \"...\"   nothing of it is computed with these records; %s reads why", shortRun(a.Run), a.Analyst)
	}
	fmt.Fprintf(&b, "\n%s", a.Text)
	return b.String()
}

// waitingStage is how a study is called that nobody has decided about here.
var waitingStage = stageWords(engine.StageWaiting)

// hanging writes a text after its title in lines of a readable width, the later ones indented.
func hanging(title string, by int, text string) string {
	const width = 100
	indent := strings.Repeat(" ", by)
	line, all := title, ""
	for _, word := range strings.Fields(text) {
		if line != title && line != indent && runewidth.StringWidth(line)+1+runewidth.StringWidth(word) > width {
			all, line = all+line+"\n", indent
		}
		if line != title && line != indent {
			line += " "
		}
		line += word
	}
	return all + line + "\n"
}

// standing is what this hospital has said, and how far it is.
func (a asked) standing() string {
	switch d := a.Decision; {
	case a.Refusal != "":
		return a.Stage + "; its policy forbids it: " + a.Refusal
	case d == nil:
		return a.Stage
	case d.Approve:
		return fmt.Sprintf("%s; approved on %s for %s until %s", a.Stage, moment(d.Made), runs(d.Runs), moment(d.Expires))
	default:
		return fmt.Sprintf("%s; refused on %s: %s", a.Stage, moment(d.Made), d.Why)
	}
}

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
	jsonFlag(c, &f.json, "print the study after the decision as JSON")
	completeRuns(c)
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
		Args:    exactly(1),
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
	completeAnalyses(c)
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
		Args:    exactly(1),
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
		fmt.Fprintf(c.OutOrStdout(), "approved: study %s, plan %s, for %s by %s until %s\n", after.Study, after.Plan, runs(d.Runs), after.Analyst, moment(d.Expires))
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
