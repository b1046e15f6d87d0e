package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/consilium-health/consilium/protocols/party"
)

// A space is a network with interfaces and addresses of its own, as a machine
// has one, or a view of its own of the file system. It has no name, and is gone
// when the thread that holds it and the processes in it are, however they end.
// nil is that of this process.
type space struct {
	jobs   chan func()
	thread int
}

func newNetwork() (*space, error) {
	s, err := newSpace(syscall.CLONE_NEWNET)
	if err != nil {
		return nil, err
	}
	return s, s.ip("link", "set", "lo", "up")
}

func newSpace(kind int) (*space, error) {
	s := &space{jobs: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks it: the thread ends with this goroutine
		err := syscall.Unshare(kind)
		s.thread = syscall.Gettid()
		made <- err
		if err == nil {
			for f := range s.jobs {
				f()
			}
		}
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("a namespace: %w", err)
	}
	return s, nil
}

func (s *space) end() { close(s.jobs) }

// do calls f so that the sockets it makes, and the processes it starts, are in the space.
func (s *space) do(f func()) {
	if s == nil {
		f()
		return
	}
	done := make(chan struct{})
	s.jobs <- func() {
		defer close(done)
		f()
	}
	<-done
}

func (s *space) ip(args ...string) error { return s.run("ip", args...) }

func (s *space) run(name string, args ...string) (err error) {
	s.do(func() {
		var out []byte
		if out, err = exec.Command(name, args...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
	})
	return err
}

// lines gives the hub and every hospital a space, and each hospital a line to
// the hub's: "line" at the one end, its number at the other.
func (w *town) lines() error {
	w.spaces = map[party.ID]*space{}
	var err error
	for _, id := range append([]party.ID{party.Hub}, w.ids...) {
		if w.spaces[id], err = newNetwork(); err != nil {
			return err
		}
	}
	hub := w.spaces[party.Hub]
	for i, id := range w.ids {
		s, far := w.spaces[id], "h"+strconv.Itoa(i)
		for _, step := range []struct {
			in   *space
			args string
		}{
			{hub, fmt.Sprintf("link add %s type veth peer name line netns %d", far, s.thread)},
			{hub, fmt.Sprintf("addr add %s/30 dev %s", w.address(id), far)},
			{s, fmt.Sprintf("addr add 10.77.%d.2/30 dev line", i)},
			{hub, "link set " + far + " up"},
			{s, "link set line up"},
		} {
			if err := step.in.ip(strings.Fields(step.args)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// number is a hospital's place.
func (w *town) number(id party.ID) int {
	for i, x := range w.ids {
		if x == id {
			return i
		}
	}
	return -1
}

// address is where a hospital finds the hub.
func (w *town) address(id party.ID) string {
	if w.spaces == nil {
		return "127.0.0.1"
	}
	return fmt.Sprintf("10.77.%d.1", w.number(id))
}
