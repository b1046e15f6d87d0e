package stat

import (
	"math"
	"testing"
)

// Sums that are no numbers end a fit, not the process.
func TestNewtonEndsWhereSumsAreNoNumbers(t *testing.T) {
	for _, first := range []int{1, 2} {
		f := newNewton([]int{0, 1}, true, func(int) float64 { return 0 }, func(*newton, *symmetric) *factored { t.Error("columns are compared by what is no number"); return nil })
		f.aliased = map[int]func(*symmetric) *factored{1: f.aliased}[first]
		for round := 1; !f.done; round++ {
			if round > maxNewton {
				t.Fatal("no end")
			}
			if round < first {
				f.take([]float64{1, 2}, []float64{1, 0, 0, 1}, 10)
			} else {
				f.take([]float64{math.NaN(), 2}, []float64{1, math.Inf(1), 0, math.NaN()}, math.NaN())
			}
		}
		if f.converged || f.covariance() != nil || !finite(f.estimate) {
			t.Errorf("round %d: converged %v at %v", first, f.converged, f.estimate)
		}
	}
}
