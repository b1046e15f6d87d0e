package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// analystFlags are those of commands that an analyst gives.
type analystFlags struct {
	config  string
	timeout time.Duration
	json    bool
}

func (f *analystFlags) add(c *cobra.Command, timeout time.Duration, what string) {
	configFlag(c, &f.config)
	c.Flags().DurationVar(&f.timeout, "timeout", timeout, what)
	jsonFlag(c, &f.json, "print it as JSON")
}

// asAnalyst connects the analyst of a configuration and calls f.
func asAnalyst(c *cobra.Command, cfg *config, timeout time.Duration, f func(context.Context, *engine.Analyst) error) error {
	ctx := c.Context()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	a, end, err := connectAnalyst(ctx, cfg, askPassphrase(c, "passphrase of "+cfg.Key))
	if err == nil {
		defer end()
		err = f(ctx, a)
	}
	if ctx.Err() != nil && c.Context().Err() == nil {
		err = fmt.Errorf("nothing more within %s: %w; consilium doctor says whether the hub can be reached, consilium studies who is waited for", timeout, err)
	}
	switch s := (*status)(nil); {
	case err == nil || errors.As(err, &s):
		return err
	case errors.Is(err, engine.ErrUnknownRun):
		return &status{exitUsage, err}
	}
	return &status{exitFailure, err}
}

// connectAnalyst makes an analyst of a configuration and connects it; the
// returned function disconnects. ask asks for the key's passphrase; it may be nil.
func connectAnalyst(ctx context.Context, c *config, ask func() ([]byte, error)) (*engine.Analyst, func(), error) {
	id, err := c.identity(ask)
	if err != nil {
		return nil, nil, err
	}
	_, p, err := readRoster(c.at(c.Roster))
	if err != nil {
		return nil, nil, &status{exitUsage, err}
	}
	if pinned, ok := p.analysts[c.Name]; !ok || !pinned.Equal(id.Public()) {
		return nil, nil, &status{exitUsage, fmt.Errorf("roster %s does not have analyst %q with the key in %s: hospitals would not take its studies", c.at(c.Roster), c.Name, c.at(c.Key))}
	}
	d, err := c.dialer(c.Name, c.Hub)
	if err != nil {
		return nil, nil, err
	}
	conn, err := d.Dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	end := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // what was sent is in the log: Send has waited for it
	}
	a, err := engine.NewAnalyst(engine.AnalystConfig{ID: c.Name, Identity: id, Roster: p.roster, Stewards: p.stewards, Network: engine.Over(conn)})
	if err != nil {
		end()
		return nil, nil, err
	}
	return a, end, nil
}

func newSubmit() *cobra.Command {
	var f analystFlags
	var to collecting
	var wait bool
	c := &cobra.Command{
		Use:   "submit STUDY.yaml",
		Short: "Sign a study and ask its hospitals for it",
		Long: `Submit plans a study, signs the plan with the analyst's key and gives it to the
hub, which asks the hospitals. It prints the name of the run and returns when
the hub has it. watch shows who has approved, fetch gets the results. The same
study submitted again is another run.

With --wait it goes on as fetch does: the name of the run goes to standard error,
the report to standard output, and the results to a directory. Interrupted, it
leaves the run as it is; fetch takes it up again.`,
		Example: "  consilium submit study.yaml --config analyst.yaml\n  consilium submit study.yaml --wait --out results",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, source, err := readStudy(args[0])
			if err != nil {
				return err
			}
			plan, err := engine.Plan(s)
			if err != nil {
				return &status{exitUsage, err}
			}
			cfg, err := readConfig(f.config, roleAnalyst)
			if err != nil {
				return err
			}
			if to.out == "" {
				to.out = s.Name + "-results"
			}
			if wait {
				if err := checkOut(to.out); err != nil {
					return err
				}
				if !c.Flags().Changed("timeout") {
					f.timeout = 0
				}
			}
			to.json = f.json
			return asAnalyst(c, cfg, f.timeout, func(ctx context.Context, a *engine.Analyst) error {
				run, err := a.Submit(ctx, source)
				if err != nil {
					return err
				}
				if !wait {
					return said(c, f.json, map[string]string{"run": run.String(), "study": s.Name, "plan_digest": plan.Digest},
						"run %s of study %s, plan %s", shortRun(run.String()), s.Name, plan.Digest)
				}
				if !to.quiet {
					fmt.Fprintf(c.ErrOrStderr(), "run %s of study %s, plan %s\n", shortRun(run.String()), s.Name, plan.Digest)
				}
				return fetch(ctx, c, a, run, s.Name, to)
			})
		},
	}
	f.add(c, 30*time.Second, "give up when the hub has not taken the study, or with --wait there is no result, by then (with --wait default: never)")
	to.add(c)
	c.Flags().BoolVar(&wait, "wait", false, "wait for the results, and write them")
	return c
}

func newStudies() *cobra.Command {
	var f analystFlags
	c := &cobra.Command{
		Use:   "studies",
		Short: "List studies: those a hospital was asked for, or an analyst's own",
		Long: `Studies lists, with the configuration of a gateway, every study this hospital was
asked for and what it has said; with that of an analyst, the analyst's own and
how far every hospital is.`,
		Example: "  consilium studies --config gateway.yaml\n  consilium studies --config analyst.yaml --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := readConfig(f.config, roleGateway, roleAnalyst)
			if err != nil {
				return err
			}
			if cfg.Role == roleGateway {
				return studiesOfGateway(c, cfg, f.json)
			}
			return asAnalyst(c, cfg, f.timeout, func(ctx context.Context, a *engine.Analyst) error { return studiesOfAnalyst(ctx, c, a, f.json) })
		},
	}
	f.add(c, 30*time.Second, "give up when the hub has not answered by then")
	return c
}

// ownStudy is a run as its analyst sees it.
type ownStudy struct {
	Run   string     `json:"run"`
	Study string     `json:"study"`
	Made  time.Time  `json:"made"`
	Hub   told       `json:"hub"`
	Sites []siteTold `json:"sites"`
}

type siteTold struct {
	Site    party.ID `json:"site"`
	Stage   string   `json:"stage"`
	Round   int      `json:"round,omitempty"`
	Refused string   `json:"refused,omitempty"` // why, in the steward's words
}

func studiesOfAnalyst(ctx context.Context, c *cobra.Command, a *engine.Analyst, asJSON bool) error {
	known, err := a.Studies(ctx)
	if err != nil {
		return err
	}
	all := []ownStudy{}
	for _, k := range known {
		o := ownStudy{Run: k.Run.String(), Study: k.Study, Made: k.Made, Hub: toldOf(k.Hub)}
		for _, id := range slices.Sorted(maps.Keys(k.Sites)) {
			s := siteTold{Site: id, Stage: stageWords(k.Sites[id].Stage), Round: k.Sites[id].Round, Refused: k.Why[id]}
			o.Sites = append(o.Sites, s)
		}
		all = append(all, o)
	}
	if asJSON {
		return writeJSON(c.OutOrStdout(), all)
	}
	if len(all) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "no study was submitted, or the hub has forgotten them")
		return nil
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTUDY\tSUBMITTED\tHUB\tHOSPITALS")
	for _, o := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", shortRun(o.Run), o.Study, moment(o.Made), o.Hub.words(), o.hospitals())
	}
	return w.Flush()
}

// hospitals counts them by what they say, and names those that refuse.
func (o ownStudy) hospitals() string {
	count := map[string]int{}
	var parts []string
	for _, s := range o.Sites {
		if s.Refused != "" {
			parts = append(parts, fmt.Sprintf("%s refuses: %s", s.Site, s.Refused))
			continue
		}
		count[s.Stage]++
	}
	for _, stage := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d %s", count[stage], stage))
	}
	return strings.Join(parts, "; ")
}

// ownRun finds the run that the analyst means.
func ownRun(ctx context.Context, a *engine.Analyst, name string) (engine.RunID, string, error) {
	all, err := a.Studies(ctx)
	if err != nil {
		return engine.RunID{}, "", err
	}
	var known []runName
	for _, s := range all {
		known = append(known, runName{s.Run, s.Study, s.Made, s.Hub.Stage == engine.StageOver})
	}
	run, err := findRun(name, known)
	for _, s := range all {
		if s.Run == run {
			name = s.Study
		}
	}
	if whole, e := engine.ParseRunID(name); e == nil && err != nil {
		return whole, name, nil // a hub whose disk was lost may hear of it yet
	}
	return run, name, err
}
