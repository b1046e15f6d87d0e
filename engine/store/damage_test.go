package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
)

// small makes a store with a few records of several sizes, and returns its
// database's bytes and what Replay gives.
func small(t *testing.T) (dir string, file []byte, want string) {
	t.Helper()
	s, dir := fresh(t)
	j := journal(t, s, plan("a"))
	for i, size := range []int{10, 300, 5000, 40, 9000, 1} {
		add(t, j, "masked", fmt.Sprintf("record %d %s", i, strings.Repeat("z", size)))
		if err := s.Record(store.Event{Kind: store.KindDisclosed, What: fmt.Sprintf("total %d", i), Cells: i}); err != nil {
			t.Fatal(err)
		}
	}
	want = told(t, j)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, file, want
}

func TestFlippedByteIsNamed(t *testing.T) {
	dir, file, _ := small(t)
	for i := range 6 {
		mark := fmt.Appendf(nil, "record %d ", i)
		at := bytes.Index(file, mark)
		damaged := bytes.Clone(file)
		damaged[at+len(mark)+min(i, 1)] ^= 0x20
		if err := os.WriteFile(filepath.Join(dir, "store.db"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := store.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = r.Verify()
		r.Close()
		var d *store.Damage
		if !errors.As(err, &d) || d.Chain != "journal" || d.Position != int64(i)+1 || d.Kind != "masked" || d.Plan != plan("a").Digest {
			t.Errorf("record %d: got %v", i+1, err)
		}
		if _, err := store.Open(store.Config{Dir: dir, Now: time.Now}); !errors.As(err, &d) {
			t.Errorf("record %d: a damaged store opens: %v", i+1, err)
		}
	}
}

// A flip anywhere in the file is noticed, or changes nothing of what is read.
func TestFlipAnywhereIsNoticedOrHarmless(t *testing.T) {
	dir, file, want := small(t)
	noticed, harmless := 0, 0
	try := func(at, bit int) {
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << bit
		if err := os.WriteFile(filepath.Join(dir, "store.db"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(store.Config{Dir: dir, Now: time.Now})
		if err != nil {
			noticed++
			return
		}
		defer s.Close()
		j := journal(t, s, plan("a"))
		_, audit := s.Heads()
		if got := told(t, j); got != want || audit.Position != 6 {
			t.Errorf("byte %d, bit %d: %d bytes of records and %d events came back without an error, want %d and 6", at, bit, len(got), audit.Position, len(want))
		}
		harmless++
	}
	for at := 0; at < len(file); at += stride {
		try(at, at/8%8)
	}
	// The number of rows on a page: with one less, the last would be gone without a gap.
	for at := 4096; at < len(file); at += 4096 {
		for bit := range 8 {
			try(at+4, bit)
		}
	}
	t.Logf("%d bits of a file of %d bytes: %d noticed, %d harmless", noticed+harmless, len(file), noticed, harmless)
	if noticed == 0 {
		t.Error("no flip was noticed")
	}
}

func TestFileCutShortIsNoticed(t *testing.T) {
	dir, file, want := small(t)
	for n := len(file) - 512; n > 0; n -= 512 {
		if err := os.WriteFile(filepath.Join(dir, "store.db"), file[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(store.Config{Dir: dir, Now: time.Now})
		if err != nil {
			continue
		}
		if got := told(t, journal(t, s, plan("a"))); got != want {
			t.Errorf("cut to %d bytes: %d bytes of records came back without an error", n, len(got))
		}
		s.Close()
	}
}

// by runs SQL on the database, as somebody with the file and a tool could.
func by(t *testing.T, dir, q string) error {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(context.Background(), q)
	return err
}

func TestRowsAreOnlyEverAdded(t *testing.T) {
	dir, _, _ := small(t)
	for _, q := range []string{
		"DELETE FROM journal", "UPDATE audit SET event = x'00'", "DELETE FROM audit WHERE position = 6",
		"UPDATE journal SET kind = 'other' WHERE position = 1",
		"INSERT OR REPLACE INTO journal SELECT 3, plan, sequence, kind, record, link FROM journal WHERE position = 2",
		"INSERT INTO audit SELECT 9, event, link FROM audit WHERE position = 2",
	} {
		if err := by(t, dir, q); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: got %v, want a refusal", q, err)
		}
	}
}

func TestRowsChangedPastTheTriggersAreNamed(t *testing.T) {
	past := "DROP TRIGGER journal_kept; DROP TRIGGER journal_held; DROP TRIGGER journal_next; DROP TRIGGER audit_kept; DROP TRIGGER audit_held;"
	for _, tc := range []struct {
		name, sql, chain string
		position         int64
	}{
		{"a record taken out", "DELETE FROM journal WHERE position = 3", "journal", 3},
		{"the last records taken out", "DELETE FROM journal WHERE position > 4", "journal", 5},
		{"all records taken out", "DELETE FROM journal", "journal", 1},
		{"two records exchanged", "UPDATE journal SET position = 100 WHERE position = 2; UPDATE journal SET position = 2 WHERE position = 3; UPDATE journal SET position = 3 WHERE position = 100", "journal", 2},
		{"another kind", "UPDATE journal SET kind = 'closed' WHERE position = 4", "journal", 4},
		{"another plan", "UPDATE journal SET plan = zeroblob(32) WHERE position = 4", "journal", 4},
		{"half a plan", "UPDATE journal SET plan = zeroblob(16) WHERE position = 4", "journal", 4},
		{"another link", "UPDATE journal SET link = zeroblob(32) WHERE position = 1", "journal", 1},
		{"an event altered", "UPDATE audit SET event = replace(CAST(event AS TEXT), 'total 2', 'total 9')||'' WHERE 0; UPDATE audit SET event = CAST(replace(CAST(event AS TEXT), 'total 2', 'total 9') AS BLOB) WHERE position = 3", "audit", 3},
		{"an event that is none", "UPDATE audit SET event = x'ff' WHERE position = 2", "audit", 2},
		{"an event taken out", "DELETE FROM audit WHERE position = 2", "audit", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, _, _ := small(t)
			if err := by(t, dir, past+tc.sql); err != nil {
				t.Fatal(err)
			}
			_, err := store.Open(store.Config{Dir: dir, Now: time.Now})
			var d *store.Damage
			if !errors.As(err, &d) || d.Chain != tc.chain || d.Position != tc.position {
				t.Errorf("got %v, want %s %d", err, tc.chain, tc.position)
			}
		})
	}
}

// A journal that is whole in itself, but not the one that the audit log speaks of.
func TestJournalOfAnotherStoreIsNoticed(t *testing.T) {
	dir, _, _ := small(t)
	s, other := fresh(t)
	j := journal(t, s, plan("a"))
	for i := range 8 {
		add(t, j, "masked", fmt.Sprintf("record %d", i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	q := fmt.Sprintf("ATTACH '%s' AS other; DROP TRIGGER journal_held; DELETE FROM journal; INSERT INTO journal SELECT * FROM other.journal", filepath.Join(other, "store.db"))
	if err := by(t, dir, q); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(store.Config{Dir: dir, Now: time.Now})
	var d *store.Damage
	if !errors.As(err, &d) || d.Chain != "journal" || d.Position != 1 || !strings.Contains(d.What, "audit log") {
		t.Errorf("got %v", err)
	}
}

func TestDamageWhileOpenIsNotReplayed(t *testing.T) {
	s, dir := fresh(t)
	j := journal(t, s, plan("a"))
	add(t, j, "began", "one")
	add(t, j, "masked", "two")
	if err := by(t, dir, "DROP TRIGGER journal_kept; UPDATE journal SET record = x'00' WHERE position = 2"); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := j.Replay(func(string, []byte) error { n++; return nil })
	var d *store.Damage
	if !errors.As(err, &d) || d.Position != 2 || n != 1 {
		t.Errorf("got %d records and %v", n, err)
	}
}

func TestDatabaseThatIsGoneIsNotMadeAnew(t *testing.T) {
	for name, lose := range map[string]func(string) error{
		"gone":  os.Remove,
		"empty": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, _ := small(t)
			if err := lose(filepath.Join(dir, "store.db")); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(store.Config{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ sql, want string }{
		"another program's": {"PRAGMA application_id = 7", "another program's"},
		"a later version's": {"PRAGMA user_version = 2", "version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, _ := small(t)
			if err := by(t, dir, tc.sql); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(store.Config{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// What half of a record left behind is undone by SQLite from its own journal,
// which is beside the database while one is written.
func TestHalfWrittenRecordIsUndone(t *testing.T) {
	dir, file, want := small(t)
	db, err := sql.Open("sqlite", filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	defer db.Close()
	// Ten pages of cache: the pages of the record reach the file before it is committed.
	for _, q := range []string{"PRAGMA cache_size = 10", "PRAGMA journal_mode = TRUNCATE", "BEGIN", "INSERT INTO journal SELECT 7, plan, 7, kind, zeroblob(200000), link FROM journal WHERE position = 6"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	torn := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(torn, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"store.db", "store.db-journal", "lock"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "store.db" && len(b) <= len(file) {
			t.Fatalf("the record has not reached the file: %d bytes, %d before", len(b), len(file))
		}
		if err := os.WriteFile(filepath.Join(torn, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := told(t, journal(t, open(t, torn), plan("a"))); got != want {
		t.Errorf("got %d bytes of records, want %d", len(got), len(want))
	}
}
