package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goTool runs the go command in the module's root, offline but for proxy.
func goTool(t *testing.T, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=-mod=readonly -modcacherw -buildvcs=false"), env...)
	b, err := c.CombinedOutput()
	return string(b), err
}

// mirror makes a module proxy of links to what this machine has of modules,
// with one file of it in a copy that change has gone over.
func mirror(t *testing.T, cache, file string, change func([]byte) []byte) string {
	t.Helper()
	root := t.TempDir()
	from, to := cache, root
	parts := strings.Split(file, "/")
	for i, part := range parts {
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != part {
				if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
		from, to = filepath.Join(from, part), filepath.Join(to, part)
		if i < len(parts)-1 {
			if err := os.Mkdir(to, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// tampered changes one letter of a comment in one file of a module's archive.
func tampered(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, done := zip.NewWriter(&out), false
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(body, []byte("\n// ")); !done && strings.HasSuffix(f.Name, "xwing.go") && at >= 0 {
			body[at+4] ^= 0x20
			done = true
		}
		to, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || !done {
		t.Fatalf("no file was changed: %v", err)
	}
	return out.Bytes()
}

// What is built is what go.sum says: one letter of a comment in a module, and nothing is built.
func TestATamperedModuleIsNotBuilt(t *testing.T) {
	const module, version = "github.com/cloudflare/circl", "v1.6.5"
	out, err := goTool(t, "../..", nil, "env", "GOMODCACHE")
	if err != nil {
		t.Fatal(out)
	}
	cache := filepath.Join(strings.TrimSpace(out), "cache", "download")
	archive := module + "/@v/" + version + ".zip"
	if _, err := os.Stat(filepath.Join(cache, archive)); err != nil {
		t.Skipf("this machine has built from a vendor directory or another version of %s: %v", module, err)
	}
	build := func(proxy string) (string, error) {
		env := []string{"GOMODCACHE=" + t.TempDir(), "GOPROXY=file://" + proxy, "GONOSUMDB=*", "GOSUMDB=off"}
		return goTool(t, "../..", env, "build", "./protocols/party")
	}
	if out, err := build(mirror(t, cache, archive, func(b []byte) []byte { return b })); err != nil {
		t.Fatalf("with the modules as they are: %v\n%s", err, out)
	}
	out, err = build(mirror(t, cache, archive, func(b []byte) []byte { return tampered(t, b) }))
	if err == nil || !strings.Contains(out, "checksum mismatch") || !strings.Contains(out, module) {
		t.Errorf("with a changed module: %v\n%s", err, out)
	}
}

// Every module that go.mod names has both its sums in go.sum.
func TestEveryModuleIsPinned(t *testing.T) {
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	out, err := goTool(t, "../..", nil, "list", "-mod=readonly", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{with .Replace}} replaced{{end}}{{end}}{{end}}", "./cmd/consilium")
	if err != nil {
		t.Fatal(out)
	}
	seen := 0
	for _, line := range strings.Split(out, "\n") {
		path, version, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		seen++
		for _, want := range []string{path + " " + version + " h1:", path + " " + version + "/go.mod h1:"} {
			if !bytes.Contains(sums, []byte(want)) {
				t.Errorf("go.sum lacks %s", want)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d packages of modules", seen)
	}
}
