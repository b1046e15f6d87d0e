package store_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
)

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{400, 16 << 10, 160 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s, _ := fresh(b)
			j, record := journal(b, s, plan("a")), make([]byte, size)
			rand.Read(record)
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := j.Append("masked", record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	s, _ := fresh(b)
	for b.Loop() {
		if err := s.Record(disclosed(3)); err != nil {
			b.Fatal(err)
		}
	}
}

// A store of a thousand sums of ten thousand cells.
func BenchmarkOpen(b *testing.B) {
	s, dir := fresh(b)
	j, vector := journal(b, s, plan("a")), make([]byte, 160<<10)
	rand.Read(vector)
	for range 1000 {
		for _, size := range []int{len(vector), 100, 5000, 1000} {
			if err := j.Append("masked", vector[:size]); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1000 * (160<<10 + 6100))
	for b.Loop() {
		s, err := store.Open(store.Config{Dir: dir, Now: time.Now})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
