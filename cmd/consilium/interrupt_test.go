//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// demo copies the study of three small hospitals.
func demo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/demo")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// onlyTheStudy fails when anything but the copied files is in dir.
func onlyTheStudy(t *testing.T, dir string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if _, err := os.Stat(filepath.Join("testdata/demo", e.Name())); err != nil {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

// stopAt cancels when the program writes a text to standard error.
type stopAt struct {
	bytes.Buffer
	text string
	stop context.CancelFunc
}

func (s *stopAt) Write(b []byte) (int, error) {
	n, err := s.Buffer.Write(b)
	if strings.Contains(s.String(), s.text) {
		s.stop()
	}
	return n, err
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	for _, at := range []string{"reading records", "msg=computing", "msg=sum"} {
		t.Run(at, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			dir := demo(t)
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			var stdout bytes.Buffer
			stderr := &stopAt{text: at, stop: stop}
			got := execute(ctx, []string{"run", filepath.Join(dir, "study.yaml"), "--out", filepath.Join(dir, "out")}, &stdout, stderr)
			if got != exitInterrupted {
				t.Errorf("exit status %d, want %d; stderr:\n%s", got, exitInterrupted, stderr)
			}
			if stdout.Len() > 0 {
				t.Errorf("printed a report: %s", &stdout)
			}
			if !strings.Contains(stderr.String(), "interrupted; no result was written") {
				t.Errorf("stderr:\n%s", stderr)
			}
			onlyTheStudy(t, dir)
		})
	}
}

// The records of one site come from a pipe that never ends: the real process
// is stopped by the real signal while it reads.
func TestCtrlCEndsAReadThatHangs(t *testing.T) {
	dir := demo(t)
	pipe := filepath.Join(dir, "north.csv")
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	binary, err := exec.LookPath("consilium") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(binary, "run", "study.yaml")
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the program has opened the other end
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = c.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("got %v, want exit status %d; stderr:\n%s", err, exitInterrupted, &stderr)
	}
	onlyTheStudy(t, dir)
}
