//go:build long

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// everySixth kills parties at every sixth message between a gateway and the hub:
// six turns come to every one.
func everySixth(after bool, who func(w *town, id party.ID) []party.ID) func(w *town) {
	return func(w *town) {
		id := w.ids[w.turn%len(w.ids)]
		w.taps[id].step = func(n int, _ *frame) (d deed) {
			if n > steps || (n+w.turn)%6 != 0 {
				return d
			}
			if die := func() { w.dies(who(w, id)...) }; after {
				d.after = die
			} else {
				d.before = die
			}
			return d
		}
	}
}

func itself(_ *town, id party.ID) []party.ID { return []party.ID{id} }
func theHub(*town, party.ID) []party.ID      { return []party.ID{party.Hub} }
func both(_ *town, id party.ID) []party.ID   { return []party.ID{id, party.Hub} }

// full gives a party a small disk of its own, which is full for a while.
func (w *town) full(id party.ID) {
	size := "size=8m,mode=700"
	if id == party.Hub {
		w.kill(id)
		size = "size=24m,mode=700"
	}
	state := w.at(id, "state")
	err := errors.Join(os.RemoveAll(state), os.Mkdir(state, 0o700))
	if err != nil {
		w.t.Fatal(err)
	}
	disk, err := newDisk(state, size)
	if err != nil {
		w.t.Skip("SKIPPED: ", err)
	}
	w.disks = map[party.ID]*space{id: disk}
	if id == party.Hub {
		w.live(id)
	}
	pause := time.Duration(200+w.rand.IntN(2500)) * time.Millisecond
	filler := w.at(id, "state", "filler")
	w.when(w.any(), w.rand.IntN(steps), func() {
		w.happens()
		var err error
		disk.do(func() { err = fill(filler) })
		if err != nil {
			w.t.Error(err)
		}
		w.later(pause, func() {
			disk.do(func() { err = os.Remove(filler) })
			if err != nil {
				w.t.Error(err)
			}
			w.live(id) // if it had ended
		})
	})
}

// newDisk makes a space in which dir is on a small disk of its own.
func newDisk(dir, options string) (*space, error) {
	s, err := newSpace(syscall.CLONE_NEWNS)
	if err != nil {
		return nil, err
	}
	s.do(func() {
		if err = syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err == nil {
			err = syscall.Mount("none", dir, "tmpfs", 0, options)
		}
	})
	if err != nil {
		s.end()
		return nil, fmt.Errorf("a small disk: %w", err)
	}
	return s, nil
}

// fill writes until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// cutLine takes a hospital's line down, at its own end or the hub's, and up again after a while.
func (w *town) cutLine(id party.ID, own bool, pause time.Duration) {
	w.happens()
	s, name := w.spaces[party.Hub], "h"+strconv.Itoa(w.number(id))
	if own {
		s, name = w.spaces[id], "line"
	}
	if err := s.ip("link", "set", name, "down"); err != nil {
		w.t.Error(err)
	}
	w.later(pause, func() {
		if err := s.ip("link", "set", name, "up"); err != nil {
			w.t.Error(err)
		}
	})
}

// badLines makes all lines slow and lossy, and says how.
func (w *town) badLines() string {
	how := []string{"delayed, lost, repeated and reordered by netem", "netem delay 20ms 15ms loss 3% duplicate 2% reorder 20%"}
	for {
		failed := ""
		for i, id := range w.ids {
			for _, end := range []struct {
				in  *space
				dev string
			}{{w.spaces[party.Hub], "h" + strconv.Itoa(i)}, {w.spaces[id], "line"}} {
				if err := end.in.run("tc", strings.Fields("qdisc add dev "+end.dev+" root "+how[1])...); err != nil {
					failed = err.Error()
				}
			}
		}
		if failed == "" {
			w.happens()
			return how[0]
		}
		if strings.HasPrefix(how[1], "tbf") {
			w.t.Skip("SKIPPED: no line can be made bad: ", failed)
		}
		w.t.Log("netem is not there: ", failed)
		how = []string{"narrow, with a short queue that loses the rest, by tbf", "tbf rate 4mbit burst 4kb limit 6kb"}
	}
}
