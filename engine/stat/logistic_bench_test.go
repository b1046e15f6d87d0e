package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// cohort draws records of p normal numbers with three decimals and an outcome, dealt over sites.
func cohort(tb testing.TB, n, p, sites int) (*table.Schema, []*table.Table, string) {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	s := &table.Schema{Fields: []table.Field{{Name: "y", Kind: table.Binary, Max: 1}}}
	var terms []string
	for j := range p {
		name := fmt.Sprintf("x%d", j)
		terms = append(terms, name)
		s.Fields = append(s.Fields, table.Field{Name: name, Min: -6, Max: 6, Grid: table.Grid{M: 1, E10: -3}, GridDeclared: true})
	}
	for k := range sites {
		s.Sites = append(s.Sites, fmt.Sprintf("s%d", k))
	}
	var tables []*table.Table
	for k := range sites {
		cols := make([][]float64, p+1)
		for range n / sites {
			eta := 0.0
			for j := 1; j <= p; j++ {
				x := math.Max(-6, math.Min(6, math.Round(r.NormFloat64()*1000)/1000))
				cols[j] = append(cols[j], x)
				eta += x * 0.1
			}
			y := 0.0
			if r.Float64() < 1/(1+math.Exp(-eta)) {
				y = 1
			}
			cols[0] = append(cols[0], y)
		}
		t, err := table.New(s, s.Sites[k], cols)
		if err != nil {
			tb.Fatal(err)
		}
		tables = append(tables, t)
	}
	return s, tables, "y ~ " + strings.Join(terms, " + ")
}

// BenchmarkLogistic compares six Newton rounds over ten hospitals, census, means and
// SDs included, with six calls of the kernel on the pooled matrix; both on one processor.
func BenchmarkLogistic(b *testing.B) {
	const n, p, rounds = 200_000, 32, 6
	s, tables, f := cohort(b, n, p, 10)
	b.Run("pooled", func(b *testing.B) {
		m := NewPanels(p+1, n, false)
		row, cols := make([]float64, p+1), make([]int, p+1)
		for j := range cols {
			cols[j] = j
		}
		for _, t := range tables {
			y, _ := t.Column("y")
			var x [][]float64
			for j := range p {
				c, _ := t.Column(fmt.Sprintf("x%d", j))
				x = append(x, c)
			}
			for i := range y {
				row[0] = 1
				for j := range x {
					row[j+1] = x[j][i]
				}
				m.Append(row, y[i:i+1], nil)
			}
		}
		for b.Loop() {
			beta, sums := make([]float64, p+1), NewNewtonSums(p+1)
			for range rounds {
				sums.Reset()
				NewtonBlock(m, 0, m.Len(), cols, beta, sums)
				step, _ := cholesky(sums.Information, p+1, sums.Score, 0)
				for j := range beta {
					beta[j] += step[j]
				}
			}
		}
	})
	b.Run("hospitals=10", func(b *testing.B) {
		for b.Loop() {
			var programs []Program
			var views []*table.View
			for _, t := range tables {
				q, err := Logistic{}.Begin(Args{Kind: "logistic", Formula: f, NewtonRounds: rounds, Evaluate: &Evaluate{}, Rules: open}, s)
				if err != nil {
					b.Fatal(err)
				}
				v, _ := t.Select()
				programs, views = append(programs, q), append(views, v)
			}
			for done := false; !done; {
				var cells []fixed.Cell
				for _, a := range programs[0].Ask() {
					for _, c := range a.Cells {
						cells = append(cells, c.Cell)
					}
				}
				total := make([][2]uint64, len(cells))
				for i, q := range programs {
					q.Ask()
					sums := fixed.New(cells)
					if err := q.Map(views[i], sums); err != nil {
						b.Fatal(err)
					}
					for j, w := range sums.Words() {
						total[j] = plus(total[j], w)
					}
				}
				t, err := fixed.Decode(cells, total, n)
				if err != nil {
					b.Fatal(err)
				}
				for _, q := range programs {
					if done, err = q.Reduce(t); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
}
