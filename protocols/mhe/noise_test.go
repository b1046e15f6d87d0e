package mhe

import (
	"math"
	"math/big"
	"math/rand/v2"
	"sort"
	"testing"
)

// seeded is randomness that a test can print the seed of.
func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func draw(t *testing.T, seed byte, sigma *big.Int, n int) []*big.Int {
	t.Helper()
	g, err := NewGaussian(seeded(seed), sigma)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*big.Int, n)
	for i := range out {
		if out[i], err = g.Sample(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func pow2(k uint) *big.Int { return new(big.Int).Lsh(one, k) }

// At small sigma every probability is known: a chi-squared test of all cells
// that matter, false alarm below 1e-9.
func TestGaussianHasItsExactProbabilities(t *testing.T) {
	const n = 60000
	for _, sigma := range []int64{1, 3, 20} {
		counts := map[int64]float64{}
		for _, x := range draw(t, 1, big.NewInt(sigma), n) {
			counts[x.Int64()]++
		}
		norm := 0.0
		weight := func(x int64) float64 { return math.Exp(-float64(x*x) / (2 * float64(sigma*sigma))) }
		for x := -20 * sigma; x <= 20*sigma; x++ {
			norm += weight(x)
		}
		chi, cells := 0.0, 0
		for x := -3 * sigma; x <= 3*sigma; x++ {
			want := n * weight(x) / norm
			chi += (counts[x] - want) * (counts[x] - want) / want
			cells++
		}
		// Wilson and Hilferty: 6 standard deviations.
		k := float64(cells)
		if z := (math.Cbrt(chi/k) - 1 + 2/(9*k)) / math.Sqrt(2/(9*k)); z > 6 {
			t.Errorf("sigma %d: chi-squared is %.1f on %d cells", sigma, chi, cells)
		}
	}
}

// Kolmogorov's distance and the variance, at the sizes that flooding uses.
func TestGaussianHasItsShapeAtEverySize(t *testing.T) {
	const n = 4000
	for _, k := range []uint{10, 40, 64, 100, 160} {
		sigma := pow2(k)
		z := make([]float64, n)
		variance := 0.0
		for i, x := range draw(t, byte(k), sigma, n) {
			z[i], _ = new(big.Rat).SetFrac(x, sigma).Float64()
			variance += z[i] * z[i] / n
		}
		sort.Float64s(z)
		worst := 0.0
		for i, x := range z {
			f := 0.5 * math.Erfc(-x/math.Sqrt2)
			worst = max(worst, math.Abs(f-float64(i)/n), math.Abs(f-float64(i+1)/n))
		}
		// P(sqrt(n) D > 3.4) is about 2 exp(-2 * 3.4^2) = 2e-10.
		if d := worst * math.Sqrt(n); d > 3.4 {
			t.Errorf("sigma 2^%d: Kolmogorov's statistic is %.2f", k, d)
		}
		if math.Abs(variance-1) > 6.5*math.Sqrt(2.0/n) {
			t.Errorf("sigma 2^%d: variance is %.3f sigma^2", k, variance)
		}
	}
}

// The library's sampler has 62 to 82 repetitions in 2^19 draws at any sigma;
// noise that fills the integers has none. 2^14 draws are enough: with 2^31 magnitudes
// a repetition would be expected in one run of 16, so the draws are also looked at bit by bit.
func TestGaussianNoiseFillsTheIntegers(t *testing.T) {
	const n = birthdayDraws
	seen := map[string]bool{}
	var ones [48]float64
	for _, x := range draw(t, 7, pow2(60), n) {
		m := x.Abs(x).String()
		if seen[m] {
			t.Fatalf("a magnitude came twice in %d draws at sigma 2^60", n)
		}
		seen[m] = true
		for b := range ones {
			ones[b] += float64(x.Bit(b))
		}
	}
	for b, c := range ones {
		if z := (c - n/2) / math.Sqrt(n/4); math.Abs(z) > 6.5 {
			t.Errorf("bit %d of the noise is 1 in %.0f of %d draws", b, c, n)
		}
	}
}

// Stripping: an adversary who knows the support of the noise rounds an
// observation to the nearest point of it and reads off what was hidden. Against the
// integers themselves that yields nothing: e mod 1 is 0 for every e.
func TestStrippingRecoversNoMoreThanChance(t *testing.T) {
	const n, hidden = 4000, 1 << 11
	r := rand.New(rand.NewPCG(3, 3))
	sigma := pow2(50)
	hits := 0
	for _, g := range draw(t, 9, sigma, n) {
		e := r.Int64N(2*hidden) - hidden
		y := new(big.Int).Add(g, big.NewInt(e))
		// The gaps of the library's support at this sigma: sigma * 2^-30.
		gap := pow2(20)
		rest := new(big.Int).Mod(y, gap)
		if rest.Int64() > 1<<19 {
			rest.Sub(rest, gap)
		}
		if rest.Int64() == e {
			hits++
		}
	}
	if hits > 5 { // chance: n / 2^20
		t.Errorf("stripping recovered %d of %d hidden values", hits, n)
	}
}

func TestGaussianDrawsAtEveryPower(t *testing.T) {
	for k := uint(0); k <= 160; k += powerStep {
		for _, x := range draw(t, byte(k), pow2(k), powerDraws) {
			if x.BitLen() > int(k)+6 {
				t.Errorf("sigma 2^%d: a draw of %d bits", k, x.BitLen())
			}
		}
	}
	for _, s := range []*big.Int{big.NewInt(0), big.NewInt(-1), pow2(200)} {
		if _, err := NewGaussian(seeded(1), s); err == nil {
			t.Errorf("sigma %v was accepted", s)
		}
	}
}

type dryReader struct{}

func (dryReader) Read([]byte) (int, error) { return 0, errDry }

var errDry = &dryError{}

type dryError struct{}

func (*dryError) Error() string { return "dry" }

func TestGaussianSaysWhenRandomnessEnds(t *testing.T) {
	g, err := NewGaussian(dryReader{}, pow2(40))
	if err != nil {
		t.Fatal(err)
	}
	if x, err := g.Sample(); err == nil {
		t.Errorf("got %v without randomness", x)
	}
}
