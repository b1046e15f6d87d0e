package mhe

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The last bit of a computed bound is not the same on every processor; members compare the bounds.
func TestCoarseBoundsDoNotDependOnTheLastBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		x := math.Ldexp(r.Float64(), r.IntN(200)-100)
		if r.IntN(2) == 0 {
			x = coarse(x) // what was rounded once stays
		}
		up, down := coarse(math.Nextafter(x, math.Inf(1))), coarse(math.Nextafter(x, 0))
		if c := coarse(x); c != up || c != down || c < x*(1-0x1p-29) || c > x*(1+0x1p-18) {
			t.Fatalf("%x becomes %x, its neighbours %x and %x", x, c, down, up)
		}
	}
	for _, x := range []float64{0, 1, 8, 3.5, 1 << 24, 0x1p-60} {
		if coarse(x) != x {
			t.Errorf("%g becomes %g", x, coarse(x))
		}
	}
	if !math.IsInf(coarse(math.Inf(1)), 1) || !math.IsNaN(coarse(math.NaN())) {
		t.Error("what is no bound became one")
	}
}
