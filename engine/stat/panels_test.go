package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// naiveNewton computes the sums of a Newton round row by row from the textbook formulas.
func naiveNewton(x [][]float64, y, offset, beta []float64) (score []float64, info [][]float64, deviance float64) {
	q := len(beta)
	score, info = make([]float64, q), make([][]float64, q)
	for a := range info {
		info[a] = make([]float64, q)
	}
	for i := range x {
		e := offset[i]
		for a := range q {
			e += beta[a] * x[i][a]
		}
		p := 1 / (1 + math.Exp(-e))
		for a := range q {
			score[a] += (y[i] - p) * x[i][a]
			for b := range q {
				info[a][b] += p * (1 - p) * x[i][a] * x[i][b]
			}
		}
		deviance -= 2 * (y[i]*math.Log(p) + (1-y[i])*math.Log1p(-p))
	}
	return score, info, deviance
}

func TestNewtonBlockEqualsTheTextbookSums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 255, 256, 257, 1000} {
		m := NewPanels(4, n, true)
		var x [][]float64
		var y, offset []float64
		cols := []int{0, 1, 3} // column 2 is aliased
		for range n {
			row := []float64{1, r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
			o, v := r.NormFloat64(), float64(r.IntN(2))
			m.Append(row, []float64{v}, []float64{o})
			x, y, offset = append(x, []float64{row[0], row[1], row[3]}), append(y, v), append(offset, o)
		}
		beta := []float64{0.3, -1, 2}
		s := NewNewtonSums(3)
		NewtonBlock(m, 0, m.Len(), cols, beta, s)
		score, info, deviance := naiveNewton(x, y, offset, beta)
		near := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > 1e-12*float64(n+1) {
				t.Errorf("%d rows: %s is %v, want %v", n, what, got, want)
			}
		}
		for a := range 3 {
			near("score", s.Score[a], score[a])
			for b := a; b < 3; b++ {
				near("information", s.Information[a*3+b], info[a][b])
			}
		}
		near("deviance", s.Deviance, deviance)
	}
}

func TestNewtonBlockKeepsDigitsFarOut(t *testing.T) {
	m := NewPanels(1, 2, false)
	m.Append([]float64{40, -800}, []float64{1, 1}, nil)
	s := NewNewtonSums(1)
	NewtonBlock(m, 0, 1, []int{0}, []float64{1}, s)
	// Row 1: 1-p = exp(-40) to 17 digits; row 2: 1-p = 1, deviance 1600.
	if want := 40*math.Exp(-40) - 800; s.Score[0] != want {
		t.Errorf("score %v, want %v", s.Score[0], want)
	}
	if s.Deviance != 1600 {
		t.Errorf("deviance %v, want 1600", s.Deviance)
	}
	if want := 1600 * math.Exp(-40); math.Abs(s.Information[0]-want) > 1e-14*want {
		t.Errorf("information %v, want %v", s.Information[0], want)
	}
}

func TestNewtonBlockAllocatesNothing(t *testing.T) {
	m := NewPanels(2, 1000, false)
	for i := range 1000 {
		m.Append([]float64{1, float64(i % 7)}, []float64{float64(i % 2)}, nil)
	}
	s := NewNewtonSums(2)
	cols, beta := []int{0, 1}, []float64{0.1, 0.2}
	if n := testing.AllocsPerRun(10, func() { NewtonBlock(m, 0, m.Len(), cols, beta, s) }); n != 0 {
		t.Errorf("%v allocations a round, want none", n)
	}
}

func BenchmarkNewtonBlock(b *testing.B) {
	const n, p = 1 << 15, 33
	r := rand.New(rand.NewPCG(1, 2))
	m := NewPanels(p, n, false)
	row, beta, cols := make([]float64, p), make([]float64, p), make([]int, p)
	for j := range cols {
		cols[j], beta[j] = j, 0.1
	}
	for range n {
		row[0] = 1
		for j := 1; j < p; j++ {
			row[j] = r.NormFloat64()
		}
		m.Append(row, []float64{float64(r.IntN(2))}, nil)
	}
	s := NewNewtonSums(p)
	for b.Loop() {
		NewtonBlock(m, 0, m.Len(), cols, beta, s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
