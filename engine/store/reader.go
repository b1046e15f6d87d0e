package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Reader reads a store without changing it, also while a gateway is running on
// it. Its methods may be called from several goroutines.
type Reader struct {
	dir  string
	mu   sync.Mutex // one statement at a time on the one connection
	db   *sql.DB
	conn *sql.Conn // nil once closed
}

// ErrClosed is returned by the methods of a Store, Journal or Reader that was closed.
var ErrClosed = errors.New("store: it is closed")

// Read opens the store in dir for reading. Nothing is verified: see Verify.
func Read(dir string) (*Reader, error) {
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); err != nil {
		return nil, fmt.Errorf("store: %s holds no store: %w", dir, err)
	}
	db, conn, err := connect(dir)
	if err != nil {
		return nil, err
	}
	return &Reader{dir: dir, db: db, conn: conn}, nil
}

// Close ends reading.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return nil
	}
	conn := r.conn
	r.conn = nil
	return errors.Join(conn.Close(), r.db.Close())
}

// Verify follows both chains from their first record and returns their heads.
// An altered, moved or missing record is a *Damage.
func (r *Reader) Verify() (journal, audit Head, err error) {
	f := newFollower()
	if err := r.follow(f, func(*Event) error { return nil }, func(*row) {}); err != nil {
		return Head{}, Head{}, err
	}
	return f.journal, f.audit, nil
}

// Passed says whether the audit log once had the head that String gave: nil if
// it had, so that nothing up to there was rewritten. Verify first.
func (r *Reader) Passed(head string) error {
	n, err := noted(head)
	if err != nil {
		return err
	}
	h := Head{Position: n}
	if n > 0 {
		var link []byte
		err := r.query("SELECT link FROM audit WHERE position = ?", []any{n}, func(rows *sql.Rows) error { return rows.Scan(&link) })
		if err != nil {
			return err
		}
		if link == nil {
			return fmt.Errorf("store: the audit log ends before event %d: it, or the database, was put back to an earlier state", n)
		}
		h.Link = digestOf(link)
	}
	if h.String() != head {
		return fmt.Errorf("store: the audit log has the head %s at event %d, not %s: it was rewritten, or the note is of another gateway", h, n, head)
	}
	return nil
}

// page is how many rows are read at once. Between pages others may write.
const page = 200

// follow hands every event, then every record to f, and what f accepts to the
// functions. They are called with the connection in use.
func (r *Reader) follow(f *follower, event func(*Event) error, record func(*row)) error {
	for n := page; n == page; {
		n = 0
		err := r.query("SELECT position, event, link FROM audit WHERE position > ? ORDER BY position LIMIT ?", []any{f.audit.Position, page}, func(rows *sql.Rows) error {
			var position int64
			var body, link sql.RawBytes
			if err := rows.Scan(&position, &body, &link); err != nil {
				return err
			}
			n++
			e, err := f.event(position, body, digestOf(link))
			if err != nil {
				return err
			}
			return event(e)
		})
		if err != nil {
			return unreadable("audit", f.audit.Position+1, err)
		}
	}
	for n := page; n == page; {
		n = 0
		err := r.query("SELECT position, plan, sequence, kind, record, link FROM journal WHERE position > ? ORDER BY position LIMIT ?", []any{f.journal.Position, page}, func(rows *sql.Rows) error {
			var x row
			var plan, body, link sql.RawBytes
			if err := rows.Scan(&x.position, &plan, &x.sequence, &x.kind, &body, &link); err != nil {
				return err
			}
			n++
			x.plan, x.record, x.link = digestOf(plan), body, digestOf(link)
			if err := f.record(&x); err != nil {
				return err
			}
			record(&x)
			return nil
		})
		if err != nil {
			return unreadable("journal", f.journal.Position+1, err)
		}
	}
	if err := f.end(); err != nil {
		return err
	}
	return r.sound()
}

// sound lets SQLite check its own pages: a damaged page may hide the last
// records, and a chain does not know where it ends.
func (r *Reader) sound() error {
	return r.query("PRAGMA quick_check(1)", nil, func(rows *sql.Rows) error {
		var what string
		if err := rows.Scan(&what); err != nil {
			return err
		}
		if what != "ok" {
			return fmt.Errorf("store: the database file is damaged (%s). Keep it as evidence, and restore it from a backup", what)
		}
		return nil
	})
}

// unreadable makes a *Damage of an error of SQLite that says the file is damaged.
func unreadable(chain string, position int64, err error) error {
	if c := code(err); c == codeCorrupt || c == codeNotADatabase {
		return &Damage{Chain: chain, Position: position, What: fmt.Sprintf("or one after it cannot be read (%v)", err)}
	}
	return err
}

// query calls f with every row.
func (r *Reader) query(q string, args []any, f func(*sql.Rows) error) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return ErrClosed
	}
	rows, err := r.conn.QueryContext(context.Background(), q, args...)
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// digestOf copies a column; one of another length equals no digest.
func digestOf(b []byte) (d Digest) {
	if len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}
