package stat

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// PanelRows is the number of rows of a panel. 256 rows of 33 columns stay in
// the second-level cache, and dot products of that length run at full speed:
// 108 ns a row for the information, against 250 for row-major rank updates.
const PanelRows = 256

// Panels is a model matrix cut into panels of PanelRows rows, each stored
// column after column, so that every step of a Newton round is a loop over
// adjacent numbers. The places of the last panel beyond N hold zeros.
type Panels struct {
	P      int       // columns
	N      int       // rows
	X      []float64 // panel k, column j, row i is X[(k·P+j)·PanelRows+i]
	Y      []float64 // 0 or 1
	Offset []float64 // nil without one
}

// NewPanels returns a matrix of p columns without rows, with room for n.
func NewPanels(p, n int, offset bool) *Panels {
	panels := (n + PanelRows - 1) / PanelRows
	m := &Panels{P: p, X: make([]float64, 0, panels*p*PanelRows), Y: make([]float64, 0, panels*PanelRows)}
	if offset {
		m.Offset = make([]float64, 0, panels*PanelRows)
	}
	return m
}

// Append adds the rows of x, stored one after the other, with their outcomes
// and offsets (nil without).
func (m *Panels) Append(x, y, offset []float64) {
	for len(y) > 0 {
		i := m.N % PanelRows
		if i == 0 {
			m.next(0)
		}
		n := min(len(y), PanelRows-i)
		for j := range m.P {
			to := m.column(m.N/PanelRows, j)[i : i+n]
			for r := range to {
				to[r] = x[r*m.P+j]
			}
		}
		copy(m.Y[m.N:], y[:n])
		if m.Offset != nil {
			copy(m.Offset[m.N:], offset[:n])
			offset = offset[n:]
		}
		m.N += n
		x, y = x[n*m.P:], y[n:]
	}
}

// next adds a panel behind full ones, with room for PanelRows rows of which n count, and returns its number.
func (m *Panels) next(n int) int {
	k := m.Len()
	m.X = grow(m.X, m.P*PanelRows)
	m.Y = grow(m.Y, PanelRows)
	if m.Offset != nil {
		m.Offset = grow(m.Offset, PanelRows)
	}
	m.N += n
	return k
}

// grow appends n zeros. Room that NewPanels made has not been written to and is zero already.
func grow(x []float64, n int) []float64 {
	if len(x)+n <= cap(x) {
		return x[:len(x)+n]
	}
	return append(x, make([]float64, n)...)
}

// Len returns the number of panels.
func (m *Panels) Len() int { return (m.N + PanelRows - 1) / PanelRows }

// column returns the numbers of column j in panel k.
func (m *Panels) column(k, j int) []float64 {
	at := (k*m.P + j) * PanelRows
	return m.X[at : at+PanelRows : at+PanelRows]
}

// eta writes offset + x'beta of the rows of panel k into eta.
func (m *Panels) eta(k int, cols []int, beta, eta []float64) {
	if m.Offset != nil {
		copy(eta, m.Offset[k*PanelRows:])
	} else {
		clear(eta)
	}
	for a, j := range cols {
		blas1.Daxpy(PanelRows, beta[a], m.column(k, j), 1, eta, 1)
	}
}

var blas1 gonum.Implementation // stateless: only its methods matter

// NewtonSums are the sums of one Newton round of logistic regression over some
// rows, each as a sum and what rounding took from it (Neumaier 1974), so that
// adding a million panels loses nothing that adding one does not.
type NewtonSums struct {
	Score       []float64 // sum of (y-p) x
	Information []float64 // sum of p (1-p) x x', upper triangle in rows of length len(Score)
	Deviance    float64   // minus twice the log-likelihood

	scoreLow, informationLow []float64
	devianceLow              float64

	eta, weighted, panel []float64 // one panel's predictors, columns times sqrt(p(1-p)), information
}

// NewNewtonSums returns zero sums for q columns.
func NewNewtonSums(q int) *NewtonSums {
	return &NewtonSums{
		Score: make([]float64, q), scoreLow: make([]float64, q),
		Information: make([]float64, q*q), informationLow: make([]float64, q*q),
		eta: make([]float64, 3*PanelRows), weighted: make([]float64, q*PanelRows), panel: make([]float64, q*q),
	}
}

// Reset makes the sums zero.
func (s *NewtonSums) Reset() {
	clear(s.Score)
	clear(s.scoreLow)
	clear(s.Information)
	clear(s.informationLow)
	s.Deviance, s.devianceLow = 0, 0
}

// write adds the sums to the cells of a round.
func (s *NewtonSums) write(out *fixed.Sums) {
	q, at := len(s.Score), 0
	put := func(high, low float64) {
		out.AddFloat(at, high)
		out.AddFloat(at, low)
		at++
	}
	for a := range q {
		put(s.Score[a], s.scoreLow[a])
	}
	for a := range q {
		for b := a; b < q; b++ {
			put(s.Information[a*q+b], s.informationLow[a*q+b])
		}
	}
	put(s.Deviance, s.devianceLow)
}

// each visits the rows in their order, with the linear predictor at beta, which has a number for each of cols.
func (m *Panels) each(cols []int, beta []float64, visit func(row int, eta float64)) {
	eta := make([]float64, PanelRows)
	for k := range m.Len() {
		m.eta(k, cols, beta, eta)
		for i, v := range eta[:min(PanelRows, m.N-k*PanelRows)] {
			visit(k*PanelRows+i, v)
		}
	}
}

// row puts what a row has in some columns into x.
func (m *Panels) row(row int, cols []int, x []float64) {
	for a, j := range cols {
		x[a] = m.column(row/PanelRows, j)[row%PanelRows]
	}
}

// NewtonBlock adds the terms of panels first to last-1 at beta to s. cols are
// the columns in use, beta has a number for each. Rows are taken in fixed
// order; nothing is allocated.
func NewtonBlock(m *Panels, first, last int, cols []int, beta []float64, s *NewtonSums) {
	eta, resid, root := s.eta[:PanelRows], s.eta[PanelRows:2*PanelRows], s.eta[2*PanelRows:]
	for k := first; k < last; k++ {
		n := min(PanelRows, m.N-k*PanelRows)
		m.eta(k, cols, beta, eta)
		deviance := bernoulli(eta[:n], m.Y[k*PanelRows:], resid, root)
		clear(resid[n:])
		clear(root[n:])
		s.add(m, k, cols, resid, root, deviance)
	}
}

// startBlock adds the terms of the first round where offsets may be far from 0:
// score and information are those of the quadratic that fits the likelihood at
// probability 1/2, as R starts, not at the offsets, where a step can lead
// anywhere. The deviance is that of the offsets.
func startBlock(m *Panels, cols []int, s *NewtonSums) {
	resid, root := s.eta[PanelRows:2*PanelRows], s.eta[2*PanelRows:]
	for k := range m.Len() {
		n := min(PanelRows, m.N-k*PanelRows)
		y, offset := m.Y[k*PanelRows:], m.Offset[k*PanelRows:]
		deviance := bernoulli(offset[:n], y, resid, root)
		clear(resid)
		clear(root)
		for i := range n {
			resid[i], root[i] = y[i]-0.5-offset[i]/4, 0.5
		}
		s.add(m, k, cols, resid, root, deviance)
	}
}

// add adds a panel's residuals times columns and squares of columns times root.
func (s *NewtonSums) add(m *Panels, k int, cols []int, resid, root []float64, deviance float64) {
	q := len(cols)
	for a, j := range cols {
		x, z := m.column(k, j), s.weighted[a*PanelRows:(a+1)*PanelRows]
		for i, w := range root {
			z[i] = w * x[i]
		}
		add(&s.Score[a], &s.scoreLow[a], blas1.Ddot(PanelRows, x, 1, resid, 1))
	}
	blas1.Dsyrk(blas.Upper, blas.NoTrans, q, PanelRows, 1, s.weighted, PanelRows, 0, s.panel, q)
	for a := range q {
		for b := a; b < q; b++ {
			add(&s.Information[a*q+b], &s.informationLow[a*q+b], s.panel[a*q+b])
		}
	}
	add(&s.Deviance, &s.devianceLow, deviance)
}

// bernoulli turns linear predictors into residuals y-p and sqrt(p(1-p)) and
// returns the deviance. With t = exp(-|eta|) nothing cancels for large |eta|,
// and the logarithm of the product of 32 factors 1+t is taken at once.
func bernoulli(eta, y, resid, root []float64) (deviance float64) {
	product, loss := 1.0, 0.0
	for i, e := range eta {
		t := math.Exp(-math.Abs(e))
		d := 1 / (1 + t)
		root[i] = math.Sqrt(t) * d
		// The predictor agrees with the outcome, p is t/(1+t) away from it; or not.
		if (e >= 0) == (y[i] == 1) {
			resid[i] = t * d
		} else {
			resid[i] = d
			loss += math.Abs(e)
		}
		if y[i] == 0 {
			resid[i] = -resid[i]
		}
		product *= 1 + t
		if i%32 == 31 {
			loss += math.Log(product)
			product = 1
		}
	}
	return 2 * (loss + math.Log(product))
}

// add adds x to the compensated sum high + low.
func add(high, low *float64, x float64) {
	s := *high + x
	if math.Abs(*high) >= math.Abs(x) {
		*low += (*high - s) + x
	} else {
		*low += (x - s) + *high
	}
	*high = s
}
