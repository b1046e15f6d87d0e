//go:build !unix

package secagg_test

import "time"

var began = time.Now()

// cpuTime is wall time where the processor's cannot be asked for.
func cpuTime() time.Duration { return time.Since(began) }
