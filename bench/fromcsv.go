package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// fromCSV prepares a study in memory whose hospitals read their records first, as
// many side by side as there are processors. The work in clear starts from rows in memory.
func fromCSV(kind recipe) func(context.Context, Scenario) (*Work, error) {
	return func(_ context.Context, s Scenario) (*Work, error) {
		w := &Work{ErrorUnit: kind.unit}
		dir, err := os.MkdirTemp("", "consilium-bench")
		if err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		w.Close = func() error { return os.RemoveAll(dir) }
		c := kind.cohort(s)
		spec, err := study.Parse("bench.yaml", c.StudyFile(s.Hospitals, kind.analyses, s.Reveal))
		if err == nil {
			w.Security, err = securityOf(spec)
		}
		if err == nil {
			err = c.writeCSV(dir, s.Hospitals)
		}
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		answer, err := kind.plain(c, nil)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.Plain = func(context.Context) error {
			_, err := kind.plain(c, answer)
			return err
		}
		run := func(ctx context.Context, metered bool) (*Sample, error) {
			var tables map[party.ID]*table.Table
			took, err := stopwatch(func() (err error) {
				tables, err = readCSV(dir, spec)
				return err
			})
			if err != nil {
				return nil, err
			}
			r, x, err := simulate(ctx, spec, tables, metered)
			if err != nil {
				return nil, err
			}
			off := answer.away(r)
			x.Error, x.Metrics["read-seconds"] = &off, took.Seconds()
			return x, nil
		}
		w.Run = func(ctx context.Context) (*Sample, error) { return run(ctx, false) }
		w.Metered = func(ctx context.Context) (*Sample, error) { return run(ctx, true) }
		return w, nil
	}
}

// writeCSV writes every hospital's rows to a file of its own.
func (c *Cohort) writeCSV(dir string, hospitals int) error {
	columns := slices.Concat(c.X, c.followed())
	for s := range hospitals {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("s%d.csv", s)))
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		w.WriteString("y")
		for j := range c.X {
			fmt.Fprintf(w, ",x%d", j+1)
		}
		if c.Days != nil {
			w.WriteString(",days")
		}
		w.WriteByte('\n')
		var line []byte
		lo, hi := c.share(s, hospitals)
		for i := lo; i < hi; i++ {
			line = strconv.AppendFloat(line[:0], c.Y[i], 'f', -1, 64)
			for _, x := range columns {
				line = strconv.AppendFloat(append(line, ','), x[i], 'f', -1, 64)
			}
			w.Write(append(line, '\n'))
		}
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}

// readCSV reads every hospital's file.
func readCSV(dir string, s *study.Spec) (map[party.ID]*table.Table, error) {
	tables, failed := make([]*table.Table, len(s.Sites)), make([]error, len(s.Sites))
	var all sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, site := range s.Sites {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			tables[i], _, failed[i] = table.OpenCSV(dir, site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows)
		})
	}
	all.Wait()
	of := map[party.ID]*table.Table{}
	for i, site := range s.Sites {
		of[site.ID] = tables[i]
	}
	return of, errors.Join(failed...)
}
