package main

import (
	"bytes"
	"fmt"
	"os"
)

// readPassphrase reads the first line of a file, such as one that the system hands to a service.
func readPassphrase(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("passphrase %s: %w", path, reason(err))
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimRight(line, "\r"), nil
}
