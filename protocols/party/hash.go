package party

import (
	"crypto/sha256"
	"encoding/binary"
)

// Hash is SHA-256 over a domain and fields, each preceded by its length in
// eight bytes, so that no two different lists of fields give the same input.
// Every digest that two parties compare is made by it.
func Hash(domain string, fields ...[]byte) [32]byte {
	h := sha256.New()
	var n [8]byte
	write := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	write([]byte("consilium/1 " + domain))
	for _, f := range fields {
		write(f)
	}
	return [32]byte(h.Sum(nil))
}
