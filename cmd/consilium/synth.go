package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/bench/synth"
)

type synthFlags struct {
	out         string
	config      synth.Config
	json, quiet bool
}

func newSynth() *cobra.Command {
	f := synthFlags{config: synth.Config{Seed: 1}}
	c := &cobra.Command{
		Use:   "synth --out DIR",
		Short: "Make up a region: hospitals, records, a study, and the models they were drawn from",
		Long: fmt.Sprintf(`Synth draws a synthetic cohort over several hospitals and writes it to a
directory: a CSV file for each hospital, study.yaml (ready for run), truth.json
(the coefficients that fits should find) and README.txt (the law of it all).
Hospitals differ in size, case mix, baseline risk and missing values; covariates
are correlated, some skewed, some with rare levels; there are a binary outcome of
a known logistic model, and follow-up with censoring of a known hazard.

The same seed gives the same files, and the records of a smaller cohort over as
many hospitals are the first of a larger one. At most %d people and %d
hospitals. Made-up records are for trying and measuring, not for findings.

study.yaml is written last: a directory that has it is complete. When synth
fails or is interrupted, it removes what it wrote.`, synth.MaxPeople, synth.MaxHospitals),
		Example: "  consilium synth --out region --people 100000 --hospitals 12\n  consilium run region/study.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runSynth(c, f) },
	}
	c.Flags().StringVarP(&f.out, "out", "o", "", "directory to write to: a new one, or an empty one")
	c.Flags().IntVar(&f.config.People, "people", 10_000, "how many people, over all hospitals")
	c.Flags().IntVar(&f.config.Hospitals, "hospitals", 5, "how many hospitals")
	c.Flags().Uint64Var(&f.config.Seed, "seed", f.config.Seed, "another seed, other people")
	c.Flags().IntVar(&f.config.Covariates, "covariates", synth.Clinical, "how many covariates; above the clinical ones follow x1, x2, ...")
	c.Flags().BoolVar(&f.config.Complete, "complete", false, "leave no value missing")
	c.Flags().BoolVar(&f.json, "json", false, "print what was written as JSON")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return c
}

// writtenCohort is what --json prints.
type writtenCohort struct {
	Directory string           `json:"directory"`
	Study     string           `json:"study"`
	Seconds   float64          `json:"seconds"`
	People    int              `json:"people"`
	Seed      uint64           `json:"seed"`
	Hospitals []synth.Hospital `json:"hospitals"`
}

func runSynth(c *cobra.Command, f synthFlags) error {
	if f.out == "" {
		return errors.New("say where to write with --out DIR")
	}
	cohort, err := synth.New(f.config)
	if err != nil {
		return err
	}
	if err := synth.CheckDir(f.out); err != nil {
		if errors.Is(err, synth.ErrNotEmpty) {
			return err
		}
		return &status{exitFailure, err}
	}
	p := newProgress(c.ErrOrStderr(), f.quiet)
	defer p.end()
	began, rows := time.Now(), 0
	err = cohort.Write(c.Context(), f.out, func(more int) {
		rows += more
		p.drawing(rows, f.config.People, time.Since(began))
	})
	if err != nil {
		return &status{exitFailure, err}
	}
	p.end()
	w := writtenCohort{f.out, filepath.Join(f.out, "study.yaml"), time.Since(began).Seconds(), f.config.People, f.config.Seed, cohort.Hospitals()}
	if f.json {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		err = e.Encode(w)
	} else {
		_, err = fmt.Fprintf(c.OutOrStdout(), "%v are in %s; now: consilium run %s\n", cohort, w.Directory, w.Study)
	}
	if err != nil {
		return &status{exitFailure, err}
	}
	return nil
}

// drawing shows how far a synthetic cohort is.
func (p *progress) drawing(rows, of int, spent time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := time.Duration(float64(spent) * float64(of-rows) / float64(rows)).Round(time.Second)
	p.draw("%d of %d people written, %v left", rows, of, left)
	if now := time.Now(); p.log != nil && (now.Sub(p.last) >= betweenLogs || rows == of) {
		p.log.Info("writing", "people", rows, "of", of)
		p.last = now
	}
}
