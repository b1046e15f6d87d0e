package stat

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// maxNewton is the largest number of Newton rounds, as R's glm.control.
const maxNewton = 25

// separationFrom is the first round that also counts rows against the direction of the step.
const separationFrom = 4

// newton is one logistic fit under way: Newton's method on standardised
// columns from 0, each round one sum of score, information and deviance at
// beta. It sees totals only. It ends when the squared Newton decrement is below
// 1e-18 (deviance + 1): the last step is then taken without another sum.
type newton struct {
	cols    []int                           // columns of the matrix in use
	penalty []float64                       // L of each, 0 for the intercept
	bounded bool                            // it certainly has a maximum, being penalised or of the intercept alone: nothing is counted
	aliased func(info *symmetric) *factored // nil: no column is
	forced  int                             // this many rounds, whatever the decrement; 0: until convergence

	beta      []float64 // where the next sums are taken, 40 bits each
	from      []float64 // the last accepted beta, and the step from it
	step      []float64
	newton    []float64 // the last step that the information gave
	objective float64   // at from: deviance and penalty
	direction []float64 // unit direction whose opposing rows are counted next, 40 bits; nil: no count

	rounds    int
	shortened int     // times a step was cut since the deviance rose
	length    float64 // of the step taken; 1 is Newton's
	separated bool    // no row opposes the direction: no finite maximum
	leapt     bool    // the step taken was longer than Newton's
	settled   bool    // the decrement was small enough once: the round under way is the last
	done      bool
	converged bool
	estimate  []float64
	decrement float64 // squared, at the last accepted beta
	deviance  float64 // at the estimate
	start     float64 // deviance at beta 0
	info      []float64
}

func newNewton(cols []int, bounded bool, penalty func(col int) float64, aliased func(*newton, *symmetric) *factored) *newton {
	f := &newton{cols: cols, bounded: bounded, beta: make([]float64, len(cols))}
	for _, j := range cols {
		f.penalty = append(f.penalty, penalty(j))
	}
	if aliased != nil {
		f.aliased = func(info *symmetric) *factored { return aliased(f, info) }
	}
	return f
}

// newtonCells is the number of cells of a round with q columns.
func newtonCells(q int) int { return q + q*(q+1)/2 + 1 }

// reduce takes the sums at beta: score, information as an upper triangle row by row, deviance.
func (f *newton) reduce(t fixed.Totals) {
	f.take(readNewton(t, len(f.cols)))
}

// readNewton reads the sums of a round with q columns.
func readNewton(t fixed.Totals, q int) (score, info []float64, deviance float64) {
	score, info = make([]float64, q), make([]float64, q*q)
	for a := range q {
		score[a] = t.Float(a)
	}
	at := q
	for a := range q {
		for b := a; b < q; b++ {
			info[a*q+b] = t.Float(at)
			at++
		}
	}
	return score, info, t.Float(at)
}

// take goes on from score, information (upper triangle, row by row of length q) and deviance at beta.
func (f *newton) take(score, info []float64, deviance float64) {
	q := len(f.cols)
	f.rounds++
	known := finite(score) && finite(info)
	if !known { // of predictors beyond what an exponential can tell: no step leads on from here
		score, info = make([]float64, q), make([]float64, q*q)
	}
	if f.rounds == 1 {
		f.start = deviance
		if f.aliased != nil && known {
			score, info = f.dropAliased(score, info)
			q = len(f.cols)
		}
	}
	objective := deviance
	for a, b := range f.beta {
		score[a] -= f.penalty[a] * b
		info[a*q+a] += f.penalty[a]
		objective += f.penalty[a] * b * b
	}
	if f.rounds > 1 && !(objective <= f.objective+1e-10*(math.Abs(f.objective)+1)) && f.rounds < maxNewton && f.forced == 0 {
		f.shorten(objective)
		return
	}
	f.accept(score, info, objective, deviance)
}

func finite(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// dropAliased decides at the first round, where the information is X'X/4
// without an offset, which columns are linear combinations of those before them.
func (f *newton) dropAliased(score, info []float64) (s, i []float64) {
	q := len(f.cols)
	m := newSymmetric(q)
	for a := range q {
		for b := a; b < q; b++ {
			m.at(a, b).SetFloat64(info[a*q+b])
		}
	}
	kept := f.aliased(m).kept
	if len(kept) == q {
		return score, info
	}
	r := len(kept)
	s, i = make([]float64, r), make([]float64, r*r)
	var cols []int
	var penalty []float64
	for a, j := range kept {
		cols, penalty, s[a] = append(cols, f.cols[j]), append(penalty, f.penalty[j]), score[j]
		for b, k := range kept[a:] {
			i[a*r+a+b] = info[j*q+k]
		}
	}
	f.cols, f.penalty, f.beta = cols, penalty, f.beta[:r]
	return s, i
}

// shorten goes back along the last step, since the deviance rose there: to the
// minimum of the parabola through both deviances and the slope, at most half of the step is kept.
func (f *newton) shorten(objective float64) {
	f.shortened++
	drop := 2 * f.decrement * f.length // what the slope promised
	by := 1.0 / 64
	if rise := objective - f.objective; !math.IsNaN(rise) {
		by = min(0.5, max(by, drop/2/(rise+drop)))
	}
	f.length *= by
	for a := range f.step {
		f.step[a] *= by
		f.beta[a] = Round40(f.from[a] + f.step[a])
	}
	f.direction = nil
}

func (f *newton) accept(score, info []float64, objective, deviance float64) {
	q := len(f.cols)
	gain := f.objective - objective
	f.info, f.deviance, f.objective = info, deviance, objective
	f.from, f.direction = f.beta, nil
	least := 0.0
	if f.separated {
		least = 1e-13 // so far out the weights differ by more than float64 can tell
	}
	step, ok := cholesky(info, q, score, least)
	switch {
	case ok:
		f.newton = step
	case f.separated && f.newton != nil: // the direction is known
		step = f.newton
	default:
		f.decrement = 0
		f.end(f.beta, false)
		return
	}
	before := f.decrement
	f.decrement = 0
	next := make([]float64, q)
	for a := range q {
		f.decrement += score[a] * step[a]
		next[a] = f.beta[a] + step[a]
	}
	if ok && f.separated && !f.leapt && f.decrement < 1e-4*before {
		f.separated = false // quadratic convergence: a maximum after all. Towards infinity it falls by exp(-1)
	}
	small := f.decrement < 1e-18*(deviance+1)
	switch {
	case f.forced > 0:
		if f.rounds == f.forced {
			f.end(next, small)
			return
		}
	case f.separated:
		if ok && f.decrement < 1e-10*(deviance+1) || !ok && gain < 1e-9*(deviance+1) || f.rounds == maxNewton {
			f.step = step
			f.end(next, true)
			return
		}
	case small && (f.settled || f.decrement < 1e-24*(deviance+1) || f.rounds == maxNewton):
		f.end(next, true)
		return
	case small:
		// The estimate stands, but the information is that of a beta 1e-9 standard
		// errors away: one more round gives the standard errors their digits.
		f.settled = true
	case f.rounds == maxNewton: // nearly collinear columns leave a decrement that rounding does not let fall
		f.end(next, f.decrement < 1e-10*(deviance+1))
		return
	}
	f.step = slices.Clone(step)
	switch {
	case !ok: // always on, farther each time
		f.length = math.Max(4, 2*f.length)
	case f.separated && !f.leapt:
		// Towards infinity every Newton step is of length 1 while the coefficients
		// with a limit are nearly there: every second step goes four times as far.
		f.length = 4
	default:
		f.length = 1
	}
	f.leapt = f.length > 1
	f.beta = make([]float64, q)
	for a := range q {
		f.step[a] *= f.length
		f.beta[a] = Round40(f.from[a] + f.step[a])
	}
	if f.rounds+1 >= separationFrom && !f.separated && !f.settled && f.forced == 0 && !f.bounded {
		f.direction = unit(step)
	}
}

// end fixes the estimate. The last step lowers the deviance by the decrement;
// along a direction to infinity the rest of the deviance decays as exp(-t),
// and Newton's decrement is half of it.
func (f *newton) end(estimate []float64, converged bool) {
	f.done, f.converged, f.estimate = true, converged, estimate
	switch {
	case f.separated:
		f.deviance = math.Max(0, f.deviance-2*f.decrement)
	case converged && !slices.ContainsFunc(f.penalty, func(x float64) bool { return x > 0 }):
		f.deviance -= f.decrement
	}
}

// opposed takes the counts of rows that the direction moves the wrong way and the right way.
func (f *newton) opposed(against, with int64) {
	f.separated = f.separated || against == 0 && with > 0
}

// unit returns x at Euclidean length 1, in 40 bits.
func unit(x []float64) []float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	s = math.Sqrt(s)
	u := make([]float64, len(x))
	for i, v := range x {
		if s > 0 {
			u[i] = Round40(v / s)
		}
	}
	return u
}

// covariance is the inverse of the information at the last sums, in 200 bits.
func (f *newton) covariance() *symmetric {
	q := len(f.cols)
	m := newSymmetric(q)
	for a := range q {
		for b := a; b < q; b++ {
			m.at(a, b).SetFloat64(f.info[a*q+b])
		}
	}
	k := factorize(m, neverAliased)
	if len(k.kept) < q {
		return nil
	}
	return k.inverse()
}
