package mhe

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// total adds members' terms as a masked sum does.
func total(terms ...[][2]uint64) [][2]uint64 {
	out := make([][2]uint64, len(terms[0]))
	for k := range out {
		x := new(big.Int)
		for _, t := range terms {
			w := new(big.Int).Lsh(new(big.Int).SetUint64(t[k][1]), 64)
			x.Add(x, w.Or(w, new(big.Int).SetUint64(t[k][0])))
		}
		out[k] = word128(x)
	}
	return out
}

func retain(s *Session, c *Ciphertext) (round.Machine[Refreshed], error) {
	return s.Refresh(c, true)
}

func TestASquareIsOpenedWithinItsNoise(t *testing.T) {
	p := InsecureTest(5)
	for _, n := range []int{2, 3, 5} {
		w := newWorld(t, p, n, withRegistry(t, p, n))
		v := w.squared(float64(n), retain)
		open := must(w, func(s *Session) (round.Machine[*Opening], error) {
			return s.Open("square", v[w.index(s)].Value, []int{0})
		})
		var terms [][][2]uint64
		for _, o := range open {
			if o.Digest != open[0].Digest {
				t.Error("members open different things")
			}
			terms = append(terms, o.Terms)
		}
		got, err := open[0].Read(total(terms...))
		if err != nil {
			t.Fatal(err)
		}
		// The noise is far below what a float64 shows: look at the integer.
		c, sum := open[0].Circuit, total(terms...)[0]
		y := new(big.Int).Lsh(new(big.Int).SetUint64(sum[1]), 64)
		y.Or(y, new(big.Int).SetUint64(sum[0])).Sub(y, new(big.Int).Lsh(big.NewInt(int64(n*n)), uint(c.Grid)))
		seen, _ := new(big.Float).SetInt(y).Float64()
		spread := math.Ldexp(c.Spread(n), c.Grid)
		if got[0] != float64(n*n) || math.Abs(seen) > 7*spread || math.Abs(seen) < 1e-6*spread {
			t.Errorf("%d members: opened %.15f, want %d; %g units of noise, spread %g", n, got[0], n*n, seen, spread)
		}
		// One term alone says nothing: it is a mask of 2^148 units of the value.
		if one, err := open[0].Read(terms[1]); err == nil {
			t.Errorf("one member's term reads as %v", one)
		}
	}
}

// The whole way, with the masked sums that open it and the set-up they share.
func TestOpeningThroughAMaskedSum(t *testing.T) {
	p := InsecureTest(5)
	w := newWorld(t, p, 3, withRegistry(t, p, 3))
	v := w.squared(4, retain)
	open := must(w, func(s *Session) (round.Machine[*Opening], error) {
		return s.Open("square", v[w.index(s)].Value, []int{0})
	})
	for _, total := range w.sum(1, func(i int) secagg.Vector { return open[i].Terms }, open[0].Digest) {
		got, err := open[0].Read(total.Sum)
		if err != nil || math.Abs(got[0]-16) > 1e-9 {
			t.Errorf("opened %v, want 16 (%v)", got, err)
		}
	}
}

// The ledger: what may be opened, and how often.
func TestOpeningsAreCounted(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2, withRegistry(t, p, 2))
	must(w, keys)
	s := w.sessions[0]
	value := func() *Retained {
		b := NewCalculus(p, 2).Product([2]Bound{{Max: 1, Sum: 1}, {Max: 1, Sum: 1}})
		return &Retained{owner: s, share: make([]wide, 16), scale: p.scale(), bound: b}
	}
	refused := func(name string, v *Retained, cells [][]int, want string) {
		t.Helper()
		if _, err := s.Open(name, v, cells...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	coarse, large, other := value(), value(), value()
	coarse.bound.Err, large.bound.Max, other.owner = 1e-12, 1e5, w.sessions[1]
	refused("cube", value(), [][]int{{0}}, "not in the registry")
	refused("square", value(), [][]int{{0}, {1}}, "has 1")
	refused("square", value(), [][]int{{16}}, "each below 16 once")
	refused("square", value(), [][]int{{0, 1}}, "a cell of 2 coefficients")
	refused("square", value(), [][]int{{}}, "a cell of 0 coefficients")
	refused("square", coarse, [][]int{{0}}, "would not cover it")
	refused("square", large, [][]int{{0}}, "values of up to")
	refused("square", other, [][]int{{0}}, "another session")
	refused("square", nil, [][]int{{0}}, "another session")

	first := value()
	for i := range 2 {
		v := value()
		if i == 0 {
			v = first
		}
		vs := map[*Session]*Retained{s: v, w.sessions[1]: value()}
		vs[w.sessions[1]].owner = w.sessions[1]
		must(w, func(s *Session) (round.Machine[*Opening], error) { return s.Open("square", vs[s], []int{3}) })
		refused("square", v, [][]int{{3}}, "never is again")
	}
	refused("square", value(), [][]int{{0}}, "the registry has no more")
	if err := s.Burn(); err != nil {
		t.Fatal(err)
	}
	refused("square", value(), [][]int{{0}}, "key is gone")
	// After a restart there is no session to open anything with.
	if _, err := New(w.configs[0]); err == nil {
		t.Error("a second session for one attempt")
	}
}

// Two worlds: the error at its worst below, and at its worst above. What an
// observer who knows everything but the noise sees must not tell them apart
// better than the noise was sized for; without the noise it tells them at once.
func TestOpeningNoiseHidesTheError(t *testing.T) {
	const n = twoWorldDraws
	p := InsecureTest(4)
	w := newWorld(t, p, 2)
	s := w.sessions[0]
	r := &Registry{params: p, members: 2, security: 12} // reduced, so that n draws could see a fault
	if err := r.Add("x", 1, 1, func(c Calculus) (Bound, error) {
		x := c.Input(8, 8)
		return c.Product([2]Bound{x, x}), nil
	}); err != nil {
		t.Fatal(err)
	}
	c, err := r.Circuit("x")
	if err != nil {
		t.Fatal(err)
	}
	known := new(big.Int).Lsh(big.NewInt(5), 97) // value and all other shares
	eps := p.Fixed(c.Eps)
	above := func(c Circuit, e *big.Int) float64 {
		hits := 0.0
		s.openings = map[string]int{}
		share, _ := toWide(new(big.Int).Add(known, e))
		for range n {
			v := &Retained{owner: s, share: []wide{share}, scale: p.scale()}
			terms, err := s.terms(c, v, [][]int{{0}})
			if err != nil {
				t.Fatal(err)
			}
			// The best test of two shifted bell curves: which side of the middle.
			y := new(big.Int).Lsh(new(big.Int).SetUint64(terms[0][1]), 64)
			y.Or(y, new(big.Int).SetUint64(terms[0][0]))
			middle := new(big.Int).Rsh(new(big.Int).Lsh(known, uint(c.Grid)), 98)
			if y.Cmp(middle) > 0 {
				hits++
			}
		}
		return hits / n
	}
	advantage := math.Abs(above(c, eps) - above(c, new(big.Int).Neg(eps)))
	// Shift of 2 eps over sigma, plus sampling error at 1e-9.
	allowed := 2*math.Ldexp(c.Eps, c.Grid)/float64(c.Sigma.Int64())/math.Sqrt(2*math.Pi) + 6.2*math.Sqrt(0.5/n)
	if advantage > allowed {
		t.Errorf("advantage %.4f with noise, want at most %.4f", advantage, allowed)
	}
	bare := c
	bare.Sigma = big.NewInt(1)
	if a := math.Abs(above(bare, eps) - above(bare, new(big.Int).Neg(eps))); a < 0.99 {
		t.Errorf("advantage %.4f without noise: the test has no power", a)
	}
}

// The noise grows with everything it must: security, cells, openings, error.
func TestNoiseIsSizedFromTheRegistry(t *testing.T) {
	p := InsecureTest(5)
	sigma := func(security, cells, times int, err float64) float64 {
		r, e := NewRegistry(p, 3, security)
		if e != nil {
			t.Fatal(e)
		}
		if e := r.Add("c", cells, times, func(Calculus) (Bound, error) { return Bound{Max: 1, Sum: 1, Err: err}, nil }); e != nil {
			t.Fatal(e)
		}
		c, e := r.Circuit("c")
		if e != nil {
			t.Fatal(e)
		}
		return c.Spread(1)
	}
	for _, tc := range []struct {
		what      string
		got, want float64
	}{
		// eps sqrt(24 * 34 * 2) 2^32 = 2^37.3 eps, for s = 64, 32 cells and tau = 2.
		{"as specified", sigma(64, 32, 2, 0x1p-60), 0x1p-60 * math.Sqrt(24*34*2) * 0x1p32},
		{"more security", sigma(66, 32, 2, 0x1p-60), 0x1p-60 * math.Sqrt(24*34*2) * 0x1p33},
		{"one cell", sigma(64, 1, 2, 0x1p-60), 0x1p-60 * math.Sqrt(24*3*2) * 0x1p32},
		{"8 openings", sigma(64, 32, 8, 0x1p-60), 0x1p-60 * math.Sqrt(24*34*8) * 0x1p32},
		{"a larger error", sigma(64, 32, 2, 0x1p-50), 0x1p-50 * math.Sqrt(24*34*2) * 0x1p32},
	} {
		if tc.got < tc.want || tc.got > 1.003*tc.want {
			t.Errorf("%s: sigma %g, want %g", tc.what, tc.got, tc.want)
		}
	}
}

func TestRegistryRefusesWhatItCannotCover(t *testing.T) {
	p := InsecureTest(5)
	ok := func(Calculus) (Bound, error) { return Bound{Max: 1, Sum: 1, Err: 1e-20}, nil }
	for _, tc := range []struct {
		name         string
		cells, times int
		bound        func(Calculus) (Bound, error)
		err          string
	}{
		{"", 1, 1, ok, "circuit"}, {"a", 0, 1, ok, "circuit"}, {"a", 1, 0, ok, "circuit"}, {"a", 33, 1, ok, "circuit"}, {"taken", 1, 1, ok, "two circuits"},
		{"coarse", 1, 1, func(Calculus) (Bound, error) { return Bound{Max: 1, Err: 1e-3}, nil }, "too coarse"},
		{"huge", 1, 1, func(Calculus) (Bound, error) { return Bound{Max: 1 << 25, Err: 1e-9}, nil }, "too coarse"},
		{"nan", 1, 1, func(Calculus) (Bound, error) { return Bound{Max: 1, Err: math.NaN()}, nil }, "too coarse"},
	} {
		r, err := NewRegistry(p, 3, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add("taken", 1, 1, ok); err != nil {
			t.Fatal(err)
		}
		if err := r.Add(tc.name, tc.cells, tc.times, tc.bound); err == nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%q: %v, want %q", tc.name, err, tc.err)
		}
	}
	for _, bad := range [][2]int{{1, 64}, {201, 64}, {3, 39}, {3, 129}} {
		if _, err := NewRegistry(p, bad[0], bad[1]); err == nil {
			t.Errorf("%d members, %d bits were accepted", bad[0], bad[1])
		}
	}
}

// Members who agreed on different registries do not get past the coin.
func TestAnotherRegistryIsNoticedAtOnce(t *testing.T) {
	p := InsecureTest(4)
	i := 0
	w := newWorld(t, p, 2, func(c *Config) {
		if i++; i == 2 {
			withRegistry(t, p, 2)(c)
		}
	})
	run(w, keys)
	for i, err := range w.err {
		if err == nil || !strings.Contains(err.Error(), "work of") {
			t.Errorf("member %d: %v", i, err)
		}
	}
}

// Each circuit has its own number of openings: what one leaves over is not another's.
func TestOpeningsAreCountedByCircuit(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2, withRegistry(t, p, 2), func(c *Config) {
		if err := c.Registry.Add(fmt.Sprintf("other %s", c.Session.ID), 1, 5, func(Calculus) (Bound, error) { return Bound{Max: 1, Err: 1e-20}, nil }); err != nil {
			t.Fatal(err)
		}
	})
	s := w.sessions[0]
	s.openings = map[string]int{"square": 2}
	s.opened = 2
	v := &Retained{owner: s, share: make([]wide, 16), scale: p.scale(), bound: Bound{Max: 1, Err: 1e-30}}
	if _, err := s.Open("square", v, []int{0}); err == nil || !strings.Contains(err.Error(), "was opened 2 times") {
		t.Errorf("got %v", err)
	}
}
