package mhe

import (
	"crypto/rand"
	"testing"
)

// BenchmarkPart measures what a step consists of, each on one polynomial at the
// level of inputs with the standard parameters.
func BenchmarkPart(b *testing.B) {
	p, err := NewParams(Standard())
	if err != nil {
		b.Fatal(err)
	}
	s := shape{{1, p.top(), false}}
	sh := randomShare(p, s, 1)
	packed, err := p.pack(s, sh)
	if err != nil {
		b.Fatal(err)
	}
	tool := newToolbox(p, rand.Reader)
	masks, err := uniformMasks(rand.Reader, p.Degree(), p.lit.LogMask)
	if err != nil {
		b.Fatal(err)
	}
	at := p.challenge(s, [32]byte{1})
	x := take(sh, 0, p.top())
	for name, f := range map[string]func(){
		"pack":   func() { p.pack(s, sh) },
		"unpack": func() { p.unpack(s, packed) },
		"each":   func() { p.each(s, packed, func(int, int, []uint64) {}) },
		"fold":   func() { p.fold(s, sh, at) },
		"ntt":    func() { p.ntt(x) },
		"intt":   func() { p.intt(x) },
		"noise":  func() { tool.disturb(x) },
		"crp":    func() { crs{}.poly(p, crp{"bench", 1, 1, p.top()}) },
		"hash":   func() { shareHash(packed) },
		"place": func() {
			tool.place(p.top(), func(put func(int, *wide)) {
				for k := range masks {
					put(k, &masks[k])
				}
			})
		},
		"garner": func() {
			for k := range p.Degree() {
				tool.low.value(sh, k)
			}
		},
		"masks": func() { uniformMasks(rand.Reader, p.Degree(), p.lit.LogMask) },
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
