package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// readPassphrase reads the first line of a file, such as one that the system hands to a service.
func readPassphrase(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("passphrase %s: %w", path, reason(err))
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimRight(line, "\r"); len(line) == 0 {
		return nil, fmt.Errorf("passphrase %s: its first line is empty", path)
	}
	return line, nil
}

// askPassphrase asks on the terminal, which does not show what is typed; nil
// where there is none. When the command is interrupted meanwhile, the terminal
// shows again what is typed.
func askPassphrase(c *cobra.Command, what string) func() ([]byte, error) {
	f, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() ([]byte, error) {
		before, err := term.GetState(int(f.Fd()))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: ", what)
		defer fmt.Fprintln(c.ErrOrStderr())
		type typed struct {
			text []byte
			err  error
		}
		done := make(chan typed, 1)
		go func() { // a read of a terminal cannot be called off: after an interruption it ends with the process
			text, err := term.ReadPassword(int(f.Fd()))
			done <- typed{text, err}
		}()
		select {
		case t := <-done:
			return t.text, t.err
		case <-c.Context().Done():
			return nil, errors.Join(c.Context().Err(), term.Restore(int(f.Fd()), before))
		}
	}
}

// newPassphrase has a new one from a file, or twice from the terminal; nil: none is wanted.
func newPassphrase(c *cobra.Command, ask bool, file string) ([]byte, error) {
	if file != "" {
		return readPassphrase(file)
	}
	if !ask {
		return nil, nil
	}
	once, again := askPassphrase(c, "new passphrase"), askPassphrase(c, "once more")
	if once == nil {
		return nil, errors.New("--passphrase asks on a terminal, and there is none: use --passphrase-file")
	}
	a, err := once()
	if err != nil {
		return nil, err
	}
	if len(a) == 0 {
		return nil, errors.New("the passphrase is empty; without --passphrase there is none")
	}
	b, err := again()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(a, b) {
		return nil, errors.New("the two differ; nothing was written")
	}
	return a, nil
}
