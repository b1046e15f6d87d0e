package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// ResultsFile is the name of the file of rows in a directory of results.
const ResultsFile = "results.json"

// Results are rows, with where they were measured. Rows of several suites, or
// of several builds, can stand together: each says what it is of.
type Results struct {
	Machine Machine `json:"machine"` // of the last row
	Rows    []Row   `json:"rows"`    // in the order in which they were first measured
}

// ReadResults reads a results.json, or the one in a directory.
func ReadResults(path string) (*Results, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ResultsFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	var r Results
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("bench: %s is not a file of results: %w", path, err)
	}
	return &r, nil
}

// Row returns the row of a key, nil when there is none.
func (r *Results) Row(key string) *Row {
	for i := range r.Rows {
		if r.Rows[i].Key() == key {
			return &r.Rows[i]
		}
	}
	return nil
}

// put adds a row or replaces that of the same key.
func (r *Results) put(row Row) {
	if old := r.Row(row.Key()); old != nil {
		*old = row
		return
	}
	r.Rows = append(r.Rows, row)
}

// of returns the rows of scenarios, in their order, as far as there are any.
func (r *Results) of(scenarios []Scenario) (rows []Row) {
	for _, s := range scenarios {
		if row := r.Row(s.Key()); row != nil {
			rows = append(rows, *row)
		}
	}
	return rows
}

// write writes the files of a directory of results: results.json, and what is made of it.
// Each appears whole or not at all.
func (r *Results) write(dir string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	var table, lines bytes.Buffer
	if err := errors.Join(WriteTable(&table, r.Rows), WriteBenchmark(&lines, r.Machine, r.Rows)); err != nil {
		return err
	}
	if err := replace(filepath.Join(dir, ResultsFile), append(b, '\n')); err != nil {
		return err
	}
	files := map[string][]byte{"results.txt": table.Bytes(), "results.bench": lines.Bytes()}
	for _, p := range Plots(r.Rows) {
		files[p.Name+".svg"] = []byte(p.SVG())
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := replace(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// replace puts b in the place of a file, whole or not at all.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("bench: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// same reports whether a row has figures of this scenario, of this build, from at least so many runs.
func (r *Row) same(s Scenario, build string, runs int) bool {
	a, err1 := json.Marshal(r.Parameters)
	b, err2 := json.Marshal(s)
	return r.Done() && r.Build == build && len(r.Samples) >= runs && err1 == nil && err2 == nil && slices.Equal(a, b)
}

// open reads the results of a directory, or makes it.
func open(dir string) (*Results, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r, err := ReadResults(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Results{}, nil
	}
	return r, err
}
