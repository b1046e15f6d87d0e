package store_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/consilium-health/consilium/engine/store"
)

// A small disk in a file, with ext4 on it. Shutting the file system down
// without flushing its log is what a power cut is to it: writes under way fail,
// and after mounting it again only what was synced before is sure to be there.
type disk struct{ image, dir string }

func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can cut the power of a disk")
	}
	d := &disk{filepath.Join(t.TempDir(), "image"), t.TempDir()}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, 32<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no ext4 can be made here: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no disk in a file can be mounted here: %v %s", err, out)
	}
	t.Cleanup(func() { syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

// cut takes the power away.
func (d *disk) cut(t *testing.T) {
	t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const shutdown, withoutLog = 0x8004587d, 2
	flag := uint32(withoutLog)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&flag))); errno != 0 {
		t.Skipf("SKIPPED: this ext4 cannot be shut down: %v", errno)
	}
}

// back is the machine after it was started again.
func (d *disk) back(t *testing.T) {
	t.Helper()
	for _, c := range [][]string{{"umount", d.dir}, {"mount", "-o", "loop", d.image, d.dir}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", c, err, out)
		}
	}
}

func TestPowerCutLosesNothingThatWasAcknowledged(t *testing.T) {
	d := newDisk(t)
	dir, n := filepath.Join(d.dir, "state"), 0
	for life := range cuts {
		s, err := store.Open(store.Config{Dir: dir, Now: time.Now})
		if err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		j, err := s.Journal(plan("a"))
		if err != nil {
			t.Fatal(err)
		}
		there := 0
		err = j.Replay(func(_ string, r []byte) error {
			if string(r) != string(record(there)) {
				t.Errorf("life %d: record %d is %.20q", life, there, r)
			}
			there++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if there != n && there != n+1 {
			t.Fatalf("life %d: %d records, %d were acknowledged", life, there, n)
		}
		n = there
		acknowledged, failed := make(chan int), make(chan error, 1)
		go func() {
			for i := n; ; i++ {
				if err := j.Append("masked", record(i)); err != nil {
					close(acknowledged)
					failed <- err
					return
				}
				acknowledged <- i
			}
		}()
		// The append that follows the last acknowledged one is somewhere on its way.
		for range 1 + life*5%11 {
			n = <-acknowledged + 1
		}
		d.cut(t)
		for i := range acknowledged {
			n = i + 1
		}
		if err := <-failed; !strings.Contains(err.Error(), "failed") {
			t.Errorf("life %d: the power cut reaches the caller as %v", life, err)
		}
		// What the disk holds is not known now: nothing more is written.
		if err := s.Record(store.Event{Kind: store.KindOperator, What: "looked"}); err == nil || !strings.Contains(err.Error(), "an earlier write failed") {
			t.Errorf("life %d: after a failed write: %v", life, err)
		}
		if err := s.Close(); err != nil {
			t.Logf("life %d: closing: %v", life, err)
		}
		d.back(t)
	}
	t.Logf("%d power cuts, %d acknowledged records, none lost", cuts, n)
}
