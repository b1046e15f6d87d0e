package control

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// noticeContext separates these signatures from every other use of the keys.
const noticeContext = "consilium/1 notice"

// RunID names a run: the digest of what its analyst signed.
type RunID [32]byte

// IsZero reports whether id names nothing.
func (id RunID) IsZero() bool { return id == RunID{} }

// String is the name in full, in hexadecimal: also that of the run's channel.
func (id RunID) String() string { return hex.EncodeToString(id[:]) }

// ParseRunID reads what String wrote.
func ParseRunID(s string) (RunID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return RunID{}, fmt.Errorf("control: %q names no run: want 64 hexadecimal digits", s)
	}
	return RunID(b), nil
}

// Notice is a message as it was received: decoded, its lengths checked, its
// signatures not yet.
type Notice struct {
	Act    wire.Act
	Sender party.ID
	Plan   [32]byte
	Run    RunID
	Bytes  []byte // as received: what is handed on and kept
	body   []byte
	signed []byte // signatures
	digest []byte
}

// Read decodes a notice.
func Read(b []byte) (*Notice, error) {
	m, err := wire.OpenNotice(b)
	if err != nil {
		return nil, err
	}
	n := &Notice{Act: m.Act, Sender: party.ID(m.Sender), Plan: digest(m.Plan), Run: RunID(digest(m.Run)), Bytes: b, body: m.Body, signed: m.Signatures}
	if err := n.Sender.Check(); err != nil {
		return nil, err
	}
	n.digest = digestOf(m)
	return n, nil
}

// Names returns the run that a submission by the holder of key would be, before anything is verified.
func (n *Notice) Names(key party.PublicKey) RunID { return runOf(n.digest, key) }

// Verify checks both signatures under the sender's key. With Act_SUBMIT it also
// names the run.
func (n *Notice) Verify(key party.PublicKey) error {
	if err := key.Verify(noticeContext, n.digest, n.signed); err != nil {
		return fmt.Errorf("control: a notice of kind %v in the name of %s: %w", n.Act, n.Sender, err)
	}
	if n.Act == wire.Act_SUBMIT {
		n.Run = runOf(n.digest, key)
	}
	return nil
}

// Into decodes the body.
func (n *Notice) Into(m interface {
	wire.Message
	Check(int) error
}) error {
	if err := wire.Decode(n.body, m); err != nil {
		return fmt.Errorf("control: a notice of kind %v of %s: %w", n.Act, n.Sender, err)
	}
	if err := m.Check(0); err != nil {
		return fmt.Errorf("control: a notice of kind %v of %s: %w", n.Act, n.Sender, err)
	}
	return nil
}

// Author is who writes notices: an analyst, a gateway, or the hub, which has no identity and does not sign.
type Author struct {
	ID       party.ID
	Identity *party.Identity
}

// Write makes a notice. It is made once, kept and sent again as it is.
func (a Author) Write(act wire.Act, plan [32]byte, run RunID, body wire.Message) ([]byte, error) {
	n := &wire.Notice{Version: wire.Version, Act: act, Sender: string(a.ID), Plan: plan[:], Run: run[:]}
	switch act {
	case wire.Act_HERE:
		if n.Plan = nil; run.IsZero() {
			n.Run = nil
		}
	case wire.Act_SUBMIT:
		n.Run = nil
	}
	if body != nil {
		b, err := wire.Encode(body)
		if err != nil {
			return nil, err
		}
		n.Body = b
	}
	if a.Identity != nil {
		var err error
		if n.Signatures, err = a.Identity.Sign(noticeContext, digestOf(n)); err != nil {
			return nil, fmt.Errorf("control: signing: %w", err)
		}
	}
	b, err := wire.Encode(n)
	if err != nil {
		return nil, err
	}
	if len(b) > act.Max() {
		return nil, fmt.Errorf("control: a notice of kind %v has %d bytes, at most %d can be sent", act, len(b), act.Max())
	}
	return b, nil
}

// digestOf is what is signed of a notice: everything in it.
func digestOf(n *wire.Notice) []byte {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], n.Version)
	binary.BigEndian.PutUint32(head[4:], uint32(n.Act))
	d := party.Hash("notice", head[:], []byte(n.Sender), n.Plan, n.Run, n.Body)
	return d[:]
}

// runOf names the run of a submission: the key, too, since names are the consortium's own.
func runOf(digest []byte, key party.PublicKey) RunID {
	k := key.Digest()
	return RunID(party.Hash("run", digest, k[:]))
}

func digest(b []byte) (d [32]byte) {
	copy(d[:], b)
	return d
}

var errScope = errors.New("control: the approval does not cover the whole study")
