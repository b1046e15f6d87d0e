package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

func newWatch() *cobra.Command {
	var f analystFlags
	c := &cobra.Command{
		Use:   "watch [RUN]",
		Short: "Watch how far every hospital is with a study",
		Long: `Watch tells, with the configuration of an analyst, how far every hospital is with
a run, from its beginning until it is over; with that of a gateway, how far this
hospital is with one run or, without RUN, with all, until it is interrupted.
What hospitals say is signed; what the hub says is its word alone.

On a terminal it keeps a table up to date, elsewhere it prints a line for every
change. Status 0: the run is over, or the watcher has had enough.`,
		Example: "  consilium watch cgd --config analyst.yaml\n  consilium watch --config gateway.yaml --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := readConfig(f.config, roleGateway, roleAnalyst)
			if err != nil {
				return err
			}
			run := strings.Join(args, "")
			b := newBoard(c.OutOrStdout(), f.json)
			if cfg.Role == roleGateway {
				err = watchGateway(c, cfg, run, b)
			} else if run == "" {
				err = errors.New("say which run: consilium studies lists them")
			} else {
				err = asAnalyst(c, cfg, f.timeout, func(ctx context.Context, a *engine.Analyst) error {
					id, study, err := ownRun(ctx, a, run)
					if err != nil {
						return err
					}
					return a.Watch(ctx, id, func(s engine.Status) error {
						t := toldOf(s)
						t.Study = study
						return b.tell(t)
					})
				})
			}
			if c.Context().Err() != nil {
				return nil // watching ends when the watcher has had enough
			}
			return err
		},
	}
	f.add(c, 0, "stop watching after this time (default: when the run is over)")
	completeRuns(c)
	return c
}

// watchGateway tells of this hospital's own progress until it is interrupted,
// or, with a run, until that is delivered or over.
func watchGateway(c *cobra.Command, cfg *config, run string, b *board) error {
	s := newSteward(cfg)
	if run != "" {
		var a asked
		if err := s.ask(c.Context(), "GET", studyPath(run, ""), nil, &a); err != nil {
			return err
		}
		run = a.Run
	}
	return s.watch(c.Context(), func(t told) (bool, error) {
		if run != "" && t.Run != run {
			return false, nil
		}
		if t.From == "" {
			t.From = cfg.Name
		}
		last := run != "" && (t.Stage == "delivered" || t.Stage == "over" || t.Stage == "refused")
		return last, b.tell(t)
	})
}

// board is where watch shows progress: a table on a terminal, lines elsewhere.
type board struct {
	w        io.Writer
	json     bool
	terminal *os.File // nil: lines
	rows     []told   // the latest of each party and run
	drawn    int      // lines of the table on the screen
}

func newBoard(w io.Writer, asJSON bool) *board {
	b := &board{w: w, json: asJSON}
	if f, ok := w.(*os.File); ok && !asJSON && term.IsTerminal(int(f.Fd())) {
		b.terminal = f
	}
	return b
}

// tell shows what a party says, unless it says nothing new.
func (b *board) tell(t told) error {
	i := slices.IndexFunc(b.rows, func(old told) bool { return old.From == t.From && old.Run == t.Run })
	switch {
	case i < 0:
		b.rows = append(b.rows, t)
	case b.rows[i].words() == t.words(), t.From != party.Hub && t.Attempt < b.rows[i].Attempt: // a decision may be told after what followed it
		return nil
	default:
		b.rows[i] = t
	}
	switch {
	case b.json:
		return jsonLine(b.w, t)
	case b.terminal != nil:
		return b.draw()
	}
	at := strings.Repeat(" ", 20)
	if !t.At.IsZero() {
		at = t.At.UTC().Format("2006-01-02 15:04:05 ")
	}
	words := t.words()
	if t.Study != "" {
		words = t.Study + ": " + words
	}
	_, err := fmt.Fprintf(b.w, "%s%-16s %s\n", at, t.From, words)
	return err
}

// draw puts the table in the place of the former one.
func (b *board) draw() error {
	slices.SortStableFunc(b.rows, func(x, y told) int {
		if x.Run != y.Run {
			return strings.Compare(x.Run, y.Run)
		}
		if (x.From == party.Hub) != (y.From == party.Hub) { // the hub, whose word nobody signed, comes last
			if x.From == party.Hub {
				return 1
			}
			return -1
		}
		return strings.Compare(string(x.From), string(y.From))
	})
	width, height, err := term.GetSize(int(b.terminal.Fd()))
	if err != nil {
		width, height = 80, 24
	}
	lines := tableOf(b.rows)
	if most := max(3, height-1); len(lines) > most { // the cursor cannot go up beyond the screen
		lines = append(lines[:most-1], fmt.Sprintf("... and %d more", len(lines)-most+1))
	}
	var out bytes.Buffer
	if b.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", b.drawn)
	}
	out.WriteString("\r\x1b[J")
	for _, line := range lines {
		out.WriteString(runewidth.Truncate(line, max(20, width-1), "…") + "\n")
	}
	b.drawn = len(lines)
	_, err = b.w.Write(out.Bytes())
	return err
}

// tableOf has a line for each party and run.
func tableOf(rows []told) []string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STUDY\tRUN\tPARTY\tSINCE (UTC)\tHOW FAR")
	for _, t := range rows {
		at := ""
		if !t.At.IsZero() {
			at = t.At.UTC().Format("15:04:05")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Study, shortRun(t.Run), t.From, at, t.words())
	}
	_ = w.Flush() // to memory
	return strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
}

// words are how far a party is.
func (t told) words() string {
	s := t.Stage
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
	if len(t.Waiting) == 0 {
		return s
	}
	var ids []string
	for _, id := range t.Waiting {
		ids = append(ids, string(id))
	}
	names := strings.Join(ids, ", ")
	switch {
	case t.Stage == hubWaits:
		return strings.Replace(s, hubWaits, "waiting for "+names, 1)
	case t.Stage == "over":
		return s + ": " + names
	}
	return s + "; waiting for " + names
}
