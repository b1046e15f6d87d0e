package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the goldens of the stories")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"consilium": main})
}

// TestStories runs testdata/*.txtar: what users do, and what they do wrong.
// A story starts in a copy of testdata/demo: a study of three small hospitals.
// Beside testscript's own commands it has
//
//	exits STATUS command...   the command ends with exactly this status
//	vary FROM TO OLD NEW      copies a file, with OLD (once in it) replaced by NEW; \n, \t, \xFF stand for themselves
//	figures NAME              the report on standard output, without plan digest and openings, becomes that file
//	holds DIR NAME...         the directory has these entries and no others
func TestStories(t *testing.T) {
	testdata, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TESTDATA", testdata)
			return os.CopyFS(e.WorkDir, os.DirFS("testdata/demo"))
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil // whom no mode of a directory stops
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "vary": vary, "holds": holds, "figures": figures},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS command...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

func vary(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: vary FROM TO OLD NEW")
	}
	before, after := unescape(ts, args[2]), unescape(ts, args[3])
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, before); n != 1 {
		ts.Fatalf("%q occurs %d times in %s, want once", before, n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Replace(text, before, after, 1)), 0o644))
}

func unescape(ts *testscript.TestScript, s string) string {
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	ts.Check(err)
	return out
}

// figures keeps what must not change from version to version: the results themselves.
func figures(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: figures NAME")
	}
	text, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n\n\nWhat was opened")
	var kept []string
	for line := range strings.Lines(text + "\n") {
		if !strings.HasPrefix(line, "plan ") && !strings.HasPrefix(line, "study ") {
			kept = append(kept, line)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(kept, "")), 0o644))
}

func holds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: holds DIR NAME...")
	}
	all, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range all {
		if e.Name() != ".tmp" { // testscript's own
			got = append(got, e.Name())
		}
	}
	want := slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("%s holds %v, want %v", args[0], got, want)
	}
}
