package bench

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
)

// cpu is the processor time this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLogistic is a whole study, keys and set-up included, that fits one
// logistic model in six Newton rounds, against the same rounds in clear:
// ratio is engine over plain in seconds, CPU-ratio in processor time, both measured in this run; error is the largest
// difference of a coefficient from the plain fit, in units of its size.
func BenchmarkLogistic(b *testing.B) {
	const sites, covariates, rounds = 10, 32, 6
	for _, rows := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d/covariates=%d/sites=%d", rows, covariates, sites), func(b *testing.B) {
			c := NewCohort(rows, covariates, 7)
			spec, tables, err := c.Study(sites, `{id: fit, kind: logistic, formula: "y ~ .", evaluate: {cells: 0}}`, "sums")
			if err != nil {
				b.Fatal(err)
			}
			spec.Analyses[0].NewtonRounds = rounds
			var secure, plain, secureCPU, plainCPU time.Duration
			var worst float64
			var bytesUp, masked int64
			b.ResetTimer()
			for range b.N {
				runtime.GC()
				start, used := time.Now(), cpu(b)
				r, err := engine.Simulate(b.Context(), spec, tables)
				if err != nil {
					b.Fatal(err)
				}
				secure, secureCPU = secure+time.Since(start), secureCPU+cpu(b)-used
				runtime.GC()
				start, used = time.Now(), cpu(b)
				beta, err := c.PlainNewton(rounds)
				if err != nil {
					b.Fatal(err)
				}
				plain, plainCPU = plain+time.Since(start), plainCPU+cpu(b)-used
				for j, row := range r.Analyses[0].Frame.Tidy {
					worst = max(worst, math.Abs(row.Get("estimate").(float64)-beta[j])/math.Max(math.Abs(beta[j]), 0.01))
				}
				bytesUp, masked = r.Cost.BytesUp["s0"], int64(r.Cost.Rounds)
			}
			b.ReportMetric(secure.Seconds()/float64(b.N), "s/engine")
			b.ReportMetric(plain.Seconds()/float64(b.N), "s/plain")
			b.ReportMetric(secure.Seconds()/plain.Seconds(), "ratio")
			b.ReportMetric(secureCPU.Seconds()/plainCPU.Seconds(), "CPU-ratio")
			b.ReportMetric(worst, "error")
			b.ReportMetric(float64(bytesUp), "bytes-up/site")
			b.ReportMetric(float64(masked), "sums")
		})
	}
}
