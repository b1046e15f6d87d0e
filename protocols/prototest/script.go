package prototest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected transcripts of scripts; read the diff")

// Command is one line of a script: a verb, words, and key=value pairs.
type Command struct {
	Verb  string
	Words []string
	Keys  map[string]string
}

// Verb carries out a command and returns what happened.
type Verb func(Command) (string, error)

// Run plays every script that matches pattern, as a subtest of its own.
// A script is blocks of lines, separated by empty lines:
//
//	# what this story is about
//	members a b c
//	setup
//	----
//	a > hub HELLO
//	...
//
// Above ---- are commands, below what they are expected to yield; the whole
// file shares one set of verbs.
func Run(t *testing.T, pattern string, verbs func(t *testing.T) map[string]Verb) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("prototest: no scripts match %s (%v)", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(b), verbs(t))
			if got == string(b) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s: the story goes otherwise (-update rewrites it):\n%s", file, difference(string(b), got))
		})
	}
}

// play returns the script with what really happened below each ----.
func play(t *testing.T, script string, verbs map[string]Verb) string {
	var out strings.Builder
	for i, block := range strings.Split(strings.Trim(script, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		commands, _, _ := strings.Cut(block+"\n", "----\n")
		out.WriteString(commands)
		happened := ""
		silent := true
		for _, line := range strings.Split(strings.TrimSpace(commands), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			silent = false
			c := parse(line)
			verb := verbs[c.Verb]
			if verb == nil {
				t.Fatalf("no verb %q", c.Verb)
			}
			text, err := verb(c)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			happened += text
		}
		if !silent {
			out.WriteString("----\n" + happened)
		}
	}
	return out.String()
}

func parse(line string) Command {
	c := Command{Keys: map[string]string{}}
	for i, w := range strings.Fields(line) {
		key, value, pair := strings.Cut(w, "=")
		switch {
		case i == 0:
			c.Verb = w
		case pair:
			c.Keys[key] = value
		default:
			c.Words = append(c.Words, w)
		}
	}
	return c
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "(end)", "(end)"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, x, y)
		}
	}
	return ""
}
