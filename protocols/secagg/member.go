package secagg

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// member is what all machines of one member in one attempt share.
type member struct {
	cfg      Config
	n, me    int
	ctx      round.Context // its Session is zero; see in
	ledger   *ledger
	log      *attemptLog
	accepted map[round.Place][]byte // what the hub sent for each place of the protocol
	ending   []func() error         // what protocols beside this one do when the attempt ends
	heard    []byte                 // the message of the hub that is being judged
	proved   bool                   // evidence of why the attempt ends is in the journal
	dropped  int
}

func newMember(cfg Config, l *ledger) *member {
	m := &member{cfg: cfg, n: cfg.Roster.Len(), me: cfg.Roster.Index(cfg.ID), ledger: l, accepted: map[round.Place][]byte{}}
	m.ctx = round.Context{Charter: cfg.Charter.Digest(), Roster: cfg.Charter.Roster}
	m.log = l.at(cfg.Charter.Attempt)
	return m
}

func (m *member) in(session []byte) round.Context {
	ctx := m.ctx
	ctx.Session = digest(session)
	return ctx
}

// envelope signs a message to the hub. It is made once: whoever calls it
// journals the result before returning it.
func (m *member) envelope(t wire.Type, sequence uint64, session []byte, body, bulk proto.Message, raw []byte) (*wire.Envelope, []byte, error) {
	b, err := wire.Encode(body)
	if err != nil {
		return nil, nil, err
	}
	if bulk != nil {
		if raw, err = wire.Encode(bulk); err != nil {
			return nil, nil, err
		}
	}
	e := &wire.Envelope{
		Version: wire.Version, Plan: m.cfg.Charter.Plan[:], Attempt: m.cfg.Charter.Attempt, Type: t, Sequence: sequence,
		Sender: string(m.cfg.ID), Recipient: string(party.Hub), Body: b, Bulk: raw,
	}
	if err := round.Sign(m.cfg.Identity, m.in(session), e); err != nil {
		return nil, nil, err
	}
	out, err := wire.Encode(e)
	return e, out, err
}

func (m *member) toHub(body []byte) []round.Message {
	return []round.Message{{From: m.cfg.ID, To: party.Hub, Body: body}}
}

// open reads a message of the hub. Without an envelope and without an error it
// was not for this attempt, and has been counted.
func (m *member) open(msg round.Message) (*wire.Envelope, error) {
	if msg.From != party.Hub || msg.To != m.cfg.ID {
		m.dropped++
		return nil, nil
	}
	m.heard = msg.Body
	e, err := wire.Open(msg.Body, m.cfg.Charter.limits())
	if err != nil {
		return nil, m.hub(wire.Code_MALFORMED, err)
	}
	if !bytes.Equal(e.Plan, m.cfg.Charter.Plan[:]) || e.Attempt != m.cfg.Charter.Attempt {
		m.dropped++
		return nil, nil
	}
	if e.Sender != string(party.Hub) || e.Recipient != "" && e.Recipient != string(m.cfg.ID) {
		return nil, m.hub(wire.Code_MALFORMED, errors.New("secagg: a message that is not from the hub to this member"))
	}
	return e, nil
}

// take accepts e as the message of its place. It reports whether it is new;
// the same message again is no news, another one is evidence.
func (m *member) take(e *wire.Envelope, raw []byte) (bool, error) {
	at := round.PlaceOf(e)
	before, taken := m.accepted[at]
	if !taken {
		m.accepted[at] = bytes.Clone(raw)
		return true, nil
	}
	if bytes.Equal(before, raw) {
		m.dropped++
		return false, nil
	}
	return false, m.proven(m.hub(wire.Code_DUPLICATE, fmt.Errorf("secagg: a second, different message of type %v for sum %d", e.Type, e.Sequence)), before, raw)
}

// proven journals two messages that are evidence of why the attempt ends, before anybody is told of err.
func (m *member) proven(err error, first, second []byte) error {
	m.proved = true
	record := &wire.Evidence{Plan: m.cfg.Charter.Plan[:], Attempt: m.cfg.Charter.Attempt, Code: round.CodeOf(err), First: first, Second: second, Why: oneLine(err)}
	var blame *round.Blame
	if errors.As(err, &blame) {
		record.Who = string(blame.Who)
	}
	return errors.Join(err, m.ledger.write(KindEvidence, record))
}

// oneLine is an error as a journal may keep it.
func oneLine(err error) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "")), " ")
	return s[:min(len(s), 1000)]
}

// dishonest reports whether a run that ends with a code was ended by what no
// honest party says, or by bytes that were changed on their way.
func dishonest(c Code) bool {
	return c >= wire.Code_MALFORMED && c != wire.Code_PEER && c != wire.Code_INTERNAL
}

// stopped reads a STOP.
func (m *member) stopped(e *wire.Envelope) error {
	s := new(wire.Stop)
	if err := decodeBody(e.Body, s, m.n); err != nil {
		return m.hub(wire.Code_MALFORMED, err)
	}
	who := "nobody named"
	if m.cfg.Roster.Index(party.ID(s.Who)) >= 0 {
		who = s.Who
	}
	return m.abort(wire.Code_PEER, "the hub ended the attempt with code %v (%s)", s.Code, who)
}

// fail closes the attempt for ever because of err, and tells the hub by a code.
// A failure of this member's own (a journal that cannot write) closes nothing: after a
// restart the attempt goes on from what was journalled.
func (m *member) fail(err error) ([]round.Message, error) {
	if round.CodeOf(err) == wire.Code_INTERNAL {
		return nil, errors.Join(err, m.end())
	}
	return m.stop(err, m.ledger.said, m.heard)
}

// stop closes the attempt because of err. Keys go first, then what proves it is kept.
func (m *member) stop(err error, said, heard []byte) ([]round.Message, error) {
	if lost := m.end(); lost != nil {
		return nil, errors.Join(err, lost)
	}
	m.proved = m.ledger.believe(err) || m.proved
	code := round.CodeOf(err)
	if dishonest(code) && !m.proved && heard != nil {
		err = m.proven(err, said, heard)
	}
	out, closing := m.close(code)
	if closing != nil {
		return nil, errors.Join(err, closing)
	}
	return out, err
}

// end lets the protocols beside this one go: their keys first, whatever comes next.
func (m *member) end() error {
	var errs []error
	for _, f := range m.ending {
		errs = append(errs, f())
	}
	m.ending = nil
	return errors.Join(errs...)
}

// close journals and returns the closing record; the first one, for ever.
func (m *member) close(code Code) ([]round.Message, error) {
	if err := m.end(); err != nil {
		return nil, err
	}
	if m.log.closed != nil {
		return m.toHub(m.log.closed), nil
	}
	body := &wire.Close{
		Session: make([]byte, 32), Label: make([]byte, 32), Frozen: make([]byte, 32),
		Unlocked: m.ledger.unlocked, Code: code, Roster: m.ctx.Roster[:], Charter: m.ctx.Charter[:],
	}
	if m.log.sealing != nil {
		body.Session = m.log.sealing.Session
	}
	if m.log.masked != nil {
		body.Label = m.log.masked.Label
	}
	if m.ledger.frozen != nil {
		body.Frozen = m.ledger.frozen[:]
	}
	_, b, err := m.envelope(wire.Type_CLOSE, 0, nil, body, nil, nil)
	if err != nil {
		return nil, err
	}
	err = m.ledger.write(KindClosed, &wire.Ended{Plan: m.cfg.Charter.Plan[:], Attempt: m.cfg.Charter.Attempt, Message: b})
	if err != nil {
		return nil, err
	}
	return m.toHub(b), nil
}

// The errors of this package's machines.

func (m *member) hub(code Code, err error) error {
	return &round.Blame{Who: party.Hub, Code: code, Err: err}
}

func (m *member) blame(i int, code Code, format string, args ...any) error {
	return &round.Blame{Who: m.cfg.Roster.At(i).ID, Code: code, Err: fmt.Errorf("secagg: "+format, args...)}
}

func (m *member) abort(code Code, format string, args ...any) error {
	return &round.Abort{Code: code, Err: fmt.Errorf("secagg: "+format, args...)}
}

// body is the content of an envelope, whose lengths the number of members dictates.
type body interface {
	proto.Message
	Check(members int) error
}

func decodeBody(b []byte, m body, members int) error {
	if err := wire.Decode(b, m); err != nil {
		return err
	}
	return m.Check(members)
}

// slot is the position of peer j in a list that leaves out member i.
func slot(i, j int) int {
	if j > i {
		return j - 1
	}
	return j
}
