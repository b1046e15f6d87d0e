package control_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/wire"
)

var (
	plan    = party.Hash("plan")
	run     = control.RunID(party.Hash("run"))
	roster  = party.Hash("roster")
	made    = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	expires = made.Add(time.Hour)
)

func identity(t testing.TB, name string) *party.Identity {
	t.Helper()
	id, err := party.NewIdentity(prototest.Rand(1, name))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func approval(t testing.TB, member string) store.Decision {
	t.Helper()
	d := store.Decision{Study: "s", Plan: plan, Roster: roster, Member: party.ID(member), Approve: true, Made: made, Analyst: identity(t, "ana").Public().Digest(),
		Analyses: []string{"one", "two"}, Columns: []string{"age", "sex"}, Runs: 1, Expires: expires}
	if err := d.Sign(identity(t, member+" steward")); err != nil {
		t.Fatal(err)
	}
	return d
}

// signed is one notice of every kind that somebody signs, and how it is read.
func signed(t testing.TB) map[string]struct {
	bytes []byte
	read  func(n *control.Notice) error
} {
	t.Helper()
	ana, egg, steward := identity(t, "ana"), identity(t, "egg"), identity(t, "egg steward").Public()
	gateway := control.Author{ID: "egg", Identity: egg}
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s, err := control.Submit(control.Author{ID: "ana", Identity: ana}, plan, "s", "1.0", []byte("study: s"), made, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]struct {
		bytes []byte
		read  func(n *control.Notice) error
	}{
		"submission": {s.Bytes, func(n *control.Notice) error { _, err := control.ReadSubmission(n, ana.Public()); return err }},
		"decision": {must(control.Decide(gateway, run, approval(t, "egg"))), func(n *control.Notice) error {
			_, err := control.ReadDecision(n, egg.Public(), steward)
			return err
		}},
		"leaving": {must(control.Leave(gateway, plan, run, control.Leaving{Attempt: 3, Code: control.CodeSilence, Closing: []byte("closing"), Opened: map[uint32]int{1: 2}})),
			func(n *control.Notice) error { _, err := control.ReadLeaving(n, egg.Public()); return err }},
		"telling": {must(control.Tell(gateway, plan, control.Progress{Run: run, Number: 7, Attempt: 1, Stage: control.Delivered, At: made})),
			func(n *control.Notice) error { _, err := control.ReadTelling(n, egg.Public()); return err }},
		"outcome": {must(control.Deliver(gateway, plan, run, control.Outcome{Attempt: 1, Members: []party.ID{"basel", "egg"}, Report: []byte("report"), Cost: []byte("cost")}, ana.Public(), rand.Reader)),
			func(n *control.Notice) error { _, err := control.ReadOutcome(n, egg.Public(), ana); return err }},
	}
}

// No bit of a signed notice can be changed, and none of another kind, run or plan be read in its place.
func TestSignedNoticesAreReadAsTheyWereMadeOrNotAtAll(t *testing.T) {
	all := signed(t)
	for kind, x := range all {
		t.Run(kind, func(t *testing.T) {
			n, err := control.Read(x.bytes)
			if err == nil {
				err = x.read(n)
			}
			if err != nil {
				t.Fatal(err)
			}
			stride := max(1, len(x.bytes)/150)
			for at := 0; at < len(x.bytes); at++ {
				if at > 200 && at%stride != 0 { // every bit of the head, some of the rest
					continue
				}
				for bit := range 8 {
					if at > 200 && bit != at%8 {
						continue
					}
					b := bytes.Clone(x.bytes)
					b[at] ^= 1 << bit
					if n, err := control.Read(b); err == nil && x.read(n) == nil {
						t.Errorf("with bit %d of byte %d changed it is read", bit, at)
					}
				}
			}
			for _, b := range [][]byte{x.bytes[:len(x.bytes)-1], append(bytes.Clone(x.bytes), 0), nil} {
				if n, err := control.Read(b); err == nil && x.read(n) == nil {
					t.Errorf("%d bytes of %d are read", len(b), len(x.bytes))
				}
			}
			for other, y := range all {
				if n, err := control.Read(y.bytes); err != nil || other != kind && x.read(n) == nil {
					t.Errorf("a %s is read as a %s (%v)", other, kind, err)
				}
			}
		})
	}
}

// What a hospital came to is for the analyst alone, and for one run.
func TestOutcomeIsForOneAnalystAndRun(t *testing.T) {
	x := signed(t)["outcome"]
	n, err := control.Read(x.bytes)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(x.bytes, []byte("report")) {
		t.Error("the hub can read the report")
	}
	if _, err := control.ReadOutcome(n, identity(t, "egg").Public(), identity(t, "eve")); err == nil {
		t.Error("another opens it")
	}
	m := new(wire.Delivery)
	if err := n.Into(m); err != nil {
		t.Fatal(err)
	}
	gateway := control.Author{ID: "egg", Identity: identity(t, "egg")}
	b, err := gateway.Write(control.Delivers, plan, control.RunID{1}, m) // what was sealed for one run, said of another
	if err != nil {
		t.Fatal(err)
	}
	if n, err = control.Read(b); err != nil {
		t.Fatal(err)
	}
	if _, err := control.ReadOutcome(n, identity(t, "egg").Public(), identity(t, "ana")); err == nil {
		t.Error("it is opened as that of another run")
	}
}

func TestApprovalCoversWhatItSaysAndNoMore(t *testing.T) {
	wanted := control.Wanted{Plan: plan, Roster: roster, Analyst: identity(t, "ana").Public().Digest(), Analyses: []string{"two"}, Columns: []string{"age", "sex"}}
	for name, tc := range map[string]struct {
		change func(w *control.Wanted, d *store.Decision)
		at     time.Time
		covers bool
	}{
		"as it is":                       {nil, made, true},
		"before it was made":             {nil, made.Add(-time.Hour), true}, // whose clock is right nobody knows
		"a second before it expires":     {nil, expires.Add(-time.Second), true},
		"when it expires":                {nil, expires, false},
		"refused":                        {func(_ *control.Wanted, d *store.Decision) { d.Approve = false }, made, false},
		"another plan":                   {func(w *control.Wanted, _ *store.Decision) { w.Plan[31] ^= 1 }, made, false},
		"another roster":                 {func(w *control.Wanted, _ *store.Decision) { w.Roster[31] ^= 1 }, made, false},
		"another analyst":                {func(w *control.Wanted, _ *store.Decision) { w.Analyst[31] ^= 1 }, made, false},
		"an analysis more":               {func(w *control.Wanted, _ *store.Decision) { w.Analyses = append(w.Analyses, "three") }, made, false},
		"a column more":                  {func(w *control.Wanted, _ *store.Decision) { w.Columns = append(w.Columns, "height") }, made, false},
		"a column that begins like one":  {func(w *control.Wanted, _ *store.Decision) { w.Columns = []string{"ag"} }, made, false},
		"all columns, as none are named": {func(w *control.Wanted, d *store.Decision) { w.Columns, d.Columns = []string{"height"}, nil }, made, true},
	} {
		w, d := wanted, approval(t, "egg")
		if tc.change != nil {
			tc.change(&w, &d)
		}
		if err := w.Covers(d, tc.at); (err == nil) != tc.covers {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A proposal is admitted with one decision of each member, in its place, that its gateway and its steward have signed.
func TestProposalNeedsEverybodysOwnDecision(t *testing.T) {
	wanted := control.Wanted{Plan: plan, Roster: roster, Analyst: identity(t, "ana").Public().Digest(), Analyses: []string{"one"}}
	members := []party.ID{"basel", "egg"}
	keys := map[party.ID]control.Keys{}
	decisions := map[party.ID][]byte{}
	for _, id := range members {
		keys[id] = control.Keys{Gateway: identity(t, string(id)).Public(), Steward: identity(t, string(id)+" steward").Public()}
		b, err := control.Decide(control.Author{ID: id, Identity: identity(t, string(id))}, run, approval(t, string(id)))
		if err != nil {
			t.Fatal(err)
		}
		decisions[id] = b
	}
	propose := func(members []party.ID, decisions map[party.ID][]byte) error {
		p, err := control.Propose(control.Author{ID: party.Hub}, plan, run, 1, members, decisions, nil)
		if err == nil {
			_, err = p.Admit(wanted, keys, made)
		}
		return err
	}
	if err := propose(members, decisions); err != nil {
		t.Fatal(err)
	}
	byOther, err := control.Decide(control.Author{ID: "egg", Identity: identity(t, "eve")}, run, approval(t, "egg"))
	if err != nil {
		t.Fatal(err)
	}
	own := approval(t, "egg")
	if err := own.Sign(identity(t, "egg")); err != nil { // a gateway in the place of its steward
		t.Fatal(err)
	}
	bySelf, err := control.Decide(control.Author{ID: "egg", Identity: identity(t, "egg")}, run, own)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		members   []party.ID
		decisions map[party.ID][]byte
		says      string
		forged    party.ID
	}{
		"a decision that is another's":  {members, map[party.ID][]byte{"basel": decisions["basel"], "egg": decisions["basel"]}, "egg", ""},
		"no decision":                   {members, map[party.ID][]byte{"basel": decisions["basel"], "egg": nil}, "", ""},
		"of another gateway":            {members, map[party.ID][]byte{"basel": decisions["basel"], "egg": byOther}, "egg", "egg"},
		"that the steward has not made": {members, map[party.ID][]byte{"basel": decisions["basel"], "egg": bySelf}, "egg", "egg"},
		"a notice of another kind":      {members, map[party.ID][]byte{"basel": decisions["basel"], "egg": signed(t)["telling"].bytes}, "egg", ""},
		"out of order":                  {[]party.ID{"egg", "basel"}, decisions, "order", ""},
		"one twice":                     {[]party.ID{"egg", "egg"}, decisions, "twice", ""},
		"a member without a key":        {[]party.ID{"basel", "zug"}, map[party.ID][]byte{"basel": decisions["basel"], "zug": decisions["egg"]}, "zug", ""},
	} {
		err := propose(tc.members, tc.decisions)
		forged := (*control.Forged)(nil)
		if err == nil || !strings.Contains(err.Error(), tc.says) || errors.As(err, &forged) != (tc.forged != "") || forged != nil && forged.Member != tc.forged {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead: whatever is read is written the same, and no reader falls over it or takes it as signed.
func FuzzRead(f *testing.F) {
	var genuine [][]byte
	readers := signed(f)
	for _, x := range readers {
		f.Add(x.bytes)
		genuine = append(genuine, x.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := control.Read(b)
		if err != nil {
			return
		}
		for kind, x := range readers {
			if x.read(n) == nil && !slices.ContainsFunc(genuine, func(g []byte) bool { return bytes.Equal(g, b) }) && len(b) > 0 {
				// Signatures are hedged: another process's seeds differ in them.
				if was, err := control.Read(x.bytes); err != nil || was.Plan != n.Plan || was.Act != n.Act {
					t.Errorf("a %s that nobody has signed", kind)
				}
			}
		}
		_, _ = control.ReadProposal(n)
		_, _ = control.ReadConclusion(n)
		_, _ = control.ReadStanding(n)
		_, _ = control.ReadHanding(n)
	})
}
