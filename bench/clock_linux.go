package bench

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Clocks of clock_gettime(2). getrusage would count whole ticks of the scheduler only.
const (
	clockProcess = 2
	clockThread  = 3
)

// threadTime is the processor time of the calling thread, to which the caller's goroutine is locked.
func threadTime() time.Duration { return clock(clockThread) }

// processTime is the processor time of this process.
func processTime() time.Duration { return clock(clockProcess) }

func clock(id uintptr) time.Duration {
	var t syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}

// resetPeak forgets the largest memory of the process so far. Where that is not allowed, peak is that since the process began.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak is the largest memory of the process in bytes, 0 where the system does not say.
func peak() int64 {
	return kilobytes("/proc/self/status", "VmHWM:")
}

// memory is that of the machine, in bytes.
func memory() int64 { return kilobytes("/proc/meminfo", "MemTotal:") }

func kilobytes(file, key string) int64 {
	kb, _ := strconv.ParseInt(strings.TrimSuffix(line(file, key), " kB"), 10, 64)
	return kb << 10
}

// line is what follows a key in a file of lines.
func line(file, key string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for l := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(l, []byte(key)); ok {
			return strings.TrimSpace(strings.TrimLeft(string(rest), " \t:"))
		}
	}
	return ""
}

// load is how many threads wanted a processor, on average over a minute.
func load() float64 {
	first, _, _ := strings.Cut(line("/proc/loadavg", ""), " ")
	x, _ := strconv.ParseFloat(first, 64)
	return x
}

func processor() string { return line("/proc/cpuinfo", "model name") }

func kernel() string {
	b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	release, _, _ := strings.Cut(strings.TrimSpace(string(b)), "-")
	return release
}
