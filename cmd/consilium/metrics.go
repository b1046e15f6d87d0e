package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine"
)

// counts are a service's metrics: numbers of events and bytes, never of patients.
type counts struct {
	role    string
	started time.Time
	reached func() bool // whether the hub's log is within reach; set before anybody asks

	mu     sync.Mutex
	values map[string]float64
}

var _ engine.Metrics = (*counts)(nil)

// counted are the metrics that exist from the beginning, with what they count.
var counted = map[string]string{
	"studies_received":   "Studies that an analyst asked for.",
	"decisions_approved": "Decisions that approve a study.",
	"decisions_refused":  "Decisions that refuse a study, or take an approval back.",
	"attempts_begun":     "Attempts at a study that were begun, or gone on with.",
	"attempts_done":      "Attempts that gave a result.",
	"attempts_failed":    "Attempts that ended without one.",
	"results_delivered":  "Results sealed to their analyst.",
	"notices_received":   "Messages about studies that came.",
	"notices_dropped":    "Messages about studies that were not believed.",
	"notices_sent":       "Messages about studies that went out.",
	"bytes_sent":         "Bytes of the protocols that went out.",
	"bytes_received":     "Bytes of the protocols that came.",
	"sums_opened":        "Masked sums that were opened.",
}

func newCounts(role string) *counts {
	c := &counts{role: role, started: time.Now(), values: map[string]float64{}}
	for name := range counted {
		c.values[name] = 0
	}
	return c
}

// Add implements engine.Metrics.
func (c *counts) Add(name string, n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[name] += n
}

// up reports whether the hub's log is within reach now.
func (c *counts) up() bool { return c.reached != nil && c.reached() }

// write prints the metrics in Prometheus' text format, version 0.0.4.
func (c *counts) write(w io.Writer) {
	c.mu.Lock()
	values, connected := maps.Clone(c.values), 0
	c.mu.Unlock()
	if c.up() {
		connected = 1
	}
	one := func(name, kind, help string, value float64) {
		if help != "" {
			fmt.Fprintf(w, "# HELP %s %s\n", name, help)
		}
		fmt.Fprintf(w, "# TYPE %s %s\n%s %s\n", name, kind, name, strconv.FormatFloat(value, 'g', -1, 64))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		one("consilium_"+name+"_total", "counter", counted[name], values[name])
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "# HELP consilium_info Version and role.\n# TYPE consilium_info gauge\nconsilium_info{version=%q,role=%q} 1\n", engine.Version, c.role)
	one("consilium_hub_reached", "gauge", "1 while the hub's log is within reach.", float64(connected))
	one("process_start_time_seconds", "gauge", "When the process was started, in Unix time.", float64(c.started.UnixMilli())/1000)
	one("go_goroutines", "gauge", "Goroutines.", float64(runtime.NumGoroutine()))
	one("go_memstats_sys_bytes", "gauge", "Bytes had from the system.", float64(m.Sys))
	one("go_memstats_heap_inuse_bytes", "gauge", "Bytes of the heap in use.", float64(m.HeapInuse))
}
