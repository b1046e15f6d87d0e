package mhe

import (
	"math"
	"testing"
)

// The iteration itself: what is left of I - P, and X is the inverse.
func TestInverseConverges(t *testing.T) {
	for _, tc := range []struct {
		steps int
		rho   float64
		rest  float64 // log2
	}{{13, 1 << 17, -40}, {9, 1 << 10, -34}, {11, 1 << 13, -45}} {
		v, err := NewInverse(3, tc.steps, tc.rho)
		if err != nil {
			t.Fatal(err)
		}
		if got := math.Log2(v.Rest); got > tc.rest+0.1 {
			t.Errorf("%d steps at 2^%.0f leave 2^%.1f, want 2^%.1f", tc.steps, math.Log2(tc.rho), got, tc.rest)
		}
		end := v.paths()[len(v.Times)]
		for i := range grid {
			lambda := v.paths()[0].p[i] / times(v.Start)
			if d := math.Abs(v.Scale()*end.x[i]*lambda - 1); lambda >= 1/tc.rho && d > 2*v.Rest+1e-9 || d > 1.0/31 {
				t.Errorf("rho %g: X at %g is off by %g", tc.rho, lambda, d)
			}
		}
	}
	for _, bad := range [][3]float64{{0, 12, 100}, {129, 12, 100}, {3, 0, 100}, {3, 12, 1}, {3, 12, 1e9}, {3, 41, 100}, {3, 12, math.NaN()}} {
		if _, err := NewInverse(int(bad[0]), int(bad[1]), bad[2]); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

// The bound against the iteration run in float64 with the worst noise it allows,
// of random signs and placed in the first step: the amplification is the solve's, not smaller.
func TestInverseErrorIsNotUnderestimated(t *testing.T) {
	v, err := NewInverse(2, 12, 1<<12)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCalculus(InsecureTest(10), 3)
	fresh := math.Ldexp(c.productNoise(), -v.LeftShift-v.RightShift)
	_, y := v.After(c, 12)
	bound := y.Err / fresh
	// One eigenvalue: the error of P after step k, times the derivative of all later steps.
	for _, lambda := range []float64{1, 0.1, 1.0 / (1 << 6), 1.0 / (1 << 12)} {
		const h = 1e-7
		for from := range v.Times {
			p, x := times(v.Start)*lambda, 1/times(v.Times[0])
			run := func(p, x float64, from int) float64 {
				for _, t := range v.Times[from:] {
					p, x = times(t)*p*(2-p), times(t)*x*(2-p)
				}
				return x
			}
			for k := range from {
				s := times(v.Times[k])
				p, x = s*p*(2-p), s*x*(2-p)
			}
			if d := math.Abs(run(p*(1+h), x, from)-run(p, x, from)) / (h * p); d > bound {
				t.Errorf("lambda %g, step %d: an error of P weighs %g, the whole bound is %g", lambda, from, d, bound)
			}
		}
	}
}

// What an inverse and a solution of length 1 are left with, with the parameters of
// studies: these numbers decide the noise of what is opened, 2^37 times as large at
// 64 bits of security.
func TestErrorOfTheSolveIsComputed(t *testing.T) {
	p, err := NewParams(Standard())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dim, members, steps      int
		logRho                   float64
		inverse, solution, trace float64 // log2 of the bounds, to within 1
	}{
		{11, 13, 13, 17, -46.9, -61.0, -63.3}, {33, 10, 9, 10, -65.6, -73.1, -74.2}, {33, 10, 10, 11, -62.0, -70.9, -72.0},
		{33, 10, 11, 13, -56.3, -66.9, -68.2}, {33, 10, 13, 17, -44.7, -58.8, -60.4}, {33, 160, 13, 17, -42.7, -56.8, -58.3},
	} {
		v, err := NewInverse(tc.dim, tc.steps, math.Exp2(tc.logRho))
		if err != nil {
			t.Fatal(err)
		}
		c := NewCalculus(p, tc.members)
		p, x := v.After(c, tc.steps)
		z, _ := v.Solution(c)
		trace := p.Err * math.Sqrt(float64(tc.dim))
		t.Logf("shift %d p %d, %d members, rho 2^%.0f, rest 2^%.1f: error of Y 2^%.1f, of the solution 2^%.1f, of P's trace 2^%.1f",
			v.RightShift, tc.dim, tc.members, tc.logRho, math.Log2(v.Rest), math.Log2(x.Err), math.Log2(z), math.Log2(trace))
		for _, x := range [][2]float64{{x.Err, tc.inverse}, {z, tc.solution}, {trace, tc.trace}} {
			if math.Abs(math.Log2(x[0])-x[1]) > 1 {
				t.Errorf("p %d, %d members: a bound of 2^%.1f, want 2^%.1f", tc.dim, tc.members, math.Log2(x[0]), x[1])
			}
		}
	}
}

// The fastest factors would amplify an error by Rho squared.
func TestCeilingKeepsTheAmplificationLinear(t *testing.T) {
	for _, logRho := range []float64{7, 10, 13, 17, 20} {
		v, err := ShortestInverse(33, math.Exp2(logRho), 0x1p-20)
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		wP, _ := v.weights(v.paths(), len(v.Times), ofSolution)
		for _, w := range wP {
			most = max(most, w)
		}
		if got := math.Log2(most * v.least()); got > 1.5 || got < -1 {
			t.Errorf("rho 2^%.0f: an error of P weighs 2^%.1f in the solution, smallest eigenvalue 2^%.1f", logRho, math.Log2(most), math.Log2(v.least()))
		}
		if shorter, err := NewInverse(33, len(v.Times)-1, v.Rho); err != nil || shorter.Rest <= 0x1p-20 {
			t.Errorf("rho 2^%.0f: %d steps would have done (%v)", logRho, len(v.Times)-1, err)
		}
	}
}
