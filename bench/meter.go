package bench

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// meter finds the processor time of every party of a process. A party's work, but for sending, is
// done in one goroutine; it is held to one thread, whose clock counts nothing else.
type meter struct {
	mu  sync.Mutex
	cpu map[party.ID]time.Duration
}

func newMeter() *meter { return &meter{cpu: make(map[party.ID]time.Duration)} }

// around calls part, a party's work, and adds what it took.
func (m *meter) around(id party.ID, part func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime()
	defer func() {
		took := threadTime() - began
		m.mu.Lock()
		m.cpu[id] += took
		m.mu.Unlock()
	}()
	part()
}

// beside calls part and notes only that there is such a party.
func (m *meter) beside(id party.ID, part func()) {
	m.mu.Lock()
	m.cpu[id] += 0
	m.mu.Unlock()
	part()
}

// parties lists what every party spent, given its traffic.
func (m *meter) parties(traffic func(party.ID) (up, down int64)) (all []Party) {
	for id, cpu := range m.cpu {
		up, down := traffic(id)
		all = append(all, Party{ID: string(id), CPU: cpu.Seconds(), BytesUp: up, Down: down})
	}
	slices.SortFunc(all, func(a, b Party) int { return strings.Compare(a.ID, b.ID) })
	return all
}
