package mhe

import (
	"slices"
	"testing"
)

// The transform is the library's, at every degree and prime, also for the largest residues.
func TestTransformIsTheLibrarys(t *testing.T) {
	for _, logN := range []int{4, 5, 6, 9, 14} {
		p := InsecureTest(logN)
		for i := range len(p.lit.Q) + len(p.lit.P) {
			sub := p.subring(i)
			tr := newTransform(sub)
			random := make([]uint64, p.Degree())
			crs{}.stream(crp{level: i}).uniform(random, sub.Modulus)
			if tr.ahead < 2 || tr.inverse < 2 {
				t.Fatalf("prime %d: %d and %d layers without a reduction", i, tr.ahead, tr.inverse)
			}
			largest := slices.Repeat([]uint64{sub.Modulus - 1}, p.Degree())
			for name, x := range map[string][]uint64{"random": random, "largest": largest, "zero": make([]uint64, p.Degree())} {
				got, want := slices.Clone(x), make([]uint64, p.Degree())
				tr.ntt(got)
				sub.NTT(x, want)
				if !slices.Equal(got, want) {
					t.Fatalf("2^%d, prime %d: %s residues are transformed otherwise", logN, i, name)
				}
				tr.intt(got)
				if !slices.Equal(got, x) {
					t.Fatalf("2^%d, prime %d: %s residues do not come back", logN, i, name)
				}
				got = slices.Clone(x)
				tr.intt(got)
				sub.INTT(x, want)
				if !slices.Equal(got, want) {
					t.Fatalf("2^%d, prime %d: %s residues are transformed back otherwise", logN, i, name)
				}
			}
		}
	}
}

// Polynomials that end early are transformed as all others, wherever they end.
func TestShortPolynomialsAreTransformedAlike(t *testing.T) {
	for _, logN := range []int{4, 7, 10, 13, 14} {
		p := InsecureTest(logN)
		tr, sub, n := p.transforms[0], p.subring(0), p.Degree()
		for _, end := range []int{0, 1, 2, 3, 4, 5, n/16 - 1, n / 16, n/16 + 1, n / 8, n/4 - 1, n / 4, n/4 + 1, n / 2, n/2 + 1, n - 1, n} {
			end = max(0, end)
			x, want := make([]uint64, n), make([]uint64, n)
			crs{}.stream(crp{level: end}).uniform(x[:end], sub.Modulus)
			sub.NTT(x, want)
			tr.lazy(x, end)
			if tr.below(x); !slices.Equal(x, want) {
				t.Errorf("degree 2^%d, %d coefficients: transformed otherwise", logN, end)
			}
		}
	}
}

// What is added to or taken from a transform that was not reduced is as if it had been, also where
// everything is as large as it gets.
func TestSumsWithTransformsThatAreNotReduced(t *testing.T) {
	p := InsecureTest(10)
	for i := range len(p.lit.Q) + len(p.lit.P) {
		tr, q := p.transforms[i], p.prime(i)
		most := 2 * uint64(tr.ahead+1) * q // of what lazy leaves
		if most+2*q < most {
			t.Fatalf("prime %d: %d layers leave nothing for a sum", i, tr.ahead)
		}
		for _, x := range []uint64{0, 1, q - 1, q, most - 1} {
			for _, a := range []uint64{0, 1, q / 2, q - 1} {
				got, sum := []uint64{x}, []uint64{a}
				tr.addLazy(got, sum)
				if want := (x%q + a) % q; sum[0] != want {
					t.Errorf("prime %d: %d + %d is %d, want %d", i, x, a, sum[0], want)
				}
				tr.lessProduct(got, []uint64{a}, []uint64{q - 1})
				if want := (x%q + q - tr.times(a, q-1)) % q; got[0] != want {
					t.Errorf("prime %d: %d - %d (q-1) is %d, want %d", i, x, a, got[0], want)
				}
			}
		}
	}
}
