package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

var errPower = errors.New("power failure")

// mortal is a journal in a store whose process ends at its nth record, just
// before or just after the record is on the disk.
type mortal struct {
	*store.Journal
	n    int
	kept bool
}

func (j *mortal) Append(kind string, record []byte) error {
	if j.n--; j.n == 0 {
		if j.kept {
			if err := j.Journal.Append(kind, record); err != nil {
				return err
			}
		}
		return errPower
	}
	return j.Journal.Append(kind, record)
}

// A gateway dies at each record it journals and is started again on what its
// store holds: both sums come out right, and every message it repeats has the same bytes.
func TestMaskedSumsGoOnFromTheStore(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for n := 1; n <= 10; n++ {
			t.Run(fmt.Sprintf("kept=%v/record=%d", kept, n), func(t *testing.T) { dieAt(t, n, kept) })
		}
	}
}

func dieAt(t *testing.T, n int, kept bool) {
	w := prototest.New(t, uint64(n), "a", "b", "c")
	m := w.Member("b")
	dir := filepath.Join(t.TempDir(), "state")
	p := store.Plan{Study: "test", Digest: w.Charter.Plan, Cohort: digest("rows"), Roster: w.Charter.Roster}
	s := open(t, dir)
	j, err := s.Journal(p)
	if err != nil {
		t.Fatal(err)
	}
	m.Config.Journal = &mortal{j, n, kept}
	said, deaths := map[string][]byte{}, 0
	w.Network = func(msg round.Message) []round.Message {
		if e := prototest.Peek(msg); e != nil && msg.From == "b" {
			at := fmt.Sprintf("%v %d", e.Type, e.Sequence)
			if before, twice := said[at]; twice && !bytes.Equal(before, msg.Body) {
				t.Errorf("%s is said differently", at)
			}
			said[at] = bytes.Clone(msg.Body)
		}
		return []round.Message{msg}
	}
	died := func() {
		if m.Err == nil {
			return
		}
		if !errors.Is(m.Err, errPower) {
			t.Fatal(m.Err)
		}
		deaths++
		s = reopen(t, s, dir)
		m.Config.Journal = journal(t, s, p)
		if err := w.Restart(m); err != nil {
			t.Fatal(err)
		}
		w.Run()
	}
	w.SetUp()
	died()
	d := prototest.Rand(uint64(n), "inputs")
	for k := 1; k <= 2; k++ {
		in, want := prototest.RandomInputs(d, 3, 5)
		w.Sum(prototest.Ask(k, 5), in)
		died()
		for _, m := range w.Members {
			if len(m.Totals) != k || !prototest.Equal(m.Totals[k-1].Sum, want) {
				t.Fatalf("sum %d: %s has another total: %v", k, m.ID, m.Err)
			}
		}
	}
	if end := w.Close(wire.Code_DONE); end.Failure != nil || end.Sums != 2 {
		t.Errorf("hub: %d sums, %v", end.Sums, end.Failure)
	}
	if deaths != 1 {
		t.Errorf("it died %d times, want once", deaths)
	}
	if f := s.Frozen(); len(f) != 1 || f[0].Roster != store.Digest(w.Charter.Roster) {
		t.Errorf("ledger: %v", f)
	}
}

// A gateway whose database is put back to an older copy cannot know it; its
// peers do, and it stops before it sends anything that depends on a row.
func TestDatabaseOfYesterdayIsNoticedByPeers(t *testing.T) {
	w := prototest.New(t, 3, "a", "b", "c")
	m := w.Member("b")
	dir := filepath.Join(t.TempDir(), "state")
	p := store.Plan{Study: "test", Digest: w.Charter.Plan, Cohort: digest("rows"), Roster: w.Charter.Roster}
	s := open(t, dir)
	m.Config.Journal = journal(t, s, p)
	w.SetUp()
	d := prototest.Rand(3, "inputs")
	in, _ := prototest.RandomInputs(d, 3, 5)
	w.Sum(prototest.Ask(1, 5), in)
	yesterday := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(yesterday); err != nil {
		t.Fatal(err)
	}
	w.Sum(prototest.Ask(2, 5), in)
	record := w.Close(wire.Code_DONE).Record

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(yesterday, filepath.Join(dir, "store.db")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir) // whole, as far as it can tell
	j := journal(t, s, p)
	m.Kill()
	m.Config.Journal = j
	abandoned, err := secagg.Abandon(m.Config, wire.Code_SILENCE)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := abandoned.Start(); err != nil {
		t.Fatal(err)
	}
	w.Begin(2, record.Closings, nil)
	m.Config.Journal = j
	w.SetUp()
	var stopped *round.Abort
	if !errors.As(m.Err, &stopped) || stopped.Code != wire.Code_ROLLBACK {
		t.Fatalf("got %v, want a stop with code ROLLBACK", m.Err)
	}
	if m.Session != nil {
		t.Error("it has a session")
	}
	if got := told(t, j); !strings.Contains(got, secagg.KindRolledback+" ") {
		t.Error("it does not remember that it was put back")
	}
}
