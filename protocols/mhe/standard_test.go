package mhe

import (
	"math"
	"math/big"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
)

// Everything once with the parameters of studies: keys, an input, a product of
// matrices, a refresh, an opening. Measured errors are held against the bounds.
func TestStandardParametersWork(t *testing.T) {
	p, err := NewParams(Standard())
	if err != nil {
		t.Fatal(err)
	}
	const d, n = 11, 2
	l := Layout{d, d, d}
	circuit := func(c Calculus) (Bound, error) {
		x := c.Input(8, 8*d*d)
		return c.Product([2]Bound{x, x}), nil
	}
	r, err := NewRegistry(p, n, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add("product", 3, 1, circuit); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, p, n, func(c *Config) { c.Registry = r })
	must(w, keys)
	if got, want := w.bytes[0], 9*411*2048; got < want || got > want+100000 {
		t.Errorf("a member sent %d bytes for the keys, want a little more than %d", got, want)
	}
	a, fa := p.matrix(d, d, 1)
	b, fb := p.matrix(d, d, 2)
	mine := true
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		list := []Plain{{"a", l.placeLeft(a), 8, 8 * d * d}, {"b", l.placeRight(b), 8, 8 * d * d}}
		if !mine {
			list[0].At, list[1].At = nil, nil
		}
		mine = false
		return s.Input(list)
	})
	prods := map[*Session]*Ciphertext{}
	for i, s := range w.sessions {
		if prods[s], err = s.Product([2]*Ciphertext{in[i][0], in[i][1]}); err != nil {
			t.Fatal(err)
		}
	}
	ab, exact := multiply(fa, fb), w.decrypt(prods[w.sessions[0]])
	worst := 0.0
	for i := range d {
		for j := range d {
			e, _ := new(big.Float).Sub(exact[l.At(i, j)], big.NewFloat(ab[i][j])).Float64()
			worst = max(worst, math.Abs(e))
		}
	}
	bound := prods[w.sessions[0]].bound.Err
	t.Logf("product of %d x %d: error 2^%.1f, bound 2^%.1f", d, d, math.Log2(worst), math.Log2(bound))
	if worst > bound || math.Log2(bound) > -74 {
		t.Errorf("product: error %g, bound %g, want at most 2^-74", worst, bound)
	}
	out := must(w, func(s *Session) (round.Machine[Refreshed], error) {
		return s.Refresh(prods[s], true, Output{Copies: []Copy{{l.At(0, 0), 0}, {l.At(d-1, d-1), 1}}})
	})
	c := out[0].Outputs[0]
	if e := off(w.decrypt(c), []float64{ab[0][0], ab[d-1][d-1], 0, 0}); e > c.bound.Err {
		t.Errorf("refreshed: error %g, bound %g", e, c.bound.Err)
	}
	open := must(w, func(s *Session) (round.Machine[*Opening], error) {
		return s.Open("product", out[w.index(s)].Value, []int{l.At(0, 0)}, []int{l.At(1, 2)}, []int{l.At(d-1, d-1)})
	})
	got, err := open[0].Read(total(open[0].Terms, open[1].Terms))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("noise of an opened number at s = 64: 2^%.1f", math.Log2(open[0].Circuit.Spread(n)))
	for k, want := range []float64{ab[0][0], ab[1][2], ab[d-1][d-1]} {
		if math.Abs(got[k]-want) > 7*open[0].Circuit.Spread(n) {
			t.Errorf("cell %d: opened %g, want %g", k, got[k], want)
		}
	}
}
