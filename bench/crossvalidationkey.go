package bench

import (
	"context"
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
)

// foldsSeed is that of the study's cross-validation.
const foldsSeed = 7

// crossValidatedByKey prepares ten-fold cross-validation as a study has it, by
// cross_validate: the model, the models without each fold, and the performance of
// their predictions. The error is that of the Brier score, which is exact; the area is of classes.
func crossValidatedByKey(_ context.Context, s Scenario) (*Work, error) {
	c := NewCohort(s.Rows, s.Covariates, 7)
	spec, tables, err := c.Study(s.Hospitals, []string{fmt.Sprintf(`{id: fit, kind: logistic, formula: "y ~ .", cross_validate: {folds: %d, seed: %d}}`, folds, foldsSeed)}, s.Reveal)
	if err != nil {
		return nil, err
	}
	var dealt []int
	for h := range s.Hospitals {
		lo, hi := c.share(h, s.Hospitals)
		dealt = append(dealt, stat.Folds(hi-lo, folds, foldsSeed, fmt.Sprintf("s%d", h))...)
	}
	want, err := c.crossValidate(dealt, nil)
	if err != nil {
		return nil, err
	}
	w := &Work{ErrorUnit: "relative"}
	if w.Security, err = securityOf(spec); err != nil {
		return nil, err
	}
	w.Run = func(ctx context.Context) (*Sample, error) {
		r, x, err := simulate(ctx, spec, tables, true)
		if err != nil {
			return nil, err
		}
		row, err := crossRow(r)
		if err != nil {
			return nil, err
		}
		off := math.Abs(row.Get("brier").(float64)/want.brier - 1)
		x.Error = &off
		x.Metrics["auc"], x.Metrics["auc-error"] = row.Get("auc").(float64), math.Abs(row.Get("auc").(float64)-want.auc)
		return x, nil
	}
	w.Plain = func(context.Context) error {
		_, err := c.crossValidate(dealt, want)
		return err
	}
	return w, nil
}

// crossRow is the cross-validated performance in a report.
func crossRow(r *report.Report) (stat.Record, error) {
	for _, t := range r.Analyses[0].Frame.Tables {
		if t.Name == "cross_validation" {
			return t.Rows[1], nil
		}
	}
	return nil, fmt.Errorf("bench: no cross-validation: %q", r.Analyses[0].Frame.Warnings)
}
