// Package bench measures the engine against plain computations of the same
// work in the same run: seconds, bytes, rounds and the error beside them.
package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Cohort is made-up records: x has standard normal columns with the constant
// 1 in front, row by row; y is drawn from a logistic model. Not for anything but timing.
type Cohort struct {
	Rows, Columns int       // Columns counts the intercept
	X             []float64 // Rows x Columns
	Y             []float64
}

// NewCohort draws a cohort, the same for the same seed.
func NewCohort(rows, columns int, seed uint64) *Cohort {
	c := &Cohort{Rows: rows, Columns: columns + 1, X: make([]float64, rows*(columns+1)), Y: make([]float64, rows)}
	r := rand.New(rand.NewPCG(seed, 1))
	beta := make([]float64, columns+1)
	for j := range beta {
		beta[j] = 0.2 * r.NormFloat64()
	}
	for i := range rows {
		x := c.X[i*c.Columns : (i+1)*c.Columns]
		x[0] = 1
		eta := beta[0]
		for j := 1; j < len(x); j++ {
			// three decimals, as records have, within the declared range
			x[j] = math.Max(-6, math.Min(6, math.Round(r.NormFloat64()*1000)/1000))
			eta += beta[j] * x[j]
		}
		if r.Float64() < 1/(1+math.Exp(-eta)) {
			c.Y[i] = 1
		}
	}
	return c
}

// Study returns the study file that asks for the logistic regression of the
// cohort over sites hospitals, and their tables: equal shares of the rows.
func (c *Cohort) Study(sites int, analysis string) (*study.Spec, map[party.ID]*table.Table, error) {
	var b strings.Builder
	fmt.Fprintln(&b, "study: bench\nsites:")
	for s := range sites {
		fmt.Fprintf(&b, "  s%d: {csv: s%d.csv}\n", s, s)
	}
	fmt.Fprintln(&b, "variables:\n  y: {type: binary}")
	for j := 1; j < c.Columns; j++ {
		fmt.Fprintf(&b, "  x%d: {type: number, step: 0.001, min: -6, max: 6}\n", j)
	}
	fmt.Fprintf(&b, "analyses:\n  - %s\nprivacy: {reveal: sums, max_rows: 16777216}\n", analysis)
	spec, err := study.Parse("bench.yaml", []byte(b.String()))
	if err != nil {
		return nil, nil, err
	}
	tables := make(map[party.ID]*table.Table)
	for s := range sites {
		lo, hi := s*c.Rows/sites, (s+1)*c.Rows/sites
		cols := make([][]float64, c.Columns)
		cols[0] = c.Y[lo:hi:hi]
		for j := 1; j < c.Columns; j++ {
			cols[j] = make([]float64, hi-lo)
			for i := range cols[j] {
				cols[j][i] = c.X[(lo+i)*c.Columns+j]
			}
		}
		id := party.ID(fmt.Sprintf("s%d", s))
		if tables[id], err = table.New(spec.Schema, string(id), cols); err != nil {
			return nil, nil, err
		}
	}
	return spec, tables, nil
}

// Kernel adds score, information and deviance of a block of rows at beta: the engine's own inner loop.
type Kernel func(x, y []float64, columns int, beta []float64, sums []float64)

// inTwo runs f on the two halves of n rows, each in a goroutine.
func inTwo(n int, f func(half, lo, hi int)) {
	var both sync.WaitGroup
	for half := range 2 {
		both.Add(1)
		go func() {
			defer both.Done()
			f(half, half*n/2, (half+1)*n/2)
		}()
	}
	both.Wait()
}
