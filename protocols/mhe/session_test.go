package mhe

import (
	"math"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
)

// Polynomials in, their sum encrypted, squared, refreshed and looked at with all keys.
func TestSumsAreEncryptedMultipliedAndRefreshed(t *testing.T) {
	p := InsecureTest(6)
	w := newWorld(t, p, 3)
	must(w, keys)
	n := 0
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		n++
		x := float64(n) // 1, 2, 3: together 6
		return s.Input([]Plain{p.plain("x", 8, 16, x, 0.5*x), p.plain("y", 100, 200, -x, 10)})
	})
	x, y := w.decrypt(in[0][0]), w.decrypt(in[1][1])
	want := NewCalculus(p, 3).Input(8, 16)
	for k, d := range map[string]float64{"x": off(x, []float64{6, 3, 0, 0}), "y": off(y, []float64{-6, 30, 0, 0})} {
		if d > want.Err || d == 0 {
			t.Errorf("%s: error %g, want at most %g, and not none", k, d, want.Err)
		}
	}
	var first [32]byte
	for i, s := range w.sessions {
		c, err := s.Product([2]*Ciphertext{in[i][0], in[i][1]})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = c.digest()
		} else if c.digest() != first {
			t.Error("two members computed different products")
		}
		in[i] = append(in[i], c)
	}
	// (6 + 3 X)(-6 + 30 X) = -36 + 162 X + 90 X^2
	prod := in[0][2]
	if d := off(w.decrypt(prod), []float64{-36, 162, 90, 0}); d > prod.bound.Err || d < prod.bound.Err*1e-9 {
		t.Errorf("product: error %g, bound %g", d, prod.bound.Err)
	}
	out := must(w, func(s *Session) (round.Machine[Refreshed], error) {
		c := in[w.roster.Index(s.cfg.Session.ID)][2]
		return s.Refresh(c, true, Output{Copies: []Copy{{1, 0}, {2, 5}, {2, 6}}}, Output{Copies: []Copy{{0, 3}}, Times: 3 << 39})
	})
	for o, want := range [][]float64{{162, 0, 0, 0, 0, 90, 90, 0}, {0, 0, 0, -54, 0}} {
		c := out[2].Outputs[o]
		if d := off(w.decrypt(c), want); d > c.bound.Err || c.level != p.top() {
			t.Errorf("output %d: error %g, bound %g, level %d", o, d, c.bound.Err, c.level)
		}
		if math.Log2(c.bound.Err) > -70 {
			t.Errorf("output %d: the error bound is 2^%.1f", o, math.Log2(c.bound.Err))
		}
	}
}
