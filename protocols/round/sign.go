package round

import (
	"encoding/binary"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// signingContext separates these signatures from every other use of the keys.
const signingContext = "consilium/1 message"

// Context is what a signature is bound to besides the message: both sides know
// it, so it is not sent. Every message of every protocol is bound here, and only here.
type Context struct {
	Charter [32]byte // digest; it binds study, plan, parameters and versions
	Roster  [32]byte // digest
	Session [32]byte // S from the first Seal on, T from the first sum on; before, and for closing, zero
}

// digest is what is signed for e.
func (c Context) digest(e *wire.Envelope) []byte {
	var n [28]byte
	binary.BigEndian.PutUint32(n[0:], e.Version)
	binary.BigEndian.PutUint32(n[4:], e.Attempt)
	binary.BigEndian.PutUint64(n[8:], uint64(e.Type))
	binary.BigEndian.PutUint64(n[16:], e.Sequence)
	binary.BigEndian.PutUint32(n[24:], e.Part)
	body := party.Hash("body", e.Body)
	d := party.Hash("message", c.Charter[:], c.Roster[:], c.Session[:], e.Plan, n[:], []byte(e.Sender), []byte(e.Recipient), body[:])
	return d[:]
}

// Sign fills e.Signatures.
func Sign(id *party.Identity, c Context, e *wire.Envelope) error {
	sig, err := id.Sign(signingContext, c.digest(e))
	if err != nil {
		return fmt.Errorf("round: signing: %w", err)
	}
	e.Signatures = sig
	return nil
}

// Verify checks both of e.Signatures under the sender's key.
func Verify(key party.PublicKey, c Context, e *wire.Envelope) error {
	return key.Verify(signingContext, c.digest(e), e.Signatures)
}
