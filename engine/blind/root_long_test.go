//go:build long

package blind

import (
	"math"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// The largest model of a study, once: 33 unknowns of degree 3.
func TestRootOfManyUnknowns(t *testing.T) {
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		t.Fatal(err)
	}
	s := newSystem(3, 33, 3, 5)
	s.root.Condition, s.root.Corrections = 1<<11, 2
	l := newPlan(t, p, 3, s.job())
	got, w := compute(t, l, s.terms)
	want := s.solve()
	for i := range want {
		if math.Abs(got[stat.RootSolution].cells[i]-want[i]) > 0.02 {
			t.Errorf("b%d is %g, want %g", i, got[stat.RootSolution].cells[i], want[i])
		}
	}
	cost := l.Cost()
	t.Logf("%+v, sent %v", cost, w.bytes)
	if cost.Steps > 30 || cost.Up > 140<<20 || w.bytes[0] > cost.Up {
		t.Errorf("%+v, sent %v", cost, w.bytes)
	}
	checkOpened(t, got, runExact(t, p, l.jobs[0].circuit, s.terms))
}

// The error of a solve against its bound, as A's condition comes near to what was planned for and passes it.
func TestErrorOfTheSolve(t *testing.T) {
	p := mhe.InsecureTest(10)
	const d, n = 6, 3
	for _, logRho := range []float64{3, 7, 10, 13, 14, 60} {
		s := system{root: stat.Root{Dim: d, Degree: 1, Condition: 1 << 13, Largest: stat.Largest{Right: 1, Solve: 4}}}
		// A = Q diag(lambda) Q, Q = I - 2 v v', lambda from 1 to 1/rho, as sums of n terms; a = A (1, -1, 1, ...).
		one := stat.RootTerm{A: zeros(d, d), Right: make([]float64, d)}
		q := func(i, j int) float64 {
			if i == j {
				return 1 - 2.0/d
			}
			return -2.0 / d
		}
		for i := range d {
			for j := range i + 1 {
				for k := range d {
					one.A[i][j] += q(i, k) * math.Exp2(-logRho*float64(k)/(d-1)) * q(k, j) * 0.999 / n
				}
				one.A[j][i] = one.A[i][j]
			}
		}
		for i := range d {
			for j := range d {
				one.Right[i] += one.A[i][j] * float64(1-2*(j%2))
			}
		}
		for range n {
			s.terms = append(s.terms, stat.Input{Root: &one})
		}
		t.Logf("condition 2^%.0f", logRho)
		l := newPlan(t, p, n, s.job())
		got, _ := compute(t, l, s.terms)
		checkOpened(t, got, runExact(t, p, l.jobs[0].circuit, s.terms))
	}
}
