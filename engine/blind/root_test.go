package blind

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// system is a score polynomial like that of a logistic model: sums over records
// z of z (y - h(z b)), h(t) = t/4 + quadratic t^2 - cubic t^3, and A = sum z z'/4.
type system struct {
	root  stat.Root
	terms []stat.Input
}

// newSystem draws records for n members. Columns absent are 0 in all of them.
func newSystem(n, dim, degree int, seed uint64, absent ...int) system {
	r := rand.New(rand.NewPCG(seed, 7))
	s := system{root: stat.Root{Dim: dim, Degree: degree, Condition: 256}}
	if degree > 1 {
		s.root.Corrections = 5
	}
	const rows = 40
	var h [4]float64
	h[1] = 0.25
	if degree >= 2 {
		h[2] = 0.02
	}
	if degree == 3 {
		h[3] = -1.0 / 48
	}
	truth := make([]float64, dim)
	for j := range truth {
		truth[j] = 0.8 * (r.Float64() - 0.5) / math.Sqrt(float64(dim))
	}
	size := float64(n*rows*dim) / 4 // A's trace is then below 1
	monomials := stat.Monomials(dim, degree)
	var largest stat.Largest
	for member := range n {
		t := &stat.RootTerm{A: zeros(dim, dim), Right: make([]float64, dim)}
		if degree > 1 {
			t.Score = zeros(dim, len(monomials))
		}
		for range rows {
			z, eta := make([]float64, dim), 0.0
			for j := range z {
				z[j] = 1.7 * (2*r.Float64() - 1)
				if j == 0 {
					z[j] = 1
				}
				if slices.Contains(absent, j) {
					z[j] = 0
				}
				eta += z[j] * truth[j]
			}
			y := math.Tanh(eta/2)/2 + 0.4*(r.Float64()-0.5)
			for i := range dim {
				t.Right[i] += z[i] * y / size
				for j := range dim {
					t.A[i][j] += z[i] * z[j] / 4 / size
				}
				for k, m := range monomials {
					if degree == 1 {
						break
					}
					x := many(m) * -h[len(m)]
					if len(m) == 0 {
						x = y
					}
					for _, j := range m {
						x *= z[j]
					}
					t.Score[i][k] += z[i] * x / size
				}
			}
		}
		if member == 0 {
			for _, j := range absent {
				t.A[j][j] = 1
			}
		}
		for i := range dim { // rounding must not make it unsymmetric
			for j := range i {
				t.A[j][i] = t.A[i][j]
			}
		}
		s.terms = append(s.terms, stat.Input{Root: t})
	}
	row := make([][4]float64, dim)
	for _, t := range s.terms {
		for i := range dim {
			largest.Right = math.Max(largest.Right, math.Abs(t.Root.Right[i])*float64(n))
			for k, m := range monomials {
				if degree > 1 {
					x := math.Abs(t.Root.Score[i][k])
					largest.Score[len(m)] = math.Max(largest.Score[len(m)], x*float64(n))
					largest.Sum[len(m)] += x
					row[i][len(m)] += x
					largest.Row[len(m)] = math.Max(largest.Row[len(m)], row[i][len(m)])
				}
			}
		}
	}
	largest.Solve, largest.First, largest.Contract = 2, 1, 0.4
	s.root.Largest = largest
	return s
}

// many is how many ways a product of sums has of making a monomial.
func many(m []int) float64 {
	out, run := 1.0, 0
	for i := range m {
		if out *= float64(i + 1); i > 0 && m[i] == m[i-1] {
			run++
		} else {
			run = 1
		}
		out /= float64(run)
	}
	return out
}

func zeros(n, m int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, m)
	}
	return out
}

func (s system) job() Job {
	c := stat.Circuit{Name: "root", Root: &s.root, Outcomes: []stat.Outcome{{Name: "residuals", Cells: 2}, {Name: "solution", Cells: s.root.Dim}}}
	if s.root.Degree == 1 {
		c.Outcomes[0].Cells = 1
	}
	return Job{Analysis: "test", Circuit: c}
}

// solve is the same in plain numbers: Gauss, and corrections until they stand still.
func (s system) solve() []float64 {
	d := s.root.Dim
	a, right := zeros(d, d), make([]float64, d)
	score := zeros(d, len(stat.Monomials(d, s.root.Degree)))
	for _, t := range s.terms {
		for i := range d {
			right[i] += t.Root.Right[i]
			for j := range d {
				a[i][j] += t.Root.A[i][j]
			}
			if s.root.Degree > 1 {
				for k, x := range t.Root.Score[i] {
					score[i][k] += x
				}
			}
		}
	}
	b := gauss(a, right)
	if s.root.Degree == 1 {
		return b
	}
	monomials := stat.Monomials(d, s.root.Degree)
	for range 200 {
		f := make([]float64, d)
		for i := range d {
			for k, m := range monomials {
				x := score[i][k]
				for _, j := range m {
					x *= b[j]
				}
				f[i] += x
			}
		}
		for i, x := range gauss(a, f) {
			b[i] += x
		}
	}
	return b
}

func gauss(a [][]float64, y []float64) []float64 {
	d := len(y)
	m := zeros(d, d+1)
	for i := range d {
		copy(m[i], a[i])
		m[i][d] = y[i]
	}
	for i := range d {
		best := i
		for k := i; k < d; k++ {
			if math.Abs(m[k][i]) > math.Abs(m[best][i]) {
				best = k
			}
		}
		m[i], m[best] = m[best], m[i]
		for k := range d {
			if k != i {
				f := m[k][i] / m[i][i]
				for j := i; j <= d; j++ {
					m[k][j] -= f * m[i][j]
				}
			}
		}
	}
	out := make([]float64, d)
	for i := range d {
		out[i] = m[i][d] / m[i][i]
	}
	return out
}

// The circuit itself, without encryption: it finds the root that plain arithmetic finds.
func TestRootIsFound(t *testing.T) {
	p := mhe.InsecureTest(9)
	for _, dim := range []int{1, 2, 5, 11} {
		for degree := 1; degree <= 3; degree++ {
			t.Run(fmt.Sprintf("%d unknowns, degree %d", dim, degree), func(t *testing.T) {
				s := newSystem(3, dim, degree, uint64(dim*10+degree))
				c, err := newRoot(p, 3, s.root)
				if err != nil {
					t.Fatal(err)
				}
				got := runExact(t, p, c, s.terms)
				want := s.solve()
				tolerance := 1e-9
				if degree > 1 {
					tolerance = 0.05 * math.Pow(s.root.Largest.Contract, 5)
				}
				for i := range want {
					if x := float(got[stat.RootSolution][i]); math.Abs(x-want[i]) > tolerance {
						t.Errorf("b%d is %g, want %g", i, x, want[i])
					}
				}
				if x := float(got[stat.RootResiduals][0]); math.Abs(x-float64(dim)) > 1e-6 {
					t.Errorf("the trace is %g, want %d", x, dim)
				}
				if degree > 1 {
					if x := float(got[stat.RootResiduals][1]); !(x >= 0) || x > 1e-6 {
						t.Errorf("the last correction is %g", x)
					}
				}
			})
		}
	}
}

// How the records lie over the hospitals changes nothing but the last bits.
func TestRootIsThatOfAllRecords(t *testing.T) {
	p := mhe.InsecureTest(9)
	s := newSystem(4, 5, 3, 11)
	c, err := newRoot(p, 4, s.root)
	if err != nil {
		t.Fatal(err)
	}
	want := runExact(t, p, c, s.terms)
	one := stat.RootTerm{A: zeros(5, 5), Right: make([]float64, 5), Score: zeros(5, len(s.terms[0].Root.Score[0]))}
	for _, t := range s.terms {
		for i := range 5 {
			one.Right[i] += t.Root.Right[i]
			for j, x := range t.Root.A[i] {
				one.A[i][j] += x
			}
			for j, x := range t.Root.Score[i] {
				one.Score[i][j] += x
			}
		}
	}
	none := stat.RootTerm{A: zeros(5, 5), Right: make([]float64, 5), Score: zeros(5, len(one.Score[0]))}
	for name, terms := range map[string][]stat.Input{
		"turned":     {s.terms[2], s.terms[0], s.terms[3], s.terms[1]},
		"at the 3rd": {{Root: &none}, {Root: &none}, {Root: &one}, {Root: &none}},
	} {
		for o, cells := range runExact(t, p, c, terms) {
			for k, x := range cells {
				if d := float(new(big.Float).Sub(x, want[o][k])); math.Abs(d) > 1e-12 {
					t.Errorf("%s: outcome %d, cell %d is off by %g", name, o, k, d)
				}
			}
		}
	}
}

// What cannot be solved is seen by the residuals.
func TestResidualsShowWhatCannotBeSolved(t *testing.T) {
	p := mhe.InsecureTest(9)
	solve := func(s system) map[int][]*big.Float {
		c, err := newRoot(p, 3, s.root)
		if err != nil {
			t.Fatal(err)
		}
		return runExact(t, p, c, s.terms)
	}
	// Columns that no hospital has are 0, and the others what they are without them.
	absent := newSystem(3, 5, 2, 3, 2, 4)
	got := solve(absent)
	for i, want := range absent.solve() {
		if x := float(got[stat.RootSolution][i]); math.Abs(x-want) > 1e-3 || (i == 2 || i == 4) && x != 0 {
			t.Errorf("with two columns absent b%d is %g, want %g", i, x, want)
		}
	}
	// A column twice: one eigenvalue is 0, and the trace one less.
	for degree := 1; degree <= 2; degree++ {
		twice := newSystem(3, 5, degree, 4)
		for _, t := range twice.terms {
			r := t.Root
			for i := range r.A {
				r.A[i][4] = r.A[i][3]
			}
			copy(r.A[4], r.A[3])
			r.Right[4] = r.Right[3]
			if degree > 1 {
				copy(r.Score[4], r.Score[3])
			}
		}
		if x := float(solve(twice)[stat.RootResiduals][0]); math.Abs(x-4) > 1e-6 {
			t.Errorf("a column twice: the trace is %g, want 4", x)
		}
	}
	// A condition of 8 times what was planned for.
	ill := newSystem(3, 2, 1, 5)
	ill.root.Condition = 16
	for _, t := range ill.terms {
		t.Root.A = [][]float64{{0.3, 0}, {0, 0.3 / 128}}
	}
	if x := float(solve(ill)[stat.RootResiduals][0]); x > 2-1.0/64 {
		t.Errorf("beyond the condition the trace is %g", x)
	}
	// Far from anything polynomial the corrections grow, and say so.
	far := newSystem(3, 2, 3, 6)
	for _, t := range far.terms {
		for i := range t.Root.Right {
			t.Root.Right[i] *= 12
			t.Root.Score[i][0] *= 12
		}
	}
	if x := float(solve(far)[stat.RootResiduals][1]); x < 1 {
		t.Errorf("the last correction is %g where there is no root in reach", x)
	}
}

// A term that is not as declared is refused before anything is encrypted.
func TestRootRefusesTerms(t *testing.T) {
	s := newSystem(2, 3, 2, 8)
	c, err := newRoot(mhe.InsecureTest(8), 2, s.root)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(f func(*stat.RootTerm)) error {
		x := *newSystem(2, 3, 2, 8).terms[0].Root
		f(&x)
		_, err := c.inputs(stat.Input{Root: &x})
		return err
	}
	for what, f := range map[string]func(*stat.RootTerm){
		"rows, want 3":       func(x *stat.RootTerm) { x.Right = x.Right[:2] },
		"not symmetric":      func(x *stat.RootTerm) { x.A[0][1] += 1e-9 },
		"row 1 of the ma":    func(x *stat.RootTerm) { x.A[1] = x.A[1][:2] },
		"not finite":         func(x *stat.RootTerm) { x.Right[0] = math.NaN() },
		"row 2 of the score": func(x *stat.RootTerm) { x.Score[2][1] = math.Inf(1) },
	} {
		if err := spoil(f); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if err := spoil(func(*stat.RootTerm) {}); err != nil {
		t.Error(err)
	}
	for _, x := range []stat.Root{
		{Dim: 0, Degree: 1}, {Dim: 3, Degree: 4}, {Dim: 3, Degree: 1, Corrections: 1}, {Dim: 3, Degree: 2}, {Dim: 3, Degree: 1, Condition: 1 << 30, Largest: s.root.Largest},
		{Dim: 40, Degree: 1, Condition: 16, Largest: s.root.Largest},
	} {
		if _, err := newRoot(mhe.InsecureTest(8), 2, x); err == nil {
			t.Errorf("%+v was accepted", x)
		}
	}
}

func float(x *big.Float) float64 {
	f, _ := x.Float64()
	return f
}
