package mhe

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// A member decrypts, even under masks, only what it has computed itself: not what
// another session made, not a factor, not the same product twice.
func TestOnlyOwnProductsAreRefreshed(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2)
	must(w, keys)
	s := w.sessions[0]
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{p.plain("x", 4, 8, 1, 2), p.plain("large", 1<<13, 1<<13, 1)})
	})
	copyOne := Output{Copies: []Copy{{0, 0}}}
	refused := func(what string, c *Ciphertext, want string, outs ...Output) {
		t.Helper()
		if _, err := s.Refresh(c, false, outs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	prods := map[*Session]*Ciphertext{}
	for i, s := range w.sessions {
		c, err := s.Product([2]*Ciphertext{in[i][0], in[i][0]})
		if err != nil {
			t.Fatal(err)
		}
		prods[s] = c
	}
	refused("a fresh input", in[0][0], "not the result of a product", copyOne)
	refused("another member's", prods[w.sessions[1]], "another session", copyOne)
	refused("nothing", nil, "another session", copyOne)
	refused("without outputs", prods[s], "1 to 64")
	refused("too many outputs", prods[s], "1 to 64", make([]Output, 65)...)
	refused("a coefficient beyond the ring", prods[s], "each place once", Output{Copies: []Copy{{16, 0}}})
	refused("one place twice", prods[s], "each place once", Output{Copies: []Copy{{0, 1}, {1, 1}}})
	refused("a value that masks do not hide", prods[s], "may reach", Output{Copies: []Copy{{0, 1}}, Times: 1 << 62})
	large, err := s.Product([2]*Ciphertext{in[0][1], in[0][1]})
	if err != nil {
		t.Fatal(err)
	}
	refused("a value that is small only after it was scaled down", large, "masks would hide less", Output{Copies: []Copy{{0, 1}}, Times: 1 << 30})
	must(w, func(s *Session) (round.Machine[Refreshed], error) { return s.Refresh(prods[s], false, copyOne) })
	refused("the same twice", prods[s], "refreshed before", copyOne)
}

// Two members who computed different ciphertexts find out before either share leaves.
func TestDifferentCiphertextsAreFoundBeforeAnyShare(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 3)
	w.squared(2, nil)
	w.products[w.sessions[1]].c1.Coeffs[0][3] ^= 1
	shares := 0
	w.network = func(m round.Message) []round.Message {
		if typ, _ := wire.Peek(m.Body); typ == wire.Type_SHARE {
			shares++
		}
		return []round.Message{m}
	}
	run(w, func(s *Session) (round.Machine[Refreshed], error) { return s.Refresh(w.products[s], true) })
	w.mustBeOver("", wire.Code_ASK, "work of m01")
	if shares > 0 {
		t.Errorf("%d shares left", shares)
	}
}

// A chosen ciphertext would hand out the key if there were a way in: with the
// mask taken away, shares of it show it; with the mask, they show nothing.
func TestMasksCoverEveryCoefficient(t *testing.T) {
	p := InsecureTest(8)
	w := newWorld(t, p, 2)
	shares := make([][]byte, 2)
	w.network = func(m round.Message) []round.Message {
		at(wire.Type_SHARE, 5, "", func(e *wire.Envelope) {
			i := w.roster.Index(m.From)
			shares[i] = append(shares[i], e.Bulk...)
		})(m)
		return []round.Message{m}
	}
	w.squared(2, func(s *Session, c *Ciphertext) (round.Machine[Refreshed], error) {
		return s.Refresh(c, false, Output{Copies: []Copy{{0, 0}}}) // one coefficient is all that is wanted
	})
	sh := shape{{1, p.low(), false}, {1, p.top(), false}}
	r := p.rlwe.RingQ().AtLevel(p.low())
	for i, b := range shares {
		rows, err := p.unpack(sh, b)
		if err != nil {
			t.Fatal(err)
		}
		s := w.sessions[i]
		// E - c1 s = e - M: what is left of the share for somebody who knows the key.
		d := r.NewPoly()
		d.Copy(take(rows, 0, p.low()))
		r.MulCoeffsMontgomeryThenSub(w.products[s].c1, s.secret.key.Value.Q, d)
		r.INTT(d, d)
		small, bits := 0, 0.0
		g := newGarner(r.SubRings[:p.low()+1])
		for k := range p.Degree() {
			m := g.value(d.Coeffs, k).big()
			bits += float64(m.BitLen()) / float64(p.Degree())
			if m.BitLen() < p.lit.LogMask-40 {
				small++
			}
			if m.BitLen() > p.lit.LogMask-1 {
				t.Errorf("a mask of %d bits, want at most %d", m.BitLen(), p.lit.LogMask-1)
			}
		}
		if small > 0 || math.Abs(bits-float64(p.lit.LogMask-2)) > 0.7 {
			t.Errorf("member %d: %d coefficients are not masked; masks of %.1f bits on average", i, small, bits)
		}
	}
	if len(shares) != 2 {
		t.Fatalf("saw %d shares", len(shares))
	}
}

// A member whose key is not the one it made keys with, or whose share is wrong,
// brings the refreshed value out of range: nothing is made of it.
func TestWrongKeysAreFoundInTheFirstRefresh(t *testing.T) {
	p := InsecureTest(6)
	w := newWorld(t, p, 3)
	w.squared(2, nil)
	w.sessions[2].secret.key.Value.Q.Coeffs[1][7] ^= 1
	run(w, func(s *Session) (round.Machine[Refreshed], error) { return s.Refresh(w.products[s], true) })
	for i, err := range w.err {
		if round.CodeOf(err) != wire.Code_RANGE {
			t.Errorf("member %d: %v, want RANGE", i, err)
		}
		w.mustBeBurnt(i)
	}
}

// Before a key is used for data: known numbers in, their product out, through
// every key and protocol there is.
func TestKeysAreHealthy(t *testing.T) {
	p := InsecureTest(6)
	w := newWorld(t, p, 3)
	out := w.squared(3, func(s *Session, c *Ciphertext) (round.Machine[Refreshed], error) {
		return s.Refresh(c, false, Output{Copies: []Copy{{0, 0}}})
	})
	if d := off(w.decrypt(out[1].Outputs[0]), []float64{9}); d > out[1].Outputs[0].bound.Err {
		t.Errorf("3^2 is off by %g", d)
	}
}

// Measured errors stay below the computed worst case, on circuits drawn at
// random, and a worst case is not absurdly far away.
func TestMeasuredErrorsStayBelowTheBound(t *testing.T) {
	p := InsecureTest(6)
	closest := 0.0
	for seed := range circuits {
		n := 2 + seed%3
		w := newWorld(t, p, n)
		must(w, keys)
		r := seeded(byte(seed))
		number := func() float64 { return float64(int64(r.Uint64())) / (1 << 63) }
		count := 1 + int(r.Uint64()%6)
		sums := [2][]float64{make([]float64, count), make([]float64, count)}
		in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
			var list []Plain
			for o := range sums {
				var x []float64
				for k := range count {
					v := number() / float64(n)
					x = append(x, v)
					f, _ := new(big.Float).SetInt(p.Fixed(v)).Float64()
					sums[o][k] += math.Ldexp(f, -p.lit.LogScale)
				}
				list = append(list, p.plain(fmt.Sprint(o), 1, float64(count), x...))
			}
			return s.Input(list)
		})
		// x <- 2 (x y), again and again; what is wanted is computed from what is encrypted.
		truth := [2][]*big.Float{w.decrypt(in[0][0]), w.decrypt(in[0][1])}
		for depth := range 1 + seed%3 {
			prods := map[*Session]*Ciphertext{}
			for i, s := range w.sessions {
				c, err := s.Product([2]*Ciphertext{in[i][0], in[i][1]})
				if err != nil {
					t.Fatal(err)
				}
				prods[s] = c
			}
			out := must(w, func(s *Session) (round.Machine[Refreshed], error) {
				return s.Refresh(prods[s], false, Output{Copies: []Copy{{0, 0}, {1, 1}}, Times: 1 << 39})
			})
			want := convolve(truth[0], truth[1], 2)
			got := w.decrypt(out[0].Outputs[0])
			for k := range 2 {
				half := new(big.Float).SetPrec(500).Quo(want[k], big.NewFloat(2))
				d, _ := new(big.Float).SetPrec(500).Sub(got[k], half).Float64()
				// What this product added to what went in, which is the truth here.
				clean := [2]Bound{in[0][0].bound, in[0][1].bound}
				clean[0].Err, clean[1].Err = 0, 0
				c := NewCalculus(p, n)
				bound := c.Refresh(c.Product(clean), 2, 0.5).Err
				closest = max(closest, math.Abs(d)/bound)
				if math.Abs(d) > bound {
					t.Errorf("seed %d depth %d: error %g, bound %g", seed, depth, d, bound)
				}
			}
			truth[0] = got
			for i := range w.sessions {
				in[i][0] = out[i].Outputs[0]
			}
		}
	}
	if closest < 1e-3 {
		t.Errorf("the worst measured error is %g of the bound: it bounds something else", closest)
	}
	t.Logf("worst measured error: %.3f of the bound", closest)
}

// convolve is the product of two polynomials, its first coefficients.
func convolve(a, b []*big.Float, first int) []*big.Float {
	n := len(a)
	out := make([]*big.Float, first)
	for k := range out {
		out[k] = new(big.Float).SetPrec(500)
		for i := range n {
			j, minus := k-i, false
			if j < 0 {
				j, minus = j+n, true // X^n = -1
			}
			t := new(big.Float).SetPrec(500).Mul(a[i], b[j])
			if minus {
				t.Neg(t)
			}
			out[k].Add(out[k], t)
		}
	}
	return out
}

// Adding a ciphertext to itself multiplies its error by as much, not by the root of it.
func TestErrorsOfOneCiphertextAddUp(t *testing.T) {
	p := InsecureTest(5)
	w := newWorld(t, p, 2)
	must(w, keys)
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{p.plain("x", 1, 1, 0.25)})
	})
	s, c := w.sessions[0], in[0][0]
	one := off(w.decrypt(c), []float64{0.5})
	sum := c
	for range 99 {
		var err error
		if sum, err = s.Add(sum, c); err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(sum.bound.Err/c.bound.Err-100) > 1e-9 {
		t.Errorf("the bound grew by %g, want 100", sum.bound.Err/c.bound.Err)
	}
	if d := off(w.decrypt(sum), []float64{50}); math.Abs(d/one-100) > 1 || d > sum.bound.Err {
		t.Errorf("the error grew by %g, want 100; %g, bound %g", d/one, d, sum.bound.Err)
	}
}

func TestInputsBeyondTheirBoundAreRefused(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2)
	must(w, keys)
	s := w.sessions[0]
	long := p.plain("x", 1, 100)
	long.At = make([]*big.Int, 17)
	for _, tc := range []struct {
		plain Plain
		err   string
	}{
		{p.plain("x", 1, 1, 1.5), "beyond the declared 1"}, {p.plain("x", 1, 1, -1.5), "beyond the declared 1"},
		{p.plain("x", 1, 1.5, 1, 1), "together beyond"}, {p.plain("x", 0, 1), "bounds"}, {p.plain("x", 1<<25, 1<<25), "bounds"},
		{p.plain("x", 2, 1), "bounds"}, {p.plain("x", math.NaN(), 1), "bounds"}, {p.plain("x", 1, math.Inf(1)), "bounds"}, {long, "17 coefficients"},
	} {
		if _, err := s.Input([]Plain{tc.plain}); err == nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%+v: %v, want %q", tc.plain.Name, err, tc.err)
		}
	}
	if _, err := s.Input(nil); err == nil {
		t.Error("an input of nothing")
	}
	if s.burnt {
		t.Error("a refused input burnt the session")
	}
}

// Sums, differences and constants minus a ciphertext are what they say.
func TestLinearOperationsAreExact(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2)
	must(w, keys)
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{p.plain("x", 8, 8, 1, 2), p.plain("y", 8, 8, 3)})
	})
	s, x, y := w.sessions[0], in[0][0], in[0][1]
	sum, err1 := s.Add(x, y)
	diff, err2 := s.Sub(x, y)
	con, err3 := s.FromConst([]Const{{0, p.Fixed(2)}, {3, p.Fixed(-7)}}, x)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for name, tc := range map[string]struct {
		c    *Ciphertext
		want []float64
	}{"x+y": {sum, []float64{8, 4}}, "x-y": {diff, []float64{-4, 4}}, "c-x": {con, []float64{0, -4, 0, -7}}} {
		if d := off(w.decrypt(tc.c), tc.want); d > tc.c.bound.Err {
			t.Errorf("%s is off by %g, bound %g", name, d, tc.c.bound.Err)
		}
	}
	if _, err := s.FromConst([]Const{{16, p.Fixed(1)}}, x); err == nil {
		t.Error("a constant beyond the ring")
	}
	if _, err := s.Add(x, in[1][0]); err == nil {
		t.Error("a sum with another session's ciphertext")
	}
	prod, err := s.Product([2]*Ciphertext{x, y})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(prod, y); err == nil {
		t.Error("a sum across levels")
	}
	if _, err := s.Product([2]*Ciphertext{prod, y}); err == nil {
		t.Error("a product of a product")
	}
}

// Everything works when every member sees every share.
func TestFullVerificationYieldsTheSame(t *testing.T) {
	p := InsecureTest(5)
	w := newWorld(t, p, 3, func(c *Config) { c.Verify = VerifyFull })
	out := w.squared(3, func(s *Session, c *Ciphertext) (round.Machine[Refreshed], error) {
		return s.Refresh(c, true, Output{Copies: []Copy{{0, 2}}})
	})
	if d := off(w.decrypt(out[0].Outputs[0]), []float64{0, 0, 9}); d > out[0].Outputs[0].bound.Err {
		t.Errorf("off by %g", d)
	}
	// There a wrong sum is not even possible: a changed share is named by each member.
	w.network = at(wire.Type_FOLDED, 6, "m00", inBody(&wire.Folded{}, func(f *wire.Folded) { f.Shares[1].Share[5] ^= 1 }))
	run(w, func(s *Session) (round.Machine[[]*Ciphertext], error) { return s.Input([]Plain{p.plain("x", 1, 1, 0)}) })
	w.mustBeOver("", wire.Code_OPENING, "share of m01")
}

// Several refreshes in one step yield what they yield one by one, and none twice.
func TestRefreshesTogetherAreThoseOneByOne(t *testing.T) {
	p := InsecureTest(5)
	w := newWorld(t, p, 3)
	must(w, keys)
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{p.plain("x", 8, 16, 1, 2), p.plain("y", 8, 16, 0.5)})
	})
	var prods [3][2]*Ciphertext
	for i, s := range w.sessions {
		for k := range 2 {
			var err error
			if prods[i][k], err = s.Product([2]*Ciphertext{in[i][0], in[i][k]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := w.sessions[0]
	one := Output{Copies: []Copy{{0, 0}, {1, 1}}}
	if _, err := s.RefreshAll(Part{C: prods[0][0], Retain: true}, Part{C: prods[0][0], Retain: true}); err == nil {
		t.Error("one ciphertext twice in a step")
	}
	if _, err := s.RefreshAll(make([]Part, MaxParts+1)...); err == nil {
		t.Error("more parts than a step has")
	}
	many := make([]Output, MaxPolys)
	if _, err := s.RefreshAll(Part{C: prods[0][0], Outputs: many}, Part{C: prods[0][1], Outputs: many}); err == nil {
		t.Error("more outputs than a step has")
	}
	out := must(w, func(s *Session) (round.Machine[[]Refreshed], error) {
		i := w.index(s)
		return s.RefreshAll(Part{prods[i][0], false, []Output{one, {Copies: []Copy{{2, 7}}}}}, Part{prods[i][1], true, []Output{one}})
	})
	// x = 3 + 6 X, y = 1.5
	for name, tc := range map[string]struct {
		c    *Ciphertext
		want []float64
	}{
		"x^2": {out[0][0].Outputs[0], []float64{9, 36, 0}}, "its last": {out[1][0].Outputs[1], []float64{0, 0, 0, 0, 0, 0, 0, 36, 0}}, "x y": {out[2][1].Outputs[0], []float64{4.5, 9, 0}},
	} {
		if d := off(w.decrypt(tc.c), tc.want); d > tc.c.bound.Err {
			t.Errorf("%s is off by %g, bound %g", name, d, tc.c.bound.Err)
		}
	}
	if out[0][0].Value != nil || out[0][1].Value == nil {
		t.Error("the wrong value was retained")
	}
}
