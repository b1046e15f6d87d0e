package store

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind says what an audit event tells.
type Kind string

// Kinds of audit events. Those of the second group also change what the
// gateway may do; only their own methods write them.
const (
	KindDisclosed Kind = "disclosed" // an opening: what, how many cells, to whom
	KindDeclined  Kind = "declined"  // the gateway's own rules refused what somebody asked for
	KindEvidence  Kind = "evidence"  // a party sent what no honest party sends; with the messages: Prove
	KindOperator  Kind = "operator"  // somebody changed or did something by hand

	KindDecided Kind = "decided" // a steward approved or refused a plan: Decide
	KindBegun   Kind = "begun"   // a run: Begin
	KindEnded   Kind = "ended"   // a run: End
	KindFrozen  Kind = "frozen"  // a cohort is for one roster from now on: Journal
	KindCleared Kind = "cleared" // until a steward says otherwise: Clear
)

// Event is one entry of the audit log. Its fields hold names, digests and the
// plan's own words, never a value of a patient, a total or a key. It is kept,
// and exported, as JSON.
type Event struct {
	Time  time.Time `json:"time"` // set by the store, in UTC
	Kind  Kind      `json:"kind"`
	Study string    `json:"study,omitempty"` // its name
	Plan  Digest    `json:"plan,omitzero"`
	Run   string    `json:"run,omitempty"`
	Who   string    `json:"who,omitempty"`   // who acted: a person, a party, a key's fingerprint
	What  string    `json:"what,omitempty"`  // in the plan's words
	Cells int       `json:"cells,omitempty"` // numbers opened
	To    []string  `json:"to,omitempty"`    // who learned them
	Why   string    `json:"why,omitempty"`

	Decision *Decision `json:"decision,omitempty"` // of KindDecided
	Request  *Request  `json:"request,omitempty"`  // of KindBegun
	Freeze   *Freeze   `json:"freeze,omitempty"`   // of KindFrozen and KindCleared
	Proof    *Proof    `json:"proof,omitempty"`    // of KindEvidence that Prove wrote

	Journal Head `json:"journal"` // set by the store: how far the journal had come
}

// Longest texts of an event, in bytes.
const (
	maxText  = 4000
	maxEvent = 1 << 17
)

func (e *Event) encode() ([]byte, error) {
	for _, t := range append([]string{e.Study, e.Run, e.Who, e.What, e.Why}, e.To...) {
		if err := text(t); err != nil {
			return nil, fmt.Errorf("store: event %q: %w", e.Kind, err)
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("store: event %q: %w", e.Kind, err)
	}
	if len(b) > maxEvent {
		return nil, fmt.Errorf("store: event %q has %d bytes, want at most %d", e.Kind, len(b), maxEvent)
	}
	return b, nil
}

func parseEvent(b []byte) (*Event, error) {
	e := new(Event)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("store: an audit event is not one: %w", err)
	}
	return e, nil
}

// text refuses what could not be shown on one line of a terminal as it is.
func text(s string) error {
	if len(s) > maxText || !utf8.ValidString(s) {
		return fmt.Errorf("a text has %d bytes, want at most %d of UTF-8", len(s), maxText)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fmt.Errorf("a text has the control character %U", r)
		}
	}
	return nil
}
