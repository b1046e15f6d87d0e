// Package reference has plain implementations to compare the engine with, each
// after a published source, none of them protecting anything:
//
//	Pool, Columns   the rows of a model, of tables or of columns in memory
//	Newton          the maximum likelihood fit of pooled rows: the plaintext line of a benchmark
//	Cox             the partial likelihood fit of pooled rows, ties after Efron
//	Meta            a fixed-effect meta-analysis of each hospital's own fit
//	Descend         gradient descent with a polynomial in place of the sigmoid, as systems that
//	                train under encryption do, here in the clear: its distance from the maximum
//	PrioSum         sums by Prio3SumVec, two aggregators, with its proofs
//	RLogistic       R's glm, where Rscript exists
//
// Everything but PrioSum and RLogistic is a pure function of its input.
package reference

import (
	"errors"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/table"
)

// Data is the rows of a logistic model. Fill writes rows lo to hi-1: column j of
// the model matrix into x[j*(hi-lo):], the intercept's ones among them, and the
// outcomes, 0 or 1, into y. Fill may be called by several goroutines.
type Data struct {
	Names []string // of the columns, as R names them
	Rows  int
	Fill  func(lo, hi int, x, y []float64)
}

// Columns is a model of columns in memory, an intercept before them. They are used, not copied.
func Columns(names []string, cols [][]float64, y []float64) *Data {
	return &Data{Names: append([]string{"(Intercept)"}, names...), Rows: len(y), Fill: func(lo, hi int, x, out []float64) {
		n := hi - lo
		for i := range n {
			x[i] = 1
		}
		for j, c := range cols {
			copy(x[(j+1)*n:(j+2)*n], c[lo:hi])
		}
		copy(out, y[lo:hi])
	}}
}

// Pool is the model of a formula over the rows of all tables that lack none of
// its variables. Levels without rows in any table are dropped, as R's droplevels does.
// The rows are computed from the tables whenever they are used; see Load.
func Pool(source string, tables ...*table.Table) (*Data, error) {
	if len(tables) == 0 {
		return nil, errors.New("reference: no tables")
	}
	f, err := formula.Parse(source)
	if err != nil {
		return nil, err
	}
	m, err := f.Bind(tables[0].Schema, true)
	if err != nil {
		return nil, err
	}
	if m.HasOffset {
		return nil, fmt.Errorf("reference: %q has an offset, which these fits do not take", source)
	}
	p := &pool{starts: []int{0}}
	seen := map[string][]bool{}
	for _, t := range tables {
		all, err := t.Select()
		if err != nil {
			return nil, err
		}
		v, _, err := all.Complete(m.Variables...)
		if err != nil {
			return nil, err
		}
		for _, name := range m.Factors {
			if err := markLevels(seen, name, v); err != nil {
				return nil, err
			}
		}
		p.rows = append(p.rows, v.Rows)
		p.starts = append(p.starts, p.starts[len(p.starts)-1]+len(v.Rows))
	}
	d, err := m.Design(func(name string) []bool { return seen[name] })
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		e, err := d.Eval(t)
		if err != nil {
			return nil, err
		}
		p.evals = append(p.evals, e)
	}
	out := &Data{Rows: p.starts[len(tables)], Fill: p.fill}
	for _, c := range d.Columns {
		out.Names = append(out.Names, c.Name)
	}
	p.width = len(out.Names)
	return out, nil
}

// markLevels notes which levels of a factor have rows.
func markLevels(seen map[string][]bool, name string, v *table.View) error {
	f, err := v.Table.Schema.Factor(name)
	if err != nil {
		return err
	}
	c, err := v.Table.Column(name)
	if err != nil {
		return err
	}
	if seen[name] == nil {
		seen[name] = make([]bool, len(f.Levels))
	}
	for _, i := range v.Rows {
		seen[name][f.Level(c[i])] = true
	}
	return nil
}

// pool is the complete rows of several tables, one after the other.
type pool struct {
	width  int
	evals  []*formula.Eval
	rows   [][]int
	starts []int // the first row of each table in the pool; the last is the number of rows
}

func (p *pool) fill(lo, hi int, x, y []float64) {
	n, row := hi-lo, make([]float64, p.width)
	t, _ := slices.BinarySearch(p.starts, lo+1)
	t--
	for i := range n {
		for lo+i >= p.starts[t+1] {
			t++
		}
		at := p.rows[t][lo+i-p.starts[t]]
		p.evals[t].Row(at, row)
		for j, v := range row {
			x[j*n+i] = v
		}
		y[i] = p.evals[t].Outcome(at)
	}
}

// Load computes all rows once and keeps them: fits are then as fast as they can
// be, for 8 bytes a value of memory.
func (d *Data) Load() *Data {
	p := len(d.Names)
	cols, y := make([][]float64, p), make([]float64, d.Rows)
	for j := range cols {
		cols[j] = make([]float64, d.Rows)
	}
	x := make([]float64, p*blockRows)
	for lo := 0; lo < d.Rows; lo += blockRows {
		hi := min(lo+blockRows, d.Rows)
		n := hi - lo
		d.Fill(lo, hi, x, y[lo:hi])
		for j, c := range cols {
			copy(c[lo:hi], x[j*n:(j+1)*n])
		}
	}
	return &Data{Names: d.Names, Rows: d.Rows, Fill: func(lo, hi int, x, out []float64) {
		n := hi - lo
		for j, c := range cols {
			copy(x[j*n:(j+1)*n], c[lo:hi])
		}
		copy(out, y[lo:hi])
	}}
}
