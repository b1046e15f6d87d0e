package synth

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Table returns the rows of hospital k (from 0) with the variables of a
// dictionary, which are the cohort's or some of them: the table that reading
// the hospital's file yields. Its digest is that table's, too.
func (c *Cohort) Table(ctx context.Context, s *table.Schema, k int) (*table.Table, error) {
	n := c.hospitals[k].People
	cols, from := make([][]float64, len(s.Fields)), make([]int, len(s.Fields))
	for f := range s.Fields {
		var err error
		if from[f], err = c.find(&s.Fields[f]); err != nil {
			return nil, err
		}
		cols[f] = make([]float64, n)
	}
	err := inBlocks(ctx, n, runtime.GOMAXPROCS(0), func(lo, hi, _ int) {
		x, columns := c.space()
		for i := lo; i < hi; i++ {
			c.row(k, i, x, columns)
			for f, j := range from {
				cols[f][i] = x[j]
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return table.New(s, string(c.hospitals[k].Name), cols)
}

// find returns the column of a variable, refusing one that is described differently.
func (c *Cohort) find(f *table.Field) (int, error) {
	for j := range c.variables {
		v := &c.variables[j]
		if v.name != f.Name {
			continue
		}
		if v.kind != f.Kind || !slices.Equal(v.levels, f.Levels) || f.Codes != nil || f.Kind == table.Number && (f.Min > v.min || f.Max < v.max) {
			return 0, fmt.Errorf("synth: variable %q is declared differently from %s", f.Name, v.dictionary)
		}
		return j, nil
	}
	return 0, fmt.Errorf("synth: the cohort has no variable %q; with more covariates it has more generic ones", f.Name)
}

// Tables returns the rows of all hospitals for a study whose sites are the cohort's.
func (c *Cohort) Tables(ctx context.Context, s *study.Spec) (map[party.ID]*table.Table, error) {
	all := make(map[party.ID]*table.Table)
	for _, site := range s.Sites {
		r, err := c.Records(ctx, s, site.ID)
		if err != nil {
			return nil, err
		}
		all[site.ID] = r.Table
	}
	return all, nil
}

var _ engine.Source = (*Cohort)(nil)

// Records implements engine.Source: gateways may draw their rows instead of reading them.
func (c *Cohort) Records(ctx context.Context, s *study.Spec, site party.ID) (engine.Records, error) {
	k := slices.IndexFunc(c.hospitals, func(h Hospital) bool { return h.Name == site })
	if k < 0 {
		return engine.Records{}, fmt.Errorf("synth: the cohort has no hospital %q", site)
	}
	t, err := c.Table(ctx, s.Schema, k)
	return engine.Records{Table: t, Cohort: fmt.Sprintf("synthetic cohort of seed %d, %d people", c.config.Seed, c.config.People)}, err
}

// space makes room for a row and its design.
func (c *Cohort) space() (x, columns []float64) {
	return make([]float64, len(c.variables)), make([]float64, designColumns+len(c.variables)-firstGeneric)
}

// blockRows is the number of rows that a worker draws at a time.
const blockRows = 4096

// inBlocks calls draw for the blocks of n rows on so many goroutines; at is the block's number.
func inBlocks(ctx context.Context, n, workers int, draw func(lo, hi, at int)) error {
	blocks := (n + blockRows - 1) / blockRows
	var all sync.WaitGroup
	for w := range min(workers, blocks) {
		all.Go(func() {
			for b := w; b < blocks && ctx.Err() == nil; b += workers {
				draw(b*blockRows, min((b+1)*blockRows, n), b)
			}
		})
	}
	all.Wait()
	return ctx.Err()
}
