package engine_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// burden is what a process holds.
type burden struct {
	goroutines, files int
	heap, resident    int64 // bytes; resident is 0 where the system does not say
}

// measure waits for what is ending to end, then counts.
func measure(t *testing.T, most int) (l burden) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if l.goroutines = runtime.NumGoroutine(); l.goroutines <= most || time.Now().After(until) {
			break
		}
	}
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.heap = int64(m.HeapAlloc)
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		l.files = len(files)
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			l.resident = pages * int64(os.Getpagesize())
		}
	}
	return l
}

// Session after session of five hospitals leaves nothing behind: no goroutine,
// no open file, no memory. The first ones fill what is filled once.
func TestSessionsLeaveNothingBehind(t *testing.T) {
	session := func() { simulated(t, smallStudy, hospitals...) }
	for range 5 {
		session()
	}
	before := measure(t, 0x7fffffff)
	for range soakSessions {
		session()
	}
	after := measure(t, before.goroutines)
	t.Logf("%d sessions: before %+v, after %+v", soakSessions, before, after)
	if after.goroutines > before.goroutines {
		t.Errorf("%d goroutines, before %d", after.goroutines, before.goroutines)
	}
	if after.files > before.files {
		t.Errorf("%d open files, before %d", after.files, before.files)
	}
	// A session holds megabytes while it runs; of twenty or a thousand, less than one may stay.
	if grown := after.heap - before.heap; grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if grown := after.resident - before.resident; grown > 64<<20 {
		t.Errorf("resident memory has grown by %d bytes", grown)
	}
}

// Services that run study after study keep what they must remember of each, and no goroutine and no file.
func TestStudiesLeaveNoGoroutineAndNoFile(t *testing.T) {
	w := newTown(t)
	w.all()
	a := w.newAnalyst()
	w.fetch(a, w.submit(a, smallStudy))
	before := measure(t, 0x7fffffff)
	state := func() (n int64) {
		for _, id := range hospitals {
			if info, err := os.Stat(filepath.Join(w.dirs[id], "state", "store.db")); err == nil {
				n += info.Size()
			}
		}
		return n
	}
	disk := state()
	for range soakStudies {
		w.fetch(a, w.submit(a, smallStudy))
	}
	after := measure(t, before.goroutines)
	t.Logf("%d studies: before %+v, after %+v; a study takes %d kB of each hospital's disk", soakStudies, before, after, (state()-disk)/int64(len(hospitals)*soakStudies)/1000)
	if after.goroutines > before.goroutines+2 { // a service may just be taking up a notice
		t.Errorf("%d goroutines, before %d", after.goroutines, before.goroutines)
	}
	if after.files > before.files+len(hospitals) { // a journal file comes and goes with every transaction
		t.Errorf("%d open files, before %d", after.files, before.files)
	}
	// What is said of a study stays on the board and at the parties: a report, decisions, proposals.
	if grown := (after.heap - before.heap) / soakStudies; grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes a study", grown)
	}
}
