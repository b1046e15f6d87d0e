package table

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// Digest commits to the records: SHA-256 over the site's name, then for every
// variable, in the order of the dictionary, its name, kind and stored values in
// the order of the rows. It does not depend on how the file was written
// (quotes, encoding, separator, order of columns), nor on columns that the
// dictionary does not name. Levels count by their number: the dictionary has its own digest.
func (t *Table) Digest() [32]byte { return t.digest }

func (t *Table) hash() [32]byte {
	h := sha256.New() // never fails to be written to
	text := func(s string) {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		h.Write([]byte(s))
	}
	text("consilium table 1")
	text(t.Site)
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(t.rows)))
	block := make([]byte, 0, 1<<15)
	for i := range t.Schema.Fields {
		text(t.Schema.Fields[i].Name)
		h.Write([]byte{byte(t.Schema.Fields[i].Kind)})
		for values := range slices.Chunk(t.cols[i], cap(block)/8) {
			block = block[:0]
			for _, x := range values {
				block = binary.LittleEndian.AppendUint64(block, pattern(x))
			}
			h.Write(block)
		}
	}
	return [32]byte(h.Sum(nil))
}

// pattern is one pattern for every missing value and one for zero.
func pattern(x float64) uint64 {
	switch {
	case math.IsNaN(x):
		return math.MaxUint64
	case x == 0:
		return 0
	}
	return math.Float64bits(x)
}
