package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed identity is version, passes, mebibytes, lanes (a byte, a byte, two
// bytes, a byte), 16 bytes of salt, a nonce of 24, and the identity under
// XChaCha20-Poly1305 with all of that as associated data. The key is Argon2id
// of the passphrase: the second choice of RFC 9106 section 4.
const (
	sealVersion = 1
	sealPasses  = 3
	sealMiB     = 64
	sealLanes   = 4

	saltAt     = 5
	nonceAt    = saltAt + 16
	sealedAt   = nonceAt + chacha20poly1305.NonceSizeX
	mostPasses = 20
	mostMiB    = 1024 // a file asks for no more memory than this
)

// ErrPassphrase is returned for a passphrase that does not open a key.
var ErrPassphrase = errors.New("the passphrase does not open it, or the file was changed")

func seal(secret, passphrase []byte) ([]byte, error) {
	head := make([]byte, sealedAt, sealedAt+len(secret)+chacha20poly1305.Overhead)
	head[0], head[1], head[4] = sealVersion, sealPasses, sealLanes
	binary.BigEndian.PutUint16(head[2:], sealMiB)
	random(head[saltAt:sealedAt])
	return under(head, passphrase, func(key []byte) ([]byte, error) {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, err
		}
		return aead.Seal(head, head[nonceAt:sealedAt], secret, head), nil
	})
}

func unseal(sealed, passphrase []byte) ([]byte, error) {
	if len(sealed) < sealedAt+chacha20poly1305.Overhead || sealed[0] != sealVersion {
		return nil, errors.New("it is sealed in a way that this program does not know")
	}
	head := sealed[:sealedAt]
	return under(head, passphrase, func(key []byte) ([]byte, error) {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, err
		}
		secret, err := aead.Open(nil, head[nonceAt:], sealed[sealedAt:], head)
		if err != nil {
			return nil, ErrPassphrase
		}
		return secret, nil
	})
}

// under derives the key that head asks for, and forgets it after f.
func under(head, passphrase []byte, f func(key []byte) ([]byte, error)) ([]byte, error) {
	passes, mib, lanes := head[1], binary.BigEndian.Uint16(head[2:]), head[4]
	if passes < 1 || passes > mostPasses || mib < 1 || mib > mostMiB || lanes < 1 {
		return nil, fmt.Errorf("it asks for %d passes over %d MiB in %d lanes, more or less than this program does", passes, mib, lanes)
	}
	key := argon2.IDKey(passphrase, head[saltAt:nonceAt], uint32(passes), uint32(mib)<<10, lanes, chacha20poly1305.KeySize)
	defer clear(key)
	return f(key)
}
