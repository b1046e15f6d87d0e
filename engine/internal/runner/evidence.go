package runner

import (
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// Evidence is two messages, as they were received, that show that a party said
// what no honest party says. Where one message shows it, the other is what this party had said last.
type Evidence struct {
	Plan          [32]byte
	Attempt       uint32
	Code          wireformat.Code // the rule
	Who           party.ID        // to blame; "": nobody can be named
	Why           string          // in words: names and digests
	First, Second []byte
}

// Pair is two messages that a member signed for one place, as the hub has them.
type Pair = round.Evidence

// Encode returns e as journals hold it.
func (e Evidence) Encode() ([]byte, error) {
	return wireformat.Encode(&wireformat.Evidence{Plan: e.Plan[:], Attempt: e.Attempt, Code: e.Code, Who: string(e.Who), Why: e.Why, First: e.First, Second: e.Second})
}

// ParseEvidence reads what Encode, or a member of an attempt, wrote.
func ParseEvidence(b []byte) (e Evidence, err error) {
	m := new(wireformat.Evidence)
	if err := wireformat.Decode(b, m); err != nil {
		return e, fmt.Errorf("runner: evidence: %w", err)
	}
	e = Evidence{Attempt: m.Attempt, Code: m.Code, Who: party.ID(m.Who), Why: m.Why, First: m.First, Second: m.Second}
	copy(e.Plan[:], m.Plan)
	return e, nil
}

// Witnessed is a member's journal that hands every record of evidence to prove,
// which makes it durable in the journal's place.
type Witnessed struct {
	secagg.Journal
	Prove func(record []byte) error
}

// Append implements secagg.Journal.
func (w Witnessed) Append(kind string, record []byte) error {
	if kind == secagg.KindEvidence {
		return w.Prove(record)
	}
	return w.Journal.Append(kind, record)
}

// rules say what each code of a failed attempt means to whoever reads an audit log.
var rules = map[wireformat.Code]string{
	wireformat.Code_MALFORMED:  "a message that cannot be one of its place",
	wireformat.Code_SIGNATURE:  "a signature does not verify under the pinned key",
	wireformat.Code_CHARTER:    "members were told different charters or rosters",
	wireformat.Code_DUPLICATE:  "two different messages for one place",
	wireformat.Code_ROLLBACK:   "a journal is older than what others have seen of it",
	wireformat.Code_DATA:       "another table than the one committed to before",
	wireformat.Code_TRANSCRIPT: "members saw different set-ups",
	wireformat.Code_SEALING:    "a sealed part does not open",
	wireformat.Code_TAG:        "a tag between two members does not verify",
	wireformat.Code_ASK:        "members were asked for different sums",
	wireformat.Code_STATE:      "members know different totals from before",
	wireformat.Code_VEIL:       "members hold different veils",
	wireformat.Code_ALTERED:    "this hospital's own message was changed on its way",
	wireformat.Code_CARRY:      "an impossible carry in the hub's sum",
	wireformat.Code_FROZEN:     "another roster than the one unlocked for",
	wireformat.Code_RELABEL:    "a second, different unlock of one sum was asked for",
	wireformat.Code_FOLD:       "the hub's sum is not the sum of what the members signed",
	wireformat.Code_OPENING:    "a mask does not open its commitment",
	wireformat.Code_MASKS:      "the masks do not cancel",
	wireformat.Code_RANGE:      "an encrypted value is out of its range",
}

// Rule says in words which rule a code stands for.
func Rule(c wireformat.Code) string {
	if r := rules[c]; r != "" {
		return r
	}
	return "an attempt was ended"
}
