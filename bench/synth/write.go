package synth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrNotEmpty says that the directory to write to has something in it.
var ErrNotEmpty = errors.New("is not empty: name another, or empty it")

// CheckDir refuses a place that Write would refuse: anything but an empty directory, or one whose parent exists.
func CheckDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		_, err = os.Stat(filepath.Dir(dir))
	case err == nil && len(entries) > 0:
		err = ErrNotEmpty
	}
	if err != nil {
		return fmt.Errorf("synth: directory %s: %w", dir, bare(err))
	}
	return nil
}

// Write writes the cohort to a directory that is empty or does not exist: a CSV
// file for each hospital, truth.json, README.txt and, last, study.yaml. When it
// fails or ctx ends, it removes what it wrote. progress may be nil; see WriteCSV.
func (c *Cohort) Write(ctx context.Context, dir string, progress func(rows int)) (err error) {
	if err := CheckDir(dir); err != nil {
		return err
	}
	var made []string // in order
	defer func() {
		if err == nil {
			return
		}
		for i := len(made) - 1; i >= 0; i-- {
			err = errors.Join(err, os.Remove(made[i]))
		}
	}()
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		made = append(made, dir)
	case !errors.Is(err, os.ErrExist):
		return fmt.Errorf("synth: directory %s: %w", dir, bare(err))
	}
	write := func(name string, content func(io.Writer) error) error {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			made = append(made, path)
			err = errors.Join(content(f), f.Close())
		}
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("synth: file %s: %w", path, bare(err))
		}
		return err
	}
	for k, h := range c.hospitals {
		if err := write(string(h.Name)+".csv", func(w io.Writer) error { return c.WriteCSV(ctx, w, k, 0, progress) }); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		text func(io.Writer) error
	}{
		{"truth.json", c.writeTruth},
		{"README.txt", c.writeReadme},
		{"study.yaml", func(w io.Writer) error { _, err := io.WriteString(w, c.StudyFile("")); return err }},
	} {
		if err := write(f.name, f.text); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cohort) writeTruth(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(c.Truth())
}

// bare is a file error without the operation and the path.
func bare(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
