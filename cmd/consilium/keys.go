package main

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// publicBlock is the type of the PEM block that public keys are written in.
const publicBlock = "CONSILIUM PUBLIC KEY"

func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make and show identities: of gateways, stewards and analysts",
		Long: `Keys makes and shows identities. An identity signs with Ed25519 and ML-DSA-65 at
once, and what is sealed to it opens with X-Wing. The secret stays where it was
made; its public key goes into everybody's roster after its fingerprint was
compared over the telephone.`,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("no command; want one of fingerprint, new, show")
		},
		Args:    cobra.NoArgs,
		Example: "  consilium keys new --out analyst.key\n  consilium keys fingerprint analyst.key.pub",
	}
	c.AddCommand(newKeysNew(), newKeysShow(), newKeysFingerprint())
	return c
}

func newKeysNew() *cobra.Command {
	var out, file string
	var ask, asJSON bool
	c := &cobra.Command{
		Use:   "new",
		Short: "Draw a key: FILE is the secret, FILE.pub goes to everybody else",
		Long: `New draws an identity and writes two files: FILE, the secret, readable by its
owner alone, and FILE.pub, the public key, for rosters and for run --reader. An
existing file is never overwritten. Compare the fingerprint over the telephone.

With --passphrase the secret is put under a passphrase that the terminal is asked
for, with --passphrase-file under the first line of a file.`,
		Example: "  consilium keys new --out analyst.key\n  consilium keys new --out steward.key --passphrase",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			passphrase, err := newPassphrase(c, ask, file)
			if err != nil {
				return err
			}
			return newKey(c, out, passphrase, asJSON)
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "file of the secret")
	c.Flags().BoolVar(&ask, "passphrase", false, "ask for a passphrase for the secret")
	c.Flags().StringVar(&file, "passphrase-file", "", "take the passphrase from this file's first line")
	jsonFlag(c, &asJSON, "print the files and the fingerprint as JSON")
	c.MarkFlagsMutuallyExclusive("passphrase", "passphrase-file")
	if err := c.MarkFlagRequired("out"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

func newKey(c *cobra.Command, out string, passphrase []byte, asJSON bool) error {
	id, err := newIdentityFile(out, passphrase)
	if err != nil {
		return &status{exitFailure, err}
	}
	public, err := publicPEM(id.Public())
	if err == nil {
		err = writeNew(out+".pub", public, 0o644)
	}
	if err != nil {
		return &status{exitFailure, errors.Join(err, os.Remove(out))}
	}
	fingerprint := id.Public().Fingerprint()
	return said(c, asJSON, map[string]any{"secret": out, "public": out + ".pub", "under_passphrase": len(passphrase) > 0, "fingerprint": fingerprint},
		"secret key: %s (keep it: without it nothing can be opened)\npublic key: %s.pub\nfingerprint: %s", out, out, fingerprint)
}

// newIdentityFile draws an identity and writes it to a file that must not
// exist: made in a vault of its own beside it, where no other user can look.
func newIdentityFile(path string, passphrase []byte) (_ *party.Identity, err error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("key %s: file exists, and a key is never overwritten", path)
	}
	id, err := party.NewIdentity(rand.Reader)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".key-")
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, reason(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	v, err := store.OpenVault(dir)
	if err != nil {
		return nil, err
	}
	if err := v.Add("new", id, passphrase); err != nil {
		return nil, err
	}
	if err := os.Link(v.Path("new"), path); err != nil { // which never overwrites
		return nil, fmt.Errorf("key %s: %w", path, errors.Unwrap(err))
	}
	return id, nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, text []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// keyFile is what a file of a key holds.
type keyFile struct {
	File        string `json:"file"`
	Secret      bool   `json:"secret"`
	Sealed      bool   `json:"under_passphrase"`
	Fingerprint string `json:"fingerprint"`
	Public      string `json:"public_key"`
	key         party.PublicKey
}

// readKeyFile reads a public key, or the public part of a secret one.
func readKeyFile(c *cobra.Command, path, passphraseFile string) (*keyFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, reason(err))
	}
	k := &keyFile{File: path}
	block, _ := pem.Decode(bytes.TrimSpace(b))
	switch {
	case block == nil:
		return nil, fmt.Errorf("key %s: not a key of consilium; make one with: consilium keys new", path)
	case block.Type == publicBlock:
		k.key, err = party.ParsePublicKey(block.Bytes)
	default:
		var id *party.Identity
		k.Secret, k.Sealed = true, bytes.Contains(b, []byte("SEALED"))
		if id, err = readIdentity(c, path, passphraseFile); err == nil {
			k.key = id.Public()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	k.Fingerprint = k.key.Fingerprint()
	text, err := publicPEM(k.key)
	k.Public = string(text)
	return k, err
}

func newKeysShow() *cobra.Command {
	var asJSON bool
	var passphrase string
	c := &cobra.Command{
		Use:     "show FILE",
		Short:   "Show what a key file holds, never the secret",
		Long:    "Show says whether a file holds a secret or a public key, and prints the\nfingerprint and the public key: what FILE.pub held, if that was lost.",
		Example: "  consilium keys show analyst.key\n  consilium keys show analyst.key.pub --json",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := readKeyFile(c, args[0], passphrase)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), k)
			}
			kind := "a public key"
			switch {
			case k.Sealed:
				kind = "a secret key under a passphrase"
			case k.Secret:
				kind = "a secret key"
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s\nfingerprint: %s\n%s", k.File, kind, k.Fingerprint, k.Public)
			return nil
		},
	}
	jsonFlag(c, &asJSON, "print it as JSON")
	c.Flags().StringVar(&passphrase, "passphrase-file", "", "take the passphrase from this file's first line")
	return c
}

func newKeysFingerprint() *cobra.Command {
	var passphrase string
	var asJSON bool
	c := &cobra.Command{
		Use:     "fingerprint FILE...",
		Short:   "Print the fingerprint of keys, to be read out over the telephone",
		Example: "  consilium keys fingerprint *.pub",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var all []map[string]string
			for _, path := range args {
				k, err := readKeyFile(c, path, passphrase)
				if err != nil {
					return err
				}
				all = append(all, map[string]string{"file": path, "fingerprint": k.Fingerprint})
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), all)
			}
			for _, k := range all {
				fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", k["fingerprint"], k["file"])
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON, "print them as JSON")
	c.Flags().StringVar(&passphrase, "passphrase-file", "", "take the passphrase from this file's first line")
	return c
}

// readReader reads the analyst's public key.
func readReader(path string) (*party.PublicKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, reason(err))
	}
	block, _ := pem.Decode(b)
	switch {
	case block == nil:
		return nil, fmt.Errorf("key %s: not a key of consilium; make one with: consilium keys new", path)
	case block.Type != publicBlock:
		return nil, fmt.Errorf("key %s: holds a %s, want a %s", path, block.Type, publicBlock)
	}
	k, err := party.ParsePublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	return &k, nil
}

// readIdentity reads a secret key, and its passphrase from a file or the terminal.
func readIdentity(c *cobra.Command, path, passphraseFile string) (*party.Identity, error) {
	ask := askPassphrase(c, "passphrase of "+path)
	if passphraseFile != "" {
		ask = func() ([]byte, error) { return readPassphrase(passphraseFile) }
	}
	return store.ReadIdentity(path, ask)
}
