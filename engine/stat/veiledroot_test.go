package stat

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// startNoise is the standard deviation of what opening a solution adds, here.
const startNoise = 0x1p-20

// solved is a Root computed in the clear.
type solved struct {
	traceP, correction float64
	corrected          bool
	b                  []float64
	rho                float64 // condition of A
	first              float64
	rate               float64    // of the last correction to the one before
	sums               [4]float64 // absolute values of the coefficients
}

var lastSolved solved

// rootInTheClear computes what Root says, and checks that every input is within its bounds.
func rootInTheClear(t *testing.T, r *Root, inputs []Input) solved {
	t.Helper()
	monomials := Monomials(r.Dim, r.Degree)
	if r.Degree == 1 {
		monomials = nil
	}
	total := RootTerm{A: make([][]float64, r.Dim), Right: make([]float64, r.Dim), Score: make([][]float64, r.Dim)}
	for j := range r.Dim {
		total.A[j], total.Score[j] = make([]float64, r.Dim), make([]float64, len(monomials))
	}
	for _, in := range inputs {
		withinLargest(t, r, in.Root, monomials)
		for j := range r.Dim {
			total.Right[j] += in.Root.Right[j]
			for k, x := range in.Root.A[j] {
				total.A[j][k] += x
			}
			for k := range monomials {
				total.Score[j][k] += in.Root.Score[j][k]
			}
		}
	}
	s := solved{corrected: r.Corrections > 0, sums: withinLargest(t, r, &total, monomials)}
	a := mat.NewSymDense(r.Dim, nil)
	for j := range r.Dim {
		for k, x := range total.A[j] {
			if x != total.A[k][j] {
				t.Fatalf("A is not symmetric at %d, %d", j, k)
			}
			a.SetSym(j, k, x)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(a, true) {
		t.Fatal("A has no eigenvalues")
	}
	var v mat.Dense
	e.VectorsTo(&v)
	inverse := mat.NewDense(r.Dim, r.Dim, nil)
	for i, l := range e.Values(nil) {
		if l > 1+1e-9 {
			t.Fatalf("A has the eigenvalue %v, want at most 1", l)
		}
		x := r.Condition // what the iteration makes of an eigenvalue it was not made for
		if l >= 1/r.Condition {
			x = 1 / l
		}
		s.traceP += math.Max(0, l*x)
		if i == 0 {
			s.rho = 1 / math.Max(l, 1e-300)
		}
		inverse.RankOne(inverse, x, v.ColView(i), v.ColView(i))
	}
	times := func(x []float64) []float64 {
		y := mat.NewVecDense(r.Dim, nil)
		y.MulVec(inverse, mat.NewVecDense(r.Dim, x))
		return y.RawVector().Data
	}
	s.b = times(total.Right)
	last := 0.0
	defer func() { lastSolved = s }()
	for range r.Corrections {
		f := make([]float64, r.Dim)
		for k, u := range monomials {
			x := 1.0
			for _, i := range u {
				x *= s.b[i]
			}
			for j := range f {
				f[j] += total.Score[j][k] * x
			}
		}
		s.correction = 0
		for j, d := range times(f) {
			s.b[j] += d
			s.correction += d * d
		}
		if last == 0 {
			s.first = math.Sqrt(s.correction)
		}
		s.rate, last = math.Sqrt(s.correction)/last, math.Sqrt(s.correction)
	}
	return s
}

// withinLargest checks a term against Largest, and returns the sums of absolute values by degree.
func withinLargest(t *testing.T, r *Root, x *RootTerm, monomials [][]int) (sums [4]float64) {
	t.Helper()
	if len(x.A) != r.Dim || len(x.Right) != r.Dim || r.Degree > 1 && (len(x.Score) != r.Dim || len(x.Score[0]) != len(monomials)) {
		t.Fatal("a term of another shape")
	}
	for j := range r.Dim {
		var row [4]float64
		for k, u := range monomials {
			row[len(u)] += math.Abs(x.Score[j][k])
		}
		for d, s := range row {
			if !(s <= r.Largest.Row[d]) {
				t.Fatalf("coefficients of degree %d of an equation come to %v, want at most %v", d, s, r.Largest.Row[d])
			}
		}
		if !(math.Abs(x.Right[j]) <= r.Largest.Right) {
			t.Fatalf("right side %d is %v, want at most %v", j, x.Right[j], r.Largest.Right)
		}
		for k, u := range monomials {
			v := math.Abs(x.Score[j][k])
			sums[len(u)] += v
			if !(v <= r.Largest.Score[len(u)]) {
				t.Fatalf("a coefficient of degree %d is %v, want at most %v", len(u), v, r.Largest.Score[len(u)])
			}
		}
	}
	for d, s := range sums {
		if !(s <= r.Largest.Sum[d]) {
			t.Fatalf("coefficients of degree %d come to %v, want at most %v", d, s, r.Largest.Sum[d])
		}
	}
	return sums
}

// outcome is what opening one yields.
func (s solved) outcome(which int, r *rand.Rand) (out []*big.Rat) {
	cells := []float64{s.traceP}
	if s.corrected {
		cells = append(cells, s.correction)
	}
	if which == RootSolution {
		cells = make([]float64, len(s.b))
		for j, b := range s.b {
			cells[j] = b + startNoise*r.NormFloat64()
		}
	}
	for _, x := range cells {
		if math.IsNaN(x) || math.Abs(x) > 100 {
			x = math.Copysign(100, x)
		}
		out = append(out, new(big.Rat).SetFloat64(x))
	}
	return out
}
