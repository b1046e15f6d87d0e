package secagg_test

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// masked runs sums in which every member contributes x in every cell, and
// returns the words of the masked vectors that the first member sent.
func masked(t *testing.T, seed uint64, x [2]uint64, words int, ask func(n, cells int) secagg.Ask) [][]uint64 {
	t.Helper()
	const cells = 1 << 14
	w := prototest.NewWith(t, seed, func(c *secagg.Charter) { c.Limits.Cells = cells }, "a", "b", "c")
	w.SetUp()
	var out [][]uint64
	w.Seen = func(m round.Message) {
		if e := prototest.Peek(m); m.From == "a" && e.Type == wire.Type_MASKED {
			bulk := new(wire.Masked)
			if err := wire.Decode(e.Bulk, bulk); err != nil {
				t.Fatal(err)
			}
			v := make([]uint64, 0, 2*cells)
			for k := 16; k < len(bulk.Vector); k += 8 { // without cell 0
				v = append(v, binary.LittleEndian.Uint64(bulk.Vector[k:]))
			}
			out = append(out, v)
		}
	}
	in := make([]secagg.Vector, 3)
	for i := range in {
		in[i] = slices.Repeat(secagg.Vector{x}, cells)
	}
	for n := 1; n*2*cells <= words; n++ {
		w.Sum(ask(n, cells), in)
	}
	return out
}

// looksUniform applies the tests whose false alarms are rarer than 1 in 10^9:
// each statistic is nearly normal, and 6.5 standard deviations are allowed.
func looksUniform(t *testing.T, name string, words []uint64) {
	t.Helper()
	n := float64(len(words))
	judge := func(what string, z float64) {
		if math.Abs(z) > 6.5 {
			t.Errorf("%s: %s is %.1f standard deviations off", name, what, z)
		}
	}
	var ones [64]float64
	var counts [8][256]float64
	above, serial := 0.0, 0.0
	for i, w := range words {
		for b := range 64 {
			ones[b] += float64(w >> b & 1)
		}
		for k := range 8 {
			counts[k][byte(w>>(8*k))]++
		}
		if i > 0 {
			serial += (float64(w>>11)/(1<<53) - 0.5) * (float64(words[i-1]>>11)/(1<<53) - 0.5) * 12
		}
		above += float64(bits.OnesCount64(w)) - 32
	}
	for b, c := range ones {
		judge("bit "+string(rune('0'+b/10))+string(rune('0'+b%10)), (c-n/2)/math.Sqrt(n/4))
	}
	for k := range counts {
		chi := 0.0
		for _, c := range counts[k] {
			chi += (c - n/256) * (c - n/256) / (n / 256)
		}
		judge("chi-square of byte "+string(rune('0'+k)), (chi-255)/math.Sqrt(2*255))
	}
	judge("serial correlation", serial/math.Sqrt(n-1))
	judge("number of ones", above/math.Sqrt(n*16))
	judge("Kolmogorov-Smirnov", kolmogorov(words)*math.Sqrt(n)/0.7) // P(D sqrt n > 4.5) < 1e-17
}

// kolmogorov is the largest distance from the uniform distribution.
func kolmogorov(words []uint64) float64 {
	s := slices.Clone(words)
	slices.Sort(s)
	d, n := 0.0, float64(len(s))
	for i, w := range s {
		u := float64(w) / (1 << 64)
		d = max(d, math.Abs(u-float64(i)/n), math.Abs(u-float64(i+1)/n))
	}
	return d
}

func TestMaskedVectorsAreUniform(t *testing.T) {
	zero := slices.Concat(masked(t, 11, [2]uint64{}, maskedWords, prototest.Ask)...)
	extreme := slices.Concat(masked(t, 11, [2]uint64{0, 1 << 63}, maskedWords, prototest.Ask)...)
	if len(zero) < maskedWords || len(zero) != len(extreme) {
		t.Fatalf("%d and %d words", len(zero), len(extreme))
	}
	looksUniform(t, "every cell 0", zero)
	looksUniform(t, "every cell 2^127", extreme)

	// Two samples: other seeds, so that the masks are not the same ones.
	other := slices.Concat(masked(t, 12, [2]uint64{0, 1 << 63}, maskedWords, prototest.Ask)...)
	both := make([]uint64, len(zero))
	for i := range both {
		both[i] = zero[i] - other[i]
	}
	looksUniform(t, "difference of two worlds", both)
}

// The test above can fail: vectors that are not masked do not pass it.
func TestUniformityTestsHavePower(t *testing.T) {
	var words []uint64
	d := prototest.Rand(13, "words")
	for range 1 << 14 {
		w := d.Uint64()
		if d.IntN(8) == 0 {
			w |= 1
		}
		words = append(words, w)
	}
	worst := 0.0
	n, ones := float64(len(words)), 0.0
	for _, w := range words {
		ones += float64(w & 1)
	}
	worst = (ones - n/2) / math.Sqrt(n/4)
	if worst < 6.5 {
		t.Errorf("a bit that is 1 in 56%% of words is only %.1f standard deviations off", worst)
	}
}

func TestMasksAreFreshForEveryLabel(t *testing.T) {
	for _, tc := range []struct {
		name string
		ask  func(n, cells int) secagg.Ask
	}{
		{"other ask", func(n, cells int) secagg.Ask {
			return secagg.Ask{Digest: prototest.Ask(n, cells).Digest, Cells: cells}
		}},
		{"other state", func(n, cells int) secagg.Ask { return secagg.Ask{State: prototest.Ask(n, cells).State, Cells: cells} }},
		{"the same ask and state again", func(_, cells int) secagg.Ask { return secagg.Ask{Cells: cells} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := masked(t, 14, [2]uint64{7, 0}, 1<<16, tc.ask)
			diff := make([]uint64, len(v[0]))
			for i := range diff {
				diff[i] = v[0][i] - v[1][i]
			}
			looksUniform(t, "difference of one input masked twice", diff)
		})
	}
	// Another attempt at the same sum, with the same inputs: other masks.
	a, b := masked(t, 15, [2]uint64{}, 1<<15, prototest.Ask)[0], masked(t, 16, [2]uint64{}, 1<<15, prototest.Ask)[0]
	diff := make([]uint64, len(a))
	for i := range diff {
		diff[i] = a[i] - b[i]
	}
	looksUniform(t, "difference of two sessions", diff)
}
