package secagg

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Recall is what members know of each other's outboxes, asked for in the middle
// of an attempt.
//
// A member that goes on with an attempt after a restart cannot tell from its
// journal whether that is all it has said: it may have been put back to an older
// copy. So in such a life it sends what the journal has, and nothing new (see
// Says) before every other member has said how far it has seen this one come. The hub hands
// questions and answers on. It can keep them back, which stops the attempt, but not
// make them up: an answer is signed, and for one question.
//
// A member that goes on with nothing is quick to answer others, whatever its
// machines are waiting for.
type Recall struct {
	cfg      Config
	ctx      round.Context
	ledger   *ledger           // as the journal was found; nil when there is no doubt, or no more
	nonce    []byte            // of the question
	question []byte            // as sent
	heads    map[party.ID]seen // the answers
	answered map[asked]bool    // questions of others
	asks     map[party.ID]int  // how many of them each has asked
}

// asked is a question: by whom, and its nonce. Another's nonce can be said again, and is another question then.
type asked struct {
	by    party.ID
	nonce [32]byte
}

// seen is one member's answer.
type seen struct {
	head    outboxHead
	message []byte // as it was signed
}

// mostRecalls is how many questions of one member are answered in one attempt: more restarts than any has.
const mostRecalls = 256

// NewRecall reads from the journal whether there is anything to ask.
func NewRecall(cfg Config) (*Recall, error) {
	if cfg.Journal == nil || cfg.Identity == nil || cfg.Rand == nil || cfg.Roster.Index(cfg.ID) < 0 {
		return nil, errors.New("secagg: recall: a journal, an identity in the roster, and rand are needed")
	}
	l, err := openLedger(cfg.Journal, cfg.Charter.Plan)
	if err != nil {
		return nil, err
	}
	r := &Recall{cfg: cfg, heads: map[party.ID]seen{}, answered: map[asked]bool{}, asks: map[party.ID]int{}}
	r.ctx = round.Context{Charter: cfg.Charter.Digest(), Roster: cfg.Charter.Roster}
	if a := l.attempts[cfg.Charter.Attempt]; a != nil && a.began != nil && a.closed == nil {
		r.ledger = l
	}
	return r, nil
}

// Says reports whether a record is, or leads to, something that its member has
// not said before. What the hub has said, and the end of an attempt, may be
// journalled in doubt.
func Says(kind string) bool {
	switch kind {
	case KindBegan, KindSealing, KindMasked, KindFrozen, KindUnlocked:
		return true
	}
	return false
}

// Doubtful reports whether the attempt was begun in an earlier life of the
// process, and not every other member has answered yet.
func (r *Recall) Doubtful() bool { return r.ledger != nil }

// Start returns the question, the same in one life.
func (r *Recall) Start() ([]round.Message, error) {
	if r.question == nil {
		r.nonce = make([]byte, 32)
		if _, err := io.ReadFull(r.cfg.Rand, r.nonce); err != nil {
			return nil, fmt.Errorf("secagg: recall: %w", err)
		}
		var err error
		if r.question, err = r.sign(wire.Type_RECALL, &wire.Recall{Nonce: r.nonce}); err != nil {
			return nil, err
		}
	}
	return r.toHub(r.question), nil
}

// Expire gives the waiting up.
func (r *Recall) Expire() error {
	few := new(round.TooFew)
	for _, m := range r.cfg.Roster.Members() {
		if _, ok := r.heads[m.ID]; !ok && m.ID != r.cfg.ID {
			few.Missing = append(few.Missing, m.ID)
		}
	}
	return few
}

// Receive takes what the hub hands on of others' questions and answers: then own
// is true, and the message is for no other machine. What does not verify is
// dropped, as if it had never come. An error says that the journal is an older copy.
func (r *Recall) Receive(m round.Message) (out []round.Message, own bool, err error) {
	if t, err := wire.Peek(m.Body); err != nil || t != wire.Type_RELAYED || m.From != party.Hub {
		return nil, false, nil
	}
	limits := r.cfg.Charter.limits()
	e, err := wire.Open(m.Body, limits)
	body := new(wire.Relayed)
	if err != nil || !r.here(e) || decodeBody(e.Body, body, r.cfg.Roster.Len()) != nil {
		return nil, true, nil
	}
	said, err := wire.Open(body.Message, limits)
	if err != nil || !r.here(said) {
		return nil, true, nil
	}
	j := r.cfg.Roster.Index(party.ID(said.Sender))
	if j < 0 || party.ID(said.Sender) == r.cfg.ID || round.Verify(r.cfg.Roster.At(j).Key, r.ctx, said) != nil {
		return nil, true, nil
	}
	switch said.Type {
	case wire.Type_RECALL:
		out, err = r.answer(said)
	case wire.Type_SEEN:
		err = r.hear(said, body.Message)
	}
	return out, true, err
}

func (r *Recall) here(e *wire.Envelope) bool {
	return bytes.Equal(e.Plan, r.cfg.Charter.Plan[:]) && e.Attempt == r.cfg.Charter.Attempt
}

// answer says how far this member has seen another one come, by its journal as it is now.
func (r *Recall) answer(e *wire.Envelope) ([]round.Message, error) {
	q := new(wire.Recall)
	if decodeBody(e.Body, q, r.cfg.Roster.Len()) != nil {
		return nil, nil
	}
	one := asked{party.ID(e.Sender), digest(q.Nonce)}
	if r.answered[one] || r.asks[one.by] >= mostRecalls {
		return nil, nil
	}
	l, err := openLedger(r.cfg.Journal, r.cfg.Charter.Plan)
	if err != nil {
		return nil, err
	}
	b, err := r.sign(wire.Type_SEEN, &wire.Seen{Nonce: q.Nonce, Who: e.Sender, Head: l.seen[one.by].append(nil)})
	if err != nil {
		return nil, err
	}
	r.answered[one] = true
	r.asks[one.by]++
	return r.toHub(b), nil
}

// hear takes an answer. When the last is there, they are judged together: what has to be
// restored is the furthest that anybody has seen.
func (r *Recall) hear(e *wire.Envelope, raw []byte) error {
	a := new(wire.Seen)
	if r.ledger == nil || r.question == nil || decodeBody(e.Body, a, r.cfg.Roster.Len()) != nil {
		return nil
	}
	if a.Who != string(r.cfg.ID) || !bytes.Equal(a.Nonce, r.nonce) {
		return nil
	}
	h := parseOutboxHead(a.Head)
	if !r.ledger.possible(h) {
		return nil
	}
	// Who was restarted itself may answer a second time. What it has shown once, it has seen.
	before, twice := r.heads[party.ID(e.Sender)]
	if !twice || r.ledger.knows(before.head) || !r.ledger.knows(h) && h.sequence > before.head.sequence {
		r.heads[party.ID(e.Sender)] = seen{h, bytes.Clone(raw)}
	}
	if len(r.heads) < r.cfg.Roster.Len()-1 {
		return nil
	}
	var heads []outboxHead
	for _, s := range r.heads {
		heads = append(heads, s.head)
	}
	lost := r.ledger.furthest(heads)
	if lost == nil {
		r.ledger = nil
		return nil
	}
	for _, s := range r.heads {
		if s.head == *lost {
			return r.rolledBack(*lost, s.message)
		}
	}
	return nil
}

// rolledBack journals a loss, and what shows it: this member's question and one answer.
func (r *Recall) rolledBack(h outboxHead, answer []byte) error {
	record := &wire.Evidence{Plan: r.cfg.Charter.Plan[:], Attempt: r.cfg.Charter.Attempt, Code: wire.Code_ROLLBACK, First: r.question, Second: answer}
	err := r.ledger.rolledBack(r.cfg.Charter.Plan, h)
	record.Why = oneLine(err)
	if lost := new(RollbackError); errors.As(err, &lost) {
		lost.shown = true
	}
	return errors.Join(err, r.ledger.write(KindEvidence, record))
}

func (r *Recall) sign(t wire.Type, body wire.Message) ([]byte, error) {
	b, err := wire.Encode(body)
	if err != nil {
		return nil, err
	}
	e := &wire.Envelope{Version: wire.Version, Plan: r.cfg.Charter.Plan[:], Attempt: r.cfg.Charter.Attempt, Type: t,
		Sender: string(r.cfg.ID), Recipient: string(party.Hub), Body: b}
	if err := round.Sign(r.cfg.Identity, r.ctx, e); err != nil {
		return nil, err
	}
	return wire.Encode(e)
}

func (r *Recall) toHub(b []byte) []round.Message {
	return []round.Message{{From: r.cfg.ID, To: party.Hub, Body: b}}
}
