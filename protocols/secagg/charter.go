package secagg

import (
	"encoding/binary"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Suite names every algorithm at once. There is nothing to negotiate: another
// choice is another suite, and another charter.
const Suite = "consilium/1 Ed25519+ML-DSA-65 X-Wing HKDF-SHA256 ChaCha20-Poly1305 Z/2^128 GF(2^255-19)"

// Who learns the totals.
const (
	ReleaseAll     = "all"     // every member
	ReleaseAnalyst = "analyst" // the holder of the reader's key and, but for sums that are Shown, nobody else
)

// Limits bound what a study's messages can be: how many members, how many cells a
// sum, what size a share of an encrypted session (mhe.Params.Limits says).
type Limits = wire.Limits

// Charter is what all members must agree on, to the byte, before an attempt at
// a study can begin. Its digest is in everything they sign.
type Charter struct {
	Version    string   // of the program and of its catalogue of statistics
	Study      [32]byte // digest of the canonical study file
	Plan       [32]byte // digest of what will be asked
	Roster     [32]byte // party.Roster.Digest
	Approvals  [32]byte // digest of the stewards' approvals
	Reveal     string   // what the study opens: "sums" or "model"
	Release    string   // ReleaseAll or ReleaseAnalyst
	Reader     [32]byte // party.PublicKey.Digest of the reader; zero with ReleaseAll
	Parameters [32]byte // digest of the fixed-point table and whatever else the cells' meaning rests on
	Attempt    uint32   // from 1
	Previous   [32]byte // RecordDigest of the attempt before; zero for the first
	Limits     Limits
}

// limits are those of messages: a charter's own, and what its release implies.
func (c Charter) limits() wire.Limits {
	l := c.Limits
	l.Reader = c.Release == ReleaseAnalyst
	return l
}

// Digest binds every field, in their order.
func (c Charter) Digest() [32]byte {
	var n [29]byte
	binary.BigEndian.PutUint32(n[0:], c.Attempt)
	binary.BigEndian.PutUint64(n[4:], uint64(c.Limits.Members))
	binary.BigEndian.PutUint64(n[12:], uint64(c.Limits.Cells))
	binary.BigEndian.PutUint64(n[20:], uint64(c.Limits.Share))
	if c.Limits.Full {
		n[28] = 1
	}
	return party.Hash("charter", []byte(Suite), []byte(c.Version), c.Study[:], c.Plan[:], c.Roster[:], c.Approvals[:],
		[]byte(c.Reveal), []byte(c.Release), c.Reader[:], c.Parameters[:], n[:4], c.Previous[:], n[4:])
}

// check compares the charter with the roster and the reader's key that its owner holds.
func (c Charter) check(roster party.Roster, reader *party.PublicKey) error {
	switch {
	case roster.Len() < 1 || roster.Len() > wire.MaxMembers:
		return fmt.Errorf("secagg: charter: the roster has %d members, want 1 to %d", roster.Len(), wire.MaxMembers)
	case c.Limits.Members != roster.Len():
		return fmt.Errorf("secagg: charter: limits are for %d members, the roster has %d", c.Limits.Members, roster.Len())
	case c.Limits.Cells < 1 || c.Limits.Cells > wire.MaxCells:
		return fmt.Errorf("secagg: charter: at most %d cells a sum, want 1 to %d", c.Limits.Cells, wire.MaxCells)
	case c.Limits.Share < 0 || c.Limits.Share == 0 && c.Limits.Full:
		return fmt.Errorf("secagg: charter: limits for shares of %d bytes, to every member: %v", c.Limits.Share, c.Limits.Full)
	case c.Limits.Reader:
		return fmt.Errorf("secagg: charter: limits name a reader: whether there is one is said by release")
	case c.Roster != roster.Digest():
		return fmt.Errorf("secagg: charter: made for another roster than the one given (digest %x, have %x)", c.Roster[:8], first8(roster.Digest()))
	case c.Attempt == 0:
		return fmt.Errorf("secagg: charter: attempt is 0, want 1 for the first")
	case c.Attempt == 1 && c.Previous != [32]byte{}:
		return fmt.Errorf("secagg: charter: a first attempt names a previous one")
	}
	switch c.Release {
	case ReleaseAll:
		if reader != nil || c.Reader != [32]byte{} {
			return fmt.Errorf("secagg: charter: release to all members, yet a reader is given")
		}
	case ReleaseAnalyst:
		if reader == nil || reader.IsZero() || c.Reader != reader.Digest() {
			return fmt.Errorf("secagg: charter: release to the analyst: the reader's key is missing or not the charter's")
		}
	default:
		return fmt.Errorf("secagg: charter: release is %q, want %q or %q", c.Release, ReleaseAll, ReleaseAnalyst)
	}
	return nil
}

func first8(d [32]byte) []byte { return d[:8] }
