package prototest

import (
	"encoding/binary"

	"github.com/consilium-health/consilium/protocols/party"
)

// Dice is a stream of bytes that depends on a seed and a name alone: randomness
// for tests, where the same story must happen twice.
type Dice struct {
	key  [32]byte
	n    uint64
	left []byte
}

// Rand returns the stream of a seed and a name. It is an io.Reader.
func Rand(seed uint64, name string) *Dice {
	return &Dice{key: party.Hash("prototest", binary.BigEndian.AppendUint64(nil, seed), []byte(name))}
}

// Read fills b.
func (d *Dice) Read(b []byte) (int, error) {
	for i := range b {
		if len(d.left) == 0 {
			block := party.Hash("dice", d.key[:], binary.BigEndian.AppendUint64(nil, d.n))
			d.n, d.left = d.n+1, block[:]
		}
		b[i], d.left = d.left[0], d.left[1:]
	}
	return len(b), nil
}

// Uint64 returns a uniform number.
func (d *Dice) Uint64() uint64 {
	var b [8]byte
	d.Read(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// IntN returns a number from 0 to n-1, near enough to uniform for a test.
func (d *Dice) IntN(n int) int { return int(d.Uint64() % uint64(n)) }
