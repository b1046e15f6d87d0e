package party

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cloudflare/circl/kem/xwing"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// Identity is the long-lived secret of one party: a signing key of each of
// Ed25519 and ML-DSA-65, and an X-Wing key to which others can seal a message.
// All of them, and the key under which table commitments are made, are derived
// from one seed of 32 bytes. It prints as party.Identity(…).
type Identity struct {
	seed   [32]byte
	ed     ed25519.PrivateKey
	mldsa  *mldsa65.PrivateKey
	xwing  *xwing.PrivateKey
	public PublicKey
}

// identityVersion is the first byte of a marshalled Identity.
const identityVersion = 1

// NewIdentity draws an identity from rand, which in production is crypto/rand.Reader.
func NewIdentity(rand io.Reader) (*Identity, error) {
	var seed [32]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("party: drawing an identity: %w", err)
	}
	return fromSeed(seed)
}

// ParseIdentity reads what MarshalBinary wrote.
func ParseIdentity(b []byte) (*Identity, error) {
	if len(b) != 33 || b[0] != identityVersion {
		return nil, fmt.Errorf("party: an identity has %d bytes, want 33 beginning with version %d", len(b), identityVersion)
	}
	return fromSeed([32]byte(b[1:]))
}

// MarshalBinary returns the secret itself: 33 bytes, for a file that only its
// owner can read.
func (id *Identity) MarshalBinary() ([]byte, error) {
	return append([]byte{identityVersion}, id.seed[:]...), nil
}

func fromSeed(seed [32]byte) (*Identity, error) {
	id := &Identity{seed: seed}
	sub := func(label string) ([]byte, error) {
		return hkdf.Key(sha256.New, seed[:], nil, "consilium/1 identity "+label, 32)
	}
	ed, err1 := sub("ed25519")
	ml, err2 := sub("mldsa65")
	xw, err3 := sub("xwing")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("party: deriving keys: %w", err)
	}
	id.ed = ed25519.NewKeyFromSeed(ed)
	mlPublic, mlPrivate := mldsa65.NewKeyFromSeed((*[32]byte)(ml))
	xwPrivate, xwPublic := xwing.DeriveKeyPair(xw)
	id.mldsa, id.xwing = mlPrivate, xwPrivate

	raw := make([]byte, publicKeySize)
	raw[0] = publicKeyVersion
	copy(raw[edOffset:], id.ed.Public().(ed25519.PublicKey))
	copy(raw[mldsaOffset:], mlPublic.Bytes())
	xwPublic.Pack(raw[xwingOffset:])
	public, err := ParsePublicKey(raw)
	if err != nil {
		return nil, err
	}
	id.public = public
	return id, nil
}

// Public returns what others need to know of id.
func (id *Identity) Public() PublicKey { return id.public }

// Sign returns SignatureSize bytes: an Ed25519 and an ML-DSA-65 signature of
// msg, both bound to context. The second is hedged with fresh randomness, so
// two signatures of one message differ: keep the first and send that again.
func (id *Identity) Sign(context string, msg []byte) ([]byte, error) {
	if len(context) > 255 {
		return nil, fmt.Errorf("party: a signing context has %d bytes, want at most 255", len(context))
	}
	m := Hash("signature", []byte(context), msg)
	sig := make([]byte, SignatureSize)
	copy(sig, ed25519.Sign(id.ed, m[:]))
	if err := mldsa65.SignTo(id.mldsa, m[:], []byte(context), true, sig[ed25519.SignatureSize:]); err != nil {
		return nil, fmt.Errorf("party: signing with ml-dsa-65: %w", err)
	}
	return sig, nil
}

// Commitment returns HMAC(HKDF(seed, "data", study), table): it binds the
// owner to a table for the length of a study and tells nobody which table,
// not even someone who can guess it.
func (id *Identity) Commitment(study, table [32]byte) ([32]byte, error) {
	key, err := hkdf.Key(sha256.New, id.seed[:], study[:], "consilium/1 identity data", 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("party: deriving the data key: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(table[:])
	return [32]byte(mac.Sum(nil)), nil
}

// String keeps the secret out of every print.
func (id Identity) String() string { return "party.Identity(…)" }

// GoString keeps the secret out of %#v.
func (id Identity) GoString() string { return "party.Identity(…)" }

// Format keeps the secret out of every other verb, such as %x and %d.
func (id Identity) Format(f fmt.State, _ rune) { io.WriteString(f, "party.Identity(…)") }

// LogValue keeps the secret out of structured logs.
func (id Identity) LogValue() slog.Value { return slog.StringValue("party.Identity(…)") }
