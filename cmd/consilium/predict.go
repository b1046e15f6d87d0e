package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

type predictFlags struct {
	analysis, site, out string
	keep                []string
	times               []float64
	json                bool
}

func newPredict() *cobra.Command {
	var f predictFlags
	c := &cobra.Command{
		Use:   "predict STUDY.yaml RESULT FILE.csv",
		Short: "Apply a released model to records of one's own",
		Long: `Predict reads a fitted model of a result (result.json, or its directory), applies
it to the records of a file, and writes a CSV with a row for each record. Nothing
is sent, and nothing is written unless every record conforms to the study's
dictionary; the outcome's column is not needed. It gives what R's predict gives
with se.fit = TRUE:

  linear_predictor, its std_error, the estimate with its own std_error, and 95 %
  limits, those of the linear predictor transformed. The estimate is the risk of
  a logistic model, the mean of a linear, the expected count of a poisson or
  negbin one, and of cox the hazard ratio to a person with 0 in every column.
  Its error is the delta method's. With --times a cox model that was released
  with its baseline (times: or predict: in the study) gives survival at these
  times as well, limits being those of its logarithm.

A record that lacks a covariate has empty fields and the note missing. Where
outcomes separated, infinite coefficients decide: the risk is 0 or 1, note limit;
or they contradict each other: note undetermined. A level that no record of the
fit had is an error. A model with ridge has no standard errors.

FILE.csv is read as the site's file that --site names, with its encoding,
separator and names of columns; without it as UTF-8 with commas. The output has
the number of each record, and the columns of the file that --keep names.`,
		Example: "  consilium predict testdata/cgd/study.yaml cgd-results testdata/cgd/nih.csv --analysis risk --out risks.csv\n" +
			"  consilium predict study.yaml results/result.json new.csv --analysis survival --times 365,730 --keep id",
		Args: exactly(3),
		RunE: func(c *cobra.Command, args []string) error { return predict(c, args, f) },
	}
	c.Flags().StringVarP(&f.analysis, "analysis", "a", "", "the analysis whose model it is")
	c.Flags().StringVarP(&f.site, "site", "s", "", "the site of the study whose file it is")
	c.Flags().StringVarP(&f.out, "out", "o", "", "write to this file (default: standard output)")
	c.Flags().StringSliceVar(&f.keep, "keep", nil, "columns of the file to copy to the output, such as an identifier")
	c.Flags().Float64SliceVar(&f.times, "times", nil, "times at which to predict survival (cox)")
	jsonFlag(c, &f.json, "print a summary as JSON; needs --out")
	return c
}

// predictions is what --json prints.
type predictions struct {
	Study        string         `json:"study"`
	Analysis     string         `json:"analysis"`
	Kind         string         `json:"kind"`
	Out          string         `json:"out,omitempty"`
	Records      int            `json:"records"`
	Predicted    int            `json:"predicted"`
	Missing      int            `json:"missing"`
	MissingIn    map[string]int `json:"missing_in,omitempty"` // by variable
	Limit        int            `json:"limit"`
	Undetermined int            `json:"undetermined"`
	Warnings     []string       `json:"warnings"`
}

// pieceRows is how many records are in memory at a time.
const pieceRows = 4096

// predictor is one application of a model to a file.
type predictor struct {
	ctx    context.Context // of the command: a scan ends with it
	f      predictFlags
	model  *stat.Predictor
	schema *table.Schema // of the variables that the model needs
	source table.Source
	site   string
	done   predictions
}

func predict(c *cobra.Command, args []string, f predictFlags) error {
	if f.analysis == "" {
		return errors.New("say which analysis's model with --analysis ID")
	}
	if f.json && f.out == "" {
		return errors.New("--json prints a summary: say where the predictions go with --out FILE")
	}
	s, _, err := readStudy(args[0])
	if err != nil {
		return err
	}
	p := &predictor{ctx: c.Context(), f: f}
	if err := p.read(s, args[1]); err != nil {
		return err
	}
	if err := p.choose(s, args[2]); err != nil {
		return err
	}
	if err := p.spares(args); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	if f.out == "" {
		err = p.write(c.OutOrStdout())
	} else {
		err = p.writeFile()
	}
	if err != nil {
		return failed(err)
	}
	if err := c.Context().Err(); err != nil {
		return err
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), p.done)
	}
	return p.say(c.ErrOrStderr())
}

// spares refuses to replace what the command reads, and what is not a file.
func (p *predictor) spares(inputs []string) error {
	if p.f.out == "" {
		return nil
	}
	there, err := os.Stat(p.f.out)
	if err != nil {
		return nil // there is none: writing says whether there can be one
	}
	if !there.Mode().IsRegular() {
		return fmt.Errorf("--out %s: that is not a file; name one, or leave out --out to write to standard output", p.f.out)
	}
	for _, path := range append(slices.Clone(inputs), filepath.Join(inputs[1], "result.json")) {
		if read, err := os.Stat(path); err == nil && os.SameFile(there, read) {
			return fmt.Errorf("--out %s: the command reads that file; name another", p.f.out)
		}
	}
	return nil
}

// read takes the model from the result.
func (p *predictor) read(s *study.Spec, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "result.json")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("result %s: %w", path, reason(err))
	}
	m, err := report.ReadModel(b, p.f.analysis)
	if err != nil {
		return fmt.Errorf("result %s: %w", path, err)
	}
	i := slices.IndexFunc(s.Analyses, func(a stat.Args) bool { return a.ID == p.f.analysis && a.Kind == m.Kind })
	if i < 0 {
		return fmt.Errorf("study %s has no analysis %q of kind %s: is it the study of this result?", s.Name, p.f.analysis, m.Kind)
	}
	if p.model, err = stat.NewPredictor(s.Analyses[i], s.Schema, m.Fitted); err != nil {
		return fmt.Errorf("analysis %s: %w", p.f.analysis, err)
	}
	for i, t := range p.f.times {
		if math.IsNaN(t) || math.IsInf(t, 0) || i > 0 && t <= p.f.times[i-1] {
			return errors.New("--times: want finite times in increasing order, each once")
		}
	}
	if len(p.f.times) > 0 && m.Baseline == nil {
		return fmt.Errorf("analysis %s: the result has no baseline to predict survival from: a cox model has one with times: or predict: in the study, and without site among its strata", p.f.analysis)
	}
	p.done = predictions{Study: s.Name, Analysis: p.f.analysis, Kind: m.Kind, Out: p.f.out, Warnings: []string{}, MissingIn: map[string]int{}}
	if n := len(p.f.times); n > 0 {
		last := math.Inf(-1)
		for _, b := range m.Baseline {
			last = math.Max(last, b.Time)
		}
		if p.f.times[n-1] > last {
			p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("the released baseline ends at %v: survival at later times is left empty", last))
		}
	}
	if plan, err := engine.Plan(s); err != nil || plan.Digest != m.PlanDigest {
		p.done.Warnings = append(p.done.Warnings, "the result was made from another study file than this, or by another version of consilium: the model's terms are the same, units and codes may not be")
	}
	for _, t := range m.Terms {
		if t.Aliased {
			p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("%s is a combination of other terms in the records of the fit and has no coefficient: predictions hold for records in which it is the same one", t.Name))
		}
	}
	if m.VCov == nil || len(m.VCov.Terms) == 0 {
		p.done.Warnings = append(p.done.Warnings, "the result has no covariance of the coefficients: predictions have no standard errors and limits")
	}
	if s.Privacy.Digits == "4" {
		p.done.Warnings = append(p.done.Warnings, "the result has 4 digits: so have predictions, their errors fewer")
	}
	return nil
}

// choose settles how the file is read, of which variables.
func (p *predictor) choose(s *study.Spec, path string) error {
	needs := slices.Concat(p.model.Variables(), p.model.Strata())
	p.site, p.source = string(s.Sites[0].ID), table.Source{}
	if p.f.site != "" {
		chosen, err := chosenSites(s, p.f.site)
		if err != nil {
			return err
		}
		p.site, p.source = p.f.site, chosen[0].Source
	} else if slices.Contains(needs, table.Site) {
		return fmt.Errorf("the model has a term of site: say which the records are of with --site, one of %s", strings.Join(siteNames(s), ", "))
	}
	p.source.CSV = path
	p.schema = &table.Schema{Sites: s.Schema.Sites}
	for _, f := range s.Schema.Fields {
		if slices.Contains(needs, f.Name) {
			p.schema.Fields = append(p.schema.Fields, f)
		}
	}
	return nil
}

// scan reads the file piece by piece.
func (p *predictor) scan(each func(t *table.Table, kept [][]string, before int) error) (*table.Conformance, error) {
	f, err := os.Open(p.source.CSV)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.source.CSV, reason(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: it is read twice, to check it before anything is written", p.source.CSV)
	}
	return table.ScanCSV(f, p.source.CSV, p.source, p.schema, p.site, p.f.keep, pieceRows, func(t *table.Table, kept [][]string, before int) error {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		return each(t, kept, before)
	})
}

// check reads the whole file before anything is written.
func (p *predictor) check() error {
	strangers, first := map[string]int{}, map[string]int{}
	conformance, err := p.scan(func(t *table.Table, _ [][]string, before int) error {
		of, err := p.model.Strangers(t)
		if err != nil {
			return err
		}
		for i := range t.Rows() {
			if factor, level := of(i); level != "" {
				name := fmt.Sprintf("variable %q, level %q", factor, level)
				if strangers[name]++; strangers[name] == 1 {
					first[name] = before + i + 1
				}
			}
		}
		return nil
	})
	switch invalid := (*table.Invalid)(nil); {
	case errors.As(err, &invalid):
		if p.f.site == "" {
			conformance.Site = ""
		}
		return &status{exitConformance, fmt.Errorf("%s does not conform to the dictionary; nothing was predicted\n%s", p.source.CSV, strings.TrimSuffix(report.Violations(conformance), "\n"))}
	case err != nil:
		return &status{exitFailure, err}
	case len(strangers) == 0:
		return nil
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(strangers)) {
		lines = append(lines, fmt.Sprintf("  %s: %d of the file's records, the first being number %d", name, strangers[name], first[name]))
	}
	return &status{exitConformance, fmt.Errorf("%s has levels that no record of the fit had: the model says nothing of them; nothing was predicted\n%s", p.source.CSV, strings.Join(lines, "\n"))}
}
