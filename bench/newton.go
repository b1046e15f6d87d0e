// Package bench measures the engine against plain computations of the same
// work in the same run: seconds, bytes, rounds and the error beside them.
package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Cohort is made-up records: standard normal covariates with three decimals
// and an outcome drawn from a logistic model. Not for anything but timing.
type Cohort struct {
	Rows int
	X    [][]float64 // covariates, column by column
	Y    []float64
}

// NewCohort draws a cohort, the same for the same seed.
func NewCohort(rows, covariates int, seed uint64) *Cohort {
	c := &Cohort{Rows: rows, X: make([][]float64, covariates), Y: make([]float64, rows)}
	r := rand.New(rand.NewPCG(seed, 1))
	eta := make([]float64, rows)
	for j := range c.X {
		c.X[j] = make([]float64, rows)
		beta := 0.2 * r.NormFloat64()
		for i := range rows {
			c.X[j][i] = math.Max(-6, math.Min(6, math.Round(r.NormFloat64()*1000)/1000))
			eta[i] += beta * c.X[j][i]
		}
	}
	for i := range rows {
		if r.Float64() < 1/(1+math.Exp(-eta[i])) {
			c.Y[i] = 1
		}
	}
	return c
}

// Study returns the study that asks for one analysis of the cohort over sites
// hospitals with equal shares of the rows, and their tables.
func (c *Cohort) Study(sites int, analysis, reveal string) (*study.Spec, map[party.ID]*table.Table, error) {
	var b strings.Builder
	fmt.Fprintln(&b, "study: bench\nsites:")
	for s := range sites {
		fmt.Fprintf(&b, "  s%d: {csv: s%d.csv}\n", s, s)
	}
	fmt.Fprintln(&b, "variables:\n  y: {type: binary}")
	for j := range c.X {
		fmt.Fprintf(&b, "  x%d: {type: number, step: 0.001, min: -6, max: 6}\n", j+1)
	}
	fmt.Fprintf(&b, "analyses:\n  - %s\nprivacy: {reveal: %s, max_rows: 16777216}\n", analysis, reveal)
	spec, err := study.Parse("bench.yaml", []byte(b.String()))
	if err != nil {
		return nil, nil, err
	}
	tables := make(map[party.ID]*table.Table)
	for s := range sites {
		lo, hi := s*c.Rows/sites, (s+1)*c.Rows/sites
		cols := [][]float64{c.Y[lo:hi:hi]}
		for _, x := range c.X {
			cols = append(cols, x[lo:hi:hi])
		}
		id := party.ID(fmt.Sprintf("s%d", s))
		if tables[id], err = table.New(spec.Schema, string(id), cols); err != nil {
			return nil, nil, err
		}
	}
	return spec, tables, nil
}

// PlainNewton is the reference: rounds Newton steps from 0 on the pooled
// matrix, in clear, with the engine's own kernel and two goroutines. It
// starts from the same columns in memory as the engine's tables.
func (c *Cohort) PlainNewton(rounds int) ([]float64, error) {
	p := len(c.X) + 1
	half := [2]*stat.Panels{}
	inTwo(func(h int) {
		lo, hi := h*c.Rows/2, (h+1)*c.Rows/2
		m := stat.NewPanels(p, hi-lo, false)
		const chunk = 16 // rows at a time, as the engine fills its panels
		x := make([]float64, chunk*p)
		for at := lo; at < hi; at += chunk {
			end := min(at+chunk, hi)
			for i := at; i < end; i++ {
				row := x[(i-at)*p:]
				row[0] = 1
				for j, col := range c.X {
					row[j+1] = col[i]
				}
			}
			m.Append(x[:(end-at)*p], c.Y[at:end], nil)
		}
		half[h] = m
	})
	cols, beta := make([]int, p), make([]float64, p)
	for j := range cols {
		cols[j] = j
	}
	sums := [2]*stat.NewtonSums{stat.NewNewtonSums(p), stat.NewNewtonSums(p)}
	for range rounds {
		inTwo(func(h int) {
			sums[h].Reset()
			stat.NewtonBlock(half[h], 0, half[h].Len(), cols, beta, sums[h])
		})
		info, score, step := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), mat.NewVecDense(p, nil)
		for a := range p {
			score.SetVec(a, sums[0].Score[a]+sums[1].Score[a])
			for b := a; b < p; b++ {
				info.SetSym(a, b, sums[0].Information[a*p+b]+sums[1].Information[a*p+b])
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(info) {
			return nil, fmt.Errorf("bench: the information is singular")
		}
		if err := chol.SolveVecTo(step, score); err != nil {
			return nil, err
		}
		for a := range beta {
			beta[a] += step.AtVec(a)
		}
	}
	return beta, nil
}

// inTwo runs f(0) and f(1) side by side.
func inTwo(f func(half int)) {
	var both sync.WaitGroup
	for half := range 2 {
		both.Add(1)
		go func() {
			defer both.Done()
			f(half)
		}()
	}
	both.Wait()
}
