package mhe

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// envelope signs a message to the hub. It is made once.
func (s *Session) envelope(t wire.Type, part int, body wire.Message, bulk []byte) (signed, raw []byte, err error) {
	b, err := wire.Encode(body)
	if err != nil {
		return nil, nil, err
	}
	c := s.cfg.Session
	e := &wire.Envelope{
		Version: wire.Version, Plan: c.Plan[:], Attempt: c.Attempt, Type: t, Sequence: s.next, Part: uint32(part),
		Sender: string(c.ID), Recipient: string(party.Hub), Body: b, Bulk: bulk,
	}
	if err := round.Sign(c.Identity, c.Context, e); err != nil {
		return nil, nil, err
	}
	out, err := wire.Encode(e)
	return out, b, err
}

func (s *Session) toHub(bodies ...[]byte) []round.Message {
	var out []round.Message
	for _, b := range bodies {
		if b != nil {
			s.said = b
			out = append(out, round.Message{From: s.cfg.Session.ID, To: party.Hub, Body: b})
		}
	}
	return out
}

// open reads a message of the hub. Without an envelope and without an error it
// was not for this session's present step, and has been counted.
func (s *Session) open(msg round.Message) (*wire.Envelope, error) {
	c := s.cfg.Session
	if msg.From != party.Hub || msg.To != c.ID {
		s.dropped++
		return nil, nil
	}
	s.heard = msg.Body
	e, err := wire.Open(msg.Body, s.limits)
	if err != nil {
		return nil, s.hub(wire.Code_MALFORMED, err)
	}
	if !bytes.Equal(e.Plan, c.Plan[:]) || e.Attempt != c.Attempt {
		s.dropped++
		return nil, nil
	}
	if e.Sender != string(party.Hub) || e.Recipient != "" && e.Recipient != string(c.ID) {
		return nil, s.hub(wire.Code_MALFORMED, errors.New("mhe: a message that is not from the hub to this member"))
	}
	if e.Type == wire.Type_STOP {
		return nil, s.stopped(e)
	}
	if e.Type != wire.Type_VOWS && e.Type != wire.Type_FOLDED || e.Sequence > s.next {
		s.dropped++
		return nil, nil
	}
	// The hub says one thing for each place, also when the step is over.
	at := round.PlaceOf(e)
	if before, taken := s.accepted[at]; taken {
		if messageHash(e.Body) != before {
			return nil, s.hub(wire.Code_DUPLICATE, fmt.Errorf("mhe: a second, different message of type %v for step %d", e.Type, e.Sequence))
		}
		s.dropped++
		return nil, nil
	}
	if e.Sequence != s.next {
		s.dropped++
		return nil, nil
	}
	return e, nil
}

// accept remembers what e says as the one thing for its place, by its hash: sums are large.
func (s *Session) accept(e *wire.Envelope) [32]byte {
	h := messageHash(e.Body)
	s.accepted[round.PlaceOf(e)] = h
	return h
}

// stopped reads a STOP.
func (s *Session) stopped(e *wire.Envelope) error {
	m := new(wire.Stop)
	if err := decodeBody(e.Body, m, s.n); err != nil {
		return s.hub(wire.Code_MALFORMED, err)
	}
	who := "nobody named"
	if s.cfg.Session.Roster.Index(party.ID(m.Who)) >= 0 {
		who = m.Who
	}
	return s.abort(wire.Code_PEER, "the hub ended the attempt with code %v (%s)", m.Code, who)
}

func (s *Session) record(kind string, m wire.Message) error {
	b, err := wire.Encode(m)
	if err != nil {
		return err
	}
	if err := s.cfg.Journal.Append(kind, b); err != nil {
		return fmt.Errorf("mhe: journal: a record of kind %q was not written: %w", kind, err)
	}
	return nil
}

// tags authenticates a vow to every peer, in roster order.
func (s *Session) tags(body []byte) []byte {
	out := make([]byte, 0, (s.n-1)*wire.TagSize)
	for j, key := range s.cfg.Session.TagsOut {
		if j != s.me {
			out = append(out, tag(key, body)...)
		}
	}
	return out
}

func tag(key [32]byte, body []byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	d := party.Hash("tag vow", body)
	mac.Write(d[:])
	return mac.Sum(nil)[:wire.TagSize]
}

// peers reads all vows: the own one must be as sent, the others' tags must verify.
func (s *Session) peers(list []*wire.Tagged, own []byte) error {
	for j, t := range list {
		if j == s.me {
			if !bytes.Equal(t.GetBody(), own) || len(t.GetTag()) != 0 {
				return s.hub(wire.Code_ALTERED, errors.New("mhe: this member's own vow was changed"))
			}
			continue
		}
		if subtle.ConstantTimeCompare(tag(s.cfg.Session.TagsIn[j], t.GetBody()), t.GetTag()) != 1 {
			return s.abort(wire.Code_TAG, "the tag on the vow of %s does not verify: it, or the hub, or set-up went wrong", s.id(j))
		}
	}
	return nil
}

// body is the content of an envelope, whose lengths the number of members dictates.
type body interface {
	wire.Message
	Check(members int) error
}

func decodeBody(b []byte, m body, members int) error {
	if err := wire.Decode(b, m); err != nil {
		return err
	}
	return m.Check(members)
}

// The digests that members compare.

func commitment(transcript []byte, step uint64, id party.ID, salt, hash []byte) [32]byte {
	return party.Hash("share", transcript, uint64Bytes(step), []byte(id), salt, hash)
}

func partHash(packed []byte) [32]byte { return party.Hash("part of a share", packed) }

// shareHash is of the hashes of a share's parts.
func shareHash(parts []byte) [32]byte { return party.Hash("packed share", parts) }

// sumHash is of the hashes of the messages with the parts of a sum.
func sumHash(parts [][32]byte) [32]byte {
	var all [][]byte
	for i := range parts {
		all = append(all, parts[i][:])
	}
	return party.Hash("folded parts", all...)
}

func messageHash(body []byte) [32]byte { return party.Hash("message", body) }

// outcome is the digest of a step: all its vows, and what came of it.
func outcome(step uint64, vows [][]byte, result [32]byte) [32]byte {
	return party.Hash("outcome", append([][]byte{uint64Bytes(step), result[:]}, vows...)...)
}

func uint64Bytes(x uint64) []byte {
	b := make([]byte, 8)
	for k := range b {
		b[k] = byte(x >> (56 - 8*k))
	}
	return b
}
