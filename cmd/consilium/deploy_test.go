package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/consilium-health/consilium/engine"
)

func TestExampleConfigurationsAreValid(t *testing.T) {
	for file, role := range map[string]string{"gateway.yaml": roleGateway, "hub.yaml": roleHub, "analyst.yaml": roleAnalyst} {
		if _, err := readConfig(filepath.Join("deploy", file), role); err != nil {
			t.Error(err)
		}
	}
}

// The manual pages in deploy/man are made by: go test ./cmd/consilium -run Manual -update
func TestManualIsThatOfTheCommands(t *testing.T) {
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	root := newRoot()
	root.DisableAutoGenTag = true
	root.InitDefaultCompletionCmd()
	dir := t.TempDir()
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "consilium " + engine.Version, Manual: "Consilium"}, dir); err != nil {
		t.Fatal(err)
	}
	const kept = "deploy/man"
	want, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(kept); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadDir(kept)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%s has %d pages, there are %d commands: go test ./cmd/consilium -run Manual -update", kept, len(got), len(want))
	}
	for _, e := range want {
		a, err1 := os.ReadFile(filepath.Join(dir, e.Name()))
		b, err2 := os.ReadFile(filepath.Join(kept, e.Name()))
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not what %s says: go test ./cmd/consilium -run Manual -update", e.Name(), strings.TrimSuffix(strings.ReplaceAll(e.Name(), "-", " "), ".1"))
		}
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	all := 0
	for _, c := range newRoot().Commands() {
		for _, one := range append(c.Commands(), c) {
			all++
			if one.Example == "" || one.Short == "" {
				t.Errorf("%s has no example, or no line on what it is for", one.CommandPath())
			}
		}
	}
	if all < 30 {
		t.Errorf("saw %d commands: the walk is broken", all)
	}
}

// Programs can read what a command says, but for services, and what is data already.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	silent := map[string]string{"gateway": "logs JSON", "hub": "logs JSON", "export": "is JSON", "completion": "is for shells", "help": "is for people",
		"bench": "writes results.json", "synth": "writes files", "evidence": "writes files"}
	root := newRoot()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if silent[c.Name()] != "" {
			return
		}
		for _, one := range c.Commands() {
			walk(one)
		}
		if c.HasSubCommands() && c.Name() != "cohorts" {
			return
		}
		if c.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", c.CommandPath())
		}
	}
	walk(root)
}
