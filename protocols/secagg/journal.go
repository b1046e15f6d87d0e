package secagg

import (
	"slices"
	"sync"
)

// Kinds of journal records.
const (
	KindBegan      = "began"      // secrets of an attempt, its Hello
	KindSealing    = "sealing"    // what was encapsulated, the Seal
	KindAgreed     = "agreed"     // the session's keys
	KindMasked     = "masked"     // a masked vector as sent
	KindFrozen     = "frozen"     // this plan is for this roster from now on
	KindUnlocked   = "unlocked"   // an unlock as sent
	KindTotalled   = "totalled"   // a total that was opened
	KindClosed     = "closed"     // the closing record as sent
	KindEvidence   = "evidence"   // what a party said that no honest party says
	KindRolledback = "rolledback" // peers know more of us than this journal
	KindRestored   = "restored"   // an operator acknowledged that
)

// Journal is a member's memory across crashes: one for each plan, the same for
// all attempts at it. Nobody else writes to it but protocols beside this one, whose kinds
// have their name and a space in front ("mhe began").
//
// The records of kinds began, sealing and agreed hold keys, masked and unlocked
// what was made of them, totalled the totals. Once an attempt is closed, a
// store may overwrite the first three kinds of that attempt; the others must stay.
type Journal interface {
	// Append makes one record durable before it returns: nothing leaves this
	// member before it is journalled. An error means that nothing is sent.
	Append(kind string, record []byte) error
	// Replay calls f with every record in the order of Append, and stops at
	// f's first error, which it returns. record is valid during the call only.
	Replay(f func(kind string, record []byte) error) error
}

// MemoryJournal is a Journal that lasts as long as the process: for runs that
// begin and end in one, and for tests. The zero value is empty. Copy makes the
// state from which a killed member is restarted.
type MemoryJournal struct {
	mu      sync.Mutex
	records []memoryRecord
}

type memoryRecord struct {
	kind string
	body []byte
}

// Append implements Journal.
func (j *MemoryJournal) Append(kind string, record []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, memoryRecord{kind, slices.Clone(record)})
	return nil
}

// Replay implements Journal.
func (j *MemoryJournal) Replay(f func(kind string, record []byte) error) error {
	j.mu.Lock()
	records := slices.Clone(j.records)
	j.mu.Unlock()
	for _, r := range records {
		if err := f(r.kind, r.body); err != nil {
			return err
		}
	}
	return nil
}

// Len returns the number of records.
func (j *MemoryJournal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.records)
}

// Copy returns a journal of the first n records.
func (j *MemoryJournal) Copy(n int) *MemoryJournal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &MemoryJournal{records: slices.Clone(j.records[:n])}
}

var _ Journal = (*MemoryJournal)(nil)
