package store

import (
	"database/sql"
	"fmt"
)

// Kinds of journal records at which a member reveals something of a total.
const (
	recordFrozen   = "frozen"
	recordUnlocked = "unlocked"
)

// maxRecord is far more than any message has, in bytes.
const maxRecord = 1 << 28

// Plan says which plan a journal is of.
type Plan struct {
	Study  string // its name
	Digest Digest
	// Cohort is the commitment to the rows that the plan counts: the same for
	// every plan over the same rows, whatever it computes. Roster is the one that
	// this attempt is for. A journal without them takes no unlock.
	Cohort Digest
	Roster Digest
}

// Journal is one party's journal of one plan, over all attempts at it: what
// the protocols want of a journal. Its methods may be called from several
// goroutines.
type Journal struct {
	store *Store
	plan  Plan
	done  bool // under store.write
}

// Journal opens the journal of a plan. It is refused while another one of this
// plan is open, and if the cohort is frozen for another roster: see [Freeze].
func (s *Store) Journal(p Plan) (*Journal, error) {
	if p.Digest.IsZero() {
		return nil, fmt.Errorf("store: journal: the plan of study %q has no digest", p.Study)
	}
	s.write.Lock()
	defer s.write.Unlock()
	if s.open[p.Digest] {
		return nil, fmt.Errorf("store: journal: plan %s is being run in this process: a plan has one run at a time", p.Digest.short())
	}
	if _, err := s.free(p); err != nil {
		return nil, err
	}
	s.open[p.Digest] = true
	return &Journal{store: s, plan: p}, nil
}

// Close ends the use of j, so that the plan can be opened again.
func (j *Journal) Close() {
	j.store.write.Lock()
	defer j.store.write.Unlock()
	if !j.done {
		j.done = true
		delete(j.store.open, j.plan.Digest)
	}
}

// Append makes one record durable before it returns. The first unlock over a
// cohort freezes it in the same transaction; one for another roster than the
// cohort's is refused with a *Refusal. After any error nothing was written.
func (j *Journal) Append(kind string, record []byte) error {
	if kind == "" || len(kind) > 64 || len(record) > maxRecord {
		return fmt.Errorf("store: journal: a kind of %d bytes and a record of %d, want 1 to 64 and at most %d", len(kind), len(record), maxRecord)
	}
	s := j.store
	s.write.Lock()
	defer s.write.Unlock()
	if j.done {
		return ErrClosed
	}
	var events []*Event
	if kind == recordFrozen || kind == recordUnlocked {
		if j.plan.Cohort.IsZero() || j.plan.Roster.IsZero() {
			return fmt.Errorf("store: journal: plan %s names no cohort and roster, and without them nothing is unlocked", j.plan.Digest.short())
		}
		first, err := s.free(j.plan)
		if err != nil {
			return err
		}
		if first {
			events = append(events, j.plan.freezing(s.now()))
		}
	}
	return s.commit(&row{plan: j.plan.Digest, kind: kind, record: append([]byte{}, record...)}, events...)
}

// Replay calls f with every record in the order of Append, and stops at f's
// first error, which it returns. What is appended meanwhile is not part of it.
// A record that changed on the disk since the store was opened is a *Damage.
func (j *Journal) Replay(f func(kind string, record []byte) error) error {
	s := j.store
	s.write.Lock()
	places, done := s.places[j.plan.Digest], j.done
	s.write.Unlock()
	if done {
		return ErrClosed
	}
	for i, at := range places {
		r, err := s.record(at)
		if err != nil {
			return unreadable("journal", at, err)
		}
		if r.plan != j.plan.Digest || r.sequence != int64(i)+1 {
			return &Damage{Chain: "journal", Position: at, Kind: r.kind, Plan: r.plan, What: "is not what it was when the store was opened"}
		}
		if err := f(r.kind, r.record); err != nil {
			return err
		}
	}
	return nil
}

// record reads the record at a position, and holds it against its link.
func (s *Store) record(at int64) (*row, error) {
	var r *row
	var before Digest
	err := s.query("SELECT position, plan, sequence, kind, record, link FROM journal WHERE position IN (?, ?) ORDER BY position", []any{at - 1, at}, func(rows *sql.Rows) error {
		x := new(row)
		var plan, body, link []byte
		if err := rows.Scan(&x.position, &plan, &x.sequence, &x.kind, &body, &link); err != nil {
			return err
		}
		x.plan, x.record, x.link = digestOf(plan), body, digestOf(link)
		if x.position == at {
			r = x
		} else {
			before = x.link
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r == nil || journalLink(before, r) != r.link {
		return nil, &Damage{Chain: "journal", Position: at, What: "is not what it was when the store was opened"}
	}
	return r, nil
}
