package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
)

// ram mounts a file system of a few kilobytes of its own.
func ram(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small disk to fill")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("SKIPPED: no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDiskWritesNothingAndLosesNothing(t *testing.T) {
	disk := ram(t, "size=512k,mode=0700")
	dir := filepath.Join(disk, "state")
	s := open(t, dir)
	j := journal(t, s, plan("a"))
	// Every way to fill the last pages: by records of many sizes.
	written, refused := 0, 0
	for refused < 40 {
		body := bytes.Repeat([]byte{byte(written)}, 200+(written+refused)*977%7000)
		before, _ := s.Heads()
		if err := j.Append("masked", body); err == nil {
			written++
			continue
		} else if !strings.Contains(err.Error(), "no room") {
			t.Fatal(err)
		}
		refused++
		if after, _ := s.Heads(); after != before {
			t.Fatalf("a refused record moved the head from %v to %v", before, after)
		}
	}
	count := func(j *store.Journal) (n int) {
		if err := j.Replay(func(_ string, r []byte) error {
			if len(r) == 0 || r[0] != byte(n) {
				t.Errorf("record %d is another one", n)
			}
			n++
			return nil
		}); err != nil {
			t.Error(err)
		}
		return n
	}
	if n := count(j); n != written {
		t.Errorf("got %d records, want %d", n, written)
	}
	s = reopen(t, s, dir)
	j = journal(t, s, plan("a"))
	if n := count(j); n != written {
		t.Errorf("after opening again: got %d records, want %d", n, written)
	}
	// With room again, it goes on.
	if err := syscall.Mount("", disk, "tmpfs", syscall.MS_REMOUNT, "size=2m"); err != nil {
		t.Fatal(err)
	}
	if err := j.Append("masked", []byte{byte(written)}); err != nil {
		t.Fatal(err)
	}
	if n := count(j); n != written+1 {
		t.Errorf("with room again: got %d records, want %d", n, written+1)
	}
	t.Logf("%d records written, %d refused", written, refused)
}

func TestReadOnlyDirectoryIsSaid(t *testing.T) {
	disk := ram(t, "size=1m,mode=0700")
	dir := filepath.Join(disk, "state")
	s := open(t, dir)
	add(t, journal(t, s, plan("a")), "began", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Config{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("got %v, want that it cannot be written", err)
	}
	r, err := store.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if j, _, err := r.Verify(); err != nil || j.Position != 1 {
		t.Errorf("reading it: %v, %v", j, err)
	}
}

func TestDirectoryThatOthersMayEnterIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(store.Config{Dir: dir, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "chmod 700 "+dir) {
		t.Errorf("got %v, want the command to run", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	info, err := os.Stat(filepath.Join(dir, "store.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "store.db"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Config{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "chmod 600 ") {
		t.Errorf("got %v, want the command to run", err)
	}
}
