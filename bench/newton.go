package bench

import (
	"errors"
	"math"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/consilium-health/consilium/engine/stat"
)

// Fit is a model fitted in clear.
type Fit struct {
	Beta   []float64 // intercept first
	SE     []float64 // standard errors, at Beta
	Rounds int       // passes over the rows
}

// enoughRounds is more than a Newton iteration that converges takes.
const enoughRounds = 30

// PlainNewton is the logistic model by Newton steps from 0 on the pooled matrix,
// in clear, with the engine's own kernel and two goroutines. It starts from the
// same columns in memory as the engine's tables. It makes so many rounds, of
// which the last only measures; 0: until no step moves a coefficient by 1e-8 of its standard error.
func (c *Cohort) PlainNewton(rounds int) (*Fit, error) {
	p := len(c.X) + 1
	half := [2]*stat.Panels{}
	inTwo(func(h int) {
		half[h] = c.panels(h*c.Rows/2, (h+1)*c.Rows/2)
	})
	cols := make([]int, p)
	for j := range cols {
		cols[j] = j
	}
	f := &Fit{Beta: make([]float64, p), SE: make([]float64, p)}
	sums := [2]*stat.NewtonSums{stat.NewNewtonSums(p), stat.NewNewtonSums(p)}
	for f.Rounds = 1; ; f.Rounds++ {
		inTwo(func(h int) {
			sums[h].Reset()
			stat.NewtonBlock(half[h], 0, half[h].Len(), cols, f.Beta, sums[h])
		})
		info, score, step := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), mat.NewVecDense(p, nil)
		for a := range p {
			score.SetVec(a, sums[0].Score[a]+sums[1].Score[a])
			for b := a; b < p; b++ {
				info.SetSym(a, b, sums[0].Information[a*p+b]+sums[1].Information[a*p+b])
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(info) {
			return nil, errors.New("bench: the information is singular")
		}
		if err := chol.SolveVecTo(step, score); err != nil {
			return nil, err
		}
		var inverse mat.SymDense
		if err := chol.InverseTo(&inverse); err != nil {
			return nil, err
		}
		far := 0.0
		for a := range p {
			f.SE[a] = math.Sqrt(inverse.At(a, a))
			far = max(far, math.Abs(step.AtVec(a))/f.SE[a])
		}
		if f.Rounds == rounds || rounds == 0 && far < 1e-8 {
			return f, nil
		}
		if f.Rounds == enoughRounds {
			return nil, errors.New("bench: Newton's iteration does not converge")
		}
		for a := range p {
			f.Beta[a] += step.AtVec(a)
		}
	}
}

// panels is the model matrix of rows [lo, hi), the intercept first.
func (c *Cohort) panels(lo, hi int) *stat.Panels {
	p := len(c.X) + 1
	m := stat.NewPanels(p, hi-lo, false)
	const chunk = 16 // rows at a time, as the engine fills its panels
	x := make([]float64, chunk*p)
	for at := lo; at < hi; at += chunk {
		end := min(at+chunk, hi)
		for i := at; i < end; i++ {
			row := x[(i-at)*p:]
			row[0] = 1
			for j, col := range c.X {
				row[j+1] = col[i]
			}
		}
		m.Append(x[:(end-at)*p], c.Y[at:end], nil)
	}
	return m
}

// inTwo runs f(0) and f(1) side by side.
func inTwo(f func(half int)) {
	var both sync.WaitGroup
	for half := range 2 {
		both.Add(1)
		go func() {
			defer both.Done()
			f(half)
		}()
	}
	both.Wait()
}

// away is the largest distance of a tidy table's estimates from a fit, in standard errors.
func (f *Fit) away(frame *stat.Frame) (worst float64) {
	for j, r := range frame.Tidy {
		estimate, ok := r.Get("estimate").(float64)
		if !ok {
			return math.Inf(1)
		}
		worst = max(worst, math.Abs(estimate-f.Beta[j])/f.SE[j])
	}
	return worst
}
