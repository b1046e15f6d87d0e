package reference

import (
	"crypto/rand"
	"fmt"
	"testing"
)

func BenchmarkNewton(b *testing.B) {
	for _, rows := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("rows=%d/covariates=32/rounds=6", rows), func(b *testing.B) {
			d := drawn(rows, make([]float64, 33), 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Newton(d, 6, 2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPrioSum(b *testing.B) {
	for _, cells := range []int{100, 1000} {
		b.Run(fmt.Sprintf("clients=3/cells=%d/bits=20", cells), func(b *testing.B) {
			clients := [][]uint64{make([]uint64, cells), make([]uint64, cells), make([]uint64, cells)}
			var last *PrioCost
			for b.Loop() {
				var err error
				if _, last, err = PrioSum(rand.Reader, clients, 20); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(last.BytesUp), "bytes-up/client")
			b.ReportMetric(1000*last.Shard/3, "ms-shard/client")
			b.ReportMetric(1000*last.Prepare/3, "ms-prepare/client")
		})
	}
}
