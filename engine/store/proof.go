package store

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
)

// RecordEvidence is the kind of journal records that hold evidence: messages as
// they were received, with their signatures.
const RecordEvidence = "evidence"

// Proof says where the messages are that an event of KindEvidence rests on.
type Proof struct {
	Position int64    `json:"position"` // of the record in the journal
	Record   Digest   `json:"record"`   // SHA-256 of the record
	Messages []Digest `json:"messages"` // SHA-256 of each message in it
}

// Prove makes a record of evidence durable, of kind RecordEvidence, and e, of
// kind KindEvidence, that tells of it: both or neither. messages are those in the record.
func (j *Journal) Prove(record []byte, e Event, messages ...[]byte) error {
	if e.Kind != KindEvidence || e.What == "" || e.Decision != nil || e.Request != nil || e.Freeze != nil {
		return errors.New("store: prove: the event is of kind evidence, and says what happened")
	}
	if len(record) == 0 || len(record) > maxRecord {
		return fmt.Errorf("store: prove: a record of %d bytes, want 1 to %d", len(record), maxRecord)
	}
	s := j.store
	s.write.Lock()
	defer s.write.Unlock()
	if j.done {
		return ErrClosed
	}
	e.Proof = &Proof{Position: s.journal.Position + 1, Record: sha256.Sum256(record)}
	for _, m := range messages {
		e.Proof.Messages = append(e.Proof.Messages, sha256.Sum256(m))
	}
	return s.commit(&row{plan: j.plan.Digest, kind: RecordEvidence, record: append([]byte{}, record...)}, &e)
}

// Proved returns the record of evidence that an event rests on, held against the event's digest.
func (r *Reader) Proved(p Proof) ([]byte, error) {
	var record []byte
	err := r.query("SELECT record FROM journal WHERE position = ? AND kind = ?", []any{p.Position, RecordEvidence}, func(rows *sql.Rows) error {
		return rows.Scan(&record)
	})
	if err != nil {
		return nil, unreadable("journal", p.Position, err)
	}
	if sha256.Sum256(record) != p.Record {
		return nil, &Damage{Chain: "journal", Position: p.Position, Kind: RecordEvidence, What: "is not the evidence that the audit log names"}
	}
	return record, nil
}
