package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPolynomialIsNearestInMeanSquare(t *testing.T) {
	for _, degree := range []int{2, 3} {
		n := newNodes(degree)
		for _, c := range []struct{ eta, at, w float64 }{{0.3, 0.3, 0.5}, {-2, -2, 1.25}, {4, 3, 1}, {0, 0, 0.01}} {
			line, s := n.polynomial(c.eta, c.at, c.w)
			// What is left is orthogonal to every polynomial of the degree; by the trapezoidal rule.
			var left, leftLine [4]float64
			const h = 1.0 / 256
			for x := -10.0; x <= 10; x += h {
				weight := h * math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
				u := c.at + c.w*x
				p := 1 / (1 + math.Exp(-c.eta-c.w*x))
				for k, power := 0, 1.0; k <= degree; k, power = k+1, power*x {
					left[k] += weight * power * (p - s[0] - u*(s[1]+u*(s[2]+u*s[3])))
					leftLine[k] += weight * power * (p - line[0] - u*line[1])
				}
			}
			for k := range degree + 1 {
				if math.Abs(left[k]) > 1e-6 || k < 2 && math.Abs(leftLine[k]) > 1e-6 {
					t.Errorf("degree %d, %+v: what is left has product %g with t^%d, of degree 1 %g", degree, c, left[k], k, leftLine[k])
				}
			}
		}
	}
}

func TestPolynomialsAreBounded(t *testing.T) {
	for _, degree := range []int{2, 3} {
		n := newNodes(degree)
		for w := leastWidth; w <= projectionMost; w += 0.02 {
			for eta := -30.0; eta <= 30; eta += 0.05 {
				line, _ := n.polynomial(eta, eta, w)
				for _, y := range []float64{0, 1} {
					if math.Abs(y-line[0]) > 1.001 {
						t.Fatalf("at %v, SD %v the line's constant is %v", eta, w, line[0])
					}
				}
				if !(line[1] > 0 && line[1] <= 0.25) {
					t.Fatalf("at %v, SD %v the slope is %v", eta, w, line[1])
				}
				for _, centre := range []float64{-3, 0, 3} {
					if _, s := n.polynomial(eta, eta-centre, w); steep(degree, s) {
						t.Fatalf("degree %d at %v from %v, SD %v: coefficients %v", degree, eta, centre, w, s)
					}
				}
			}
		}
	}
}

// somePanels are rows of q columns, the first 1, with offsets.
func somePanels(rows, q int) *Panels {
	r := rand.New(rand.NewPCG(4, 4))
	m := NewPanels(q, rows, true)
	for range rows {
		x := []float64{1}
		for range q - 1 {
			x = append(x, r.NormFloat64())
		}
		y := 0.0
		if r.Float64() < 1/(1+math.Exp(-x[1])) {
			y = 1
		}
		m.Append(x, []float64{y}, []float64{r.NormFloat64() / 2})
	}
	return m
}

func TestTermIsTheScoreOfTheRowsPolynomials(t *testing.T) {
	const rows, q, dim = 700, 4, 6
	m := somePanels(rows, 5)
	cols, places := []int{0, 1, 3, 4}, []int{0, 2, 3, 5}
	for _, degree := range []int{2, 3} {
		p := projection{degree: degree}
		centre := []float64{0.4, 0, 0, 0}
		term := p.sums(m, cols, centre).root(dim, places, 10)
		b := []float64{0.3, 7, -0.4, 0.9, 7, 0.2} // 7: places of no column
		got := make([]float64, dim)
		for k, u := range Monomials(dim, degree) {
			x := 1.0
			for _, i := range u {
				x *= b[i]
			}
			for j := range got {
				got[j] += term.Score[j][k] * x
			}
		}
		p = p.orDefault()
		beta, half := p.fit(m, cols, centre)
		w := newProjecting(p, half, q)
		w.centre = centre[0]
		want, right := make([]float64, dim), make([]float64, dim)
		var slopes float64
		for k := range m.Len() {
			w.rows(m, k, cols, beta)
			for i := range min(PanelRows, rows-k*PanelRows) {
				u := 0.0
				for a, j := range cols {
					u += m.column(k, j)[i] * b[places[a]]
				}
				score := 0.0
				for d, power := 0, 1.0; d <= degree; d, power = d+1, power*u {
					score += w.score[d][i] * power
				}
				for a, j := range cols {
					want[places[a]] += score * m.column(k, j)[i] / 10
					right[places[a]] += w.right[i] * m.column(k, j)[i] / 10
				}
				slopes += w.slope[i] * m.column(k, 1)[i] * m.column(k, 4)[i] / 10
			}
		}
		for j := range dim {
			if math.Abs(got[j]-want[j]) > 1e-10 || math.Abs(term.Right[j]-right[j]) > 1e-10 {
				t.Errorf("degree %d: equation %d is %v, want %v; right side %v, want %v", degree, j, got[j], want[j], term.Right[j], right[j])
			}
		}
		if math.Abs(term.A[2][5]-slopes) > 1e-10 || term.A[2][5] != term.A[5][2] || term.A[1][1] != 0 {
			t.Errorf("degree %d: A is %v, want %v at 2, 5", degree, term.A, slopes)
		}
	}
}

func TestRowsBeyondTheBoundHaveALineForAScore(t *testing.T) {
	m := somePanels(300, 5)
	m.column(0, 4)[17] = 2 * farthest(5)
	p := projection{degree: 3}.orDefault()
	beta, half := p.fit(m, []int{0, 1, 2, 3, 4}, make([]float64, 5))
	w := newProjecting(p, half, 5)
	w.rows(m, 0, []int{0, 1, 2, 3, 4}, beta)
	if w.score[2][17] != 0 || w.score[3][17] != 0 || w.score[1][17] != -w.slope[17] || w.score[3][18] == 0 {
		t.Errorf("score of the far row: %v, %v, %v; of the next: %v", w.score[1][17], w.score[2][17], w.score[3][17], w.score[3][18])
	}
}
