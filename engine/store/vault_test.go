package store_test

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

func vault(t testing.TB) store.Vault {
	t.Helper()
	v, err := store.OpenVault(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func say(passphrase string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(passphrase), nil }
}

func TestVaultGivesBackWhatWasAdded(t *testing.T) {
	v, plain, sealed := vault(t), identity(t), identity(t)
	if err := v.Add("plain", plain, nil); err != nil {
		t.Fatal(err)
	}
	if err := v.Add("sealed", sealed, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	names, err := v.Names()
	if err != nil || !slices.Equal(names, []party.ID{"plain", "sealed"}) {
		t.Errorf("names %v, %v", names, err)
	}
	for name, want := range map[party.ID]*party.Identity{"plain": plain, "sealed": sealed} {
		got, err := v.Identity(name, say("correct horse"))
		if err != nil || !got.Public().Equal(want.Public()) {
			t.Errorf("%s: %v", name, err)
		}
		info, err := os.Stat(v.Path(name))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := v.Identity("plain", nil); err != nil {
		t.Error(err)
	}
	if _, err := v.Identity("sealed", nil); err == nil || !strings.Contains(err.Error(), "nobody to ask") {
		t.Errorf("nobody to ask: %v", err)
	}
	if _, err := v.Identity("sealed", say("wrong horse")); !errors.Is(err, store.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	away := errors.New("went home")
	if _, err := v.Identity("sealed", func() ([]byte, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("no answer: %v", err)
	}
	if _, err := v.Identity("nobody", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such key: %v", err)
	}
	for _, name := range []party.ID{"", "../plain", "a/b"} {
		if v.Add(name, plain, nil) == nil {
			t.Errorf("%q names a key", name)
		}
		if _, err := v.Identity(name, nil); err == nil {
			t.Errorf("%q is read", name)
		}
	}
}

func TestKeyIsNeverOverwritten(t *testing.T) {
	v, first := vault(t), identity(t)
	if err := v.Add("gateway", first, nil); err != nil {
		t.Fatal(err)
	}
	if err := v.Add("gateway", identity(t), nil); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("got %v", err)
	}
	got, err := v.Identity("gateway", nil)
	if err != nil || !got.Public().Equal(first.Public()) {
		t.Errorf("it was overwritten: %v", err)
	}
}

func TestPassphraseIsChangedAtOnce(t *testing.T) {
	v, id := vault(t), identity(t)
	if err := v.Add("gateway", id, nil); err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, next := range []string{"one", "two", ""} {
		if last != "" {
			if err := v.Reseal("gateway", say("wrong"), []byte(next)); !errors.Is(err, store.ErrPassphrase) {
				t.Errorf("with a wrong passphrase: %v", err)
			}
		}
		if err := v.Reseal("gateway", say(last), []byte(next)); err != nil {
			t.Fatal(err)
		}
		got, err := v.Identity("gateway", say(next))
		if err != nil || !got.Public().Equal(id.Public()) {
			t.Errorf("under %q: %v", next, err)
		}
		last = next
	}
	left, err := os.ReadDir(filepath.Dir(v.Path("gateway")))
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestKeyThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: no such modes here")
	}
	v := vault(t)
	if err := v.Add("gateway", identity(t), nil); err != nil {
		t.Fatal(err)
	}
	path := v.Path("gateway")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Identity("gateway", nil); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: got %v, want the command to run", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Identity("gateway", nil); err != nil {
		t.Error(err)
	}
	dir := filepath.Dir(path)
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenVault(dir); err == nil || !strings.Contains(err.Error(), "chmod 700 "+dir) {
		t.Errorf("directory: got %v, want the command to run", err)
	}
}

func TestChangedKeyFilesAreRefused(t *testing.T) {
	v := vault(t)
	if err := v.Add("gateway", identity(t), []byte("pass")); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(v.Path("gateway"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(file)
	write := func(kind string, body []byte) error {
		b := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: body})
		if err := os.WriteFile(v.Path("gateway"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := v.Identity("gateway", say("pass"))
		return err
	}
	for _, at := range []int{1, 7, 30, len(block.Bytes) - 1} { // passes, salt, nonce, tag
		b := bytes.Clone(block.Bytes)
		b[at] ^= 1
		if err := write(block.Type, b); !errors.Is(err, store.ErrPassphrase) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	for name, change := range map[string]func([]byte) []byte{
		"version":      func(b []byte) []byte { b[0] = 2; return b },
		"no passes":    func(b []byte) []byte { b[1] = 0; return b },
		"many passes":  func(b []byte) []byte { b[1] = 255; return b },
		"all memory":   func(b []byte) []byte { b[2], b[3] = 255, 255; return b },
		"no memory":    func(b []byte) []byte { b[2], b[3] = 0, 0; return b },
		"no lanes":     func(b []byte) []byte { b[4] = 0; return b },
		"cut":          func(b []byte) []byte { return b[:40] },
		"empty":        func([]byte) []byte { return nil },
		"without seal": func(b []byte) []byte { return b[:60] },
	} {
		if err := write(block.Type, change(bytes.Clone(block.Bytes))); err == nil || errors.Is(err, store.ErrPassphrase) {
			t.Errorf("%s: got %v, want a refusal before the passphrase is tried", name, err)
		}
	}
	for _, kind := range []string{"CONSILIUM PUBLIC KEY", "CONSILIUM SECRET IDENTITY"} {
		if write(kind, block.Bytes) == nil {
			t.Errorf("read as a %s", kind)
		}
	}
	if err := os.WriteFile(v.Path("gateway"), bytes.Repeat([]byte("x"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Identity("gateway", nil); err == nil {
		t.Error("a large file is a key")
	}
}

func TestNoKeyIsInAnythingPrinted(t *testing.T) {
	v, id := vault(t), identity(t)
	if err := v.Add("gateway", id, []byte("s3cret-pass")); err != nil {
		t.Fatal(err)
	}
	secret, err := id.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(v.Path("gateway"))
	if err != nil {
		t.Fatal(err)
	}
	_, wrong := v.Identity("gateway", say("s3cret-past"))
	again := v.Add("gateway", id, []byte("s3cret-pass"))
	printed := fmt.Sprintf("%v %+v %#v %v %v %s", v, v, v, wrong, again, file)
	for _, s := range []string{string(secret[1:]), hex.EncodeToString(secret[1:]), "s3cret"} {
		if strings.Contains(printed, s) {
			t.Errorf("a secret is printed")
		}
	}
}
