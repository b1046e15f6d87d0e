package mhe

import (
	"crypto/sha3"
	"encoding/binary"
	"io"

	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/ring/ringqp"

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

// stream is the key stream of a CRP: SHAKE256 over the CRS and its name.
func (c crs) stream(at crp) io.Reader {
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], at.step)
	binary.BigEndian.PutUint64(b[8:], uint64(at.output))
	binary.BigEndian.PutUint64(b[16:], uint64(at.level))
	seed := party.Hash("crp", c[:], []byte(at.protocol), b[:])
	x := sha3.NewSHAKE256()
	x.Write(seed[:])
	return x
}

// poly draws a uniform polynomial at a level, understood in the NTT domain.
func (c crs) poly(p Params, at crp) ring.Poly {
	r := p.rlwe.RingQ().AtLevel(at.level)
	return ring.NewUniformSampler(c.stream(at), r).ReadNew()
}

// polysQP draws count uniform polynomials modulo QP.
func (c crs) polysQP(p Params, at crp, count int) []ringqp.Poly {
	s := ringqp.NewUniformSampler(c.stream(at), *p.rlwe.RingQP())
	out := make([]ringqp.Poly, count)
	for i := range out {
		out[i] = s.ReadNew()
	}
	return out
}
