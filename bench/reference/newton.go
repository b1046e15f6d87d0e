package reference

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// blockRows is how many rows are worked on at a time: with 64 columns 256 kB, which caches hold.
const blockRows = 512

// maxRounds is that of R's glm.control.
const maxRounds = 25

// Fit is a fitted logistic model.
type Fit struct {
	Names    []string
	Beta, SE []float64 // SE is nil where the method has none
	Deviance float64   // at the last beta but one for Newton's method, which by then hardly moves; NaN where not computed
	Rows     int
	Rounds   int // passes over the rows
}

// Worst returns the largest distance of a coefficient from that of exact, in
// standard errors of exact, and its name. A coefficient that exact lacks is ignored.
func (f *Fit) Worst(exact *Fit) (float64, string) {
	worst, name := 0.0, ""
	for j, n := range f.Names {
		for k, m := range exact.Names {
			if n != m {
				continue
			}
			if d := math.Abs(f.Beta[j]-exact.Beta[k]) / exact.SE[k]; !(d <= worst) {
				worst, name = d, n
			}
		}
	}
	return worst, name
}

// Newton fits a logistic model by maximum likelihood: Newton's method from 0,
// which for this model is iteratively reweighted least squares (McCullagh and
// Nelder, Generalized Linear Models, 2nd ed. 1989, section 2.5), with a step halved
// while the deviance rises. rounds > 0 forces so many steps and halves none; 0 ends when the
// squared Newton decrement is below 1e-18 (deviance + 1), 25 rounds at most.
// Columns whose mean is some 1e7 SDs are collinear with the intercept to it.
// Rows are streamed in blocks on so many goroutines (at least 1): what a step
// allocates does not depend on how many rows there are.
func Newton(d *Data, rounds, workers int) (*Fit, error) {
	p := len(d.Names)
	if d.Rows == 0 || p == 0 {
		return nil, errors.New("reference: a model without rows or columns")
	}
	all := make([]*sums, max(1, workers))
	for w := range all {
		all[w] = newSums(p)
	}
	total := newSums(p)
	fit := &Fit{Names: d.Names, Beta: make([]float64, p), Rows: d.Rows}
	step, last, length := mat.NewVecDense(p, nil), math.Inf(1), 1.0
	for {
		total.over(d, fit.Beta, all)
		fit.Rounds++
		if rounds == 0 && fit.Rounds > 1 && !(total.deviance <= last+1e-10*(last+1)) {
			if length /= 2; length < 1e-6 || fit.Rounds >= maxRounds {
				return nil, fmt.Errorf("reference: no convergence after %d rounds: the deviance rises along the step", fit.Rounds)
			}
			for j := range fit.Beta {
				fit.Beta[j] -= length * step.AtVec(j) // back by half of what is left of the step
			}
			continue
		}
		last, length = total.deviance, 1
		unit := total.equilibrate()
		var chol mat.Cholesky
		if !chol.Factorize(mat.NewSymDense(p, total.info)) {
			return nil, errors.New("reference: the information is singular: collinear columns, or separation")
		}
		if err := chol.SolveVecTo(step, mat.NewVecDense(p, total.score)); err != nil {
			return nil, fmt.Errorf("reference: the information is nearly singular: %w", err)
		}
		decrement := 0.0
		for j := range fit.Beta {
			decrement += step.AtVec(j) * total.score[j]
			step.SetVec(j, step.AtVec(j)*unit[j])
			fit.Beta[j] += step.AtVec(j)
		}
		done := decrement <= 1e-18*(total.deviance+1)
		if rounds > 0 {
			done = fit.Rounds == rounds
		} else if !done && fit.Rounds >= maxRounds {
			return nil, fmt.Errorf("reference: no convergence after %d rounds: separation, perhaps", fit.Rounds)
		}
		if done {
			var v mat.SymDense
			if err := chol.InverseTo(&v); err != nil {
				return nil, fmt.Errorf("reference: the information is nearly singular: %w", err)
			}
			fit.Deviance = total.deviance
			for j := range p {
				fit.SE = append(fit.SE, unit[j]*math.Sqrt(v.At(j, j)))
			}
			return fit, nil
		}
	}
}

// sums are those of a pass over the rows, and the room for a block.
type sums struct {
	p           int
	score, info []float64 // info: the upper triangle, row by row
	deviance    float64
	x, y, w     []float64
}

func newSums(p int) *sums {
	return &sums{p: p, score: make([]float64, p), info: make([]float64, p*p),
		x: make([]float64, p*blockRows), y: make([]float64, blockRows), w: make([]float64, blockRows)}
}

// over computes the sums at beta, each of parts over a range of the rows.
func (s *sums) over(d *Data, beta []float64, parts []*sums) {
	var all sync.WaitGroup
	for k, part := range parts {
		all.Go(func() {
			clear(part.score)
			clear(part.info)
			part.deviance = 0
			end := (k + 1) * d.Rows / len(parts)
			for lo := k * d.Rows / len(parts); lo < end; lo += blockRows {
				part.block(d, lo, min(lo+blockRows, end), beta)
			}
		})
	}
	all.Wait()
	clear(s.score)
	clear(s.info)
	s.deviance = 0
	for _, part := range parts { // in order: the same sums whoever was first
		s.deviance += part.deviance
		for j, v := range part.score {
			s.score[j] += v
		}
		for j, v := range part.info {
			s.info[j] += v
		}
	}
}

// equilibrate divides the columns by the square roots of their information, so
// that a column's unit does not matter, and returns what a coefficient is to be multiplied by.
func (s *sums) equilibrate() []float64 {
	unit := make([]float64, s.p)
	for j := range unit {
		unit[j] = 1 / math.Sqrt(s.info[j*s.p+j])
	}
	for j := range unit {
		s.score[j] *= unit[j]
		for k := j; k < s.p; k++ {
			s.info[j*s.p+k] *= unit[j] * unit[k]
		}
	}
	return unit
}

// block adds rows lo to hi-1.
func (s *sums) block(d *Data, lo, hi int, beta []float64) {
	n := hi - lo
	d.Fill(lo, hi, s.x, s.y)
	x := blas64.General{Rows: s.p, Cols: n, Stride: n, Data: s.x}
	eta := blas64.Vector{N: n, Inc: 1, Data: s.w}
	blas64.Gemv(blas.Trans, 1, x, blas64.Vector{N: s.p, Inc: 1, Data: beta}, 0, eta)
	for i, e := range s.w[:n] {
		p, log := logistic(e)
		s.deviance += 2 * (log - s.y[i]*e)
		s.y[i] -= p
		s.w[i] = math.Sqrt(p * (1 - p))
	}
	blas64.Gemv(blas.NoTrans, 1, x, blas64.Vector{N: n, Inc: 1, Data: s.y}, 1, blas64.Vector{N: s.p, Inc: 1, Data: s.score})
	for j := range s.p {
		c := s.x[j*n : (j+1)*n]
		for i, w := range s.w[:n] {
			c[i] *= w
		}
	}
	blas64.Syrk(blas.NoTrans, 1, x, 1, blas64.Symmetric{Uplo: blas.Upper, N: s.p, Stride: s.p, Data: s.info})
}

// logistic returns 1/(1+exp(-e)) and log(1+exp(e)).
func logistic(e float64) (p, log float64) {
	small := math.Exp(-math.Abs(e))
	if e > 0 {
		return 1 / (1 + small), e + math.Log1p(small)
	}
	return small / (1 + small), math.Log1p(small)
}
