//go:build unix

// Package lockfile keeps a directory to one process.
package lockfile

import (
	"errors"
	"os"
	"syscall"
)

// Hold opens path and holds it until the file is closed or the process ends,
// however it ends. held is true if another process has it.
func Hold(path string) (f *os.File, held bool, err error) {
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errors.Is(err, syscall.EWOULDBLOCK), err
	}
	return f, false, nil
}
