package reference

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Survival is the rows of a proportional hazards model.
type Survival struct {
	Names   []string    // of the columns
	X       [][]float64 // column by column
	Time    []float64   // end of observation
	Event   []float64   // 1 where the event ended it, else 0
	Stratum []int       // of each row; nil: all rows are one stratum
}

// Cox fits a proportional hazards model by Newton's method from 0 on the
// partial likelihood (Cox 1972), ties after Efron (JASA 1977;72:557), one pass
// over the rows for each step. rounds > 0 forces so many passes, of which the last only measures; 0 ends
// when no step moves a coefficient by 1e-8 of its standard error. Deviance is
// minus twice the log partial likelihood.
func Cox(d *Survival, rounds int) (*Fit, error) {
	n, q := len(d.Time), len(d.X)
	if n == 0 || q == 0 {
		return nil, errors.New("reference: a model without rows or columns")
	}
	stratum := func(i int) int {
		if d.Stratum == nil {
			return 0
		}
		return d.Stratum[i]
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { // who leaves last comes first
		return cmp.Or(stratum(a)-stratum(b), -cmp.Compare(d.Time[a], d.Time[b]))
	})
	x := make([]float64, n*q) // sorted, row by row, about the columns' means
	for j, c := range d.X {
		mean := 0.0
		for _, v := range c {
			mean += v / float64(n)
		}
		for k, i := range order {
			x[k*q+j] = c[i] - mean
		}
	}
	fit := &Fit{Names: d.Names, Beta: make([]float64, q), SE: make([]float64, q), Rows: n}
	score, info, step := mat.NewVecDense(q, nil), mat.NewSymDense(q, nil), mat.NewVecDense(q, nil)
	for fit.Rounds = 1; ; fit.Rounds++ {
		score.Zero()
		info.Zero()
		fit.Deviance = 0
		for from := 0; from < n; {
			to := from
			for to < n && stratum(order[to]) == stratum(order[from]) {
				to++
			}
			fit.Deviance -= 2 * d.partial(order[from:to], x[from*q:to*q], fit.Beta, score, info)
			from = to
		}
		var chol mat.Cholesky
		if !chol.Factorize(info) {
			return nil, errors.New("reference: the information is singular: collinear columns, or a likelihood that rises for ever")
		}
		if err := chol.SolveVecTo(step, score); err != nil {
			return nil, fmt.Errorf("reference: the information is nearly singular: %w", err)
		}
		var v mat.SymDense
		if err := chol.InverseTo(&v); err != nil {
			return nil, fmt.Errorf("reference: the information is nearly singular: %w", err)
		}
		far := 0.0
		for j := range q {
			fit.SE[j] = math.Sqrt(v.At(j, j))
			far = max(far, math.Abs(step.AtVec(j))/fit.SE[j])
		}
		if fit.Rounds == rounds || rounds == 0 && far < 1e-8 {
			return fit, nil
		}
		if fit.Rounds == maxRounds {
			return nil, fmt.Errorf("reference: no convergence after %d rounds", fit.Rounds)
		}
		for j := range q {
			fit.Beta[j] += step.AtVec(j)
		}
	}
}

// partial adds score and information of one stratum, its rows in falling order of time, and returns its log partial likelihood.
func (d *Survival) partial(order []int, x, beta []float64, score *mat.VecDense, info *mat.SymDense) (logLik float64) {
	q := len(beta)
	size := 1 + q + q*q // sums of w, w x and w x x' (upper triangle), w = exp(x'beta)
	risk, tied, mean := make([]float64, size), make([]float64, size), make([]float64, q)
	add := func(to, x []float64, w float64) {
		to[0] += w
		for a, v := range x {
			to[1+a] += w * v
			for b := a; b < q; b++ {
				to[1+q+a*q+b] += w * v * x[b]
			}
		}
	}
	for i := 0; i < len(order); {
		t, events := d.Time[order[i]], 0
		clear(tied)
		for ; i < len(order) && d.Time[order[i]] == t; i++ {
			row, eta := x[i*q:(i+1)*q], 0.0
			for a, v := range row {
				eta += beta[a] * v
			}
			add(risk, row, math.Exp(eta))
			if d.Event[order[i]] == 1 {
				events++
				logLik += eta
				add(tied, row, math.Exp(eta))
				for a, v := range row {
					score.SetVec(a, score.AtVec(a)+v)
				}
			}
		}
		for k := range events { // the events leave one after the other, each as the average of them
			f := float64(k) / float64(events)
			z := risk[0] - f*tied[0]
			logLik -= math.Log(z)
			for a := range q {
				mean[a] = (risk[1+a] - f*tied[1+a]) / z
				score.SetVec(a, score.AtVec(a)-mean[a])
				for b := range a + 1 {
					at := 1 + q + b*q + a
					info.SetSym(a, b, info.At(a, b)+(risk[at]-f*tied[at])/z-mean[a]*mean[b])
				}
			}
		}
	}
	return logLik
}
