package wire

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Version is the version of wire.proto that this program speaks.
const Version = 1

// Message is any message of wire.proto or record of journal.proto.
type Message = proto.Message

var errCanonical = errors.New("wire: not the canonical encoding of a message")

// Encode returns the one encoding of m that Decode accepts.
func Encode(m Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("wire: encoding: %w", err)
	}
	return b, nil
}

// Decode reads b into m, an empty message. It refuses every b that is not
// exactly Encode(m): unknown, repeated or misordered fields, explicit zeros,
// long integers, trailing bytes. The caller has checked len(b) before.
func Decode(b []byte, m Message) error {
	// Unknown fields are dropped while reading, so that they are missing from
	// the second encoding and the comparison catches them.
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return errCanonical // protobuf's text may quote what was sent
	}
	again, err := Encode(m)
	if err != nil || !bytes.Equal(again, b) {
		return errCanonical
	}
	return nil
}

// Peek returns the type of an encoded Envelope without reading its body, so
// that the size can be judged first. It looks at the fields in front of the body only.
func Peek(b []byte) (Type, error) {
	last := protowire.Number(0)
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num <= last {
			return Type_NONE, errCanonical
		}
		last, b = num, b[n:]
		if num == typeField {
			v, n := protowire.ConsumeVarint(b)
			if typ != protowire.VarintType || n < 0 || v > uint64(lastType) {
				return Type_NONE, errCanonical
			}
			return Type(v), nil
		}
		if num > typeField {
			break
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return Type_NONE, errCanonical
		}
		b = b[n:]
	}
	return Type_NONE, errCanonical
}

const typeField = 4 // of Envelope

// Open decodes an Envelope of at most the size its type may have under l, and
// checks the lengths of its own fields.
func Open(b []byte, l Limits) (*Envelope, error) {
	if len(b) > l.Largest() {
		return nil, fmt.Errorf("wire: a message has %d bytes, want at most %d", len(b), l.Largest())
	}
	t, err := Peek(b)
	if err != nil {
		return nil, err
	}
	if len(b) > l.Max(t) {
		return nil, fmt.Errorf("wire: a message of type %v has %d bytes, want at most %d", t, len(b), l.Max(t))
	}
	e := new(Envelope)
	if err := Decode(b, e); err != nil {
		return nil, err
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	return e, nil
}

// Original is a signed message without its bulk, which the body binds by hashes.
func Original(e *Envelope) ([]byte, error) {
	return Encode(&Envelope{
		Version: e.Version, Plan: e.Plan, Attempt: e.Attempt, Type: e.Type, Sequence: e.Sequence,
		Sender: e.Sender, Recipient: e.Recipient, Body: e.Body, Signatures: e.Signatures,
	})
}
