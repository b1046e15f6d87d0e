//go:build long

package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The same sources, built in two directories with nothing shared between the
// two builds but the modules, are the same program to the byte. What does not lie in the directories, the
// toolchain's library and the modules, is compiled once: it would be no different the second time.
func TestBuildIsReproducible(t *testing.T) {
	out, err := goTool(t, "../..", nil, "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}} {{join $.GoFiles \" \"}} {{join $.EmbedFiles \" \"}}{{end}}{{end}}", "./cmd/consilium")
	if err != nil {
		t.Fatal(out)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := goTool(t, "../..", nil, "list", "-deps", "-f", "{{if or .Standard (not .Module.Main)}}{{.ImportPath}}{{end}}", "./cmd/consilium")
	if err != nil {
		t.Fatal(foreign)
	}
	build := func(dir, cache string, args ...string) {
		t.Helper()
		if out, err := goTool(t, dir, []string{"GOCACHE=" + cache, "GOPROXY=off", "CGO_ENABLED=0"}, append([]string{"build", "-trimpath"}, args...)...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	compiled := t.TempDir()
	build(root, compiled, strings.Fields(foreign)...)
	var sums [2][32]byte
	for i := range sums {
		dir := filepath.Join(t.TempDir(), strings.Repeat("deep", i), "checkout")
		for _, name := range []string{"go.mod", "go.sum"} {
			place(t, filepath.Join(root, name), filepath.Join(dir, name))
		}
		for _, pkg := range strings.Split(out, "\n") {
			files := strings.Fields(pkg)
			if len(files) == 0 {
				continue
			}
			at, err := filepath.Rel(root, files[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files[1:] {
				place(t, filepath.Join(files[0], name), filepath.Join(dir, at, name))
			}
		}
		program := filepath.Join(dir, "consilium")
		cache := filepath.Join(t.TempDir(), "cache")
		if err := os.CopyFS(cache, os.DirFS(compiled)); err != nil {
			t.Fatal(err)
		}
		build(dir, cache, "-o", program, "./cmd/consilium")
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(b)
	}
	t.Logf("sha256 %x", sums[0])
	if sums[0] != sums[1] {
		t.Errorf("the other directory gives sha256 %x", sums[1])
	}
}

func place(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
