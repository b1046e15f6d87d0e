//go:build long

package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

const chaosDefault = 200

// veiledSteps is about how many messages a gateway and the hub exchange in a run of the veiled study.
const veiledSteps = 500

// longScripts take longer than the others, or want more of the machine.
var longScripts = []script{
	{name: "twenty gateways", limit: 3 * time.Minute, options: hospitals(20, 20), before: func(w *town) {
		w.weather(weather{cut: 0.002, slow: 0.1, delay: 20 * time.Millisecond})
		for range 3 {
			id := w.any()
			w.when(id, w.rand.IntN(steps), func() { w.dies(id) })
		}
		w.when(w.any(), w.rand.IntN(steps), func() { w.dies(party.Hub) })
	}},
	{name: "encrypted: a gateway dies", limit: 3 * time.Minute, options: veiled, before: func(w *town) {
		id := w.any()
		w.when(id, w.rand.IntN(veiledSteps), func() { w.dies(id) })
	}},
	{name: "encrypted: the hub dies", limit: 3 * time.Minute, options: veiled, before: func(w *town) {
		w.when(w.any(), w.rand.IntN(veiledSteps), func() { w.dies(party.Hub) })
	}},
	{name: "encrypted: cuts", limit: 3 * time.Minute, options: veiled, before: func(w *town) { w.weather(weather{cut: 0.004}) }},
	{name: "a gateway's disk is full", before: func(w *town) { w.full(w.any()) }, gives: []string{"ended:  (INTERNAL)"}},
}

func veiled(*rand.Rand) options {
	return options{hospitals: 3, veiled: true, hub: map[string]any{"deadline": "15s"}}
}

// full gives a party a small disk of its own, which is full for a while.
func (w *town) full(id party.ID) {
	if os.Geteuid() != 0 {
		w.t.Skip("only root can make a small disk")
	}
	dir := w.at(id, "state")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = syscall.Mount("none", dir, "tmpfs", 0, "size=8m,mode=700")
	}
	if err != nil {
		w.t.Skip("no small disk: ", err)
	}
	w.t.Cleanup(func() {
		w.stop()
		if err := syscall.Unmount(dir, 0); err != nil {
			w.t.Error(err)
		}
	})
	pause := time.Duration(200+w.rand.IntN(2500)) * time.Millisecond
	filler := filepath.Join(dir, "filler")
	w.when(id, w.rand.IntN(steps), func() {
		w.happens()
		if err := fill(filler); err != nil {
			w.t.Error(err)
		}
		w.later(pause, func() {
			_ = os.Remove(filler)
			w.live(id) // if it had ended
		})
	})
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
