//go:build linux || darwin || freebsd

package main

import (
	"os"
	"syscall"
)

// room is what an ordinary user may still write in a directory, in bytes.
func room(dir string) (free int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}

// owners are the users that a file belongs to and that this process runs as.
func owners(info os.FileInfo) (owner, me int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(s.Uid), os.Geteuid(), true
}
