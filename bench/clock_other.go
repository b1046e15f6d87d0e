//go:build !linux

package bench

import (
	"runtime"
	"time"
)

// What this system does not tell is 0: rows then have no processor time, and
// memory is what the Go runtime has from the system.

func threadTime() time.Duration  { return 0 }
func processTime() time.Duration { return 0 }
func resetPeak()                 {}
func memory() int64              { return 0 }
func load() float64              { return 0 }
func processor() string          { return "" }
func kernel() string             { return "" }

func peak() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
