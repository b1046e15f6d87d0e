package mhe

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/round"
)

// BenchmarkStep measures the processor time of one whole step of an encrypted inverse
// (two products, one refresh of both), with the standard parameters, ten members and
// the hub in one process: what one member spends on its parts, what the hub spends, and
// what all of them do together.
//
//	go test -run xxx -bench Step -benchtime 3x ./protocols/mhe
//
// On a two-core amd64 machine that others use too (milliseconds of processor time; bytes with vows):
//
//	size  blocks outputs  evaluate  share  check  finish  member  hub  all  MB up
//	  11       1       3        24     13      1      15      55   60  620    3.2
//	  33       3       6        26     25      2      23      77  100  900    5.4
//
// Keys: 0.06 s a member and 7.6 MB up.
func BenchmarkStep(b *testing.B) {
	p, err := NewParams(Standard())
	if err != nil {
		b.Fatal(err)
	}
	const members, parts = 10, 2
	for _, size := range []struct{ inner, blocks, outputs int }{{11, 1, 3}, {33, 3, 6}} {
		b.Run(fmt.Sprintf("logN=14/size=%d", size.inner), func(b *testing.B) {
			w := newWorld(b, p, members)
			must(w, keys)
			var list []Part // without their ciphertexts
			for k := range parts {
				x := Part{}
				for range size.outputs / parts {
					o := Output{Times: 3 << 39}
					for c := range size.inner * size.inner / size.blocks {
						o.Copies = append(o.Copies, Copy{7 * c, c})
					}
					x.Outputs = append(x.Outputs, o)
				}
				if k < size.outputs%parts {
					x.Outputs = append(x.Outputs, x.Outputs[0])
				}
				list = append(list, x)
			}
			in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
				var list []Plain
				for range 2 * size.blocks {
					list = append(list, p.plain("x", 1, 2, 0.25, 0.5))
				}
				return s.Input(list)
			})
			var evaluate time.Duration
			w.timing = &timing{}
			w.bytes = [2]int{}
			b.ResetTimer()
			began := cpuTime()
			for range b.N {
				must(w, func(s *Session) (round.Machine[[]Refreshed], error) {
					began := cpuTime()
					mine, x := slices.Clone(list), in[w.index(s)]
					for k := range mine {
						var pairs [][2]*Ciphertext
						for j := range size.blocks {
							pairs = append(pairs, [2]*Ciphertext{x[2*j+k], x[(2*j+1)%len(x)]})
						}
						var err error
						if mine[k].C, err = s.Product(pairs...); err != nil {
							return nil, err
						}
					}
					if w.index(s) == 0 {
						evaluate += cpuTime() - began
					}
					clear(s.refreshed) // the same product again, for the measurement alone
					return s.RefreshAll(mine...)
				})
			}
			all := cpuTime() - began
			b.StopTimer()
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
			b.ReportMetric(ms(evaluate), "ms-evaluate")
			b.ReportMetric(ms(w.timing.start), "ms-share")
			b.ReportMetric(ms(w.timing.vows), "ms-check")
			b.ReportMetric(ms(w.timing.folded), "ms-finish")
			b.ReportMetric(ms(evaluate+w.timing.start+w.timing.vows+w.timing.folded), "ms-member")
			b.ReportMetric(ms(w.timing.hub), "ms-hub")
			b.ReportMetric(ms(all), "ms-all")
			b.ReportMetric(float64(w.bytes[0])/1e6/float64(b.N), "MB-up")
			b.ReportMetric(float64(w.bytes[1])/1e6/float64(b.N), "MB-down")
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

// BenchmarkPart measures what a step consists of, each on one polynomial at the
// level of inputs with the standard parameters.
func BenchmarkPart(b *testing.B) {
	p, err := NewParams(Standard())
	if err != nil {
		b.Fatal(err)
	}
	s := shape{{1, p.top(), false}}
	sh := randomShare(p, s, 1)
	packed, err := p.pack(s, sh, nil)
	if err != nil {
		b.Fatal(err)
	}
	tool := newToolbox(p, rand.Reader)
	masks, room := make([]wide, p.Degree()), make([]byte, 0, p.size(s))
	if err := uniformMasks(rand.Reader, masks, p.lit.LogMask); err != nil {
		b.Fatal(err)
	}
	at := p.challenge(s, [32]byte{1})
	x := take(sh, 0, p.top())
	for name, f := range map[string]func(){
		"pack":   func() { p.pack(s, sh, room) },
		"unpack": func() { p.unpack(s, packed) },
		"each":   func() { p.each(s, packed, func(int, int, []uint64) {}) },
		"fold":   func() { p.fold(s, sh, at) },
		"ntt":    func() { p.ntt(x) },
		"intt":   func() { p.intt(x) },
		"noise":  func() { tool.disturb(x) },
		"crp":    func() { crs{}.poly(p, crp{"bench", 1, 1, p.top()}) },
		"hash":   func() { shareHash(packed) },
		"place": func() {
			x, _ := tool.place(p.top(), func(put func(int, *wide)) {
				for k := range masks {
					put(k, &masks[k])
				}
			})
			tool.rows.give(x.Coeffs...)
		},
		"garner": func() {
			for k := range p.Degree() {
				tool.low.value(sh, k)
			}
		},
		"masks": func() { uniformMasks(rand.Reader, masks, p.lit.LogMask) },
		"times": func() {
			f := factor{[3]uint64{1, 2, 3}, 138}
			for k := range masks {
				f.times(masks[k])
			}
		},
	} {
		b.Run("logN=14/"+name, func(b *testing.B) {
			for range b.N {
				f()
			}
		})
	}
}
