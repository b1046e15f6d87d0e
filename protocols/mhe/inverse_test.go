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
			lambda := math.Pow(tc.rho, -float64(i)/(grid-1))
			if d := math.Abs(end.x[i]*lambda - 1); d > 2*v.Rest+1e-9 {
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
	fresh := c.Refresh(Bound{Err: c.productNoise()}, 4, 2).Err
	bound := v.Error(c).Err / fresh
	// One eigenvalue: the error of P after step k, times the derivative of all later steps.
	for _, lambda := range []float64{1, 0.1, 1.0 / (1 << 6), 1.0 / (1 << 12)} {
		const h = 1e-7
		for from := range v.Times {
			p, x := times(v.Start)*lambda, times(v.Start)
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

// What a solve leaves of an error of 2^-80 a product, with the parameters of
// studies: these numbers decide the noise of what is opened, 2^37 times as large at
// 64 bits of security.
func TestErrorOfTheSolveIsComputed(t *testing.T) {
	p, err := NewParams(Standard())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dim, members, steps int
		logRho              float64
		inverse, solution   float64 // log2 of the bounds, to within 1
	}{{11, 13, 13, 17, -36.1, -46.2}, {33, 10, 9, 10, -46.5, -50.3}, {33, 10, 11, 13, -40.5, -47}, {33, 10, 13, 17, -32.5, -42.7}, {33, 160, 13, 17, -28.5, -38.7}} {
		v, err := NewInverse(tc.dim, tc.steps, math.Exp2(tc.logRho))
		if err != nil {
			t.Fatal(err)
		}
		c := NewCalculus(p, tc.members)
		x, z := v.Error(c), v.Solve(c, c.Input(1, float64(tc.dim)), 2)
		t.Logf("p %d, %d members, rho 2^%.0f, rest 2^%.1f: error of X 2^%.1f, of the solution 2^%.1f",
			tc.dim, tc.members, tc.logRho, math.Log2(v.Rest), math.Log2(x.Err), math.Log2(z.Err))
		if math.Abs(math.Log2(x.Err)-tc.inverse) > 1 || math.Abs(math.Log2(z.Err)-tc.solution) > 1 {
			t.Errorf("p %d, %d members: bounds 2^%.1f and 2^%.1f, want 2^%.1f and 2^%.1f", tc.dim, tc.members, math.Log2(x.Err), math.Log2(z.Err), tc.inverse, tc.solution)
		}
	}
}

// The fastest factors would amplify an error by Rho squared.
func TestCeilingKeepsTheAmplificationLinear(t *testing.T) {
	for _, logRho := range []float64{7, 10, 13, 17, 20} {
		v, err := NewInverse(33, 16, math.Exp2(logRho))
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		wP, _ := v.weights(v.paths(), true)
		for _, w := range wP {
			most = max(most, w)
		}
		if got := math.Log2(most); got > logRho+1 || got < logRho-1 {
			t.Errorf("rho 2^%.0f: an error of P weighs 2^%.1f in the solution", logRho, got)
		}
	}
}
