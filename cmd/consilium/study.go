package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// readStudy reads and validates a study file; source is its text.
func readStudy(path string) (s *study.Spec, source []byte, err error) {
	source, err = os.ReadFile(path)
	if err != nil {
		return nil, nil, &status{exitUsage, fmt.Errorf("study %s: %w", path, reason(err))}
	}
	s, err = study.Parse(path, source)
	if err != nil {
		return nil, nil, &status{exitUsage, err}
	}
	s.Dir = filepath.Dir(path)
	return s, source, nil
}

// reason is a file error without the operation and the path.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// records are the conforming tables of all sites, or what does not conform.
type records struct {
	tables map[party.ID]*table.Table
	rows   int
	err    error
}

// readRecords reads the records of every site. All sites that do not conform
// are reported together. A cancelled context returns at once, even while a read hangs.
func readRecords(ctx context.Context, s *study.Spec) (*records, error) {
	done := make(chan *records, 1)
	go func() { done <- readAll(ctx, s) }()
	select {
	case r := <-done:
		return r, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func readAll(ctx context.Context, s *study.Spec) *records {
	r := &records{tables: make(map[party.ID]*table.Table)}
	var wrong []string
	for i, f := range readFiles(ctx, s) {
		var invalid *table.Invalid
		switch {
		case errors.As(f.err, &invalid):
			wrong = append(wrong, strings.TrimSuffix(report.Violations(f.conformance), "\n"))
		case f.err != nil && ctx.Err() != nil:
			r.err = f.err
			return r
		case f.err != nil:
			r.err = &status{exitFailure, f.err}
			return r
		default:
			r.tables[s.Sites[i].ID] = f.table
			r.rows += f.table.Rows()
		}
	}
	if wrong != nil {
		r.err = &status{exitConformance, fmt.Errorf("the records of %d of %d hospitals do not conform to the dictionary; nothing was opened\n%s",
			len(wrong), len(s.Sites), strings.Join(wrong, "\n"))}
	} else if uint64(r.rows) > s.Privacy.MaxRows {
		r.err = &status{exitConformance, fmt.Errorf("the hospitals hold %d records together, the study allows %d; nothing was opened: raise privacy.max_rows", r.rows, s.Privacy.MaxRows)}
	}
	return r
}

// siteFile is what reading a site's file came to.
type siteFile struct {
	table       *table.Table
	conformance *table.Conformance
	err         error
}

// readFiles reads all sites' files, in the study's order, as many side by side as there are processors.
func readFiles(ctx context.Context, s *study.Spec) []siteFile {
	files := make([]siteFile, len(s.Sites))
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i, site := range s.Sites {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			f := &files[i]
			if f.err = ctx.Err(); f.err == nil {
				f.table, f.conformance, f.err = table.OpenCSV(s.Dir, site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows)
			}
		})
	}
	all.Wait()
	return files
}
