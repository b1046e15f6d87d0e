package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// clockVariable has, in the environment of a process, the seconds by which its clock is wrong.
const clockVariable = "CONSILIUM_TEST_CLOCK"

// wrongClock reads the time as the kernel does, and adds an offset that is kept
// right behind it. It is machine code for amd64:
//
//	clock_gettime(clock, &t)
//	if clock == CLOCK_REALTIME { t.seconds += offset }
var wrongClock = []byte{
	0xb8, 228, 0, 0, 0, // mov eax, clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 10, // jne to the end
	0x48, 0x8b, 0x0d, 14, 0, 0, 0, // mov rcx, [offset]
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3, // ret
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
}

// setClock makes the clock of one process wrong, for all that is in it, and the
// program stays as it is: the kernel gives every process its own view of the
// function that reads the time, and in that of this process another one takes
// its place, where a function lies that no Go program calls. Its sense of how
// long something takes is not touched.
//
// A process replaces the function when it begins; others then change the offset alone.
func setClock(pid int, wrong time.Duration) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return errNoClock
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %v", errNoClock, err)
	}
	defer memory.Close()
	asked, unused, err := clockFunctions(pid, memory)
	if err != nil {
		return fmt.Errorf("%w: %v", errNoClock, err)
	}
	offset := unused + int64(len(wrongClock))
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(wrong/time.Second)))
	if _, err := memory.WriteAt(seconds, offset); err != nil || pid != os.Getpid() {
		return err
	}
	if _, err := memory.WriteAt(wrongClock, unused); err != nil {
		return err
	}
	jump := make([]byte, 8) // at once
	if _, err := memory.ReadAt(jump, asked); err != nil {
		return err
	}
	jump[0] = 0xe9
	binary.LittleEndian.PutUint32(jump[1:], uint32(unused-asked-5))
	_, err = memory.WriteAt(jump, asked)
	return err
}

var errNoClock = errors.New("the clock of a single process cannot be set here")

// settable says why no process's clock can be set here, if it cannot.
func settable() error {
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err == nil {
		defer memory.Close()
		_, _, err = clockFunctions(os.Getpid(), memory)
	}
	if err != nil || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: %v", errNoClock, err)
	}
	return nil
}

// clockFunctions finds the kernel's function that reads the time in a process, and one that is not called.
func clockFunctions(pid int, memory *os.File) (asked, unused int64, err error) {
	const vdso = 33 // in the auxiliary vector: where the kernel's functions are
	vector, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, 0, err
	}
	for ; len(vector) >= 16; vector = vector[16:] {
		if binary.LittleEndian.Uint64(vector) != vdso {
			continue
		}
		base := int64(binary.LittleEndian.Uint64(vector[8:]))
		image := make([]byte, 4*os.Getpagesize())
		n, _ := memory.ReadAt(image, base) // it ends before that
		file, err := elf.NewFile(bytes.NewReader(image[:n]))
		if err != nil {
			return 0, 0, err
		}
		all, err := file.DynamicSymbols()
		if err != nil {
			return 0, 0, err
		}
		for _, s := range all {
			switch {
			case s.Name == "__vdso_clock_gettime":
				asked = base + int64(s.Value)
			case s.Name == "__vdso_gettimeofday" && s.Size >= uint64(len(wrongClock)+8):
				unused = base + int64(s.Value)
			}
		}
	}
	if asked == 0 || unused == 0 || asked%8 != 0 || unused%8 != 0 {
		return 0, 0, errors.New("the kernel's functions are not where they can be replaced")
	}
	return asked, unused, nil
}

// underClock is the program under the clock that its environment asks for.
func underClock() {
	if s, ok := os.LookupEnv(clockVariable); ok {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err == nil {
			err = setClock(os.Getpid(), time.Duration(seconds)*time.Second)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	main()
}

// clockIn is what the environment of a process says of its clock.
func clockIn(wrong time.Duration) string {
	return fmt.Sprintf("%s=%d", clockVariable, int64(wrong/time.Second))
}
