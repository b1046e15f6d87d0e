package study

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/table"
)

// reader walks the nodes of a study file and collects what is wrong with it,
// so that a user sees all mistakes at once.
type reader struct {
	file string
	errs Errors
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	msg := fmt.Sprintf(format, args...)
	if len(msg) > maxMessage {
		msg = strings.ToValidUTF8(msg[:maxMessage], "") + "..."
	}
	r.errs = append(r.errs, &Error{r.file, line, msg})
}

// many refuses a list or mapping of more than most elements.
func (r *reader) many(n *yaml.Node, what string, most int) bool {
	elements := len(n.Content)
	if n.Kind == yaml.MappingNode {
		elements /= 2
	}
	if elements > most {
		r.fail(n, "%s: %d of them, at most %d", what, elements, most)
	}
	return elements > most
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	at    *yaml.Node // of the key
	value *yaml.Node
}

// entries returns a mapping's keys in their order; what names the mapping in messages.
func (r *reader) entries(n *yaml.Node, what string) []entry {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is %s; want keys with values, as in key: value", what, kindOf(n))
		return nil
	}
	var list []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			r.fail(k, "%s: a key must be a plain word", what)
			continue
		}
		if l, twice := lines[k.Value]; twice {
			r.fail(k, "%s: key %q stands twice, first in line %d", what, k.Value, l)
			continue
		}
		lines[k.Value] = k.Line
		list = append(list, entry{k.Value, k, n.Content[i+1]})
	}
	return list
}

// keys returns a mapping's values by key and refuses keys that are not allowed.
func (r *reader) keys(n *yaml.Node, what string, allowed ...string) map[string]*yaml.Node {
	m := map[string]*yaml.Node{}
	for _, e := range r.entries(n, what) {
		if !slices.Contains(allowed, e.key) {
			r.unknown(e, what, allowed)
			continue
		}
		m[e.key] = e.value
	}
	return m
}

func (r *reader) unknown(e entry, what string, allowed []string) {
	r.fail(e.at, "%s: unknown key %q; %s", what, e.key, table.Hint(e.key, allowed))
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case missing(n):
		return "empty"
	}
	return "a single value"
}

// missing reports a key without a value.
func missing(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// quoted reports a scalar that stands in quotes or in a block.
func quoted(n *yaml.Node) bool { return n.Style != 0 }

// text reads any scalar as its literal text.
func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || missing(n) {
		r.fail(n, "%s is %s; want a text", what, kindOf(n))
		return ""
	}
	return n.Value
}

// choice reads one of a few words; the first is the default when n is nil.
func (r *reader) choice(n *yaml.Node, what string, words ...string) string {
	if n == nil {
		return words[0]
	}
	s := r.text(n, what)
	if s != "" && !slices.Contains(words, s) {
		r.fail(n, "%s: unknown value %q; want %s", what, s, strings.Join(words, " or "))
	}
	return s
}

// number reads a decimal number.
func (r *reader) number(n *yaml.Node, what string) float64 {
	if n.Kind == yaml.ScalarNode && !quoted(n) {
		if x, ok := table.ParseNumber(n.Value); ok {
			return x
		}
	}
	r.fail(n, "%s is not a number; want decimal digits without quotes or marks, as in 0.5 or 1e-3", what)
	return 0
}

// integer reads a whole number in [lo, hi].
func (r *reader) integer(n *yaml.Node, what string, lo, hi int64) int64 {
	if n.Kind == yaml.ScalarNode && !quoted(n) {
		if k, err := strconv.ParseInt(n.Value, 10, 64); err == nil && k >= lo && k <= hi {
			return k
		}
	}
	r.fail(n, "%s is not a whole number from %d to %d", what, lo, hi)
	return lo
}

// boolean reads true or false.
func (r *reader) boolean(n *yaml.Node, what string) bool {
	if n.Kind == yaml.ScalarNode && !quoted(n) && (n.Value == "true" || n.Value == "false") {
		return n.Value == "true"
	}
	r.fail(n, "%s is neither true nor false", what)
	return false
}

// list returns the elements of a list.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s is %s; want a list, as in [a, b]", what, kindOf(n))
		return nil
	}
	return n.Content
}

// literals reads a list of scalars as their literal texts: no, 1.0 and 007 stay what they are.
func (r *reader) literals(n *yaml.Node, what string) []string {
	var l []string
	for _, c := range r.list(n, what) {
		if c.Kind != yaml.ScalarNode {
			r.fail(c, "%s holds %s; want single values", what, kindOf(c))
			continue
		}
		l = append(l, c.Value)
	}
	return l
}
