// Package lockfile keeps a directory to one process.
package lockfile

import (
	"errors"
	"os"
	"syscall"
)

const sharingViolation = syscall.Errno(32)

// Hold opens path and holds it until the file is closed or the process ends,
// however it ends. held is true if another process has it.
func Hold(path string) (f *os.File, held bool, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	// Sharing mode 0: nobody else may open it meanwhile.
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, errors.Is(err, sharingViolation), err
	}
	return os.NewFile(uintptr(h), path), false, nil
}
