package bench

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

const folds = 10

// scoreClasses is how many classes the scores of people who were not trained on have: probabilities in steps of 1/scoreClasses.
const scoreClasses = 100

// crossValidated prepares ten-fold cross-validation of an encrypted logistic model, as two
// studies, since cross_validate is for models whose sums are opened: one model for each fold, fitted on the rows outside of it; then, every
// hospital having scored its rows with the model that has not seen them, the area
// under the curve of each fold, with DeLong's error.
func crossValidated(_ context.Context, s Scenario) (*Work, error) {
	c := NewCohort(s.Rows, s.Covariates, 7)
	train, tables, err := c.foldStudy(s.Hospitals, s.Reveal)
	if err != nil {
		return nil, err
	}
	dealt := make([]int, c.Rows)
	for i := range dealt {
		dealt[i] = fold(i)
	}
	want, err := c.crossValidate(dealt, nil)
	if err != nil {
		return nil, err
	}
	w := &Work{ErrorUnit: "standard errors"}
	if w.Security, err = securityOf(train); err != nil {
		return nil, err
	}
	w.Run = func(ctx context.Context) (*Sample, error) {
		r, x, err := simulate(ctx, train, tables, true)
		if err != nil {
			return nil, err
		}
		models, off := make([][]float64, folds), 0.0
		for k, a := range r.Analyses {
			off = max(off, want.fits[k].away(a.Frame))
			for _, row := range a.Frame.Tidy {
				models[k] = append(models[k], row.Get("estimate").(float64))
			}
		}
		evaluate, scored, err := c.scoreStudy(s.Hospitals, s.Reveal, models)
		if err != nil {
			return nil, err
		}
		r, y, err := simulate(ctx, evaluate, scored, true)
		if err != nil {
			return nil, err
		}
		areas, err := areasOf(r)
		if err != nil {
			return nil, err
		}
		x = joined(x, y)
		x.Error = &off
		x.Metrics["auc"], x.Metrics["auc-error"] = mean(areas), 0
		for k := range areas {
			x.Metrics["auc-error"] = max(x.Metrics["auc-error"], math.Abs(areas[k]-want.areas[k]))
		}
		return x, nil
	}
	w.Plain = func(context.Context) error {
		_, err := c.crossValidate(dealt, want)
		return err
	}
	return w, nil
}

// fold is the fold of row i.
func fold(i int) int { return i % folds }

// foldStudy asks for a model outside of each fold.
func (c *Cohort) foldStudy(hospitals int, reveal string) (*study.Spec, map[party.ID]*table.Table, error) {
	var analyses []string
	for k := range folds {
		analyses = append(analyses, fmt.Sprintf(`{id: without%d, kind: logistic, formula: "y ~ . - fold", where: "fold != %d", evaluate: {cells: 0}}`, k, k))
	}
	all := make([]float64, c.Rows)
	for i := range all {
		all[i] = float64(fold(i))
	}
	return c.studyWith("  fold: {type: number, integer: true, min: 0, max: 9}\n", [][]float64{all}, hospitals, analyses, reveal)
}

// scoreStudy asks for the area of each fold, scored by the model that has not seen it.
func (c *Cohort) scoreStudy(hospitals int, reveal string, models [][]float64) (*study.Spec, map[party.ID]*table.Table, error) {
	var analyses []string
	for k := range folds {
		analyses = append(analyses, fmt.Sprintf(`{id: fold%d, kind: roc, outcome: y, score: score, where: "fold == %d"}`, k, k))
	}
	all := make([]float64, c.Rows)
	for i := range all {
		all[i] = float64(fold(i))
	}
	variables := fmt.Sprintf("  fold: {type: number, integer: true, min: 0, max: 9}\n  score: {type: number, step: %g, min: 0, max: 1}\n", 1.0/scoreClasses)
	return c.studyWith(variables, [][]float64{all, c.rounded(models)}, hospitals, analyses, reveal)
}

// rounded are the probabilities of all rows by the model of their fold, rounded to the classes.
func (c *Cohort) rounded(models [][]float64) []float64 {
	dealt := make([]int, c.Rows)
	for i := range dealt {
		dealt[i] = fold(i)
	}
	scores := c.scores(models, dealt)
	for i, p := range scores {
		scores[i] = math.Round(scoreClasses*p) / scoreClasses
	}
	return scores
}

// scores are the probabilities of all rows by the model of their fold.
func (c *Cohort) scores(models [][]float64, dealt []int) []float64 {
	eta, scores := make([]float64, c.Rows), make([]float64, c.Rows)
	for i, k := range dealt {
		eta[i] = models[k][0]
	}
	for j, x := range c.X {
		for i, v := range x {
			eta[i] += models[dealt[i]][j+1] * v
		}
	}
	for i, e := range eta {
		scores[i] = 1 / (1 + math.Exp(-e))
	}
	return scores
}

// validated is a cross-validation in clear.
type validated struct {
	fits  []*Fit
	areas []float64 // of each fold, scores rounded to the classes
	auc   float64   // of all predictions, likewise
	brier float64
}

// crossValidate does it in clear, on the pooled rows; dealt is the fold of each. again says how many rounds each fit takes.
func (c *Cohort) crossValidate(dealt []int, again *validated) (*validated, error) {
	v := &validated{}
	models := make([][]float64, folds)
	for k := range folds {
		rounds := 0
		if again != nil {
			rounds = again.fits[k].Rounds
		}
		f, err := c.without(k, dealt).PlainNewton(rounds)
		if err != nil {
			return nil, err
		}
		v.fits, models[k] = append(v.fits, f), f.Beta
	}
	var with, without [folds + 1][scoreClasses + 1]float64 // people of each class of the score, by outcome; the last are all folds
	for i, p := range c.scores(models, dealt) {
		at := int(math.Round(p * scoreClasses))
		v.brier += (c.Y[i] - p) * (c.Y[i] - p) / float64(c.Rows)
		for _, k := range [2]int{dealt[i], folds} {
			with[k][at] += c.Y[i]
			without[k][at] += 1 - c.Y[i]
		}
	}
	for k := range folds + 1 {
		var won, below, all float64
		for at, u := range without[k] {
			won += with[k][at] * (below + u/2)
			below += u
			all += with[k][at]
		}
		v.auc = won / all / below
		if k < folds {
			v.areas = append(v.areas, v.auc)
		}
	}
	return v, nil
}

// without is the cohort's rows outside of a fold.
func (c *Cohort) without(k int, dealt []int) *Cohort {
	outside := func(x []float64) []float64 {
		kept := make([]float64, 0, len(x))
		for i, v := range x {
			if dealt[i] != k {
				kept = append(kept, v)
			}
		}
		return kept
	}
	o := &Cohort{Y: outside(c.Y)}
	for _, x := range c.X {
		o.X = append(o.X, outside(x))
	}
	o.Rows = len(o.Y)
	return o
}

func areasOf(r *report.Report) (areas []float64, err error) {
	for _, a := range r.Analyses {
		area, ok := a.Frame.Glance.Get("auc").(float64)
		if !ok {
			return nil, fmt.Errorf("bench: analysis %s has no area under the curve", a.ID)
		}
		areas = append(areas, area)
	}
	return areas, nil
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// joined is what two studies, one after the other, took together.
func joined(a, b *Sample) *Sample {
	x := &Sample{Rounds: a.Rounds + b.Rounds, Opened: slices.Concat(a.Opened, b.Opened), Metrics: map[string]float64{}}
	for _, s := range []*Sample{a, b} {
		for name, v := range s.Metrics {
			x.Metrics[name] += v
		}
		for _, p := range s.Phases {
			if i := slices.IndexFunc(x.Phases, func(q report.Phase) bool { return q.Name == p.Name }); i >= 0 {
				q := &x.Phases[i]
				*q = report.Phase{Name: q.Name, Seconds: q.Seconds + p.Seconds, RoundTrips: q.RoundTrips + p.RoundTrips, BytesUp: q.BytesUp + p.BytesUp, BytesDown: q.BytesDown + p.BytesDown}
			} else {
				x.Phases = append(x.Phases, p)
			}
		}
		for _, p := range s.Parties {
			if i := slices.IndexFunc(x.Parties, func(q Party) bool { return q.ID == p.ID }); i >= 0 {
				q := &x.Parties[i]
				*q = Party{ID: q.ID, CPU: q.CPU + p.CPU, BytesUp: q.BytesUp + p.BytesUp, Down: q.Down + p.Down}
			} else {
				x.Parties = append(x.Parties, p)
			}
		}
	}
	return x
}
