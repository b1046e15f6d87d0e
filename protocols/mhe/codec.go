package mhe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

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

// pack writes every residue in the bits of its prime, low bits first. It refuses
// residues that are not below their prime: those would be a defect here, and tell more than they should.
// What it returns is room's memory where that suffices.
func (p Params) pack(s shape, sh share, room []byte) ([]byte, error) {
	return p.packRows(p.primes(s), sh, room)
}

func (p Params) packRows(list []int, sh share, room []byte) ([]byte, error) {
	if len(sh) != len(list) {
		return nil, fmt.Errorf("mhe: a share has %d rows, want %d", len(sh), len(list))
	}
	out := slices.Grow(room[:0], p.sizeOf(list))
	for r, row := range sh {
		q := p.prime(list[r])
		if len(row) != p.Degree() {
			return nil, fmt.Errorf("mhe: a row has %d residues, want %d", len(row), p.Degree())
		}
		var err error
		if out, err = packRow(out, row, q); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// packRow appends a row, of a multiple of 8 residues: a byte is full after the last.
func packRow(out []byte, row []uint64, q uint64) ([]byte, error) {
	width := bits.Len64(q)
	var acc, beyond uint64
	have := 0
	for _, x := range row {
		beyond |= q - 1 - x // its top bit is set by x >= q, q and x being below 2^63
		beyond |= x
		acc |= x << have
		if have+width < 64 {
			have += width
			continue
		}
		out = binary.LittleEndian.AppendUint64(out, acc)
		used := 64 - have
		acc, have = x>>used, width-used // a shift by 64 gives 0
	}
	if beyond>>63 != 0 {
		return nil, errResidue
	}
	for ; have > 0; have -= 8 {
		out, acc = append(out, byte(acc)), acc>>8
	}
	return out, nil
}

var errResidue = errors.New("mhe: a residue is not below its prime")

// unpack is the inverse of pack. With each, it is the only place where another party's
// bytes become residues: the length is the shape's, every residue is below its prime.
func (p Params) unpack(s shape, b []byte) (share, error) {
	out := make(share, len(p.primes(s)))
	err := p.unpackPart(s, whole, out, p.newSpares(), b)
	return out, err
}

// each hands out the rows of a packed share, one after the other, with their index
// and that of their prime. A row is overwritten by the next.
func (p Params) each(s shape, b []byte, f func(r, prime int, row []uint64)) error {
	return p.eachOf(s, whole, b, make([]uint64, p.Degree()), f)
}

// eachOf hands out the rows of one part, each in row.
func (p Params) eachOf(s shape, k int, b []byte, row []uint64, f func(r, prime int, row []uint64)) error {
	return p.eachPacked(s, k, b, func(r, prime int, packed []byte) error {
		if err := unpackRow(row, packed, p.prime(prime)); err != nil {
			return err
		}
		f(r, prime, row)
		return nil
	})
}

// eachPacked hands out the rows of one part as they are packed.
func (p Params) eachPacked(s shape, k int, b []byte, f func(r, prime int, packed []byte) error) error {
	if s.raw() {
		return fmt.Errorf("mhe: a share is no polynomial")
	}
	list, from := p.rowsOf(s, k)
	if want := p.sizeOf(list); len(b) != want {
		return fmt.Errorf("mhe: a share or a part of it has %d bytes, want %d", len(b), want)
	}
	for r, prime := range list {
		size := p.rowSize(prime)
		if err := f(from+r, prime, b[:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// unpackRow reads a row of packed residues.
func unpackRow(row []uint64, b []byte, q uint64) error {
	width := uint(bits.Len64(q))
	mask := uint64(1)<<width - 1
	var beyond uint64
	whole := max(0, min(len(row), (8*len(b)-72)/int(width))) // residues with nine bytes from where they begin
	at := uint(0)
	if width <= 57 { // eight bytes hold a residue wherever it begins
		for k := range row[:whole] {
			x := binary.LittleEndian.Uint64(b[at/8:]) >> (at % 8) & mask
			beyond |= q - 1 - x
			row[k] = x
			at += width
		}
	} else {
		for k := range row[:whole] {
			x := binary.LittleEndian.Uint64(b[at/8:])>>(at%8) | uint64(b[at/8+8])<<1<<(63-at%8)
			beyond |= q - 1 - x&mask
			row[k] = x & mask
			at += width
		}
	}
	var last [24]byte
	for k := whole; k < len(row); k++ {
		clear(last[:])
		copy(last[:], b[at/8:])
		x := (binary.LittleEndian.Uint64(last[:])>>(at%8) | uint64(last[8])<<(64-at%8)) & mask
		beyond |= q - 1 - x
		row[k] = x
		at += width
	}
	if beyond>>63 != 0 {
		return errResidue
	}
	return nil
}

// addPart adds a part of a packed share to sum. Rows that are not there yet are 0; they are taken from free.
func (p Params) addPart(s shape, k int, sum share, free *spares[uint64], b []byte) error {
	row := free.take()
	defer free.give(row)
	return p.eachPacked(s, k, b, func(r, prime int, packed []byte) error {
		if sum[r] == nil {
			sum[r] = free.take()
			return unpackRow(sum[r], packed, p.prime(prime))
		}
		if err := unpackRow(row, packed, p.prime(prime)); err != nil {
			return err
		}
		p.subring(prime).Add(sum[r], row, sum[r])
		return nil
	})
}

// unpackPart reads a part of a packed share into rows of sum, taken from free.
func (p Params) unpackPart(s shape, k int, sum share, free *spares[uint64], b []byte) error {
	return p.eachPacked(s, k, b, func(r, prime int, packed []byte) error {
		sum[r] = free.take()
		return unpackRow(sum[r], packed, p.prime(prime))
	})
}

// packPart packs a part of a share.
func (p Params) packPart(s shape, k int, sh share) ([]byte, error) {
	list, from := p.rowsOf(s, k)
	return p.packRows(list, sh[from:from+len(list)], nil)
}

// addTo adds a share to acc, row by row, modulo the primes.
func (p Params) addTo(s shape, acc, sh share) {
	for r, prime := range p.primes(s) {
		sub := p.subring(prime)
		sub.Add(acc[r], sh[r], acc[r])
	}
}

// rowsQ are the rows of a polynomial at a level.
func rowsQ(x ring.Poly, level int) share { return share(x.Coeffs[:level+1]) }
