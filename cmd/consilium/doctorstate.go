package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// state looks at the directory of everything that is remembered, its disk, and
// the chains in it.
func (d *doctor) state() {
	dir := d.config.at(d.config.State)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok("state", "%s: nothing yet; the first start makes it", dir)
		return
	case err != nil:
		d.wrong("state", err, "run this command as the service's own user (sudo -u consilium ...)")
		return
	case !info.IsDir():
		d.wrong("state", fmt.Errorf("%s is not a directory", dir), "name a directory of its own in state")
		return
	}
	if owner, me, known := owners(info); known && owner != me {
		d.warn("state", fmt.Sprintf("%s belongs to user %d, this command runs as user %d", dir, owner, me), fmt.Sprintf("run service and commands as its owner (sudo -u '#%d' ...), or chown it", owner))
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		d.wrong("state", fmt.Errorf("%s can be entered by others (mode %04o): session keys are in it", dir, info.Mode().Perm()), "chmod 700 "+dir)
	}
	d.disk(dir)
	d.chains(filepath.Join(dir, "store"))
}

// How much room and how fast a disk has to be.
const (
	roomLeft = 1 << 30               // a warning below
	roomNone = 64 << 20              // nothing works below
	slowSync = 50 * time.Millisecond // two or three for every message
	syncs    = 9
)

// disk measures room, and how long it takes until bytes are on it.
func (d *doctor) disk(dir string) {
	if free, ok := room(dir); ok {
		found := size(free) + " free in " + dir
		switch {
		case free < roomNone:
			d.wrong("disk", errors.New(found), "make room: without it no message can be sent, as it has to be here first")
		case free < roomLeft:
			d.warn("disk", found, "make room: what studies leave here takes some megabytes each, encrypted ones more")
		default:
			d.ok("disk", "%s", found)
		}
	}
	took, err := syncTime(dir)
	switch {
	case err != nil:
		d.wrong("disk", fmt.Errorf("%s cannot be written: %w", dir, reason(err)), "run this command as the service's own user; its unit has to let it write there (StateDirectory, ReadWritePaths)")
	case took > slowSync:
		d.warn("disk", fmt.Sprintf("4 kB are on it after %s (median of %d)", took.Round(time.Millisecond), syncs), "a faster disk, or a local one: every message waits for it before it is sent")
	default:
		d.ok("disk", "4 kB are on it after %.1f ms (median of %d)", float64(took.Microseconds())/1000, syncs)
	}
}

// syncTime is the median time to write a block through to the disk of a directory.
func syncTime(dir string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	var all []time.Duration
	for range syncs {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[syncs/2], nil
}

// chains verifies what is remembered.
func (d *doctor) chains(dir string) {
	r, err := store.Read(dir)
	if errors.Is(err, os.ErrNotExist) {
		d.ok("state", "%s: nothing yet", dir)
		return
	}
	if errors.Is(err, fs.ErrPermission) {
		d.wrong("state", err, "run this command as the service's own user (sudo -u consilium ...)")
		return
	}
	var journal, audit store.Head
	if err == nil {
		defer r.Close()
		journal, audit, err = r.Verify()
	}
	if err != nil {
		d.wrong("state", err, "keep the directory as it is, restore a backup into another one, and tell the other hospitals")
		return
	}
	d.ok("state", "journal of %d and audit log of %d records, unbroken", journal.Position, audit.Position)
}

// records reads the hospital's records as studies describe them.
func (d *doctor) records(p *pins, files []string) {
	var all []*study.Spec
	for _, path := range files {
		s, _, err := readStudy(path)
		if err != nil {
			d.wrong("records", err, "correct the study file, or name another one")
			continue
		}
		all = append(all, s)
	}
	for _, a := range d.askedFor() {
		if s, err := study.Parse(a.Study+".yaml", []byte(a.File)); err == nil {
			all = append(all, s)
		}
	}
	d.policy(p, all)
	for name, f := range d.config.files() {
		path := f.CSV
		if !filepath.IsAbs(path) {
			path = d.config.at(path)
		}
		if info, err := os.Stat(path); err != nil {
			d.wrong("records", fmt.Errorf("data%s: %s: %w", name, path, reason(err)), "check data in the configuration")
		} else if len(all) == 0 {
			d.ok("records", "%s is there (%s); --study STUDY.yaml checks what is in it", path, size(info.Size()))
		}
	}
	seen := map[string]bool{}
	for _, s := range all {
		if key := s.Name + string(s.Canonical()); !seen[key] {
			seen[key] = true
			d.conforms(s)
		}
	}
}

// askedFor are the studies a running gateway was asked for; none if it does not run.
func (d *doctor) askedFor() (all []asked) {
	s := newSteward(d.config)
	var list []asked
	if s.ask(d.c.Context(), "GET", "/studies", nil, &list) != nil {
		return nil
	}
	for _, a := range list {
		var one asked
		if s.ask(d.c.Context(), "GET", studyPath(a.Run, ""), nil, &one) == nil {
			all = append(all, one)
		}
	}
	return all
}

func (d *doctor) conforms(s *study.Spec) {
	what := "records for " + s.Name
	r, err := d.config.source().Records(d.c.Context(), s, d.config.Name)
	invalid := (*table.Invalid)(nil)
	switch {
	case errors.As(err, &invalid):
		d.all = append(d.all, finding{what, "records", strings.TrimSpace(err.Error()), "correct the export, or say in data how this file differs: encoding, separator, columns"})
	case err != nil:
		d.wrong(what, err, "check data in the configuration")
	default:
		d.ok(what, "%d records conform to its dictionary", r.Table.Rows())
	}
}
