package main

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/protocols/party"
)

// Types of the PEM blocks that keys are written in.
const (
	secretBlock = "CONSILIUM SECRET IDENTITY"
	publicBlock = "CONSILIUM PUBLIC KEY"
)

func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make the analyst's key for studies that release to the analyst alone",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("no command; want new")
		},
		Args:    cobra.NoArgs,
		Example: "  consilium keys new --out analyst.key",
	}
	var out string
	fresh := &cobra.Command{
		Use:   "new",
		Short: "Draw a key: FILE is the secret, FILE.pub goes to those who run the study",
		Long: `New draws an identity and writes two files: FILE, the secret, readable by its
owner alone, and FILE.pub, the public key that run --reader takes. An existing
file is never overwritten. Compare the fingerprint over the telephone.`,
		Example: "  consilium keys new --out analyst.key",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return newKey(c, out) },
	}
	fresh.Flags().StringVarP(&out, "out", "o", "", "file of the secret")
	if err := fresh.MarkFlagRequired("out"); err != nil {
		panic(err) // the flag is defined one line above
	}
	c.AddCommand(fresh)
	return c
}

func newKey(c *cobra.Command, out string) error {
	id, err := party.NewIdentity(rand.Reader)
	if err != nil {
		return &status{exitFailure, err}
	}
	secret, err := id.MarshalBinary()
	if err != nil {
		return &status{exitFailure, err}
	}
	public, err := id.Public().MarshalBinary()
	if err != nil {
		return &status{exitFailure, err}
	}
	if err := writeNew(out, secretBlock, secret, 0o600); err != nil {
		return &status{exitFailure, err}
	}
	if err := writeNew(out+".pub", publicBlock, public, 0o644); err != nil {
		return &status{exitFailure, errors.Join(err, os.Remove(out))}
	}
	fmt.Fprintf(c.OutOrStdout(), "secret key: %s (keep it: without it nothing can be opened)\npublic key: %s.pub\nfingerprint: %s\n", out, out, id.Public().Fingerprint())
	return nil
}

// writeNew writes a PEM file that must not exist.
func writeNew(path, kind string, b []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("key %s: %w", path, reason(err))
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	return pem.Encode(f, &pem.Block{Type: kind, Bytes: b})
}

// readKey reads a PEM file of one kind.
func readKey(path, kind string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, reason(err))
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("key %s: not a key of consilium; make one with: consilium keys new", path)
	}
	if block.Type != kind {
		return nil, fmt.Errorf("key %s: holds a %s, want a %s", path, block.Type, kind)
	}
	return block.Bytes, nil
}

// readReader reads the analyst's public key.
func readReader(path string) (*party.PublicKey, error) {
	b, err := readKey(path, publicBlock)
	if err != nil {
		return nil, err
	}
	k, err := party.ParsePublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	return &k, nil
}

// readIdentity reads the analyst's secret.
func readIdentity(path string) (*party.Identity, error) {
	b, err := readKey(path, secretBlock)
	if err != nil {
		return nil, err
	}
	id, err := party.ParseIdentity(b)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	return id, nil
}
