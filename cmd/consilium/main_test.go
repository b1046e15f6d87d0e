package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the goldens of the stories")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"consilium": underClock, clusterNode: serveNode})
}

// TestStories runs testdata/*.txtar: what users do, and what they do wrong.
// A story starts in a copy of testdata/demo: a study of three small hospitals.
// Beside testscript's own commands it has
//
//	exits STATUS command...   the command ends with exactly this status
//	vary FROM TO OLD NEW      copies a file, with OLD (once in it) replaced by NEW; \n, \t, \xFF stand for themselves
//	figures NAME              the report on standard output, without plan digest and openings, becomes that file
//	holds DIR NAME...         the directory has these entries and no others
//	capture NAME PATTERN      sets the variable to what the group in the pattern matches of standard output
//	consortium DIR            makes what demo makes, for parties that the story starts itself
//	get URL FILE              what a service answers becomes that file
//	reaches URL [STATUS]      waits, for at most half a minute, until a service answers with that status (200), and shows the answer
//	port NAME                 sets the variable to a port that is free
//	eventually command...     runs the command again until it succeeds, for at most half a minute
//	says PATTERN command...   the same, until standard output matches
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "vary": vary, "holds": holds, "figures": figures, "capture": capture, "consortium": found, "get": get, "reaches": reaches, "port": port, "eventually": eventually, "says": says},
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

func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("no match of %s with one group", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func found(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: consortium DIR")
	}
	s, _, err := readStudy(ts.MkAbs("study.yaml"))
	ts.Check(err)
	d := &demonstration{study: s, dir: ts.MkAbs(args[0])}
	ts.Check(os.Mkdir(d.dir, 0o700))
	address := "127.0.0.1:" + freePort(ts)
	c, err := d.found(address)
	ts.Check(err)
	ts.Check(c.connect("tls://" + address))
}

func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get URL FILE")
	}
	w, err := http.Get(args[0])
	ts.Check(err)
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
}

func reaches(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: reaches URL [STATUS]")
	}
	want := append(args, "200")[1]
	for deadline := time.Now().Add(30 * time.Second); ; {
		w, err := http.Get(args[0])
		if err == nil {
			b, err := io.ReadAll(w.Body)
			ts.Check(errors.Join(err, w.Body.Close()))
			if strconv.Itoa(w.StatusCode) == want {
				_, err := ts.Stdout().Write(b)
				ts.Check(err)
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("half a minute, and not yet")
		}
		<-time.After(50 * time.Millisecond) // another process is watched, which says nothing by itself
	}
}

func port(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	ts.Setenv(args[0], freePort(ts))
}

func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, free, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	return free
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually command...")
	}
	again(ts, ".*", args)
}

func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: says PATTERN command...")
	}
	again(ts, args[0], args[1:])
}

func again(ts *testscript.TestScript, pattern string, command []string) {
	want, err := regexp.Compile(pattern)
	ts.Check(err)
	for deadline := time.Now().Add(30 * time.Second); ; {
		if err := ts.Exec(command[0], command[1:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("half a minute, and not yet")
		}
		<-time.After(50 * time.Millisecond) // another process is watched, which says nothing by itself
	}
}
