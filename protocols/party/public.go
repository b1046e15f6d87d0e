package party

import (
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/cloudflare/circl/kem/xwing"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

const (
	publicKeyVersion = 1
	edOffset         = 1
	mldsaOffset      = edOffset + ed25519.PublicKeySize
	xwingOffset      = mldsaOffset + mldsa65.PublicKeySize
	publicKeySize    = xwingOffset + xwing.PublicKeySize

	// SignatureSize is the length of every signature: 64 bytes of Ed25519,
	// then 3309 of ML-DSA-65.
	SignatureSize = ed25519.SignatureSize + mldsa65.SignatureSize
)

// ErrSignature is what Verify returns for any signature it does not accept.
var ErrSignature = errors.New("party: signature does not verify")

// PublicKey is what others know of an Identity. The zero value verifies nothing.
type PublicKey struct {
	raw   string // version, Ed25519, ML-DSA-65, X-Wing; a string keeps it comparable and immutable
	mldsa *mldsa65.PublicKey
}

// ParsePublicKey reads what MarshalBinary wrote.
func ParsePublicKey(b []byte) (PublicKey, error) {
	if len(b) != publicKeySize || b[0] != publicKeyVersion {
		return PublicKey{}, fmt.Errorf("party: a public key has %d bytes, want %d beginning with version %d", len(b), publicKeySize, publicKeyVersion)
	}
	k := PublicKey{raw: string(b), mldsa: new(mldsa65.PublicKey)}
	if err := k.mldsa.UnmarshalBinary(b[mldsaOffset:xwingOffset]); err != nil {
		return PublicKey{}, fmt.Errorf("party: public key: ml-dsa-65 part: %w", err)
	}
	if _, err := xwing.Scheme().UnmarshalBinaryPublicKey(b[xwingOffset:]); err != nil {
		return PublicKey{}, fmt.Errorf("party: public key: x-wing part: %w", err)
	}
	return k, nil
}

// MarshalBinary returns the 3201 bytes of the key.
func (k PublicKey) MarshalBinary() ([]byte, error) {
	if k.IsZero() {
		return nil, errors.New("party: the zero public key has no encoding")
	}
	return []byte(k.raw), nil
}

// IsZero reports whether k is the zero value.
func (k PublicKey) IsZero() bool { return k.raw == "" }

// Equal reports whether k and other are the same key.
func (k PublicKey) Equal(other PublicKey) bool { return k.raw == other.raw }

// Digest is the hash of the whole key.
func (k PublicKey) Digest() [32]byte { return Hash("public key", []byte(k.raw)) }

// Fingerprint is 160 bits of the digest in eight groups of four letters and
// digits, to be compared over the telephone.
func (k PublicKey) Fingerprint() string {
	d := k.Digest()
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(d[:20])
	groups := make([]string, 0, 8)
	for ; len(s) > 0; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(groups, "-")
}

// String is the fingerprint: a key is too long to read.
func (k PublicKey) String() string {
	if k.IsZero() {
		return "party.PublicKey(none)"
	}
	return k.Fingerprint()
}

// Verify returns nil only if both signatures in sig are valid for msg under
// context. A forger has to break both schemes.
func (k PublicKey) Verify(context string, msg, sig []byte) error {
	if k.IsZero() || len(sig) != SignatureSize || len(context) > 255 {
		return ErrSignature
	}
	m := Hash("signature", []byte(context), msg)
	ed := ed25519.Verify([]byte(k.raw[edOffset:mldsaOffset]), m[:], sig[:ed25519.SignatureSize])
	ml := mldsa65.Verify(k.mldsa, m[:], []byte(context), sig[ed25519.SignatureSize:])
	if !ed || !ml {
		return ErrSignature
	}
	return nil
}
