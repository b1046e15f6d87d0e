package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
)

// eachEvidence calls f with every event of evidence and the record that it rests
// on, nil where there is none, held against the digest in the event.
func eachEvidence(r *store.Reader, f func(e store.Entry, record []byte) error) error {
	return r.Events(0, func(e store.Entry) error {
		if e.Event.Kind != store.KindEvidence {
			return nil
		}
		var record []byte
		if p := e.Event.Proof; p != nil {
			var err error
			if record, err = r.Proved(*p); err != nil {
				return err
			}
		}
		return f(e, record)
	})
}

func newAuditEvidence() *cobra.Command {
	var config, out string
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Copy out the messages that evidence rests on",
		Long: `Evidence copies the messages that the audit log's evidence rests on into a new
directory, as they were received, with their signatures: for event 118 the files
118-first.bin and 118-second.bin, and 118.txt which says what they show. Where one
message shows it, the first is what this party itself had said last. Their digests
are in the event ("audit export"). Nothing in them is secret: all of it went over
the network.`,
		Example: "  consilium audit evidence --config gateway.yaml --out evidence",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			r, err := readStore(config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			if out == "" {
				return errors.New("--out is needed: a new directory")
			}
			if err := os.Mkdir(out, 0o700); err != nil {
				return &status{exitFailure, fmt.Errorf("%s: %w", out, reason(err))}
			}
			n := 0
			err = eachEvidence(r, func(e store.Entry, record []byte) error {
				n++
				return writeEvidence(out, e, record)
			})
			if err != nil {
				return &status{exitFailure, err}
			}
			fmt.Fprintf(c.OutOrStdout(), "pieces of evidence in %s: %d\n", out, n)
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().StringVarP(&out, "out", "o", "", "a new directory")
	return c
}

// writeEvidence writes one piece.
func writeEvidence(dir string, e store.Entry, record []byte) error {
	files := map[string][]byte{fmt.Sprintf("%d.txt", e.Position): fmt.Appendf(nil, "%s  %s\n", moment(e.Event.Time), eventWords(e.Event))}
	if record != nil {
		x, err := engine.ParseEvidence(record)
		if err != nil {
			return err
		}
		files[fmt.Sprintf("%d-first.bin", e.Position)] = x.First
		files[fmt.Sprintf("%d-second.bin", e.Position)] = x.Second
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return reason(err)
		}
	}
	return nil
}
