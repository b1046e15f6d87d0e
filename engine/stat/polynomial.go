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

// steepest bounds the coefficients of polynomial, s[0] as its distance from the outcome, for any
// eta = at and any w up to projectionMost.
var steepest = [4][4]float64{
	2: {1.001, 0.294, 0.0482},
	3: {1.001, 0.349, 0.0818, 0.0209},
}

// largestInputs bounds the inputs of a Root of so many columns, of every hospital and of
// all together, when everything is divided by n columns / 4. Columns are standardised:
// over all rows z_j^2 comes to n at most, hence |z_j z_k| too, (sum |z_j|)^2 to n columns^2; and
// no row with a sum of |z_j| beyond farthest has a score of degree above 1. An
// offset up to so much shifts the polynomials.
func largestInputs(columns, degree int, offset float64) Largest {
	const rounded = 1.001 // columns are standardised to 40 bits
	d, far := float64(columns), farthest(columns)
	var s [4]float64
	for k := range s {
		for j, c := k, 1.0; j <= degree; j++ { // (u - offset)^j
			s[k] += c * steepest[degree][j] * math.Pow(offset, float64(j-k))
			c *= float64(j+1) / float64(j+1-k)
		}
		s[k] *= 4 / d * rounded
	}
	return Largest{
		Right: 4 / d * (1 + offset/4) * rounded,
		// Of j, k, l: at most 6 orders; the product of the last two is at most far^2/4, in 6 orders, or far^2, in 1.
		// 1 and columns in degree 1: what keeps the coefficient of an absent column at 0, and a penalty.
		Score:    [4]float64{s[0], s[1] + 1, 2 * far * s[2], 1.5 * far * far * s[3]},
		Sum:      [4]float64{d * s[0], d*d*s[1] + d, d * d * far * s[2], d * d * far * far * s[3]},
		Solve:    farthestModel,
		Contract: 0.75,
	}
}

// farthestModel is the largest length of a model's standardised coefficients: an
// intercept of a thousandth is 7, others together are rarely beyond 4.
const farthestModel = 16
