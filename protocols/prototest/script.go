package prototest

import (
	"fmt"
	"strings"
)

// Command is one line of a script: a verb, words, and key=value pairs.
type Command struct {
	Verb  string
	Words []string
	Keys  map[string]string
}

// Verb carries out a command and returns what happened.
type Verb func(Command) (string, error)

// Play carries out a script and returns it with what really happened. A script
// is blocks of lines, separated by empty lines:
//
//	# what this story is about
//	members a b c
//	setup
//	----
//	a > hub HELLO
//	...
//
// Above ---- are commands, below what they are expected to yield; the whole
// script shares one set of verbs.
func Play(script string, verbs map[string]Verb) (string, error) {
	var out strings.Builder
	for i, block := range strings.Split(strings.Trim(script, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		commands, _, _ := strings.Cut(block+"\n", "----\n")
		out.WriteString(commands)
		happened, silent := "", true
		for _, line := range strings.Split(strings.TrimSpace(commands), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			silent = false
			c := parse(line)
			verb := verbs[c.Verb]
			if verb == nil {
				return "", fmt.Errorf("prototest: no verb %q", c.Verb)
			}
			text, err := verb(c)
			if err != nil {
				return "", fmt.Errorf("prototest: %s: %w", line, err)
			}
			happened += text
		}
		if !silent {
			out.WriteString("----\n" + happened)
		}
	}
	return out.String(), nil
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

// Difference shows the first lines that differ.
func Difference(want, got string) string {
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
