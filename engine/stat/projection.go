package stat

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
)

// projection is how a hospital turns its likelihood into polynomials that can be
// added up under encryption. It fits a ridge model of its own, and replaces the
// probability of each row around its own prediction eta by the polynomial that
// is nearest in mean square where a normal predictor of mean eta and SD w falls:
//
//	p(eta + w t) = c0 + c1 t + c2 (t^2 - 1) + c3 (t^3 - 3 t),  ck = E[p(eta + w t) He_k(t)] / k!
//
// w is about how far the fit over all hospitals may be from the hospital's own, so
// that the polynomial holds there. A Taylor series has the same size and is two
// to ten times farther off. A zero field is its default.
type projection struct {
	degree int     // of the score, 2 or 3
	ridge  float64 // penalty of the hospital's own fit, on standardised columns
	width  float64 // of w, in standard errors of eta
	spread float64 // of w, in SDs of the columns: how much coefficients may differ between hospitals in any case
	most   float64 // largest w: beyond, a polynomial fits a logistic curve badly, whatever its degree
}

// The defaults were chosen on all reference sets together, for the largest error; TestProjectionTable shows it.
const (
	projectionRidge  = 7
	projectionWidth  = 1
	projectionSpread = 0.05
	projectionMost   = 1.25
	leastWidth       = 0.01
)

func (p projection) orDefault() projection {
	or := func(x *float64, d float64) {
		if *x == 0 {
			*x = d
		}
	}
	or(&p.ridge, projectionRidge)
	or(&p.width, projectionWidth)
	or(&p.spread, projectionSpread)
	or(&p.most, projectionMost)
	return p
}

// sums are the hospital's polynomials on columns cols of m, in coefficients less
// centre, where its own fit is drawn to; centre is 0 but for the first column.
//
// What is put in keeps within largestInputs, whatever the rows and the declared ranges: where a row is too far
// out, the polynomial of degree 1 takes its place.
func (p projection) sums(m *Panels, cols []int, centre []float64) *tensors {
	p = p.orDefault()
	if m.N == 0 {
		return newTensors(len(cols), p.degree)
	}
	beta, half := p.fit(m, cols, centre)
	w := newProjecting(p, half, len(cols))
	w.centre = centre[0]
	for {
		t := newTensors(len(cols), p.degree)
		w.weight = [4]float64{}
		for k := range m.Len() {
			w.panel(m, k, cols, beta, t)
		}
		over := false
		for d := 2; d <= p.degree; d++ {
			over = over || w.weight[d] > weightOf(len(cols), p.degree, d)*float64(m.N)
		}
		if !over {
			return t
		}
		w.limit *= 0.75
	}
}

// fit is the hospital's own penalised fit, and the inverse of the Cholesky factor of its information.
func (p projection) fit(m *Panels, cols []int, centre []float64) (beta, half []float64) {
	q := len(cols)
	beta = slices.Clone(centre)
	s := NewNewtonSums(q)
	objective := func(b []float64) float64 {
		s.Reset()
		NewtonBlock(m, 0, m.Len(), cols, b, s)
		f := s.Deviance
		for a, x := range b {
			x -= centre[a]
			f += p.ridge * x * x
			s.Score[a] -= p.ridge * x
			s.Information[a*q+a] += p.ridge
		}
		return f
	}
	f := objective(beta)
	for range maxNewton {
		step, ok := cholesky(s.Information, q, s.Score, 0)
		if !ok {
			break
		}
		decrement := 0.0
		for a, d := range step {
			decrement += d * s.Score[a]
		}
		if !(decrement > 1e-12*(f+1)) {
			break
		}
		next, before := make([]float64, q), f
		for length := 1.0; length > 1e-6; length /= 2 {
			for a, d := range step {
				next[a] = beta[a] + length*d
			}
			if f = objective(next); f <= before {
				break
			}
		}
		beta = next
	}
	return beta, inverseFactor(s.Information, q)
}

// inverseFactor returns the inverse of the Cholesky factor of a positive definite matrix given by its upper triangle, row by row.
func inverseFactor(a []float64, n int) []float64 {
	l, inv := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			s := a[j*n+i]
			for k := range j {
				s -= l[i*n+k] * l[j*n+k]
			}
			if i > j {
				l[i*n+j] = s / l[j*n+j]
			} else {
				l[i*n+i] = math.Sqrt(s)
			}
		}
		inv[i*n+i] = 1 / l[i*n+i]
		for j := range i {
			s := 0.0
			for k := j; k < i; k++ {
				s -= l[i*n+k] * inv[k*n+j]
			}
			inv[i*n+j] = s / l[i*n+i]
		}
	}
	return inv
}

// projecting is a hospital's work, panel by panel.
type projecting struct {
	projection
	q     int
	half  []float64 // inverse factor of the information
	nodes nodes

	centre float64    // of the first column's coefficient
	limit  float64    // rows with a larger sum of absolute values have a line for a score
	weight [4]float64 // by degree, absolute coefficients of the rows' scores times a power of that sum

	pairs       []float64 // products of columns a <= b, ordered by a, on the panel's rows
	eta         []float64 // the row's predictor
	far, size   []float64 // square of w; sum of absolute values
	slope       []float64 // of the polynomial of degree 1
	right       []float64 // outcome less its constant
	score       [4][]float64
	once, twice []float64
}

func newProjecting(p projection, half []float64, q int) *projecting {
	w := &projecting{projection: p, q: q, half: half, nodes: newNodes(p.degree), limit: farthest(q), pairs: make([]float64, q*(q+1)/2*PanelRows)}
	for _, v := range []*[]float64{&w.eta, &w.far, &w.size, &w.slope, &w.right, &w.once, &w.twice, &w.score[0], &w.score[1], &w.score[2], &w.score[3]} {
		*v = make([]float64, PanelRows)
	}
	return w
}

// panel adds the rows of panel k to t.
func (w *projecting) panel(m *Panels, k int, cols []int, beta []float64, t *tensors) {
	w.rows(m, k, cols, beta)
	at := 0
	for a := range w.q {
		x := m.column(k, cols[a])
		for b := a; b < w.q; b++ {
			multiply(w.pairs[at:at+PanelRows], x, m.column(k, cols[b]))
			at += PanelRows
		}
		t.right[a] += blas1.Ddot(PanelRows, x, 1, w.right, 1)
		t.score[0][a] += blas1.Ddot(PanelRows, x, 1, w.score[0], 1)
	}
	w.times(0, w.slope, t.slope)
	w.times(0, w.score[1], t.score[1])
	at, cubic := 0, 0
	for a := range w.q {
		multiply(w.once, w.score[2], m.column(k, cols[a]))
		at += w.times(a, w.once, t.score[2][at:])
		if w.degree < 3 {
			continue
		}
		multiply(w.once, w.score[3], m.column(k, cols[a]))
		for b := a; b < w.q; b++ {
			multiply(w.twice, w.once, m.column(k, cols[b]))
			cubic += w.times(b, w.twice, t.score[3][cubic:])
		}
	}
}

// rows finds the polynomial of each row of panel k.
func (w *projecting) rows(m *Panels, k int, cols []int, beta []float64) {
	m.eta(k, cols, beta, w.eta)
	w.distances(m, k, cols)
	n := min(PanelRows, m.N-k*PanelRows)
	for i := range n {
		at := w.eta[i] - w.centre
		if m.Offset != nil {
			at -= m.Offset[k*PanelRows+i]
		}
		sd := min(w.most, max(leastWidth, math.Sqrt(w.far[i])))
		line, s := w.nodes.polynomial(w.eta[i], at, sd)
		if w.size[i] > w.limit || steep(w.degree, s) {
			s = line
		}
		for d := 2; d <= w.degree; d++ {
			w.weight[d] += math.Abs(s[d]) * math.Pow(w.size[i], float64(d+1))
		}
		y := m.Y[k*PanelRows+i]
		w.slope[i], w.right[i] = line[1], y-line[0]
		for d := range s {
			w.score[d][i] = -s[d]
		}
		w.score[0][i] += y
	}
	for _, v := range [][]float64{w.slope, w.right, w.score[0], w.score[1], w.score[2], w.score[3]} {
		clear(v[n:])
	}
}

// distances finds how far each row's predictor may be off, squared, and its sum of absolute values.
func (w *projecting) distances(m *Panels, k int, cols []int) {
	clear(w.far)
	clear(w.size)
	for a := range w.q {
		clear(w.once)
		for b := range a + 1 {
			blas1.Daxpy(PanelRows, w.half[a*w.q+b], m.column(k, cols[b]), 1, w.once, 1)
		}
		z := m.column(k, cols[a])
		for i, u := range w.once {
			w.far[i] += w.width*w.width*u*u + w.spread*w.spread*z[i]*z[i]
			w.size[i] += math.Abs(z[i])
		}
	}
}

// times adds the pairs from column a on, times x, to out, and returns how many there are.
func (w *projecting) times(a int, x, out []float64) int {
	rest := w.q - a
	n := rest * (rest + 1) / 2
	first := (w.q*(w.q+1)/2 - n) * PanelRows
	blas1.Dgemv(blas.NoTrans, n, PanelRows, 1, w.pairs[first:], PanelRows, x, 1, 1, out, 1)
	return n
}

func multiply(out, x, y []float64) {
	x, y = x[:len(out)], y[:len(out)]
	for i := range out {
		out[i] = x[i] * y[i]
	}
}
