package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
)

func disclosed(i int) store.Event {
	return store.Event{Kind: store.KindDisclosed, Study: "heart4", Plan: digest("plan"), Run: "1", What: fmt.Sprintf("number %d <& of people by sex, Zürich", i), Cells: i, To: []string{"the participating hospitals"}}
}

func TestAuditLogKeepsWhatItWasTold(t *testing.T) {
	clock := noon
	s, dir := fresh(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tick := func() time.Time { clock = clock.Add(time.Minute); return clock.In(time.FixedZone("somewhere", 3600)) }
	s = openAt(t, dir, tick)
	j := journal(t, s, plan("a"))
	const events = 210 // more than a page
	for i := range events {
		if i%100 == 0 {
			add(t, j, "masked", "vector")
		}
		if err := s.Record(disclosed(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, tick)
	n := 0
	err := s.Events(0, func(e store.Entry) error {
		want := disclosed(n)
		x := e.Event
		if x.What != want.What || x.Cells != n || x.To[0] != want.To[0] || x.Study != want.Study || x.Plan != want.Plan || x.Run != want.Run || e.Position != int64(n)+1 {
			t.Errorf("event %d: got %+v", n, e)
		}
		if at := noon.Add(time.Duration(n+1) * time.Minute); !x.Time.Equal(at) || x.Time.Location() != time.UTC {
			t.Errorf("event %d: at %v, want %v", n, x.Time, at)
		}
		if x.Journal.Position != int64(n/100)+1 {
			t.Errorf("event %d: the journal was at %d", n, x.Journal.Position)
		}
		n++
		return nil
	})
	if err != nil || n != events {
		t.Errorf("%d events, %v", n, err)
	}
	n = 0
	stop := errors.New("enough")
	if err := s.Events(events-2, func(store.Entry) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
}

func TestExportIsVerifiedByItself(t *testing.T) {
	s, _ := fresh(t)
	for i := range 5 {
		if err := s.Record(disclosed(i)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := s.Export(&b); err != nil {
		t.Fatal(err)
	}
	_, want := s.Heads()
	if got, err := store.VerifyExport(bytes.NewReader(b.Bytes())); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines)-1)
	}
	for _, tc := range []struct {
		name string
		text []byte
		at   int64
	}{
		{"a line less", bytes.Join([][]byte{lines[0], lines[2]}, nil), 2},
		{"exchanged", bytes.Join([][]byte{lines[0], lines[2], lines[1]}, nil), 2},
		{"a number altered", bytes.Replace(b.Bytes(), []byte(`"cells":3`), []byte(`"cells":2`), 1), 4},
		{"no JSON", append(bytes.Clone(lines[0]), "gone\n"...), 2},
	} {
		var d *store.Damage
		if _, err := store.VerifyExport(bytes.NewReader(tc.text)); !errors.As(err, &d) || d.Chain != "audit" || d.Position != tc.at {
			t.Errorf("%s: got %v, want event %d", tc.name, err, tc.at)
		}
	}
}

func TestHeadThatWasWrittenDownIsRecognised(t *testing.T) {
	s, _ := fresh(t)
	var notes []string
	for i := range 4 {
		_, head := s.Heads()
		notes = append(notes, head.String())
		if err := s.Record(disclosed(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, note := range notes {
		if err := s.Passed(note); err != nil {
			t.Errorf("%s: %v", note, err)
		}
	}
	other, _ := fresh(t)
	for i := range 3 {
		if err := other.Record(disclosed(i + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Passed(notes[2]); err == nil || !strings.Contains(err.Error(), "rewritten") {
		t.Errorf("another log: %v", err)
	}
	_, head := s.Heads()
	if err := other.Passed(head.String()); err == nil || !strings.Contains(err.Error(), "earlier state") {
		t.Errorf("a shorter log: %v", err)
	}
	for _, note := range []string{"", "x", "3", "3-AAAA", "-" + notes[2], strings.Replace(notes[2], "2-", "two-", 1)} {
		if err := s.Passed(note); err == nil || !strings.Contains(err.Error(), "is not a head") {
			t.Errorf("%q: %v", note, err)
		}
	}
}

func TestEventsThatAreNotWrittenByHand(t *testing.T) {
	s, _ := fresh(t)
	for name, e := range map[string]store.Event{
		"a run":               {Kind: store.KindBegun, What: "x"},
		"a freeze":            {Kind: store.KindFrozen, What: "x"},
		"no kind":             {What: "x"},
		"nothing said":        {Kind: store.KindOperator},
		"a freeze underneath": {Kind: store.KindOperator, What: "x", Freeze: &store.Freeze{}},
		"two lines":           {Kind: store.KindOperator, What: "x\ny"},
		"an escape":           {Kind: store.KindOperator, What: "x", Who: "\x1b[2J"},
		"no UTF-8":            {Kind: store.KindOperator, What: "\xff"},
		"too long":            {Kind: store.KindOperator, What: strings.Repeat("x", 5000)},
	} {
		if err := s.Record(e); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, audit := s.Heads(); audit.Position != 0 {
		t.Errorf("%d events were written", audit.Position)
	}
	if err := s.Record(disclosed(1)); err != nil { // none of it broke the store
		t.Error(err)
	}
}
