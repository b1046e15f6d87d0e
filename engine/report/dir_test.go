package report

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestResultsReplaceAFormerResult(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	r := outcome()
	if err := r.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	first := entries(t, dir)
	for _, want := range []string{"result.json", "report.txt", "disclosed.json", "risk.csv", "report.html"} {
		if !slices.Contains(first, want) {
			t.Errorf("%s was not written", want)
		}
	}
	if slices.Contains(first, "greedy.csv") {
		t.Error("a refused analysis has a CSV")
	}
	r.Analyses = r.Analyses[:1]
	if err := r.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	if got, want := entries(t, dir), []string{"disclosed.json", "report.html", "report.txt", "result.json", "table1.csv"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := entries(t, parent); !slices.Equal(got, []string{"out"}) {
		t.Errorf("left beside the results: %v", got)
	}
}

func TestAnEmptyDirectoryMayTakeTheResults(t *testing.T) {
	dir := t.TempDir()
	if err := outcome().WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, dir); len(got) < 4 {
		t.Errorf("the directory holds %v", got)
	}
}

func TestAnotherDirectoryIsLeftAlone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
	}{
		{"notes", map[string]string{"notes.txt": "mine"}},
		{"another program's result", map[string]string{"result.json": `{"accuracy": 1}`}},
		{"broken result", map[string]string{"result.json": `{"study": "x", "consilium"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "out")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range tc.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := outcome().WriteDir(dir); !IsTaken(err) {
				t.Errorf("got %v, want an error about a directory that is not ours", err)
			}
			if got := entries(t, dir); len(got) != len(tc.files) {
				t.Errorf("the directory now holds %v", got)
			}
			if got := entries(t, parent); len(got) != 1 {
				t.Errorf("left beside it: %v", got)
			}
		})
	}
}

func TestAFailureLeavesTheFormerResult(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	r := outcome()
	if err := r.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	before := entries(t, dir)
	r.Analyses = append(r.Analyses, Analysis{ID: "../escape", Frame: &stat.Frame{}})
	if err := r.WriteDir(dir); err == nil {
		t.Fatal("an id with a slash was written")
	}
	if got := entries(t, dir); !slices.Equal(got, before) {
		t.Errorf("got %v, want %v", got, before)
	}
	if got := entries(t, parent); !slices.Equal(got, []string{"out"}) {
		t.Errorf("left beside the results: %v", got)
	}
}

func TestAMissingParentIsSaidBeforeAnythingRuns(t *testing.T) {
	err := CheckDir(filepath.Join(t.TempDir(), "no", "such", "place"))
	if !errors.Is(err, os.ErrNotExist) || IsTaken(err) {
		t.Errorf("got %v", err)
	}
}
