package synth

import (
	"fmt"
	"io"
	"testing"
)

func BenchmarkWriteCSV(b *testing.B) {
	for _, covariates := range []int{Clinical, 32} {
		b.Run(fmt.Sprintf("people=100000/covariates=%d", covariates), func(b *testing.B) {
			c, err := New(Config{People: 100_000, Hospitals: 1, Covariates: covariates})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.WriteCSV(b.Context(), io.Discard, 0, 0, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	c, err := New(Config{People: 100_000, Hospitals: 1, Covariates: 32})
	if err != nil {
		b.Fatal(err)
	}
	s, err := c.Study("")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Table(b.Context(), s.Schema, 0); err != nil {
			b.Fatal(err)
		}
	}
}
