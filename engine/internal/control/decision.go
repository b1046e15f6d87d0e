package control

import (
	"fmt"
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Decide puts a steward's signed decision into a notice of its gateway.
func Decide(a Author, run RunID, d store.Decision) ([]byte, error) {
	m := &wire.Decision{Study: d.Study, Roster: d.Roster[:], Approve: d.Approve, Why: d.Why, Made: d.Made.Unix(),
		Analyses: d.Analyses, Columns: d.Columns, Signature: d.Signature}
	if d.Approve {
		m.Analyst, m.Runs, m.Expires = d.Analyst[:], uint32(d.Runs), d.Expires.Unix()
	}
	return a.Write(wire.Act_DECIDE, d.Plan, run, m)
}

// ReadDecision verifies a decision: its gateway's signatures, then its steward's.
func ReadDecision(n *Notice, gateway, steward party.PublicKey) (store.Decision, error) {
	m := new(wire.Decision)
	if err := n.Verify(gateway); err != nil {
		return store.Decision{}, err
	}
	if err := n.Into(m); err != nil {
		return store.Decision{}, err
	}
	d := store.Decision{Study: m.Study, Plan: n.Plan, Roster: digest(m.Roster), Member: n.Sender, Approve: m.Approve, Why: m.Why,
		Made: time.Unix(m.Made, 0).UTC(), Analyses: m.Analyses, Columns: m.Columns, Signature: m.Signature}
	if m.Approve {
		d.Analyst, d.Runs, d.Expires = digest(m.Analyst), int(m.Runs), time.Unix(m.Expires, 0).UTC()
	}
	return d, d.Verify(steward)
}

// Wanted is what a run needs an approval for.
type Wanted struct {
	Plan     [32]byte
	Roster   [32]byte // of all of the study's hospitals
	Analyst  [32]byte // digest of the key
	Analyses []string
	Columns  []string
}

// Covers says whether a decision approves what is wanted at the time now, and if not, why.
func (w Wanted) Covers(d store.Decision, now time.Time) error {
	switch {
	case !d.Approve:
		return fmt.Errorf("control: the steward of %s has refused", d.Member)
	case [32]byte(d.Plan) != w.Plan || [32]byte(d.Roster) != w.Roster || [32]byte(d.Analyst) != w.Analyst:
		return fmt.Errorf("control: the steward of %s has approved another plan, roster or analyst", d.Member)
	case !covered(w.Analyses, d.Analyses) || !covered(w.Columns, d.Columns):
		return fmt.Errorf("%w: steward of %s", errScope, d.Member)
	case !now.Before(d.Expires):
		return fmt.Errorf("control: the approval of %s expired at %s", d.Member, d.Expires.Format(time.RFC3339))
	}
	return nil
}

// covered: an empty list of what is allowed allows everything.
func covered(wanted, allowed []string) bool {
	if len(allowed) == 0 {
		return true
	}
	return !slices.ContainsFunc(wanted, func(x string) bool { return !slices.Contains(allowed, x) })
}

// Approvals binds the decisions of an attempt, in roster order, into its charter.
func Approvals(decisions []store.Decision) [32]byte {
	var fields [][]byte
	for _, d := range decisions {
		one := d.Digest()
		fields = append(fields, []byte(d.Member), one[:])
	}
	return party.Hash("approvals", fields...)
}
