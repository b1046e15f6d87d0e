package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
)

// Damage says where a chain breaks.
type Damage struct {
	Chain    string // "journal" or "audit"
	Position int64  // of the first record that is not what was written
	Kind     string // of that record, if it can be read
	Plan     Digest // of that record, if it can be read
	What     string
}

// Error names the record and what to do.
func (d *Damage) Error() string {
	of := ""
	if d.Kind != "" {
		of = fmt.Sprintf(" (kind %q", d.Kind)
		if !d.Plan.IsZero() {
			of += " of plan " + d.Plan.short()
		}
		of += ")"
	}
	return fmt.Sprintf("store: %s record %d%s %s: what follows cannot be relied on. Keep the file as evidence, restore the database from a backup, and let the other hospitals' gateways confirm the restoration", d.Chain, d.Position, of, d.What)
}

// row is one record of the journal as it is stored.
type row struct {
	position int64
	plan     Digest
	sequence int64 // within its plan, from 1
	kind     string
	record   []byte
	link     Digest
}

// journalLink is the link of r after the link before it. The record enters by
// its own digest, so that a chain can be followed without the bodies.
func journalLink(before Digest, r *row) Digest {
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(r.position))
	binary.BigEndian.PutUint64(n[8:], uint64(r.sequence))
	body := sha256.Sum256(r.record)
	return party.Hash("store journal", before[:], n[:], r.plan[:], []byte(r.kind), body[:])
}

// auditLink is the link of the event at a position after the link before it.
func auditLink(before Digest, position int64, event []byte) Digest {
	return party.Hash("store audit", before[:], binary.BigEndian.AppendUint64(nil, uint64(position)), event)
}

// follower checks the two chains record by record, from the first.
type follower struct {
	journal, audit Head
	named          map[int64]Digest // journal heads that audit events name
}

func newFollower() *follower {
	return &follower{named: map[int64]Digest{}}
}

// event takes the next audit event. Events come before the journal is followed.
func (f *follower) event(position int64, body []byte, link Digest) (*Event, error) {
	damage := &Damage{Chain: "audit", Position: f.audit.Position + 1}
	if position != f.audit.Position+1 {
		damage.What = "is missing"
		return nil, damage
	}
	e, err := parseEvent(body)
	if err == nil {
		damage.Kind, damage.Plan = string(e.Kind), e.Plan
	}
	if auditLink(f.audit.Link, position, body) != link || err != nil {
		damage.What = "does not agree with its link: it was altered, or the one before it"
		return nil, damage
	}
	f.audit = Head{position, link}
	f.named[e.Journal.Position] = e.Journal.Link
	return e, nil
}

// record takes the next record of the journal.
func (f *follower) record(r *row) error {
	damage := &Damage{Chain: "journal", Position: f.journal.Position + 1, Kind: r.kind, Plan: r.plan}
	switch named, ok := f.named[r.position]; {
	case r.position != f.journal.Position+1:
		damage.Kind, damage.Plan, damage.What = "", Digest{}, "is missing"
	case journalLink(f.journal.Link, r) != r.link:
		damage.What = "does not agree with its link: it was altered, or the one before it"
	case ok && named != r.link:
		damage.What = "is not the one that the audit log names"
	default:
		f.journal = Head{r.position, r.link}
		return nil
	}
	return damage
}

// end checks that no audit event names a record beyond the last.
func (f *follower) end() error {
	for position := range f.named {
		if position > f.journal.Position {
			return &Damage{Chain: "journal", Position: f.journal.Position + 1, What: "is missing, the audit log names later ones"}
		}
	}
	return nil
}
