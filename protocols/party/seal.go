package party

import (
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem/xwing"
)

// SealOverhead is how much longer a sealed message is than its plaintext:
// an X-Wing encapsulation and a Poly1305 tag.
const SealOverhead = xwing.CiphertextSize + 16

// ErrSealed is what Open returns for anything it cannot open.
var ErrSealed = errors.New("party: sealed message does not open")

// suite is HPKE's (RFC 9180) base mode over X-Wing. It has no authenticated
// mode: whoever needs to know the sender signs around it.
var suite = hpke.NewSuite(hpke.KEM_XWING, hpke.KDF_HKDF_SHA256, hpke.AEAD_ChaCha20Poly1305)

// Seal encrypts plaintext to the owner of k, one encapsulation per message.
// info says which run it belongs to, aad which place in it: Open must be given the same.
func (k PublicKey) Seal(rand io.Reader, info, aad, plaintext []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, errors.New("party: cannot seal to the zero public key")
	}
	pk, err := hpke.KEM_XWING.Scheme().UnmarshalBinaryPublicKey([]byte(k.raw[xwingOffset:]))
	if err != nil {
		return nil, fmt.Errorf("party: sealing: %w", err)
	}
	sender, err := suite.NewSender(pk, info)
	if err != nil {
		return nil, fmt.Errorf("party: sealing: %w", err)
	}
	enc, sealer, err := sender.Setup(rand)
	if err != nil {
		return nil, fmt.Errorf("party: sealing: %w", err)
	}
	ct, err := sealer.Seal(plaintext, aad)
	if err != nil {
		return nil, fmt.Errorf("party: sealing: %w", err)
	}
	return append(enc, ct...), nil
}

// Open decrypts what Seal made. Every failure is ErrSealed: which step failed
// is nobody's business.
func (id *Identity) Open(info, aad, sealed []byte) ([]byte, error) {
	if len(sealed) < SealOverhead {
		return nil, ErrSealed
	}
	receiver, err := suite.NewReceiver(id.xwing, info)
	if err != nil {
		return nil, ErrSealed
	}
	opener, err := receiver.Setup(sealed[:xwing.CiphertextSize])
	if err != nil {
		return nil, ErrSealed
	}
	plaintext, err := opener.Open(sealed[xwing.CiphertextSize:], aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}
