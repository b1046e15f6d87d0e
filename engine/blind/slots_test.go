package blind

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// cosine is cos(pi k / d) by its series, with 300 bits.
func cosine(k, d int) *big.Float {
	const prec = 300
	pi, _, _ := big.ParseFloat("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651328230664709384460955058223172535940812848111745", 10, prec, big.ToNearestEven)
	x := new(big.Float).SetPrec(prec).SetInt64(int64(k % (2 * d)))
	x.Mul(x, pi).Quo(x, new(big.Float).SetInt64(int64(d)))
	x.Mul(x, x)
	sum, term := new(big.Float).SetPrec(prec).SetInt64(1), new(big.Float).SetPrec(prec).SetInt64(1)
	for i := int64(1); i < 60; i++ {
		term.Mul(term, x).Quo(term, new(big.Float).SetPrec(prec).SetInt64((2*i-1)*2*i)).Neg(term)
		sum.Add(sum, term)
	}
	return sum
}

func valueOf(f fraction) *big.Float {
	x := new(big.Float).SetPrec(300).SetInt(f.integer(fractionBits))
	return x.SetMantExp(x, -fractionBits)
}

// The transform is the sum of cosines that it says, within 2^-119 of values up to 1.
func TestTheTransformIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range []int{2, 8, 64, 8192} {
		s := newSlots(m)
		worst := 0.0
		for _, kind := range []string{"counts", "order", "one cell", "all"} {
			v := make([]float64, m)
			for j := range v {
				switch {
				case kind == "counts" && j%(1+m/100) == 0:
					v[j] = float64(r.IntN(1000)) / (1 << 10) / float64(m)
				case kind == "order":
					v[j] = float64(2*j-m+1) / float64(m)
				case kind == "all":
					v[j] = 1
				}
			}
			if kind == "one cell" {
				v[r.IntN(m)] = 1
			}
			a := s.coefficients(v)
			for range min(m, 2+400/m) {
				k := r.IntN(m)
				want := new(big.Float).SetPrec(300)
				for j, x := range v {
					if x != 0 {
						want.Add(want, new(big.Float).SetPrec(300).Mul(new(big.Float).SetFloat64(x), cosine(k*(2*j+1), 2*m)))
					}
				}
				want.Quo(want, new(big.Float).SetInt64(int64(m)))
				off, _ := new(big.Float).Sub(valueOf(a[k]), want).Float64()
				worst = max(worst, math.Abs(off))
				if k > 0 && a[2*m-k] != a[k].neg() {
					t.Fatalf("coefficient %d of %d is not minus coefficient %d", 2*m-k, 2*m, k)
				}
			}
		}
		t.Logf("%d slots: 2^%.1f", m, math.Log2(worst))
		if worst > 0x1p-119 {
			t.Errorf("%d slots: an error of 2^%.1f", m, math.Log2(worst))
		}
	}
}

// The ring's product of two transforms is the transform of the products of the values.
func TestTheRingMultipliesSlots(t *testing.T) {
	const m = 16
	s, r := newSlots(m), rand.New(rand.NewPCG(3, 4))
	x, y, xy := make([]float64, m), make([]float64, m), make([]float64, m)
	for j := range m {
		x[j], y[j] = float64(r.IntN(200)-100)/256, float64(r.IntN(200)-100)/256
		xy[j] = x[j] * y[j]
	}
	a, b, want := s.coefficients(x), s.coefficients(y), s.coefficients(xy)
	got := make([]*big.Float, 2*m)
	for k := range got {
		got[k] = new(big.Float).SetPrec(300)
	}
	for i := range a {
		for j := range b {
			p := new(big.Float).SetPrec(300).Mul(valueOf(a[i]), valueOf(b[j]))
			if k := i + j; k < 2*m {
				got[k].Add(got[k], p)
			} else { // X^n = -1
				got[k-2*m].Sub(got[k-2*m], p)
			}
		}
	}
	for k := range got {
		if off, _ := new(big.Float).Sub(got[k], valueOf(want[k])).Float64(); math.Abs(off) > 0x1p-118 {
			t.Errorf("coefficient %d is off by 2^%.1f", k, math.Log2(math.Abs(off)))
		}
	}
}

func TestFractionsMultiplyToTheNearestUnit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		draw := func() fraction { return fraction{r.Int64()>>2 - 1<<60, r.Uint64()} }
		a, b := draw(), draw()
		want := new(big.Float).SetPrec(300).Mul(valueOf(a), valueOf(b))
		off, _ := want.Sub(valueOf(a.mul(b)), want).Float64()
		if math.Abs(off) > 0x1p-126 {
			t.Fatalf("%v times %v is off by 2^%.2f", a, b, math.Log2(math.Abs(off)))
		}
		x := math.Ldexp(r.Float64()*2-1, -r.IntN(90))
		if off, _ := new(big.Float).Sub(valueOf(fractionOf(x)), new(big.Float).SetFloat64(x)).Float64(); math.Abs(off) > 0x1p-125 {
			t.Fatalf("%v is off by %v", x, off)
		}
	}
}
