package study

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// Every study that comes with the project is valid, and its sites' files conform to it.
func TestStudiesOfTestdataAreValidAndTheirFilesConform(t *testing.T) {
	files, err := filepath.Glob("../../testdata/*/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d studies, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(file, src)
			if err != nil {
				t.Fatal(err)
			}
			for _, site := range s.Sites {
				if _, _, err := table.OpenCSV(filepath.Dir(file), site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
