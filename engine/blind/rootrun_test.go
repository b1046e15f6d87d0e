package blind

import (
	"math"
	"math/big"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// checkOpened holds what was opened against the same circuit without encryption: without
// its noise a value must lie within eps, with it within six spreads.
func checkOpened(t *testing.T, got []opened, want map[int][]*big.Float) {
	t.Helper()
	for o, outcome := range got {
		if len(outcome.cells) != len(want[o]) {
			t.Fatalf("outcome %d has %d cells, want %d", o, len(outcome.cells), len(want[o]))
		}
		for k, x := range want[o] {
			e, _ := new(big.Float).Sub(outcome.bare[k], x).Float64()
			d := outcome.cells[k] - float(x)
			if !(math.Abs(e) <= outcome.eps[k]) || math.Abs(d) > 6*outcome.spread[k]+1e-12 {
				t.Errorf("outcome %d, cell %d: opened %g, want %g; off by 2^%.1f without the noise, eps 2^%.1f; spread %g",
					o, k, outcome.cells[k], float(x), math.Log2(math.Abs(e)), math.Log2(outcome.eps[k]), outcome.spread[k])
			}
			if k < 2 {
				t.Logf("outcome %d, cell %d: error 2^%.1f, eps 2^%.1f, spread 2^%.1f", o, k, math.Log2(math.Abs(e)), math.Log2(outcome.eps[k]), math.Log2(outcome.spread[k]))
			}
		}
	}
}

func TestRootIsFoundUnderEncryption(t *testing.T) {
	p := mhe.InsecureTest(9)
	for _, x := range []struct{ members, dim, degree int }{{2, 5, 1}, {3, 5, 2}, {2, 5, 3}, {2, 11, 3}} {
		s := newSystem(x.members, x.dim, x.degree, 77)
		l := newPlan(t, p, x.members, s.job())
		got, w := compute(t, l, s.terms)
		checkOpened(t, got, runExact(t, p, l.jobs[0].circuit, s.terms))
		cost := l.Cost()
		if w.steps != cost.Steps-2 { // the keys' three are one machine
			t.Errorf("%d steps, want %d", w.steps, cost.Steps-1)
		}
		if w.bytes[0] > cost.Up || w.bytes[1] > cost.Down {
			t.Errorf("%v bytes up and down, want at most %d and %d", w.bytes, cost.Up, cost.Down)
		}
		t.Logf("%+v: %+v, sent %v", x, cost, w.bytes)
	}
}

func TestRootAtStandardParameters(t *testing.T) {
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		t.Fatal(err)
	}
	s := newSystem(3, 11, 2, 5)
	l := newPlan(t, p, 3, s.job())
	got, w := compute(t, l, s.terms)
	checkOpened(t, got, runExact(t, p, l.jobs[0].circuit, s.terms))
	t.Logf("%+v, sent %v", l.Cost(), w.bytes)
	for i, want := range s.solve() {
		if math.Abs(got[stat.RootSolution].cells[i]-want) > 1e-3 {
			t.Errorf("b%d is %g, want %g", i, got[stat.RootSolution].cells[i], want)
		}
	}
}
