package wire

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
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
// long integers, trailing bytes. The caller has checked len(b) before. Large
// byte fields of m are parts of b, not copies: neither is to be written to.
func Decode(b []byte, m Message) error {
	rest, cuts, err := cutLarge(b, m.ProtoReflect().Descriptor().Fields())
	if err != nil {
		return err
	}
	// Unknown fields are dropped while reading, so that they are missing from
	// the second encoding and the comparison catches them.
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(rest, m); err != nil {
		return errCanonical // protobuf's text may quote what was sent
	}
	again, err := Encode(m)
	if err != nil || !bytes.Equal(again, rest) {
		return errCanonical
	}
	for _, c := range cuts {
		m.ProtoReflect().Set(c.field, protoreflect.ValueOfBytes(c.value))
	}
	return nil
}

// large is the size from which a byte field is not copied.
const large = 1 << 16

type cut struct {
	field protoreflect.FieldDescriptor
	value []byte
}

// cutLarge takes large byte fields out of an encoded message, which is canonical
// if what is left is: fields are in ascending order around each, and its length is spelt as Encode does.
func cutLarge(b []byte, fields protoreflect.FieldDescriptors) (rest []byte, cuts []cut, err error) {
	if len(b) < large {
		return b, nil, nil
	}
	from, last, lastCut := 0, protowire.Number(0), protowire.Number(0)
	for at := 0; at < len(b); {
		num, typ, tag := protowire.ConsumeTag(b[at:])
		if tag < 0 || num < last || num == lastCut {
			return nil, nil, errCanonical
		}
		size := protowire.ConsumeFieldValue(num, typ, b[at+tag:])
		if size < 0 {
			return nil, nil, errCanonical
		}
		end := at + tag + size
		f := fields.ByNumber(num)
		if size > large && typ == protowire.BytesType && f != nil && f.Kind() == protoreflect.BytesKind && !f.IsList() {
			v, _ := protowire.ConsumeBytes(b[at+tag:])
			if num == last || tag != protowire.SizeTag(num) || size != protowire.SizeBytes(len(v)) {
				return nil, nil, errCanonical
			}
			rest, cuts = append(rest, b[from:at]...), append(cuts, cut{f, v[:len(v):len(v)]})
			from, lastCut = end, num
		}
		at, last = end, num
	}
	if cuts == nil {
		return b, nil, nil
	}
	return append(rest, b[from:]...), cuts, nil
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
