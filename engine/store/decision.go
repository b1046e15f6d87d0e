package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// Decision is what a steward says to a plan, signed. The latest of a member's
// decisions about a plan is the one that counts.
type Decision struct {
	Study   string    `json:"study"` // its name, for people
	Plan    Digest    `json:"plan"`
	Roster  Digest    `json:"roster"`
	Member  party.ID  `json:"member"` // the hospital whose steward decides
	Approve bool      `json:"approve"`
	Why     string    `json:"why,omitempty"` // needed to refuse
	Made    time.Time `json:"made"`          // in whole seconds, as the next

	// The scope of an approval.
	Analyst  Digest    `json:"analyst,omitzero"`   // of the key of the one who may run it
	Analyses []string  `json:"analyses,omitempty"` // names of analyses; none: all of the plan's
	Columns  []string  `json:"columns,omitempty"`  // names of variables; none: all of the plan's
	Runs     int       `json:"runs,omitempty"`     // 1 to 1000
	Expires  time.Time `json:"expires,omitzero"`   // no run begins after it

	Signature []byte `json:"signature"` // of the member's steward
}

const decisionContext = "consilium steward's decision"

// Sign signs d with the steward's identity, which must be the one whose key
// the roster has for the purpose.
func (d *Decision) Sign(steward *party.Identity) error {
	d.Made, d.Expires = d.Made.UTC().Truncate(time.Second), d.Expires.UTC().Truncate(time.Second)
	if err := d.check(); err != nil {
		return err
	}
	m := d.Digest()
	sig, err := steward.Sign(decisionContext, m[:])
	d.Signature = sig
	return err
}

// Verify says whether key signed d.
func (d *Decision) Verify(key party.PublicKey) error {
	if err := d.check(); err != nil {
		return err
	}
	m := d.Digest()
	if err := key.Verify(decisionContext, m[:], d.Signature); err != nil {
		return fmt.Errorf("store: the decision about study %q in the name of %s: %w", d.Study, d.Member, err)
	}
	return nil
}

// Digest is over everything in d but its signature.
func (d *Decision) Digest() Digest {
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	approve := number(0)
	if d.Approve {
		approve = number(1)
	}
	fields := [][]byte{
		[]byte(d.Study), d.Plan[:], d.Roster[:], []byte(d.Member), approve, []byte(d.Why), number(d.Made.Unix()),
		d.Analyst[:], number(int64(d.Runs)), number(d.Expires.Unix()),
	}
	for _, list := range [][]string{d.Analyses, d.Columns} {
		fields = append(fields, number(int64(len(list))))
		for _, s := range list {
			fields = append(fields, []byte(s))
		}
	}
	return party.Hash("decision", fields...)
}

func (d *Decision) check() error {
	for _, t := range slices.Concat([]string{d.Study, d.Why}, d.Analyses, d.Columns) {
		if err := text(t); err != nil {
			return fmt.Errorf("store: decision: %w", err)
		}
	}
	scope := !d.Analyst.IsZero() || len(d.Analyses) > 0 || len(d.Columns) > 0 || d.Runs != 0 || d.Expires.Unix() > 0
	switch {
	case d.Member.Check() != nil:
		return fmt.Errorf("store: decision: %w", d.Member.Check())
	case d.Study == "" || d.Plan.IsZero() || d.Roster.IsZero():
		return errors.New("store: decision: study, plan and roster are needed")
	case !whole(d.Made) || !whole(d.Expires):
		return errors.New("store: decision: times are in whole seconds of UTC")
	case !d.Approve && (d.Why == "" || scope):
		return errors.New("store: decision: a refusal says why, and has no scope")
	case d.Approve && d.Analyst.IsZero():
		return errors.New("store: decision: an approval names the analyst who may run the plan")
	case d.Approve && (d.Runs < 1 || d.Runs > 1000):
		return fmt.Errorf("store: decision: %d runs, want 1 to 1000", d.Runs)
	case d.Approve && !d.Expires.After(d.Made):
		return errors.New("store: decision: an approval expires after it is made")
	}
	return nil
}

func whole(t time.Time) bool { return t.Nanosecond() == 0 && t.Location() == time.UTC }

// Decide makes a steward's decision durable. key is the one that the roster
// has for the member's steward.
func (s *Store) Decide(d Decision, key party.PublicKey) error {
	if err := d.Verify(key); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	if last, ok := s.decided[d.Plan][d.Member]; ok {
		if last.Digest() == d.Digest() {
			return nil // heard before
		}
		// An old approval must not undo a refusal by being shown again.
		if !d.Made.After(last.Made) {
			return fmt.Errorf("store: decision: %s has decided about study %q at %s, and this is not later", d.Member, d.Study, last.Made.Format(time.RFC3339))
		}
	}
	what := "refused"
	if d.Approve {
		what = fmt.Sprintf("approved until %[2]s, runs: %[1]d", d.Runs, d.Expires.Format(time.RFC3339))
	}
	return s.commit(nil, &Event{Kind: KindDecided, Study: d.Study, Plan: d.Plan, Who: fmt.Sprintf("steward of %s, key %s", d.Member, key.Fingerprint()), What: what, Why: d.Why, Decision: &d})
}

// Decisions returns what each member has decided about a plan last, sorted by member.
func (s *Store) Decisions(plan Digest) []Decision {
	s.write.Lock()
	defer s.write.Unlock()
	return slices.SortedFunc(maps.Values(s.decided[plan]), func(a, b Decision) int { return strings.Compare(string(a.Member), string(b.Member)) })
}
