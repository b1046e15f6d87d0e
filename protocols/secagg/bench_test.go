package secagg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

func memberIDs(n int) []party.ID {
	ids := make([]party.ID, n)
	for i := range ids {
		ids[i] = party.ID(fmt.Sprintf("m%03d", i))
	}
	return ids
}

// BenchmarkSum is one masked sum of 10,000 cells, all parties in one goroutine.
// cpu-ms/member is processor time inside the members' machines, hub-ms that inside the hub.
func BenchmarkSum(b *testing.B) {
	for _, n := range []int{4, 20, 100} {
		b.Run(fmt.Sprintf("parties=%d/cells=10000", n), func(b *testing.B) {
			w := prototest.NewWith(b, 1, func(c *secagg.Charter) { c.Limits.Cells = 10000 }, memberIDs(n)...)
			w.SetUp()
			in, want := prototest.RandomInputs(prototest.Rand(1, "inputs"), n, 10000)
			var up, down int
			w.Seen = func(m round.Message) {
				if m.From == w.Members[0].ID {
					up += len(m.Body)
				} else if m.To == w.Members[0].ID {
					down += len(m.Body)
				}
			}
			var members, hub time.Duration
			w.Around = func(isHub bool, call func()) {
				began := cpuTime()
				call()
				if isHub {
					hub += cpuTime() - began
				} else {
					members += cpuTime() - began
				}
			}
			k := 0
			for b.Loop() {
				k++
				totals := w.Sum(prototest.Ask(k, 10000), in)
				if len(totals) != n || !prototest.Equal(totals["m000"].Sum, want) {
					b.Fatal("not the total")
				}
			}
			b.ReportMetric(float64(up)/float64(k), "B-up/member")
			b.ReportMetric(float64(down)/float64(k), "B-down/member")
			b.ReportMetric(float64(members)/float64(k*n)/float64(time.Millisecond), "cpu-ms/member")
			b.ReportMetric(float64(hub)/float64(k)/float64(time.Millisecond), "hub-ms")
		})
	}
}

func BenchmarkSetUp(b *testing.B) {
	for _, n := range []int{4, 20, 100} {
		b.Run(fmt.Sprintf("parties=%d", n), func(b *testing.B) {
			w := prototest.New(b, 1, memberIDs(n)...)
			for k := uint32(1); b.Loop(); k++ {
				for _, m := range w.Members {
					m.Journal = &secagg.MemoryJournal{}
				}
				w.Begin(1, nil, nil)
				w.SetUp()
				if w.Members[0].Session == nil {
					b.Fatal(w.Members[0].Err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*n)/float64(time.Millisecond), "ms/member")
		})
	}
}
