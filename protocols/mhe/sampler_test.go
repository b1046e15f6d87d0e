package mhe

import (
	"bytes"
	"math"
	"testing"
)

// Errors have the discrete Gaussian's frequencies, in both signs, and all rows hold the same integer.
func TestErrorsAreDiscreteGaussian(t *testing.T) {
	const rounds = 40
	p := InsecureTest(12)
	s := newErrorSampler(seeded(3), p.lit.Sigma)
	subs := p.rlwe.RingQ().SubRings
	count, n := map[int]float64{}, 0.0
	for range rounds {
		rows := p.alloc(shape{{1, p.top(), false}})
		if err := s.addTo(rows, subs); err != nil {
			t.Fatal(err)
		}
		for k := range rows[0] {
			x := int(rows[0][k])
			if rows[0][k] > subs[0].Modulus/2 {
				x = -int(subs[0].Modulus - rows[0][k])
			}
			for i, row := range rows {
				if want := (x + int(subs[i].Modulus)) % int(subs[i].Modulus); row[k] != uint64(want) {
					t.Fatalf("an error is %d modulo the first prime and %d modulo prime %d", x, row[k], i)
				}
			}
			count[x]++
			n++
		}
	}
	largest, total := int(errorBound*p.lit.Sigma), 0.0
	weight := func(x int) float64 { return math.Exp(-float64(x*x) / (2 * p.lit.Sigma * p.lit.Sigma)) }
	for x := -largest; x <= largest; x++ {
		total += weight(x)
	}
	chi2, cells := 0.0, 0
	for x := -largest; x <= largest; x++ {
		if want := n * weight(x) / total; want > 10 {
			chi2 += (count[x] - want) * (count[x] - want) / want
			cells++
		}
		delete(count, x)
	}
	if len(count) > 0 {
		t.Errorf("errors beyond %d: %v", largest, count)
	}
	if free := float64(cells - 1); chi2 > free+6*math.Sqrt(2*free) {
		t.Errorf("chi-square is %.1f with %d cells", chi2, cells)
	}
	if size, negative := s.draw(0); size != 0 || negative != 0 {
		t.Errorf("the smallest word yields %d, %d", size, negative)
	}
	if size, negative := s.draw(1); size != 0 || negative != 0 {
		t.Errorf("a negative zero: %d, %d", size, negative)
	}
	if size, negative := s.draw(math.MaxUint64); size != 19 || negative != math.MaxUint64 {
		t.Errorf("the largest word yields %d, %d", size, negative)
	}
}

// Every draw has a key of its own, and a source that ends is an error.
func TestRandomBytesAreDrawnUnderFreshKeys(t *testing.T) {
	r := bytes.NewReader(make([]byte, 33))
	x, err := newUniformBytes(r, 100)
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if b := x.next(); len(b) != 100 || bytes.Equal(b, make([]byte, 100)) {
			t.Fatalf("%x", b)
		}
	}
	if _, err := newUniformBytes(r, 100); err == nil {
		t.Error("one byte of randomness was taken for a key")
	}
	s := seeded(1)
	draw := func() []byte {
		x, err := newUniformBytes(s, 32)
		if err != nil {
			t.Fatal(err)
		}
		return x.next()
	}
	a, b := draw(), draw()
	if bytes.Equal(a, b) {
		t.Error("two draws are equal")
	}
}
