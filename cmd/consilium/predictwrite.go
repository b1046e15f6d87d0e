package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
)

// writeFile writes to a file that appears whole or not at all.
func (p *predictor) writeFile() error {
	f, err := os.CreateTemp(filepath.Dir(p.f.out), ".new-*") // mode 0600: a row for each person
	if err != nil {
		return fmt.Errorf("%s: %w", p.f.out, reason(err))
	}
	err = errors.Join(p.write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.f.out)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// estimates are the names of the estimate by kind.
var estimates = map[string]string{"linear": "mean", "logistic": "risk", "poisson": "count", "negbin": "count", "cox": "hazard_ratio"}

// write predicts.
func (p *predictor) write(to io.Writer) error {
	w := csv.NewWriter(to)
	name := estimates[p.done.Kind]
	header := slices.Concat([]string{"record"}, p.f.keep, []string{"linear_predictor", "std_error", name, name + "_std_error", name + "_low", name + "_high"})
	for _, t := range p.f.times {
		at := "survival_" + exact(t)
		header = append(header, at, at+"_std_error", at+"_low", at+"_high")
	}
	w.Write(append(header, "note"))
	_, err := p.scan(func(t *table.Table, kept [][]string, before int) error {
		row, survival, err := p.model.Rows(t)
		if err != nil {
			return err
		}
		fields := make([]string, 0, len(header)+1)
		for i := range t.Rows() {
			r := row(i)
			fields = append(append(fields[:0], strconv.Itoa(before+i+1)), kept[i]...)
			fields = put(fields, r)
			for _, at := range p.f.times {
				if r.Missing || r.Undetermined || r.Limit {
					fields = append(fields, "", "", "", "")
					continue
				}
				s := survival(i, at)
				fields = append(fields, exact(s.Estimate), exact(s.SE), exact(s.Low), exact(s.High))
			}
			if err := w.Write(append(fields, p.note(r, t, i))); err != nil {
				return err
			}
		}
		return nil
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

// put appends the figures of a record.
func put(fields []string, r stat.Prediction) []string {
	if r.Missing || r.Undetermined {
		return append(fields, "", "", "", "", "", "")
	}
	return append(fields, exact(r.Linear), exact(r.LinearSE), exact(r.Estimate), exact(r.SE), exact(r.Low), exact(r.High))
}

// note counts a record and says what is remarkable about it.
func (p *predictor) note(r stat.Prediction, t *table.Table, i int) string {
	p.done.Records++
	switch {
	case r.Missing:
		p.done.Missing++
		for _, name := range p.model.Variables() {
			if c, err := t.Column(name); err == nil && math.IsNaN(c[i]) {
				p.done.MissingIn[name]++
			}
		}
		return "missing"
	case r.Undetermined:
		p.done.Undetermined++
		return "undetermined"
	}
	p.done.Predicted++
	if r.Limit {
		p.done.Limit++
		return "limit"
	}
	return ""
}

// exact is a number in its shortest exact form; empty where there is none.
func exact(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case math.IsInf(x, 1):
		return "Inf"
	case math.IsInf(x, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// say sums up for people.
func (p *predictor) say(w io.Writer) error {
	d := p.done
	text := fmt.Sprintf("%d of %d records predicted by %s", d.Predicted, d.Records, d.Analysis)
	var lacking []string
	for _, name := range slices.Sorted(maps.Keys(d.MissingIn)) {
		lacking = append(lacking, fmt.Sprintf("%s: %d", name, d.MissingIn[name]))
	}
	if d.Missing > 0 {
		text += fmt.Sprintf("; %d lack a covariate (%s)", d.Missing, strings.Join(lacking, ", "))
	}
	if d.Limit > 0 {
		text += fmt.Sprintf("; of %d infinite coefficients decide", d.Limit)
	}
	if d.Undetermined > 0 {
		text += fmt.Sprintf("; of %d the model says nothing", d.Undetermined)
	}
	for _, warning := range d.Warnings {
		text += "\n  ! " + warning
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
