package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

// The disk is a real one, of 8 MB; the owner is another user.
func TestDoctorSeesAFullDiskAndAnotherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk and give a directory away")
	}
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", small, "tmpfs", 0, "size=8m,mode=700,uid=12345"); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	}()
	d := &doctor{c: new(cobra.Command), config: &config{path: filepath.Join(dir, "consilium.yaml"), State: "small"}}
	d.state()
	var all []string
	for _, f := range d.all {
		all = append(all, f.State+" "+f.What+" "+f.Found)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"warning state " + small + " belongs to user 12345, this command runs as user 0", "wrong disk 8.4 MB free in " + small, "ok disk 4 kB are on it after "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not among:\n%s", want, text)
		}
	}
	left, err := os.ReadDir(small)
	if err != nil || len(left) > 0 {
		t.Errorf("doctor leaves %v (%v)", left, err)
	}
}
