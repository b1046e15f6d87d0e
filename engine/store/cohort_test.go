package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// over is a plan over a cohort for a roster.
func over(name, cohort, roster string) store.Plan {
	return store.Plan{Study: name, Digest: digest("plan " + name), Cohort: digest(cohort), Roster: digest(roster)}
}

func frozenOut(t testing.TB, err error) bool {
	t.Helper()
	var r *store.Refusal
	if err != nil && (!errors.As(err, &r) || r.Rule != "cohort") {
		t.Fatal(err)
	}
	return err != nil
}

func TestCohortIsForOneRosterAcrossStudies(t *testing.T) {
	s, dir := fresh(t)
	first, second := journal(t, s, over("first", "rows", "abc")), journal(t, s, over("second", "rows", "abcd"))
	for _, kind := range []string{secagg.KindBegan, secagg.KindSealing, secagg.KindMasked} {
		add(t, first, kind, "1")
		add(t, second, kind, "1")
	}
	if len(s.Frozen()) != 0 {
		t.Error("frozen before anything was unlocked")
	}
	add(t, first, secagg.KindFrozen, "1")
	// The second was begun before, and is stopped at its unlock: nothing of it is written.
	for _, kind := range []string{secagg.KindFrozen, secagg.KindUnlocked} {
		if !frozenOut(t, second.Append(kind, []byte("2"))) {
			t.Errorf("a %q of another roster is taken", kind)
		}
	}
	add(t, second, secagg.KindClosed, "2")
	if got := told(t, second); strings.Contains(got, " 2\nclosed") || !strings.HasSuffix(got, "masked 1\nclosed 2") {
		t.Errorf("second: %q", got)
	}
	s = reopen(t, s, dir)
	if _, err := s.Journal(over("third", "rows", "ab")); !frozenOut(t, err) {
		t.Error("after opening again, another roster may begin")
	}
	add(t, journal(t, s, over("fourth", "rows", "abc")), secagg.KindUnlocked, "1") // the same roster
	add(t, journal(t, s, over("fifth", "other rows", "ab")), secagg.KindUnlocked, "1")
	ledger := s.Frozen()
	if len(ledger) != 2 || ledger[0].Study != "first" && ledger[1].Study != "first" {
		t.Errorf("ledger: %+v", ledger)
	}
}

func TestStewardClearsACohortWithAReason(t *testing.T) {
	s, dir := fresh(t)
	first := journal(t, s, over("first", "rows", "abc"))
	add(t, first, secagg.KindFrozen, "1")
	add(t, first, secagg.KindUnlocked, "1")
	if s.Clear(digest("rows"), "steward", "") == nil || s.Clear(digest("rows"), "", "x") == nil || s.Clear(digest("no rows"), "steward", "x") == nil {
		t.Error("cleared without who, why or what")
	}
	if err := s.Clear(digest("rows"), "steward", "hospital d has joined, the board agreed"); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	second := journal(t, s, over("second", "rows", "abcd"))
	first = journal(t, s, over("first", "rows", "abc"))
	add(t, second, secagg.KindUnlocked, "1")
	// The first plan was frozen for its roster long ago, and has not unlocked since:
	// going on with it would open what the clearing was not asked about.
	if !frozenOut(t, first.Append(secagg.KindUnlocked, []byte("2"))) {
		t.Error("two rosters unlock over one cohort after it was cleared once")
	}
	var why string
	if err := s.Events(0, func(e store.Entry) error {
		if e.Event.Kind == store.KindCleared {
			why = e.Event.Who + ": " + e.Event.Why
		}
		return nil
	}); err != nil || why != "steward: hospital d has joined, the board agreed" {
		t.Errorf("audit log: %q, %v", why, err)
	}
}

func TestNothingIsUnlockedOverNoCohort(t *testing.T) {
	s, _ := fresh(t)
	for name, p := range map[string]store.Plan{"cohort": over("a", "rows", "abc"), "roster": over("b", "rows", "abc")} {
		if name == "cohort" {
			p.Cohort = store.Digest{}
		} else {
			p.Roster = store.Digest{}
		}
		j := journal(t, s, p)
		add(t, j, secagg.KindMasked, "1")
		for _, kind := range []string{secagg.KindFrozen, secagg.KindUnlocked} {
			if err := j.Append(kind, nil); err == nil {
				t.Errorf("no %s: a %q is taken", name, kind)
			}
		}
	}
}
