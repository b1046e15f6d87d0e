package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// privateDir makes dir if it is missing, and refuses one that others may enter.
func privateDir(dir string) error {
	if dir == "" {
		return errors.New("store: no directory is named")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("store: %s is not a directory", dir)
	}
	return private(dir, info, "700")
}

// private refuses what users other than its owner can read or write. Windows
// has no such modes: access is governed by the folder's list there.
func private(path string, info fs.FileInfo, want string) error {
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("store: %s has mode %04o: other users could read it. Run: chmod %s %s", path, info.Mode().Perm(), want, path)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be flushed there; the file system's log does it
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
