package store

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/protocols/party"
)

// Types of the PEM blocks that identities are kept in.
const (
	plainBlock  = "CONSILIUM SECRET IDENTITY"
	sealedBlock = "CONSILIUM SEALED IDENTITY"
)

const keySuffix = ".key"

// Vault is a directory of identity keys, one file for each: mode 0600, as PEM.
// It prints as its directory; no method prints, logs or reports a key.
type Vault struct{ dir string }

// OpenVault opens the vault in dir, and makes it, with mode 0700, if it is
// missing. One that others may enter is refused.
func OpenVault(dir string) (Vault, error) {
	if err := privateDir(dir); err != nil {
		return Vault{}, err
	}
	return Vault{dir}, nil
}

// Path is the file of an identity.
func (v Vault) Path(name party.ID) string { return filepath.Join(v.dir, string(name)+keySuffix) }

// Names lists the identities, sorted.
func (v Vault) Names() ([]party.ID, error) {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return nil, fmt.Errorf("store: vault: %w", err)
	}
	var out []party.ID
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), keySuffix)
		if id := party.ID(name); ok && id.Check() == nil {
			out = append(out, id)
		}
	}
	return out, nil
}

// Add writes a new identity; one of that name must not exist. An empty
// passphrase leaves it readable to whoever can read the file.
func (v Vault) Add(name party.ID, id *party.Identity, passphrase []byte) error {
	if err := name.Check(); err != nil {
		return err
	}
	err := v.write(name, id, passphrase, os.Link) // which, unlike a rename, never overwrites
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("store: vault: %s exists, and a key is never overwritten: whoever pinned it would not know this gateway again", v.Path(name))
	}
	return err
}

// Identity reads an identity. ask is called for the passphrase if there is
// one, once; it may be nil where there is none.
func (v Vault) Identity(name party.ID, ask func() ([]byte, error)) (*party.Identity, error) {
	if err := name.Check(); err != nil {
		return nil, err
	}
	return ReadIdentity(v.Path(name), ask)
}

// Reseal puts an identity under another passphrase, or none. The file is
// replaced at once: a crash leaves the old or the new one.
func (v Vault) Reseal(name party.ID, ask func() ([]byte, error), passphrase []byte) error {
	id, err := v.Identity(name, ask)
	if err != nil {
		return err
	}
	return v.write(name, id, passphrase, os.Rename)
}

// write makes the file under another name, durable, and moves it into place.
func (v Vault) write(name party.ID, id *party.Identity, passphrase []byte, place func(from, to string) error) (err error) {
	secret, err := id.MarshalBinary()
	if err != nil {
		return err
	}
	defer clear(secret)
	block := &pem.Block{Type: plainBlock, Bytes: secret}
	if len(passphrase) > 0 {
		sealed, err := seal(secret, passphrase)
		if err != nil {
			return fmt.Errorf("store: vault: %w", err)
		}
		block = &pem.Block{Type: sealedBlock, Bytes: sealed}
	}
	f, err := os.CreateTemp(v.dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("store: vault: %w", err)
	}
	defer func() {
		if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	err = errors.Join(pem.Encode(f, block), f.Sync(), f.Close())
	if err == nil {
		err = place(f.Name(), v.Path(name))
	}
	if err == nil {
		err = syncDir(v.dir)
	}
	if err != nil {
		return fmt.Errorf("store: vault: writing %s: %w", v.Path(name), err)
	}
	return nil
}

// ReadIdentity reads an identity from a file outside a vault, such as one that
// the system hands to a service. A file that others can read is refused.
func ReadIdentity(path string, ask func() ([]byte, error)) (*party.Identity, error) {
	b, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	block, _ := pem.Decode(b)
	if block == nil || !slices.Contains([]string{plainBlock, sealedBlock}, block.Type) {
		return nil, fmt.Errorf("store: key %s: it holds no secret identity of consilium", path)
	}
	defer clear(block.Bytes)
	secret := block.Bytes
	if block.Type == sealedBlock {
		if ask == nil {
			return nil, fmt.Errorf("store: key %s: it is under a passphrase, and there is nobody to ask for it", path)
		}
		passphrase, err := ask()
		if err != nil {
			return nil, fmt.Errorf("store: key %s: the passphrase: %w", path, err)
		}
		defer clear(passphrase)
		if secret, err = unseal(block.Bytes, passphrase); err != nil {
			return nil, fmt.Errorf("store: key %s: %w", path, err)
		}
		defer clear(secret)
	}
	id, err := party.ParseIdentity(secret)
	if err != nil {
		return nil, fmt.Errorf("store: key %s: %w", path, err)
	}
	return id, nil
}

// maxKeyFile is more than any identity takes.
const maxKeyFile = 1 << 12

func readPrivate(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("store: key: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat() // of what was opened, not of what has the name now
	if err != nil {
		return nil, fmt.Errorf("store: key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("store: key %s: it is no key file", path)
	}
	if err := private(path, info, "600"); err != nil {
		return nil, err
	}
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if err != nil {
		return nil, fmt.Errorf("store: key: %w", err)
	}
	return bytes.TrimSpace(b[:n]), nil
}

// random fills b for salts and nonces.
func random(b []byte) { rand.Read(b) } // never fails: crypto/rand ends the process instead
