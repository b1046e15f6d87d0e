package mhe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/tuneinsight/lattigo/v5/ring"
)

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
