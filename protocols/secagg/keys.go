package secagg

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// derive is the whole key schedule: HKDF-SHA256 of secret with an info that
// begins with "consilium/1" and the label, then binds every field of context.
//
//	key                from                 label, context
//	pair parent K_ij   ss_lower, ss_higher  pair, T, i, j
//	tag key i to j     K_ij                 mac, i, j
//	pair mask          K_ij                 mask, c
//	own mask u_i(c)    o_i                  own, c
//	veil V             v_1 .. v_N           veil, T
//	veil check         V                    check
//	unlock key i       V                    unlock, c, i
//	part key           ss_ij                part, S, i, j
//
// No context contains an attempt's number: S and T do, with every member's nonce.
func derive(secret []byte, label string, context ...[]byte) [32]byte {
	d := party.Hash("derive "+label, context...)
	key, err := hkdf.Key(sha256.New, secret, nil, "consilium/1 "+label+" "+string(d[:]), 32)
	if err != nil {
		panic(err) // SHA-256 yields up to 8160 bytes
	}
	return [32]byte(key)
}

// tag authenticates a body between two members, under the key of that direction.
func tag(key [32]byte, kind string, body []byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	d := party.Hash("tag "+kind, body)
	mac.Write(d[:])
	return mac.Sum(nil)[:wire.TagSize]
}

func tagged(key [32]byte, kind string, body, got []byte) bool {
	return subtle.ConstantTimeCompare(tag(key, kind, body), got) == 1
}

// sealOnce encrypts under a key that encrypts nothing else, ever: nonce 0.
func sealOnce(key [32]byte, plaintext, aad []byte) []byte {
	var nonce [chacha20poly1305.NonceSize]byte
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	return aead.Seal(nil, nonce[:], plaintext, aad)
}

func openOnce(key [32]byte, sealed, aad []byte) ([]byte, bool) {
	var nonce [chacha20poly1305.NonceSize]byte
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err)
	}
	b, err := aead.Open(nil, nonce[:], sealed, aad)
	return b, err == nil
}

// The digests that members compare.

func sessionDigest(charter [32]byte, hellos [][]byte) [32]byte {
	return party.Hash("session S", append([][]byte{charter[:]}, hellos...)...)
}

func transcriptDigest(s [32]byte, seals [][]byte) [32]byte {
	return party.Hash("transcript T", append([][]byte{s[:]}, seals...)...)
}

func labelDigest(t [32]byte, ask Ask, sequence uint64) [32]byte {
	return party.Hash("label c", t[:], ask.Digest[:], ask.State[:], uint64Bytes(sequence), uint64Bytes(uint64(ask.Cells)), boolByte(ask.Shown))
}

func boolByte(b bool) []byte {
	if b {
		return []byte{1}
	}
	return []byte{0}
}

func headsDigest(heads [][]byte) [32]byte { return party.Hash("heads", heads...) }

func sumDigest(vector, carry []byte) [32]byte { return party.Hash("sum", vector, carry) }

func ownCommitment(label [32]byte, id party.ID, u [32]byte) [32]byte {
	return party.Hash("own", label[:], []byte(id), u[:])
}

func foldDigest(label, heads, sum [32]byte) [32]byte {
	return party.Hash("fold", label[:], heads[:], sum[:])
}
