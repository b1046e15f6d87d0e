package stat

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// nodes are Gauss and Hermite's for the standard normal distribution, each with
// its weight times He_k / k!.
type nodes struct {
	t []float64
	w [][]float64 // by k
}

const hermiteNodes = 15

func newNodes(degree int) nodes {
	x, w := make([]float64, hermiteNodes), make([]float64, hermiteNodes)
	quad.Hermite{}.FixedLocations(x, w, math.Inf(-1), math.Inf(1)) // for exp(-x^2)
	n := nodes{t: make([]float64, hermiteNodes), w: make([][]float64, degree+1)}
	for i := range x {
		t := math.Sqrt2 * x[i]
		n.t[i] = t
		he, factorial := [4]float64{1, t, t*t - 1, t*t*t - 3*t}, 1.0
		for k := range n.w {
			if k > 0 {
				factorial *= float64(k)
			}
			n.w[k] = append(n.w[k], w[i]/math.Sqrt(math.Pi)*he[k]/factorial)
		}
	}
	return n
}

// polynomial projects the probability around predictor eta with SD w, on
// powers of u, where u is at for that row: p ~ s[0] + s[1] u + s[2] u^2 + s[3] u^3, and
// line, the same of degree 1, whose slope is positive and at most 1/4.
func (n nodes) polynomial(eta, at, w float64) (line, s [4]float64) {
	var c [4]float64
	for i, t := range n.t {
		p := 1 / (1 + math.Exp(-eta-w*t))
		for k := range n.w {
			c[k] += p * n.w[k][i]
		}
	}
	line[1] = c[1] / w
	line[0] = c[0] - line[1]*at
	// d0 + d1 t + d2 t^2 + d3 t^3 at t = (u - at) / w, by Horner.
	d := [4]float64{c[0] - c[2], c[1] - 3*c[3], c[2], c[3]}
	for k := len(n.w) - 1; k >= 0; k-- {
		for j := len(n.w) - 1; j >= 0; j-- {
			x := -at * s[j]
			if j > 0 {
				x += s[j-1]
			}
			s[j] = x / w
		}
		s[0] += d[k]
	}
	return line, s
}

// steepest bounds the coefficients of rows' polynomials. At most so large is any whose
// predictor's origin is within 3 of eta.
var steepest = [4][4]float64{
	2: {2.5, 0.6, 0.05},
	3: {3.4, 1.4, 0.28, 0.021},
}

// steep reports whether a polynomial has a larger coefficient.
func steep(degree int, s [4]float64) bool {
	for k := range degree + 1 {
		if math.Abs(s[k]) > steepest[degree][k] {
			return true
		}
	}
	return false
}

// farthest is the sum of absolute standardised values up to which a row's polynomial is used.
func farthest(columns int) float64 { return float64(2*columns + 32) }

// weightOf bounds, by hospital and row on average, the absolute coefficient of degree d times the
// d+1st power of that sum, which is about the number of columns.
func weightOf(columns, degree, d int) float64 {
	return 2 * steepest[degree][d] * math.Pow(float64(columns), float64(d+1))
}

// largestInputs bounds the inputs of a Root of so many columns, of every hospital and of
// all together, when everything is divided by n columns / 4. Columns are standardised: over
// all rows z_j^2 comes to n at most, hence |z_j z_k| too; farthest bounds every
// row, and weightOf the rows of every hospital together. Then, with s the row's
// coefficient of degree d, at most S, and r its sum of absolute values,
//
//	one coefficient       mean |s z_j z_k ...|  <= S far^(d-1)
//	of one equation       mean |s z_j| r^d      <= (mean s z_j^2 mean |s| r^2d)^(1/2) <= (S far^(d-1) weight)^(1/2)
//	of all                mean |s| r^(d+1)      <= weight
//
// offset is the largest, and centre the largest first coefficient to begin at.
func largestInputs(columns, degree int, offset, centre float64) Largest {
	const rounded = 1.001 // columns are standardised to 40 bits
	n, far := float64(columns), farthest(columns)
	unit := 4 / n * rounded
	right := 1 + (offset+centre)/4 // a line's constant is within 1 at its origin, and its slope at most 1/4
	l := Largest{Right: unit * right, Solve: farthestModel, First: 0.5, Contract: 0.6}
	for d := range degree + 1 {
		s := steepest[degree][d]
		switch d {
		case 0:
			s = math.Max(right, 1+s)
			l.Score[d], l.Row[d], l.Sum[d] = unit*s, unit*s, unit*s*n
		case 1: // and 1 for a coefficient that is kept at 0, or penalised
			l.Score[d], l.Row[d], l.Sum[d] = unit*s+1, unit*s*n+1, unit*s*n*n+n
		default:
			w := weightOf(columns, degree, d)
			// In how many orders: 6 of 3 columns, whose last two have a product of far^2/4; 2 of 2.
			l.Score[d] = unit * s * math.Pow(far, float64(d-1)) * []float64{2: 2, 3: 1.5}[d]
			l.Row[d] = unit * math.Min(w, math.Sqrt(s*math.Pow(far, float64(d-1))*w))
			l.Sum[d] = unit * w
		}
	}
	return l
}

const (
	// farthestModel is the largest length of a model's standardised coefficients less the centre; 2.3 in all reference sets.
	farthestModel = 6
	// farthestCentre is the log odds that the centre is at most.
	farthestCentre = 8
)
