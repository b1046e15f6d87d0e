package stat

import (
	"math"
	"math/big"

	"gonum.org/v1/gonum/mat"
)

// smdNumbers is the standardised mean difference (m1 - m2)/√((s1² + s2²)/2); NaN when it does not exist.
func smdNumbers(a, b *sample) float64 {
	va, vb := a.exactVar(), b.exactVar()
	if va == nil || vb == nil {
		return math.NaN()
	}
	d := nearest(new(big.Rat).Sub(a.exactMean(), b.exactMean()))
	v := va.Add(va, vb)
	return ratio(d, root(v.Quo(v, big.NewRat(2, 1))))
}

// smdCounts is Yang and Dalton's standardised difference of two multinomial
// samples (SAS Global Forum 2012, paper 335): √(d' S⁻ d), with d the
// differences of the shares of all levels but the first, S the mean of their
// two covariance matrices and S⁻ its generalised inverse. NaN when a sample is
// empty or when a level sets the groups apart completely: the difference is infinite.
func smdCounts(a, b []int64) float64 {
	na, nb := float64(sum(a)), float64(sum(b))
	k := len(a) - 1
	if na == 0 || nb == 0 || k < 1 {
		return math.NaN()
	}
	p, q, d := make([]float64, k), make([]float64, k), make([]float64, k)
	for i := range k {
		p[i], q[i] = float64(a[i+1])/na, float64(b[i+1])/nb
		d[i] = p[i] - q[i]
	}
	s := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			c := -p[i]*p[j] - q[i]*q[j]
			if i == j {
				c += p[i] + q[i]
			}
			s.SetSym(i, j, c/2)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(s, true) {
		return math.NaN()
	}
	values := e.Values(nil)
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	tol := math.Sqrt(0x1p-52) * values[k-1] // as MASS::ginv
	total := 0.0
	for j, v := range values {
		along := 0.0
		for i := range k {
			along += vectors.At(i, j) * d[i]
		}
		if v > tol {
			total += along * along / v
		} else if math.Abs(along) > 1e-7 {
			return math.NaN()
		}
	}
	return math.Sqrt(total)
}

// largest returns the value of one pair of n, with its sign, or of several the
// largest in absolute value, without; NaN if one does not exist.
func largest(n int, pair func(i, j int) float64) float64 {
	if n == 2 {
		return pair(0, 1)
	}
	if n < 2 {
		return math.NaN()
	}
	most := 0.0
	for i := range n {
		for j := i + 1; j < n; j++ {
			most = math.Max(most, math.Abs(pair(i, j))) // NaN wins
		}
	}
	return most
}
