package fixed

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

var mask128 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))

// value is a cell's exact value in steps.
func value(v [2]uint64) *big.Int {
	return Totals{cells: make([]Cell, 1), v: [][2]uint64{v}}.Int(0)
}

func TestProductsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New([]Cell{{Max: math.MaxFloat64, Step: One()}})
		want := new(big.Int)
		for range rapid.IntRange(1, 5).Draw(t, "terms") {
			a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
			s.AddProduct(0, a, b)
			want.Add(want, new(big.Int).Mul(big.NewInt(a), big.NewInt(b)))
		}
		wrapped := new(big.Int).And(want, mask128)
		if got := new(big.Int).And(value(s.Words()[0]), mask128); got.Cmp(wrapped) != 0 {
			t.Fatalf("got %v, want %v", got, wrapped)
		}
	})
}

func TestFloatsAreAddedAtTheNearestStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.IntRange(-120, 20).Draw(t, "exponent of the step")
		x := rapid.Float64Range(-1e6, 1e6).Draw(t, "x")
		s := New([]Cell{{Max: 1e6, Step: Pow2(e)}})
		s.AddFloat(0, x)
		if err := s.Check(1); err != nil && math.Abs(x) < math.Ldexp(1, e+125) {
			t.Fatal(err)
		} else if err != nil {
			return
		}
		got, _ := new(big.Float).SetPrec(400).SetInt(value(s.Words()[0])).Float64()
		if d := math.Abs(math.Ldexp(got, e) - x); d > math.Ldexp(0.5, e) {
			t.Fatalf("off by %g, step %g", d, math.Ldexp(1, e))
		}
	})
}

func TestTotalsDecodeToWhatWasAdded(t *testing.T) {
	cells := []Cell{{Max: 10, Step: Decimal(1, -1)}, Binary(1000, 1<<32), {Max: 1, Step: One()}, {Max: 4, Step: Decimal(5, -2).Mul(Decimal(5, -2))}}
	s := New(cells)
	s.Add(0, -37)
	s.AddFloat(1, -0.1)
	s.Add(2, 3)
	s.AddProduct(3, 7, -3)
	s.AddProduct(3, -1, 1)
	got, err := Decode(cells, s.Words(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{-3.7, -0.1, 3, -22 * 0.0025} {
		if got.Float(i) != want {
			t.Errorf("cell %d: got %v, want %v", i, got.Float(i), want)
		}
	}
	if got.Count(2) != 3 {
		t.Errorf("count: got %d, want 3", got.Count(2))
	}
}

func TestBeyondTheBoundIsAnErrorNeverAClip(t *testing.T) {
	for name, add := range map[string]func(*Sums){
		"a sum above its rows": func(s *Sums) { s.Add(0, 11) },
		"a sum below its rows": func(s *Sums) { s.Add(0, -11) },
		"not a number":         func(s *Sums) { s.AddFloat(0, math.NaN()) },
		"infinite":             func(s *Sums) { s.AddFloat(0, math.Inf(-1)) },
		"larger than a cell":   func(s *Sums) { s.AddFloat(0, 1e300) },
		"in a slice":           func(s *Sums) { s.Slice(0, 1).AddFloat(0, math.NaN()) },
	} {
		s := New([]Cell{{Max: 1, Step: One()}})
		add(s)
		if s.Check(10) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Decode([]Cell{{Max: 1, Step: One()}}, [][2]uint64{{11, 0}}, 10); err == nil {
		t.Error("a total above its bound was accepted")
	}
	if _, err := Decode([]Cell{{Max: 1, Step: One()}}, nil, 10); err == nil {
		t.Error("a missing word was accepted")
	}
}

func TestBinaryStepsCannotOverflow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.Float64Range(1e-200, 1e200).Draw(t, "bound")
		rows := rapid.Uint64Range(1, 1<<40).Draw(t, "rows")
		c := Binary(bound, rows)
		steps := new(big.Float).SetPrec(Prec).Quo(new(big.Float).SetPrec(Prec).Mul(big.NewFloat(bound), new(big.Float).SetUint64(rows)), c.Step.Big())
		if limit := new(big.Float).SetMantExp(big.NewFloat(1), Headroom); steps.Cmp(limit) > 0 {
			t.Fatalf("%v steps", steps)
		}
		if least := new(big.Float).SetMantExp(big.NewFloat(1), Headroom-2); steps.Cmp(least) < 0 {
			t.Fatalf("only %v steps: resolution is wasted", steps)
		}
	})
}
