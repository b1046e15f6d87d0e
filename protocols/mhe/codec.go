package mhe

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/wire"
)

// block is a run of polynomials of one shape. A share is a list of blocks. Its
// shape follows from the step; on the wire it is repeated only to be compared.
type block struct {
	count    int  // polynomials; 0 for 32 bytes that are no polynomial (the coin)
	level    int  // index of the last prime of Q
	extended bool // with the primes of P behind them
}

type shape []block

// encode spells a shape for a vow.
func (s shape) encode() []byte {
	var out []byte
	for _, b := range s {
		e := byte(0)
		if b.extended {
			e = 1
		}
		out = binary.BigEndian.AppendUint16(out, uint16(b.count))
		out = append(out, byte(b.level), e)
	}
	return out
}

// parseShape reads what encode wrote, for parameters p. Only the hub needs it:
// members know the shape of every step.
func (p Params) parseShape(b []byte) (shape, error) {
	var s shape
	for ; len(b) >= wire.BlockSize; b = b[wire.BlockSize:] {
		x := block{count: int(binary.BigEndian.Uint16(b)), level: int(b[2]), extended: b[3] == 1}
		if x.level > p.top() || b[3] > 1 || x.count == 0 && (x.level != 0 || x.extended || len(s) > 0) {
			return nil, fmt.Errorf("mhe: a share's shape %x is impossible", b[:wire.BlockSize])
		}
		s = append(s, x)
	}
	if len(b) > 0 || len(s) == 0 || s[0].count == 0 && len(s) > 1 {
		return nil, fmt.Errorf("mhe: a share's shape has %d blocks and %d bytes over", len(s), len(b))
	}
	return s, nil
}

// share is residues: one row of n for each polynomial and prime, in the order of
// the shape. The rows are those of the library's polynomials, not copies.
type share [][]uint64

// layout of a share: for each row, the index of its prime, Q's before P's.
func (p Params) primes(s shape) []int {
	var out []int
	for _, b := range s {
		for range b.count {
			for i := range b.level + 1 {
				out = append(out, i)
			}
			if b.extended {
				for i := range p.lit.P {
					out = append(out, len(p.lit.Q)+i)
				}
			}
		}
	}
	return out
}

func (p Params) prime(i int) uint64 { return p.subring(i).Modulus }

func (p Params) subring(i int) *ring.SubRing {
	if i < len(p.lit.Q) {
		return p.rlwe.RingQ().SubRings[i]
	}
	return p.rlwe.RingP().SubRings[i-len(p.lit.Q)]
}

// size is how many bytes a share of shape s has on the wire.
func (p Params) size(s shape) int {
	if s.raw() {
		return rawSize
	}
	return p.sizeOf(p.primes(s))
}

// sizeOf is how many bytes rows of these primes have.
func (p Params) sizeOf(list []int) (n int) {
	for _, i := range list {
		n += p.rowSize(i)
	}
	return n
}

// raw shares are no polynomials.
func (s shape) raw() bool { return len(s) == 1 && s[0].count == 0 }

const rawSize = 32

// rowSize is a row's bytes: as many bits a residue as its prime has. The degree
// is a multiple of 8.
func (p Params) rowSize(prime int) int {
	return p.Degree() / 8 * bits.Len64(p.prime(prime))
}

// A share is sent in parts of so many rows: with signatures and hashes a part
// stays below half a megabyte, which a log takes as it is.
const partRows = 4

// whole stands for all parts of a share together.
const whole = -1

// rowsOf is the primes of a part's rows, and the index of the first of them.
func (p Params) rowsOf(s shape, k int) (list []int, from int) {
	list = p.primes(s)
	if k == whole {
		return list, 0
	}
	from = k * partRows
	return list[from:min(from+partRows, len(list))], from
}

// parts is how many bytes each part of a share of shape s has. A share that every
// member sees has one.
func (p Params) parts(s shape, full bool) (sizes []int) {
	if full || s.raw() {
		return []int{p.size(s)}
	}
	for list := p.primes(s); len(list) > 0; {
		n := min(partRows, len(list))
		sizes, list = append(sizes, p.sizeOf(list[:n])), list[n:]
	}
	return sizes
}

// cut cuts a packed share into its parts.
func (p Params) cut(s shape, full bool, b []byte) (parts [][]byte) {
	for _, n := range p.parts(s, full) {
		parts, b = append(parts, b[:n]), b[n:]
	}
	return parts
}

// alloc returns a share of zeros.
func (p Params) alloc(s shape) share {
	list := p.primes(s)
	out, n := make(share, len(list)), p.Degree()
	for i := range out {
		out[i] = make([]uint64, n)
	}
	return out
}
