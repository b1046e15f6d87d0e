package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
)

var (
	_ secagg.Journal = (*store.Journal)(nil)
	_ mhe.Journal    = (*store.Journal)(nil)
)

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

func digest(what string) store.Digest { return party.Hash("test", []byte(what)) }

func plan(name string) store.Plan {
	return store.Plan{Study: name, Digest: digest("plan " + name), Cohort: digest("cohort"), Roster: digest("roster")}
}

var noon = time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC)

func openAt(t testing.TB, dir string, now func() time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	return openAt(t, dir, func() time.Time { return noon })
}

func fresh(t testing.TB) (*store.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	return open(t, dir), dir
}

func reopen(t testing.TB, s *store.Store, dir string) *store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func journal(t testing.TB, s *store.Store, p store.Plan) *store.Journal {
	t.Helper()
	j, err := s.Journal(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j
}

func add(t testing.TB, j *store.Journal, kind, record string) {
	t.Helper()
	if err := j.Append(kind, []byte(record)); err != nil {
		t.Fatal(err)
	}
}

// told is what a journal replays, as "kind record" lines.
func told(t testing.TB, j *store.Journal) string {
	t.Helper()
	var out []string
	err := j.Replay(func(kind string, record []byte) error {
		out = append(out, kind+" "+string(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

func TestJournalsComeBackInOrderEachWithItsPlan(t *testing.T) {
	s, dir := fresh(t)
	a, b := journal(t, s, plan("a")), journal(t, s, plan("b"))
	add(t, a, "began", "a1")
	add(t, b, "began", "b1")
	add(t, a, "masked", "a2")
	add(t, a, "masked", "") // nothing is a record too
	add(t, b, "closed", "b2")
	wantA, wantB := "began a1\nmasked a2\nmasked ", "began b1\nclosed b2"
	for range 2 {
		if got := told(t, a); got != wantA {
			t.Errorf("plan a: got %q, want %q", got, wantA)
		}
		if got := told(t, b); got != wantB {
			t.Errorf("plan b: got %q, want %q", got, wantB)
		}
		s = reopen(t, s, dir)
		a, b = journal(t, s, plan("a")), journal(t, s, plan("b"))
	}
	stop := errors.New("enough")
	if err := a.Replay(func(string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the function", err)
	}
}

func TestReplayedRecordMayBeAnsweredByAnother(t *testing.T) {
	s, _ := fresh(t)
	j := journal(t, s, plan("a"))
	add(t, j, "began", "1")
	n := 0
	err := j.Replay(func(string, []byte) error { n++; return j.Append("masked", []byte("2")) })
	if err != nil || n != 1 {
		t.Errorf("got %d records and %v, want the one that was there", n, err)
	}
	if got := told(t, j); got != "began 1\nmasked 2" {
		t.Errorf("got %q", got)
	}
}

func TestDirectoryMayHaveAnyName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?mode=memory&x#y%20'z;ü")
	s := open(t, dir)
	add(t, journal(t, s, plan("a")), "began", "1")
	s = reopen(t, s, dir)
	if got := told(t, journal(t, s, plan("a"))); got != "began 1" {
		t.Errorf("got %q", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "store.db")); err != nil {
		t.Error(err)
	}
}

func TestJournalOfAPlanIsOpenOnce(t *testing.T) {
	s, _ := fresh(t)
	j := journal(t, s, plan("a"))
	if _, err := s.Journal(plan("a")); err == nil || !strings.Contains(err.Error(), "one run at a time") {
		t.Errorf("got %v, want a refusal", err)
	}
	j.Close()
	j.Close()
	if err := j.Append("began", nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if err := j.Replay(nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("replay after close: %v", err)
	}
	add(t, journal(t, s, plan("a")), "began", "1")
	if _, err := s.Journal(store.Plan{Study: "x"}); err == nil {
		t.Error("a plan without a digest has a journal")
	}
	if err := journal(t, s, plan("large")).Append("masked", make([]byte, 1<<28+1)); err == nil {
		t.Error("a record of more than 256 MiB is taken")
	}
	for _, kind := range []string{"", strings.Repeat("k", 65)} {
		if err := journal(t, s, plan("kind"+kind)).Append(kind, nil); err == nil {
			t.Errorf("a kind of %d bytes is taken", len(kind))
		}
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	s, dir := fresh(t)
	_, err := store.Open(store.Config{Dir: dir, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "in use by another process (process ") {
		t.Fatalf("got %v, want who has it", err)
	}
	add(t, journal(t, s, plan("a")), "began", "1") // the first is unharmed
	reopen(t, s, dir)
}

func TestOthersMayReadWhileAGatewayWrites(t *testing.T) {
	s, dir := fresh(t)
	j := journal(t, s, plan("a"))
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(failed)
		r, err := store.Read(dir)
		if err != nil {
			failed <- err
			return
		}
		defer r.Close()
		for {
			if _, _, err := r.Verify(); err != nil {
				failed <- err
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for i := range 100 {
		add(t, j, "masked", strings.Repeat("x", i*10))
		if i%10 == 0 {
			if err := s.Record(store.Event{Kind: store.KindDisclosed, What: "a total"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if _, err := store.Read(t.TempDir()); err == nil {
		t.Error("an empty directory is read")
	}
}

func TestTwoGoroutinesAppendAndReplay(t *testing.T) {
	s, dir := fresh(t)
	const each = 40
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		j := journal(t, s, plan(name))
		for g := range 2 {
			wg.Go(func() {
				for i := range each {
					if err := j.Append("masked", fmt.Appendf(nil, "%s %d %d", name, g, i)); err != nil {
						t.Error(err)
					}
					if i%20 == 0 {
						told(t, j)
					}
				}
			})
		}
	}
	wg.Wait()
	s = reopen(t, s, dir)
	for _, name := range []string{"a", "b"} {
		got := told(t, journal(t, s, plan(name)))
		next := [2]int{}
		for line := range strings.SplitSeq(got, "\n") {
			var who string
			var g, i int
			if _, err := fmt.Sscanf(line, "masked %s %d %d", &who, &g, &i); err != nil || who != name || i != next[g] {
				t.Fatalf("plan %s: line %q, want number %d of %d", name, line, next[g], g)
			}
			next[g]++
		}
		if next != [2]int{each, each} {
			t.Errorf("plan %s: got %v records, want %d of each", name, next, each)
		}
	}
}

func TestBackupIsAWholeStore(t *testing.T) {
	s, dir := fresh(t)
	j := journal(t, s, plan("a"))
	add(t, j, "began", "1")
	if err := s.Record(store.Event{Kind: store.KindOperator, What: "made a backup", Who: "it"}); err != nil {
		t.Fatal(err)
	}
	wantJournal, wantAudit := s.Heads()
	elsewhere := t.TempDir()
	if err := os.Chmod(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := store.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Backup(filepath.Join(elsewhere, "store.db")); err != nil {
		t.Fatal(err)
	}
	if err := r.Backup(filepath.Join(elsewhere, "store.db")); err == nil {
		t.Error("a backup overwrites another")
	}
	add(t, j, "masked", "2") // after it
	old := open(t, elsewhere)
	if j, a := old.Heads(); j != wantJournal || a != wantAudit {
		t.Errorf("got heads %v, %v, want %v, %v", j, a, wantJournal, wantAudit)
	}
	if got := told(t, journal(t, old, plan("a"))); got != "began 1" {
		t.Errorf("got %q", got)
	}
	info, err := os.Stat(filepath.Join(elsewhere, "store.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	s, _ := fresh(t)
	j := journal(t, s, plan("a"))
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := j.Append("began", nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, _, err := s.Verify(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("verify: %v", err)
	}
}

func TestRecordOfManyMegabytes(t *testing.T) {
	s, dir := fresh(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if err := journal(t, s, plan("a")).Append("masked", big); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	err := journal(t, s, plan("a")).Replay(func(_ string, record []byte) error {
		if !bytes.Equal(record, big) {
			t.Error("another record came back")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
