package mhe

import (
	"math/big"
	"testing"
)

func TestMasksAreUniformSignedIntegers(t *testing.T) {
	for _, bits := range []int{1, 7, 64, 65, 128, 245, 246, 256} {
		const n = 2000
		masks := make([]wide, n)
		if err := uniformMasks(seeded(byte(bits)), masks, bits); err != nil {
			t.Fatal(err)
		}
		half, negative := pow2(uint(bits-1)), 0
		var ones [256]int
		for _, m := range masks {
			x := m.big()
			if x.Cmp(half) >= 0 || x.Cmp(new(big.Int).Neg(half)) < 0 {
				t.Fatalf("%d bits: %v is out of range", bits, x)
			}
			if x.Sign() < 0 {
				negative++
			}
			for b := range bits {
				ones[b] += int(m[b/64] >> (b % 64) & 1)
			}
		}
		for b := range bits {
			if d := ones[b] - n/2; d*d > 45*n/4 { // 6.7 standard deviations
				t.Errorf("%d bits: bit %d is set in %d of %d masks", bits, b, ones[b], n)
			}
		}
		if bits > 1 && (negative-n/2)*(negative-n/2) > 45*n/4 {
			t.Errorf("%d bits: %d of %d masks are negative", bits, negative, n)
		}
	}
}

// Residues of one number agree across primes, for numbers beyond any prime:
// rebuilding them gives the number back.
func TestResiduesAreThoseOfOneNumber(t *testing.T) {
	p := InsecureTest(4)
	for level := range p.lit.Q[:p.low()+1] {
		subs := p.rlwe.RingQ().AtLevel(level).SubRings[:level+1]
		bits := min(product(p.lit.Q[:level+1]).BitLen()-1, p.lit.LogMask)
		masks := make([]wide, 500)
		if err := uniformMasks(seeded(byte(level)), masks, bits); err != nil {
			t.Fatal(err)
		}
		g := newGarner(subs)
		rows := make([][]uint64, level+1)
		for i, s := range subs {
			r := newReducer(s)
			for k := range masks {
				rows[i] = append(rows[i], r.mod(&masks[k]))
				want := new(big.Int).Mod(masks[k].big(), new(big.Int).SetUint64(s.Modulus))
				if rows[i][k] != want.Uint64() {
					t.Fatalf("level %d prime %d: residue %d, want %v", level, i, rows[i][k], want)
				}
			}
		}
		for k := range masks {
			if got := g.value(rows, k); got != masks[k] {
				t.Fatalf("level %d: rebuilt %v, want %v", level, got.big(), masks[k].big())
			}
		}
	}
}

func TestFactorRoundsToNearest(t *testing.T) {
	masks := make([]wide, 300)
	if err := uniformMasks(seeded(5), masks, 256); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		num   *big.Int
		shift uint
	}{
		{big.NewInt(1), 0}, {big.NewInt(5), 1}, {pow2(98), 98}, {new(big.Int).Sub(pow2(140), one), 138}, {big.NewInt(3), 64},
		{new(big.Int).Mul(new(big.Int).SetUint64(Standard().Q[5]), new(big.Int).SetUint64(Standard().Q[6])), 98}, {big.NewInt(7), 128}, {one, 300},
	} {
		f, err := newFactor(tc.num, tc.shift)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range masks {
			x := m.big()
			want := new(big.Int).Mul(new(big.Int).Abs(x), tc.num)
			if tc.shift > 0 {
				want.Add(want, pow2(tc.shift-1)).Rsh(want, tc.shift)
			}
			if x.Sign() < 0 {
				want.Neg(want)
			}
			if got := f.times(m).big(); got.Cmp(want) != 0 {
				t.Fatalf("%v * %v / 2^%d: got %v, want %v", x, tc.num, tc.shift, got, want)
			}
		}
	}
	for _, bad := range []*big.Int{big.NewInt(0), big.NewInt(-3), pow2(60), pow2(192)} {
		if _, err := newFactor(bad, 20); err == nil {
			t.Errorf("factor %v / 2^20 was accepted", bad)
		}
	}
}

func TestWideArithmeticIsThatOfIntegers(t *testing.T) {
	masks := make([]wide, 200)
	if err := uniformMasks(seeded(6), masks, 256); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(masks); i++ {
		a, b := masks[i-1], masks[i]
		if got, want := a.add(b).big(), new(big.Int).Add(a.big(), b.big()); got.Cmp(want) != 0 {
			t.Fatalf("sum: got %v, want %v", got, want)
		}
		if got, want := a.less(b), a.big().Cmp(b.big()) < 0; got != want {
			t.Fatalf("%v < %v: got %v", a.big(), b.big(), got)
		}
		if w, ok := toWide(a.big()); !ok || w != a {
			t.Fatalf("toWide(%v) is %v", a.big(), w.big())
		}
	}
	if _, ok := toWide(pow2(320)); ok {
		t.Error("2^320 was taken as fitting 320 bits")
	}
}
