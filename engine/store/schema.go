package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
)

const (
	databaseFile = "store.db"
	lockFile     = "lock"

	application = 0x434f4e53 // marks the file as ours
	version     = 1          // of the tables and of how links are made
)

// Rows are only ever added, at the next position: also by hand.
const schema = `
CREATE TABLE journal (
	position INTEGER PRIMARY KEY,
	plan     BLOB NOT NULL,
	sequence INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	record   BLOB NOT NULL,
	link     BLOB NOT NULL
) STRICT;
CREATE TABLE audit (
	position INTEGER PRIMARY KEY,
	event    BLOB NOT NULL,
	link     BLOB NOT NULL
) STRICT;
CREATE TRIGGER journal_next BEFORE INSERT ON journal WHEN NEW.position IS NOT 1 + coalesce((SELECT max(position) FROM journal), 0)
BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
CREATE TRIGGER journal_kept BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
CREATE TRIGGER journal_held BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
CREATE TRIGGER audit_next BEFORE INSERT ON audit WHEN NEW.position IS NOT 1 + coalesce((SELECT max(position) FROM audit), 0)
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_kept BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_held BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
`

// Result codes of SQLite that decide what is done next.
const (
	codeBusy         = 5  // another process reads for too long
	codeCorrupt      = 11 // a page does not parse
	codeFull         = 13 // no room; nothing of the transaction is left
	codeNotADatabase = 26
)

// code is the primary result code in an error of the driver, or 0.
func code(err error) int {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// connect opens the database of dir on one connection, which stays: settings
// and locks belong to a connection.
func connect(dir string, settings ...string) (*sql.DB, *sql.Conn, error) {
	path, err := filepath.Abs(filepath.Join(dir, databaseFile))
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	slashed := filepath.ToSlash(path)
	if slashed[0] != '/' {
		slashed = "/" + slashed // before a drive's letter
	}
	name := url.URL{Scheme: "file", Path: slashed, RawQuery: "mode=rw"} // never made by mistake
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, nil, fmt.Errorf("store: %s: %w", path, err)
	}
	conn, err := db.Conn(context.Background())
	for _, s := range append([]string{"busy_timeout = 10000", "trusted_schema = OFF", "cell_size_check = ON"}, settings...) {
		if err == nil {
			_, err = conn.ExecContext(context.Background(), "PRAGMA "+s)
		}
	}
	if err == nil {
		err = current(conn, path)
	}
	if err != nil {
		err = fmt.Errorf("store: %s cannot be opened: %w", path, err)
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}

// current checks that the file is one of ours, in this version.
func current(conn *sql.Conn, path string) error {
	var a, v int
	err := conn.QueryRowContext(context.Background(), "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&a, &v)
	switch {
	case err != nil:
		return err
	case a == 0 && v == 0:
		return nil // empty: Open makes the tables, Read finds none
	case a != application:
		return errors.New("it is another program's database")
	case v != version:
		return fmt.Errorf("it is of version %d of the store, this program reads version %d: use the program that wrote it", v, version)
	}
	return nil
}

// createFile makes the database file, empty, and private from its first moment.
func createFile(dir string) error {
	path := filepath.Join(dir, databaseFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close(), syncDir(dir)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return private(path, info, "600")
}

// createTables makes the tables where there are none, in one transaction: a
// crash leaves all of them or an empty file, to begin anew.
func createTables(conn *sql.Conn) error {
	ctx, v := context.Background(), 0
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil || v == version {
		return err
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", schema, application, version))
	return err
}
