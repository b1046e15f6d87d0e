package mhe

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"
)

// keyStream is a stream of uniform bytes under a key that is used for nothing else: AES-256
// in counter mode.
func keyStream(key [32]byte) cipher.Stream {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 32 bytes are a key's length
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize))
}

// uniformBytes is secret bytes: one stream under a key that is drawn for it and
// forgotten, so many at a time.
type uniformBytes struct {
	stream   cipher.Stream
	size, at int
	some     []byte
}

func newUniformBytes(r io.Reader, size int) (*uniformBytes, error) {
	var key [32]byte
	defer clear(key[:])
	if _, err := io.ReadFull(r, key[:]); err != nil {
		return nil, fmt.Errorf("mhe: randomness: %w", err)
	}
	room := max(1, 4096/size) * size // calls of the stream cost something
	return &uniformBytes{keyStream(key), size, room, make([]byte, room)}, nil
}

// next returns the next bytes, which stay until it is called again.
func (x *uniformBytes) next() []byte {
	if x.at == len(x.some) {
		x.clear()
		x.stream.XORKeyStream(x.some, x.some)
		x.at = 0
	}
	x.at += x.size
	return x.some[x.at-x.size : x.at]
}

func (x *uniformBytes) clear() { clear(x.some) }

// errorSampler draws the small errors of encryptions: P(x) proportional to
// exp(-x^2 / (2 sigma^2)), |x| at most errorBound sigma, to within 2^-50. Its time does not
// depend on what it draws.
type errorSampler struct {
	rand io.Reader
	upTo []uint64 // 2^63 P(|x| <= k), for k = 0, 1, ... and below the largest
}

func newErrorSampler(rand io.Reader, sigma float64) *errorSampler {
	weight, total := []*big.Int{}, new(big.Int)
	for k := range int(errorBound*sigma) + 1 {
		w := math.Ldexp(math.Exp(-float64(k*k)/(2*sigma*sigma)), 62)
		if k > 0 {
			w *= 2 // of both signs
		}
		x, _ := new(big.Float).SetFloat64(w).Int(nil)
		weight = append(weight, x)
		total.Add(total, x)
	}
	s, sum := &errorSampler{rand: rand}, new(big.Int)
	for _, w := range weight[:len(weight)-1] {
		x := new(big.Int).Lsh(sum.Add(sum, w), 63)
		s.upTo = append(s.upTo, x.Quo(x, total).Uint64())
	}
	return s
}

// draw makes an error of a word of randomness: its size, and all ones where it is
// negative. 0 is never negative.
func (s *errorSampler) draw(word uint64) (size, negative uint64) {
	u := word >> 1
	for _, c := range s.upTo {
		size += (c - 1 - u) >> 63 // u >= c
	}
	return size, -(word & 1) & -((size | -size) >> 63)
}

// addTo adds a fresh error to every coefficient of rows of residues.
func (s *errorSampler) addTo(rows [][]uint64, subrings []*ring.SubRing) error {
	n := len(rows[0])
	var size, negative [256]uint64 // signed, and all ones where it is negative
	defer func() { clear(size[:]); clear(negative[:]) }()
	x, err := newUniformBytes(s.rand, 8*min(n, len(size)))
	if err != nil {
		return err
	}
	defer x.clear()
	for from := 0; from < n; from += len(size) {
		to := min(from+len(size), n)
		size, negative, words := size[:to-from], negative[:to-from], x.next()
		for k := range size {
			x, minus := s.draw(binary.LittleEndian.Uint64(words[8*k:]))
			size[k], negative[k] = (x^minus)-minus, minus
		}
		for i, row := range rows {
			q, row, negative := subrings[i].Modulus, row[from:to], negative[:len(size)]
			for k, x := range size {
				row[k] = ring.CRed(row[k]+x+q&negative[k], q)
			}
		}
	}
	return nil
}
