package reference

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Descent says how gradient descent under encryption is done.
type Descent struct {
	Degree     int     // of the polynomial in place of the sigmoid, odd; 0 means the sigmoid itself
	Interval   float64 // it approximates the sigmoid on [-Interval, Interval]
	Iterations int     // fixed beforehand: under encryption nobody sees whether they suffice
	Rate       float64 // of the mean gradient
	Nesterov   bool    // accelerated (Nesterov 1983), as Kim et al., BMC Med Genomics 2018;11(Suppl 4):83, do
	// Standardise centres the columns and divides them by their SD. False
	// divides those that exceed 1 by their mean absolute value, as Published did.
	Standardise bool
}

// Published is what Kim, Song, Wang, Xia and Jiang (Secure Logistic Regression
// Based on Homomorphic Encryption, JMIR Med Inform 2018;6(2):e19, and its program,
// github.com/K-miran/HELR, main.cpp, LRtest.cpp and Database.cpp) ran under encryption: degree 3
// with 25 iterations or degree 7 with 20, the mean gradient taken whole, from 0, on [-8, 8].
func Published(degree int) (Descent, error) {
	switch degree {
	case 3:
		return Descent{Degree: 3, Interval: 8, Iterations: 25, Rate: 1}, nil
	case 7:
		return Descent{Degree: 7, Interval: 8, Iterations: 20, Rate: 1}, nil
	}
	return Descent{}, fmt.Errorf("reference: degree %d, want 3 or 7", degree)
}

// Sigmoid returns the coefficients c of the polynomial sum c[k] (z/r)^k of a
// degree that is nearest to the sigmoid on [-r, r] in the least squares sense,
// every point weighing the same (Kim et al. 2018, the section on polynomial approximation).
func Sigmoid(degree int, r float64) ([]float64, error) {
	if degree < 1 || degree > 31 || degree%2 == 0 || !(r > 0) || math.IsInf(r, 0) {
		return nil, fmt.Errorf("reference: degree %d on [-%g, %g], want an odd degree up to 31 on a finite interval", degree, r, r)
	}
	const points = 4000 // midpoints: the error of their sums is far below that of float64's normal equations
	m := (degree + 1) / 2
	a, b := mat.NewDense(points, m, nil), mat.NewVecDense(points, nil)
	for i := range points {
		t := (float64(i) + 0.5) / points // half the interval: the sigmoid less 1/2 is odd
		power := t
		for k := range m {
			a.Set(i, k, power)
			power *= t * t
		}
		p, _ := logistic(r * t)
		b.SetVec(i, p-0.5)
	}
	var odd mat.VecDense
	if err := odd.SolveVec(a, b); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	c := make([]float64, degree+1)
	c[0] = 0.5
	for k := range m {
		c[2*k+1] = odd.AtVec(k)
	}
	return c, nil
}

// DescentFit is where a descent ended.
type DescentFit struct {
	Fit
	Outside int // rows whose prediction left the interval of the polynomial, in the iteration that had most of them
}

// Descend does gradient descent in the clear, exactly as the encrypted program
// would but for its noise. Beta is of the columns as they are, the scaling undone.
// The first column has to be the intercept.
func Descend(d *Data, how Descent) (*DescentFit, error) {
	p := len(d.Names)
	if d.Rows == 0 || p == 0 || d.Names[0] != "(Intercept)" {
		return nil, errors.New("reference: gradient descent wants rows, and the intercept as first column")
	}
	if how.Iterations < 1 || !(how.Rate > 0) {
		return nil, fmt.Errorf("reference: %d iterations of rate %g, want at least one, and a positive rate", how.Iterations, how.Rate)
	}
	var c []float64
	if how.Degree != 0 {
		var err error
		if c, err = Sigmoid(how.Degree, how.Interval); err != nil {
			return nil, err
		}
	}
	s := newSums(p)
	centre, scale := scaling(d, s, how.Standardise)
	out := &DescentFit{Fit: Fit{Names: d.Names, Beta: make([]float64, p), Deviance: math.NaN(), Rows: d.Rows, Rounds: how.Iterations}}
	theta, ahead, t := make([]float64, p), make([]float64, p), 1.0
	for range how.Iterations {
		clear(s.score)
		outside := 0
		for lo := 0; lo < d.Rows; lo += blockRows {
			outside += s.gradient(d, lo, min(lo+blockRows, d.Rows), ahead, centre, scale, c, how.Interval)
		}
		out.Outside = max(out.Outside, outside)
		next := (1 + math.Sqrt(1+4*t*t)) / 2
		for j := range theta {
			moved := ahead[j] + how.Rate*s.score[j]/float64(d.Rows)
			ahead[j] = moved
			if how.Nesterov {
				ahead[j] += (t - 1) / next * (moved - theta[j])
			}
			theta[j] = moved
		}
		t = next
	}
	out.Beta[0] = theta[0]
	for j := 1; j < p; j++ {
		out.Beta[j] = theta[j] / scale[j]
		out.Beta[0] -= centre[j] * out.Beta[j]
	}
	return out, nil
}

// scaling are the numbers that columns are shifted and divided by; the intercept stays.
func scaling(d *Data, s *sums, standardise bool) (centre, scale []float64) {
	p, n := len(d.Names), float64(d.Rows)
	sum, square, absolute, largest := make([]float64, p), make([]float64, p), make([]float64, p), make([]float64, p)
	for lo := 0; lo < d.Rows; lo += blockRows {
		hi := min(lo+blockRows, d.Rows)
		d.Fill(lo, hi, s.x, s.y)
		for j := range p {
			for _, v := range s.x[j*(hi-lo) : (j+1)*(hi-lo)] {
				sum[j] += v
				square[j] += v * v
				absolute[j] += math.Abs(v)
				largest[j] = max(largest[j], math.Abs(v))
			}
		}
	}
	centre, scale = make([]float64, p), make([]float64, p)
	for j := range p {
		scale[j] = 1
		switch {
		case j == 0:
		case standardise:
			centre[j] = sum[j] / n
			if v := square[j]/n - centre[j]*centre[j]; v > 0 {
				scale[j] = math.Sqrt(v)
			}
		case largest[j] > 1:
			scale[j] = absolute[j] / n
		}
	}
	return centre, scale
}

// gradient adds that of rows lo to hi-1 to the score and says how many predictions left the interval.
func (s *sums) gradient(d *Data, lo, hi int, theta, centre, scale, c []float64, r float64) (outside int) {
	n := hi - lo
	d.Fill(lo, hi, s.x, s.y)
	for j := range s.p {
		for i, v := range s.x[j*n : (j+1)*n] {
			s.x[j*n+i] = (v - centre[j]) / scale[j]
		}
	}
	x := blas64.General{Rows: s.p, Cols: n, Stride: n, Data: s.x}
	blas64.Gemv(blas.Trans, 1, x, blas64.Vector{N: s.p, Inc: 1, Data: theta}, 0, blas64.Vector{N: n, Inc: 1, Data: s.w})
	for i, e := range s.w[:n] {
		if c == nil {
			p, _ := logistic(e)
			s.y[i] -= p
			continue
		}
		if math.Abs(e) > r {
			outside++
		}
		s.y[i] -= horner(c, e/r)
	}
	blas64.Gemv(blas.NoTrans, 1, x, blas64.Vector{N: n, Inc: 1, Data: s.y}, 1, blas64.Vector{N: s.p, Inc: 1, Data: s.score})
	return outside
}

// horner is sum c[k] z^k.
func horner(c []float64, z float64) (v float64) {
	for k := len(c) - 1; k >= 0; k-- {
		v = v*z + c[k]
	}
	return v
}
