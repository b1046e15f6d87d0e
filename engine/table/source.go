package table

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Source says where a site's records are and which quirks their file has.
type Source struct {
	CSV       string            // path, relative to the study file
	Encoding  string            // utf-8 (default), gb18030, latin-1, utf-16
	Separator string            // one character; default ","
	Columns   map[string]string // variable -> name of its column in this file; overrides Field.Column
}

// Check refuses an encoding or separator that cannot be read.
func (s Source) Check() error {
	if s.Encoding != "" && !slices.Contains(Encodings(), s.Encoding) {
		return fmt.Errorf("table: unknown encoding %q; want one of %s", s.Encoding, strings.Join(Encodings(), ", "))
	}
	if _, err := s.comma(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return nil
}

// comma is the declared separator.
func (s Source) comma() (rune, error) {
	switch s.Separator {
	case "":
		return ',', nil
	case `\t`, "tab":
		return '\t', nil
	}
	r, n := utf8.DecodeRuneInString(s.Separator)
	if n != len(s.Separator) || r == utf8.RuneError || unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("\"'.+-\r\n\x00", r) {
		return 0, fmt.Errorf("separator %q; want one character such as \",\" or \";\", or \"\\t\" for a tab", s.Separator)
	}
	return r, nil
}

// column is the name of a variable's column in this site's file.
func (s Source) column(f *Field) string {
	if c := s.Columns[f.Name]; c != "" {
		return c
	}
	if f.Column != "" {
		return f.Column
	}
	return f.Name
}
