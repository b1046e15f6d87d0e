package study

import (
	"fmt"
	"strings"
)

// Error is one mistake in a study file.
type Error struct {
	File string
	Line int // from 1; 0 when the whole file is meant
	Msg  string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("study: %s: %s", e.File, e.Msg)
	}
	return fmt.Sprintf("study: %s, line %d: %s", e.File, e.Line, e.Msg)
}

// Errors are all mistakes found in a study file, in the order of its lines; never empty.
type Errors []*Error

// maxErrors bounds how many mistakes of one file are told.
const maxErrors = 20

// Error writes one mistake a line.
func (e Errors) Error() string {
	lines := make([]string, 0, len(e))
	for i, x := range e {
		if i == maxErrors {
			lines = append(lines, fmt.Sprintf("study: and %d more", len(e)-i))
			break
		}
		lines = append(lines, x.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the first *Error.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, x := range e {
		list[i] = x
	}
	return list
}
