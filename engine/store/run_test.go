package store_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

func identity(t testing.TB) *party.Identity {
	t.Helper()
	id, err := party.NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func approval() store.Decision {
	return store.Decision{
		Study: "heart4", Plan: digest("plan"), Roster: digest("roster"), Member: "basel", Approve: true, Made: noon.Add(-time.Hour),
		Analyst: digest("analyst"), Analyses: []string{"age", "model"}, Columns: []string{"age", "sex"}, Runs: 2, Expires: noon.Add(24 * time.Hour),
	}
}

func request(run string) store.Request {
	return store.Request{Study: "heart4", Plan: digest("plan"), Roster: digest("roster"), Member: "basel", Run: run,
		Analyst: digest("analyst"), Analyses: []string{"model"}, Columns: []string{"age", "sex"}}
}

func decide(t testing.TB, s *store.Store, steward *party.Identity, d store.Decision) {
	t.Helper()
	if err := d.Sign(steward); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(d, steward.Public()); err != nil {
		t.Fatal(err)
	}
}

// rule is the rule that refuses a run, or "".
func rule(t testing.TB, s *store.Store, r store.Request) string {
	t.Helper()
	_, err := s.Begin(r)
	var refusal *store.Refusal
	if err != nil && !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	if refusal == nil {
		return ""
	}
	return refusal.Rule
}

func TestRunIsWhatTheStewardApproved(t *testing.T) {
	steward := identity(t)
	for _, tc := range []struct {
		name     string
		decision func(*store.Decision)
		request  func(*store.Request)
		want     string
	}{
		{name: "as approved"},
		{name: "all analyses and columns", decision: func(d *store.Decision) { d.Analyses, d.Columns = nil, nil }},
		{name: "another plan", request: func(r *store.Request) { r.Plan = digest("plan2") }, want: "approval"},
		{name: "another hospital's approval", request: func(r *store.Request) { r.Member = "zurich" }, want: "approval"},
		{name: "refused", decision: func(d *store.Decision) {
			*d = store.Decision{Study: d.Study, Plan: d.Plan, Roster: d.Roster, Member: d.Member, Made: d.Made, Why: "no ethics vote"}
		}, want: "approval"},
		{name: "another roster", request: func(r *store.Request) { r.Roster = digest("roster2") }, want: "roster"},
		{name: "another analyst", request: func(r *store.Request) { r.Analyst = digest("other") }, want: "analyst"},
		{name: "another analysis", request: func(r *store.Request) { r.Analyses = []string{"model", "income"} }, want: "analyses"},
		{name: "another column", request: func(r *store.Request) { r.Columns = []string{"income"} }, want: "columns"},
		{name: "expired", decision: func(d *store.Decision) { d.Expires = noon }, want: "expiry"},
		{name: "not yet expired", decision: func(d *store.Decision) { d.Expires = noon.Add(time.Second) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := fresh(t)
			d, r := approval(), request("1")
			if tc.decision != nil {
				tc.decision(&d)
			}
			if tc.request != nil {
				tc.request(&r)
			}
			decide(t, s, steward, d)
			if got := rule(t, s, r); got != tc.want {
				t.Errorf("refused by %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRunsAreCountedBeforeTheyBeginAndAcrossRestarts(t *testing.T) {
	steward := identity(t)
	s, dir := fresh(t)
	if got := rule(t, s, request("1")); got != "approval" {
		t.Errorf("without a decision: %q", got)
	}
	decide(t, s, steward, approval())
	if again, err := s.Begin(request("1")); err != nil || again {
		t.Fatalf("first: %v %v", again, err)
	}
	s = reopen(t, s, dir) // a crash: the run is not counted twice, and goes on
	if left := s.Unfinished(); len(left) != 1 || left[0].Run != "1" || !slices.Equal(left[0].Columns, []string{"age", "sex"}) {
		t.Errorf("unfinished: %v", left)
	}
	if again, err := s.Begin(request("1")); err != nil || !again {
		t.Fatalf("after a crash: %v %v", again, err)
	}
	other := request("1")
	other.Columns = []string{"age"}
	if got := rule(t, s, other); got != "run" {
		t.Errorf("another request under the same name: %q", got)
	}
	if s.Used(digest("plan"), "basel") != 1 {
		t.Errorf("%d runs used, want 1", s.Used(digest("plan"), "basel"))
	}
	for range 2 {
		if err := s.End(digest("plan"), "1", ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := rule(t, s, request("1")); got != "run" {
		t.Errorf("a run that has ended begins again: %q", got)
	}
	if got := rule(t, s, request("2")); got != "" {
		t.Errorf("second run: %q", got)
	}
	s = reopen(t, s, dir)
	if got := rule(t, s, request("3")); got != "runs" {
		t.Errorf("third run of two: %q", got)
	}
	renewed := approval()
	renewed.Made, renewed.Runs = noon.Add(-time.Minute), 1
	decide(t, s, steward, renewed)
	if got := rule(t, s, request("3")); got != "" {
		t.Errorf("third run after another approval: %q", got)
	}
	if got := rule(t, s, request("4")); got != "runs" {
		t.Errorf("fourth run: %q", got)
	}
	if err := s.End(digest("plan"), "9", ""); err == nil {
		t.Error("a run that never began ends")
	}
}

func TestLatestDecisionCounts(t *testing.T) {
	steward := identity(t)
	s, dir := fresh(t)
	first := approval()
	decide(t, s, steward, first)
	refusal := store.Decision{Study: "heart4", Plan: first.Plan, Roster: first.Roster, Member: "basel", Made: noon, Why: "the vote was withdrawn"}
	decide(t, s, steward, refusal)
	if got := rule(t, s, request("1")); got != "approval" {
		t.Errorf("after a refusal: %q", got)
	}
	// The old approval, shown again, does not undo it.
	if err := first.Sign(steward); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(first, steward.Public()); err == nil || !strings.Contains(err.Error(), "not later") {
		t.Errorf("got %v", err)
	}
	decide(t, s, steward, refusal) // heard twice is heard once
	_, audit := s.Heads()
	if audit.Position != 2 {
		t.Errorf("%d events, want 2", audit.Position)
	}
	s = reopen(t, s, dir)
	if got := rule(t, s, request("1")); got != "approval" {
		t.Errorf("after opening again: %q", got)
	}
	all := s.Decisions(first.Plan)
	if len(all) != 1 || all[0].Approve || all[0].Verify(steward.Public()) != nil {
		t.Errorf("decisions: %+v", all)
	}
}

func TestDecisionIsSignedAsAWhole(t *testing.T) {
	steward, s := identity(t), (*store.Store)(nil)
	s, _ = fresh(t)
	d := approval()
	if err := d.Sign(steward); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(d, identity(t).Public()); !errors.Is(err, party.ErrSignature) {
		t.Errorf("another steward's key: %v", err)
	}
	for name, change := range map[string]func(*store.Decision){
		"study":   func(d *store.Decision) { d.Study = "heart5" },
		"plan":    func(d *store.Decision) { d.Plan[0]++ },
		"roster":  func(d *store.Decision) { d.Roster[0]++ },
		"member":  func(d *store.Decision) { d.Member = "zurich" },
		"made":    func(d *store.Decision) { d.Made = d.Made.Add(time.Second) },
		"why":     func(d *store.Decision) { d.Why = "x" },
		"analyst": func(d *store.Decision) { d.Analyst[0]++ },
		"runs":    func(d *store.Decision) { d.Runs++ },
		"expires": func(d *store.Decision) { d.Expires = d.Expires.Add(time.Second) },
		"a list":  func(d *store.Decision) { d.Columns = d.Columns[:1] },
		"lists":   func(d *store.Decision) { d.Analyses, d.Columns = append(d.Analyses, d.Columns...), nil },
		"verdict": func(d *store.Decision) {
			d.Approve, d.Analyst, d.Analyses, d.Columns, d.Runs, d.Expires, d.Why = false, store.Digest{}, nil, nil, 0, time.Time{}, "x"
		},
	} {
		x := d
		change(&x)
		if err := s.Decide(x, steward.Public()); !errors.Is(err, party.ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, change := range map[string]func(*store.Decision){
		"no study":                func(d *store.Decision) { d.Study = "" },
		"no analyst":              func(d *store.Decision) { d.Analyst = store.Digest{} },
		"no runs":                 func(d *store.Decision) { d.Runs = 0 },
		"many runs":               func(d *store.Decision) { d.Runs = 1001 },
		"expired when made":       func(d *store.Decision) { d.Expires = d.Made },
		"no member":               func(d *store.Decision) { d.Member = "" },
		"a refusal with a scope":  func(d *store.Decision) { d.Approve, d.Why = false, "x" },
		"a refusal without a why": func(d *store.Decision) { *d = store.Decision{Study: "s", Plan: d.Plan, Roster: d.Roster, Member: "a"} },
		"an escape in a column":   func(d *store.Decision) { d.Columns = []string{"\x1b[0m"} },
	} {
		x := approval()
		change(&x)
		if err := x.Sign(steward); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}
