package table

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Digest commits to the records: SHA-256 over the site's name, then for every
// variable, in the order of the dictionary, its name, kind and stored values in
// the order of the rows. It does not depend on how the file was written
// (quotes, encoding, separator, order of columns), nor on columns that the
// dictionary does not name. Levels count by their number: the dictionary has its own digest.
func (t *Table) Digest() [32]byte {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<16) // a hash never fails to be written to
	var b []byte
	text := func(s string) {
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(len(s)))
		w.Write(append(b, s...))
	}
	text("consilium table 1")
	text(t.Site)
	w.Write(binary.LittleEndian.AppendUint64(b[:0], uint64(t.rows)))
	for i := range t.Schema.Fields {
		text(t.Schema.Fields[i].Name)
		w.WriteByte(byte(t.Schema.Fields[i].Kind))
		for _, x := range t.cols[i] {
			w.Write(binary.LittleEndian.AppendUint64(b[:0], bits(x)))
		}
	}
	w.Flush()
	return [32]byte(h.Sum(nil))
}

// bits is one pattern for every missing value and one for zero.
func bits(x float64) uint64 {
	switch {
	case math.IsNaN(x):
		return math.MaxUint64
	case x == 0:
		return 0
	}
	return math.Float64bits(x)
}
