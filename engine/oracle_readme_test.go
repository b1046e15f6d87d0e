package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mappingMark = "<!-- made by go test ./engine -run TestReadmeShowsTheMapping -update -->\n"

// TestReadmeShowsTheMapping keeps the table at the end of testdata/README.md equal to the one the tests use.
func TestReadmeShowsTheMapping(t *testing.T) {
	file := filepath.Join("..", "testdata", "README.md")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(src), mappingMark)
	if !ok {
		t.Fatalf("%s lacks the line %q", file, mappingMark)
	}
	want := before + mappingMark + mappingTable()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(src) != want {
		t.Errorf("%s does not show the mapping of the tests; run go test ./engine -run TestReadmeShowsTheMapping -update", file)
	}
}

func mappingTable() string {
	var b strings.Builder
	kind := ""
	for _, m := range mappings {
		if m.kind != kind {
			kind = m.kind
			fmt.Fprintf(&b, "\n### %s\n\n| oracle field | result path | compared |\n|---|---|---|\n", kind)
		}
		ours, how := "`"+strings.ReplaceAll(m.ours, "|", `\|`)+"`", string(m.rule)
		switch m.rule {
		case notOutput, notTested:
			ours, how = "", string(m.rule)+": "+m.ours
		case close9, iterated:
			if m.scale != "" && m.scale != "0" {
				how += " of `" + m.scale + "`"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.oracle, ours, how)
	}
	return b.String()
}
