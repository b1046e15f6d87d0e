package study

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds on a study file, far above what a study needs.
const (
	maxBytes     = 1 << 20
	maxDepth     = 16
	maxSites     = 200 // as many as a sum can have members
	maxVariables = 10000
	maxAnalyses  = 1000
	maxMessage   = 1000 // bytes of one mistake
)

// document parses the bytes as one YAML document; nil after a failure.
func (r *reader) document(src []byte) *yaml.Node {
	switch {
	case len(src) > maxBytes:
		r.fail(nil, "the file has %d bytes, at most %d", len(src), maxBytes)
		return nil
	case !utf8.Valid(src):
		r.fail(&yaml.Node{Line: 1 + bytes.Count(src[:firstInvalid(src)], []byte("\n"))}, "bytes are not UTF-8; save the file as UTF-8")
		return nil
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(src))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && empty(&doc):
		r.fail(nil, "the file is empty; want study:, sites:, variables: and analyses:")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		r.fail(&second, "a second document begins here; a study file has one")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	r.plain(doc.Content[0], 0)
	if len(r.errs) > 0 {
		return nil
	}
	return doc.Content[0]
}

func empty(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Value == ""
}

func firstInvalid(src []byte) int {
	for i := 0; i < len(src); {
		c, n := utf8.DecodeRune(src[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(src)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax reports an error of the YAML parser at the line it names.
func (r *reader) syntax(err error) {
	m := yamlLine.FindStringSubmatch(err.Error())
	line := 0
	msg := err.Error()
	if m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	if strings.Contains(msg, "cannot start any token") {
		msg += "; indent with spaces, and put a text with special characters in quotes"
	}
	r.errs = append(r.errs, &Error{r.file, line, "not YAML: " + msg})
}

// plain refuses what a study file does not need and what could blow it up: anchors, aliases, tags, depth.
func (r *reader) plain(n *yaml.Node, depth int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.fail(n, "anchors (&) and aliases (*) are not allowed in a study file; write the value out")
		return
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "the tag %s is not allowed in a study file", n.Tag)
		return
	case depth > maxDepth:
		r.fail(n, "nested more than %d deep", maxDepth)
		return
	}
	for _, c := range n.Content {
		r.plain(c, depth+1)
	}
}
