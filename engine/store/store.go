package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine/internal/lockfile"
)

// Config says where a store is.
type Config struct {
	// Dir is a directory of the store's own, on a disk of this machine. It is
	// made, with mode 0700, if it is missing; one that others may enter is refused.
	Dir string
	// Now is the clock that audit events and the expiry of decisions go by.
	Now func() time.Time
}

// Store is the durable memory of one gateway or hub. Its methods may be called
// from several goroutines. Every method that writes returns after the disk has
// it; if it returns an error, nothing of it was written.
type Store struct {
	*Reader
	now  func() time.Time
	lock *os.File

	write          sync.Mutex // held while a transaction is made, and for all below
	broken         error      // of a disk that can no longer be trusted
	journal, audit Head
	places         map[Digest][]int64 // of each plan's records in the journal
	open           map[Digest]bool    // plans whose Journal is in use
	state
}

// Open opens the store in cfg.Dir, or makes one there, and verifies it from the
// first record: see [Damage]. Only one process at a time may have it open.
func Open(cfg Config) (_ *Store, err error) {
	if cfg.Now == nil {
		return nil, errors.New("store: config: Now is needed")
	}
	if err := privateDir(cfg.Dir); err != nil {
		return nil, err
	}
	s := &Store{now: cfg.Now, places: map[Digest][]int64{}, open: map[Digest]bool{}, state: newState()}
	if s.lock, err = exclusive(cfg.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.connect(cfg.Dir); err != nil {
		return nil, err
	}
	f := newFollower()
	err = s.follow(f, s.apply, func(r *row) { s.places[r.plan] = append(s.places[r.plan], r.position) })
	if err != nil {
		return nil, err
	}
	s.journal, s.audit = f.journal, f.audit
	return s, nil
}

// exclusive takes the lock, and keeps others out until the file is closed.
func exclusive(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, held, err := lockfile.Hold(path)
	if held {
		owner := ""
		if pid, err := os.ReadFile(path); err == nil && len(pid) > 0 {
			owner = " (" + strings.TrimSpace(string(pid)) + ")"
		}
		return nil, fmt.Errorf("store: %s is in use by another process%s: a gateway has a directory of its own, and there is one gateway for it. Stop the other first", dir, owner)
	}
	if err != nil {
		return nil, fmt.Errorf("store: locking %s: %w", dir, err)
	}
	return f, nil
}

// connect opens the database and makes it where there is none, but not where
// there was one that is gone: to begin anew in its place would be to forget
// what this party has unlocked.
func (s *Store) connect(dir string) error {
	used, err := s.lock.Stat()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	info, err := os.Stat(filepath.Join(dir, databaseFile))
	if used.Size() > 0 && (err != nil || info.Size() == 0) {
		return fmt.Errorf("store: %s was in use before and its %s is gone or empty: restore it from a backup, or begin anew in another directory", dir, databaseFile)
	}
	if err := createFile(dir); err != nil {
		return err
	}
	db, conn, err := connect(dir, "journal_mode = TRUNCATE", "synchronous = EXTRA")
	if err != nil {
		return err
	}
	s.Reader = &Reader{dir: dir, db: db, conn: conn}
	if err := createTables(conn); err != nil {
		return fmt.Errorf("store: making the tables in %s: %w", dir, err)
	}
	// From here on, the directory has been in use.
	_, err = s.lock.WriteAt([]byte(fmt.Sprintf("process %-20d\n", os.Getpid())), 0)
	if err = errors.Join(err, s.lock.Sync(), syncDir(dir)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Close lets another process have the store. Journals must not be used any more.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	var err error
	if s.Reader != nil {
		err = s.Reader.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// Heads returns how far both chains have come.
func (s *Store) Heads() (journal, audit Head) {
	s.write.Lock()
	defer s.write.Unlock()
	return s.journal, s.audit
}

// commit makes events, then a record if there is one, durable in one
// transaction, and believes them after that. s.write is held.
func (s *Store) commit(r *row, events ...*Event) error {
	if s.broken != nil {
		return fmt.Errorf("store: an earlier write failed, and what the disk holds is not known until the store is closed and opened again: %w", s.broken)
	}
	journal, audit := s.journal, s.audit
	written := make([]*Event, len(events)) // as the log will give them: nothing of them is the caller's
	err := s.transact(func(insert func(string, ...any) error) error {
		for i, e := range events {
			e.Time, e.Journal = s.now().UTC().Round(0), s.journal
			body, err := e.encode()
			if err != nil {
				return err
			}
			if written[i], err = parseEvent(body); err != nil {
				return err
			}
			audit = Head{audit.Position + 1, auditLink(audit.Link, audit.Position+1, body)}
			if err := insert("INSERT INTO audit VALUES (?, ?, ?)", audit.Position, body, audit.Link[:]); err != nil {
				return err
			}
		}
		if r == nil {
			return nil
		}
		r.position, r.sequence = journal.Position+1, int64(len(s.places[r.plan]))+1
		journal = Head{r.position, journalLink(journal.Link, r)}
		return insert("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", r.position, r.plan[:], r.sequence, r.kind, r.record, journal.Link[:])
	})
	if err != nil {
		return err
	}
	s.journal, s.audit = journal, audit
	if r != nil {
		s.places[r.plan] = append(s.places[r.plan], r.position)
	}
	for _, e := range written {
		if err := s.apply(e); err != nil {
			return err
		}
	}
	return nil
}

// transact runs f in a transaction. After an error the transaction is undone;
// after one that leaves the disk's state open, nothing more is written.
func (s *Store) transact(f func(insert func(string, ...any) error) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return ErrClosed
	}
	exec := func(q string, args ...any) error {
		_, err := s.conn.ExecContext(context.Background(), q, args...)
		return err
	}
	if err := exec("BEGIN IMMEDIATE"); err != nil {
		return s.failed(err)
	}
	err := f(exec)
	if err == nil {
		err = exec("COMMIT")
	}
	if err == nil {
		return nil
	}
	// SQLite has undone it already after some errors; then this one fails.
	_ = exec("ROLLBACK")
	return s.failed(err)
}

// failed says what an error means to whoever wanted to write.
func (s *Store) failed(err error) error {
	switch code(err) {
	case 0:
		return err // not the disk's: the event cannot be encoded
	case codeFull:
		return fmt.Errorf("store: no room on the disk of %s: nothing was written. Free some: %w", s.dir, err)
	case codeBusy:
		return fmt.Errorf("store: another process has been reading %s for more than ten seconds: nothing was written: %w", s.dir, err)
	}
	s.broken = err
	return fmt.Errorf("store: writing to %s failed: %w", s.dir, err)
}
