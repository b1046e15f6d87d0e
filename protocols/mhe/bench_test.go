package mhe

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/round"
)

// BenchmarkStep measures the processor time that one member spends on the parts of one product and refresh,
// with the standard parameters: protocols.md's table, one row per size.
//
//	go test -run xxx -bench Step -benchtime 3x ./protocols/mhe
//
// On a shared two-core amd64 machine (milliseconds; bytes with vows):
//
//	size  blocks outputs  evaluate  share  check  finish  MB up
//	  11       1       2        30     22      2      21    2.0
//	  33       3       6        34     57      4      40    4.9
//	  65      22      44        61    370     28     290   32.4
//
// Keys: 0.3 to 0.4 s a member and 17.7 MB up.
func BenchmarkStep(b *testing.B) {
	p, err := NewParams(Standard())
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []struct{ inner, blocks, outputs int }{{11, 1, 2}, {33, 3, 6}, {65, 22, 44}} {
		b.Run(fmt.Sprintf("logN=14/size=%d", size.inner), func(b *testing.B) {
			w := newWorld(b, p, 2)
			must(w, keys)
			copies := min(size.inner*size.inner, p.Degree())
			var outs []Output
			for range size.outputs {
				o := Output{}
				for k := range copies / max(size.blocks, 1) * 1 {
					o.Copies = append(o.Copies, Copy{k, k})
				}
				outs = append(outs, o)
			}
			var pairs [2][][2]*Ciphertext
			in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
				var list []Plain
				for range min(2*size.blocks, MaxPolys) {
					list = append(list, p.plain("x", 1, 2, 0.25, 0.5))
				}
				return s.Input(list)
			})
			for i := range pairs {
				for k := range size.blocks {
					pairs[i] = append(pairs[i], [2]*Ciphertext{in[i][(2*k)%len(in[i])], in[i][(2*k+1)%len(in[i])]})
				}
			}
			var evaluate, share, check, finish time.Duration
			b.ResetTimer()
			for range b.N {
				now := cpuTime()
				c, err := w.sessions[0].Product(pairs[0]...)
				if err != nil {
					b.Fatal(err)
				}
				evaluate += cpuTime() - now
				d, err := w.sessions[1].Product(pairs[1]...)
				if err != nil {
					b.Fatal(err)
				}
				clear(w.sessions[0].refreshed)
				clear(w.sessions[1].refreshed)
				w.timing = &timing{}
				w.bytes = [2]int{}
				must(w, func(s *Session) (round.Machine[Refreshed], error) {
					if s == w.sessions[0] {
						return s.Refresh(c, false, outs...)
					}
					return s.Refresh(d, false, outs...)
				})
				share, check, finish = share+w.timing.start, check+w.timing.vows, finish+w.timing.folded
			}
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
			b.ReportMetric(ms(evaluate), "ms-evaluate")
			b.ReportMetric(ms(share), "ms-share")
			b.ReportMetric(ms(check), "ms-check")
			b.ReportMetric(ms(finish), "ms-finish")
			b.ReportMetric(float64(w.bytes[0])/1e6, "MB-up")
			b.ReportMetric(float64(w.bytes[1])/1e6, "MB-down")
		})
	}
}

// BenchmarkKeys measures the set-up of a session, all members in one process.
func BenchmarkKeys(b *testing.B) {
	p, err := NewParams(Standard())
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{2, 10} {
		b.Run(fmt.Sprintf("logN=14/parties=%d", n), func(b *testing.B) {
			for range b.N {
				w := newWorld(b, p, n)
				began := cpuTime()
				must(w, keys)
				b.ReportMetric(float64((cpuTime()-began).Milliseconds())/float64(n), "ms-cpu/party")
				b.ReportMetric(float64(w.bytes[0])/1e6, "MB-up/party")
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
			}
		})
	}
}
