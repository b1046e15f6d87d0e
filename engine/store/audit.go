package store

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// byHand are the kinds that Record takes.
func byHand(k Kind) bool {
	return slices.Contains([]Kind{KindDisclosed, KindDeclined, KindEvidence, KindOperator}, k)
}

// Record adds an event of kind KindDisclosed, KindDeclined, KindEvidence or
// KindOperator to the audit log. The others are written by the methods they stand for.
func (s *Store) Record(e Event) error {
	if !byHand(e.Kind) {
		return fmt.Errorf("store: record: an event of kind %q is not written by hand", e.Kind)
	}
	if e.What == "" || e.Decision != nil || e.Request != nil || e.Freeze != nil || e.Proof != nil {
		return fmt.Errorf("store: record: an event of kind %q says what happened, and nothing that others of its kind do not", e.Kind)
	}
	s.write.Lock()
	defer s.write.Unlock()
	return s.commit(nil, &e)
}

// Entry is an event in its place in the log.
type Entry struct {
	Head
	Event Event
}

// Events calls f with every event after a position (0 for all), in order, and
// stops at f's first error, which it returns.
func (r *Reader) Events(after int64, f func(Entry) error) error {
	return r.entries(after, func(h Head, body []byte) error {
		e, err := parseEvent(body)
		if err != nil {
			return &Damage{Chain: "audit", Position: h.Position, What: "cannot be read"}
		}
		return f(Entry{h, *e})
	})
}

// Export writes the audit log as JSON lines: position, link and event. Verify
// first; VerifyExport checks the copy where there is no store.
func (r *Reader) Export(w io.Writer) error {
	b := bufio.NewWriter(w)
	err := r.entries(0, func(h Head, body []byte) error {
		// The event's bytes as they are: they are what the link was made of.
		_, err := fmt.Fprintf(b, "{\"position\":%d,\"link\":%q,\"event\":%s}\n", h.Position, h.Link, body)
		return err
	})
	return errors.Join(err, b.Flush())
}

// VerifyExport follows the chain of an exported audit log and returns its head,
// to be held against one that the store, or a steward's note, gives. What it
// cannot see is whether the journal agrees.
func VerifyExport(r io.Reader) (Head, error) {
	f := newFollower()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 2*maxEvent)
	for lines.Scan() {
		var x struct {
			Head
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return Head{}, &Damage{Chain: "audit", Position: f.audit.Position + 1, What: "cannot be read"}
		}
		if _, err := f.event(x.Position, x.Event, x.Link); err != nil {
			return Head{}, err
		}
	}
	return f.audit, lines.Err()
}

// entries reads the log page by page, so that f may take its time.
func (r *Reader) entries(after int64, f func(h Head, body []byte) error) error {
	type entry struct {
		head Head
		body []byte
	}
	for n := page; n == page; {
		var entries []entry
		err := r.query("SELECT position, event, link FROM audit WHERE position > ? ORDER BY position LIMIT ?", []any{after, page}, func(rows *sql.Rows) error {
			var e entry
			var link []byte
			if err := rows.Scan(&e.head.Position, &e.body, &link); err != nil {
				return err
			}
			e.head.Link = digestOf(link)
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			return unreadable("audit", after+1, err)
		}
		for _, e := range entries {
			if err := f(e.head, e.body); err != nil {
				return err
			}
			after = e.head.Position
		}
		n = len(entries)
	}
	return nil
}
