package mhe

import (
	"crypto/cipher"
	"encoding/binary"
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
)

// crs is the common reference string: what all members tossed together.
//
//	CRS = H(T, parameters, r_1 .. r_N)
//
// Every r_i was committed to before any was seen, so nobody chose it.
type crs [32]byte

func newCRS(transcript, params [32]byte, coins [][]byte) crs {
	return party.Hash("crs", append([][]byte{transcript[:], params[:]}, coins...)...)
}

// crp names one common random polynomial. Each is drawn from a stream of its own,
// so that no two objects share one and the order of drawing does not matter.
type crp struct {
	protocol string
	step     uint64
	output   int
	level    int
}

// stream is the key stream of a CRP: AES-256 in counter mode under the hash of the CRS
// and the CRP's name. The key is public and used for this stream alone; as when FrodoKEM
// makes its matrix, AES stands for a random function, several times faster than SHAKE where processors have it.
func (c crs) stream(at crp) *expansion {
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], at.step)
	binary.BigEndian.PutUint64(b[8:], uint64(at.output))
	binary.BigEndian.PutUint64(b[16:], uint64(at.level))
	key := party.Hash("crp", c[:], []byte(at.protocol), b[:])
	return &expansion{stream: keyStream(key)}
}

// expansion is a stream of 64-bit words, low byte first.
type expansion struct {
	stream cipher.Stream
	words  [4096]byte
	at     int // bytes of words that are left
}

// uniform fills a row with residues uniform modulo q: the low bits of a word each, words not below q left out.
func (x *expansion) uniform(row []uint64, q uint64) {
	mask := uint64(1)<<bits.Len64(q) - 1
	for k := 0; k < len(row); {
		if x.at == 0 {
			clear(x.words[:])
			x.stream.XORKeyStream(x.words[:], x.words[:])
			x.at = len(x.words)
		}
		w := x.words[len(x.words)-x.at:]
		for len(w) >= 8 && k < len(row) {
			row[k] = binary.LittleEndian.Uint64(w) & mask
			if row[k] < q {
				k++
			}
			w = w[8:]
		}
		x.at = len(w)
	}
}

// rows draws uniform polynomials of a shape, understood in the NTT domain.
func (c crs) rows(p Params, at crp, s shape) share {
	out, x := p.alloc(s), c.stream(at)
	for r, prime := range p.primes(s) {
		x.uniform(out[r], p.prime(prime))
	}
	return out
}

// poly draws one at a level of Q.
func (c crs) poly(p Params, at crp) ring.Poly {
	return take(c.rows(p, at, shape{{1, at.level, false}}), 0, at.level)
}
