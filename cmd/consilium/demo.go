package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

type demoFlags struct {
	out, dir    string
	json, quiet bool
}

func newDemo() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo [STUDY.yaml]",
		Short: "Play a whole consortium on this machine: a hub, a gateway per hospital, an analyst",
		Long: `Demo makes keys, certificates and configurations for a hub, for a gateway of
each hospital of the study, and for an analyst; starts hub and gateways as
processes of their own on the loopback network; submits the study, has every
steward approve it, watches it run over the real transport, and fetches the
results, which are those of run to the byte. Then it ends every process.

Everything is in a temporary directory that is removed in the end; --keep DIR
leaves it, with configurations to learn from. What happens is told on standard
error, the report goes to standard output.`,
		Example: "  consilium demo\n  consilium demo testdata/cgd/study.yaml --out results --keep consortium",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runDemo(c, append(args, filepath.Join("testdata", "cgd", "study.yaml"))[0], f)
		},
	}
	c.Flags().StringVarP(&f.out, "out", "o", "", "directory of the results (default NAME-results, NAME being the study's)")
	c.Flags().StringVar(&f.dir, "keep", "", "make keys, configurations, stores and logs in this new directory and leave them")
	c.Flags().BoolVar(&f.json, "json", false, "print result.json instead of the report")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "do not tell what happens")
	return c
}

func runDemo(c *cobra.Command, path string, f demoFlags) (err error) {
	s, source, err := readStudy(path)
	if err != nil {
		return err
	}
	plan, err := engine.Plan(s)
	if err != nil {
		return &status{exitUsage, err}
	}
	if f.out == "" {
		f.out = s.Name + "-results"
	}
	if err := checkOut(f.out); err != nil {
		return err
	}
	if _, err := readRecords(c.Context(), s); err != nil { // what does not conform is said here, and not in a gateway's log
		return err
	}
	ctx, stop := context.WithCancelCause(c.Context())
	d := &demonstration{study: s, source: source, plan: plan, began: time.Now(), log: c.ErrOrStderr(), stop: stop}
	if f.quiet {
		d.log = io.Discard
	}
	if d.dir, err = demoDir(f.dir); err != nil {
		return err
	}
	defer func() {
		stop(nil)
		d.end()
		if f.dir == "" {
			err = errors.Join(err, os.RemoveAll(d.dir))
		} else {
			d.say("keys, configurations, stores and logs are in %s", d.dir)
		}
	}()
	r, err := d.play(ctx)
	if err != nil {
		if dead := (*died)(nil); errors.As(context.Cause(ctx), &dead) {
			err = dead
		}
		if c.Context().Err() != nil {
			return c.Context().Err()
		}
		return &status{exitFailure, err}
	}
	if err := r.WriteDir(f.out); err != nil {
		return &status{exitFailure, err}
	}
	d.say("results are in %s", f.out)
	return show(c, r, f.json)
}

func demoDir(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "consilium-demo-")
	}
	if err := os.Mkdir(keep, 0o700); err != nil {
		return "", fmt.Errorf("directory %s: %w", keep, reason(err))
	}
	return filepath.Abs(keep)
}

// demonstration is a consortium on one machine.
type demonstration struct {
	study   *study.Spec
	source  []byte
	plan    *report.Plan
	dir     string
	began   time.Time
	stop    context.CancelCauseFunc
	analyst party.ID

	mu       sync.Mutex
	log      io.Writer
	children sync.WaitGroup
}

// say tells what happens, with the seconds since the beginning.
func (d *demonstration) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.log, "%6.1f s  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// play does it all but the ending.
func (d *demonstration) play(ctx context.Context) (*report.Report, error) {
	made, err := d.found("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.say("keys, certificates and configurations for %d hospitals, a hub and an analyst are in %s", len(d.study.Sites), d.dir)
	address, err := d.start(ctx, "hub", roleHub)
	if err != nil {
		return nil, err
	}
	d.say("the hub listens on %s", address)
	if err := made.connect(address); err != nil {
		return nil, err
	}
	for _, site := range d.study.Sites {
		if _, err := d.start(ctx, string(site.ID), roleGateway); err != nil {
			return nil, err
		}
	}
	d.say("%d gateways run, each a process of its own", len(d.study.Sites))

	a, end, err := made.analystOf(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	run, err := a.Submit(ctx, d.source)
	if err != nil {
		return nil, err
	}
	d.say("%s submitted study %s, plan %s, run %s", d.analyst, d.study.Name, d.plan.Digest[:19], shortRun(run.String()))
	if err := d.approveAll(ctx, run); err != nil {
		return nil, err
	}
	d.say("all %d stewards approved the plan", len(d.study.Sites))
	if err := d.follow(ctx, a, run); err != nil {
		return nil, err
	}
	r, err := a.Fetch(ctx, run)
	if err != nil {
		return nil, err
	}
	d.say("%d hospitals signed the same report; %d masked sums in %.1f s", len(d.study.Sites), r.Cost.Rounds, r.Cost.Seconds)
	return r, nil
}

// approveAll does what stewards do: wait for the study, then approve it.
func (d *demonstration) approveAll(ctx context.Context, run engine.RunID) error {
	for _, site := range d.study.Sites {
		c, err := readConfig(filepath.Join(d.dir, string(site.ID), "consilium.yaml"), roleGateway)
		if err != nil {
			return err
		}
		s := newSteward(c)
		if err := s.await(ctx, run); err != nil {
			return fmt.Errorf("gateway %s: %w", site.ID, err)
		}
		if err := s.ask(ctx, "POST", studyPath(run.String(), "approve"), scope{}, nil); err != nil {
			return fmt.Errorf("steward of %s: %w", site.ID, err)
		}
	}
	return nil
}

// await returns when the gateway has heard of a run.
func (s *steward) await(ctx context.Context, run engine.RunID) error {
	return s.watch(ctx, func(t told) (bool, error) { return t.Run == run.String(), nil })
}

// watch calls f with everything the gateway tells of its studies until f is done.
func (s *steward) watch(ctx context.Context, f func(told) (bool, error)) error {
	body, err := s.open(ctx, "GET", "/watch", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var t told
		if err := lines.Decode(&t); err != nil {
			if errors.Is(err, io.EOF) && ctx.Err() == nil {
				return &status{exitFailure, errors.New("the gateway has stopped")}
			}
			return err
		}
		if done, err := f(t); done || err != nil {
			return err
		}
	}
}

// betweenLines is the least time between lines about sums, and steps under encryption.
const betweenLines = time.Second

// follow tells of the stages that all hospitals have come to.
func (d *demonstration) follow(ctx context.Context, a *engine.Analyst, run engine.RunID) error {
	reached := map[string]map[party.ID]bool{}
	var last time.Time
	return a.Watch(ctx, run, func(s engine.Status) error {
		words, often := stageWords(s.Stage), false
		switch {
		case s.From == party.Hub:
			if s.Stage == engine.StageFailed {
				d.say("attempt %d failed (%v)", s.Attempt, s.Code)
			}
			return nil
		case s.Stage == engine.StageWaiting, s.Stage == engine.StageApproved:
			return nil
		case s.Stage == engine.StageSumming:
			words, often = fmt.Sprintf("sum %d opened", s.Round), true
		case s.Of > 1:
			words, often = fmt.Sprintf("%s, %d of %d", words, s.Step, s.Of), true
		}
		if reached[words] == nil {
			reached[words] = map[party.ID]bool{}
		}
		if reached[words][s.From] {
			return nil
		}
		reached[words][s.From] = true
		if now := time.Now(); len(reached[words]) == len(d.study.Sites) && (!often || now.Sub(last) >= betweenLines) {
			d.say("all hospitals: %s", words)
			last = now
		}
		return nil
	})
}
