package secagg

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/consilium-health/consilium/protocols/wire"
)

// Vector is cells of Z/2^128, each as its low and its high word. A negative
// number is its two's complement.
type Vector = [][2]uint64

// encode writes cells little end first, 16 bytes each.
func encode(v Vector) []byte {
	b := make([]byte, len(v)*wire.CellSize)
	for k, c := range v {
		binary.LittleEndian.PutUint64(b[k*16:], c[0])
		binary.LittleEndian.PutUint64(b[k*16+8:], c[1])
	}
	return b
}

// decode is the inverse of encode; len(b) is a multiple of 16.
func decode(b []byte) Vector {
	v := make(Vector, len(b)/wire.CellSize)
	for k := range v {
		v[k] = [2]uint64{binary.LittleEndian.Uint64(b[k*16:]), binary.LittleEndian.Uint64(b[k*16+8:])}
	}
	return v
}

// add adds encoded cells to v, mod 2^128.
func add(v Vector, b []byte) {
	for k := range v {
		lo, c := bits.Add64(v[k][0], binary.LittleEndian.Uint64(b[k*16:]), 0)
		hi, _ := bits.Add64(v[k][1], binary.LittleEndian.Uint64(b[k*16+8:]), c)
		v[k] = [2]uint64{lo, hi}
	}
}

// sub subtracts encoded cells from v, mod 2^128.
func sub(v Vector, b []byte) {
	for k := range v {
		lo, c := bits.Sub64(v[k][0], binary.LittleEndian.Uint64(b[k*16:]), 0)
		hi, _ := bits.Sub64(v[k][1], binary.LittleEndian.Uint64(b[k*16+8:]), c)
		v[k] = [2]uint64{lo, hi}
	}
}

// addCarry adds encoded cells to v as integers below 2^128 and counts the overflows.
func addCarry(v Vector, carry, b []byte) {
	for k := range v {
		lo, c := bits.Add64(v[k][0], binary.LittleEndian.Uint64(b[k*16:]), 0)
		hi, c := bits.Add64(v[k][1], binary.LittleEndian.Uint64(b[k*16+8:]), c)
		v[k], carry[k] = [2]uint64{lo, hi}, carry[k]+byte(c)
	}
}

// streamer makes mask streams of one length, without allocating for each.
type streamer struct{ zeros, out []byte }

func newStreamer(cells int) *streamer {
	n := cells * wire.CellSize
	return &streamer{zeros: make([]byte, n), out: make([]byte, 0, n+chacha20poly1305.Overhead)}
}

// stream returns the ChaCha20 key stream of key under nonce 0 from its block 1
// on, valid until the next call. A key makes one stream only, so the nonce need not vary.
//
// It is taken as the encryption of zeros by ChaCha20-Poly1305 (RFC 8439, section
// 2.8: block 0 keys the authenticator), whose tag is thrown away: on amd64 that
// is three times as fast as x/crypto's bare ChaCha20, and the same bytes.
func (s *streamer) stream(key [32]byte) []byte {
	var nonce [chacha20poly1305.NonceSize]byte
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	return aead.Seal(s.out, nonce[:], s.zeros, nil)[:len(s.zeros)]
}
