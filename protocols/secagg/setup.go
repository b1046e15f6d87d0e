package secagg

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem/xwing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// NewMember begins an attempt, or goes on with it after a restart, from what
// the journal says. The machine exchanges Hello and Seal and yields the Session.
func NewMember(cfg Config) (round.Machine[*Session], error) {
	if cfg.Journal == nil {
		return nil, errors.New("secagg: config: a journal is needed")
	}
	l, err := openLedger(cfg.Journal, cfg.Charter.Plan)
	if err != nil {
		return nil, err
	}
	if err := cfg.check(l); err != nil {
		return nil, err
	}
	m := newMember(cfg, l)
	if cfg.Restored {
		h := l.restored()
		if err := l.write(KindRestored, &wire.Restored{Plan: cfg.Charter.Plan[:], Sequence: h.sequence, Chain: h.chain[:]}); err != nil {
			return nil, err
		}
	}
	s := &setup{member: m}
	if m.log.agreed != nil {
		s.session = newSession(m)
	}
	return round.Guard[*Session](s), nil
}

// setup is the member's side of Hello and Seal.
type setup struct {
	*member
	session *Session
}

func (s *setup) Start() ([]round.Message, error) {
	switch {
	case s.log.closed != nil:
		return nil, ErrClosed
	case s.log.agreed != nil:
		return nil, nil
	case s.log.sealing != nil:
		return s.toHub(s.log.sealing.Seal), nil
	case s.log.began != nil:
		return s.toHub(s.log.began.Hello), nil
	}
	return s.hello()
}

// hello draws this attempt's secrets, and journals them with the message.
func (s *setup) hello() ([]round.Message, error) {
	var secrets [4 * 32]byte
	if _, err := io.ReadFull(s.cfg.Rand, secrets[:]); err != nil {
		return nil, fmt.Errorf("secagg: drawing an attempt's secrets: %w", err)
	}
	seed, own, veil, nonce := secrets[:32], secrets[32:64], secrets[64:96], secrets[96:]
	_, public := xwing.DeriveKeyPairPacked(seed)
	var heads []byte
	for i, member := range s.cfg.Roster.Members() {
		h := s.ledger.seen[member.ID]
		if i == s.me {
			h = s.ledger.outbox
		}
		heads = h.append(heads)
	}
	hello := &wire.Hello{Charter: s.ctx.Charter[:], Key: public, Nonce: nonce, Data: s.cfg.Data[:], Roster: s.ctx.Roster[:], Heads: heads}
	_, b, err := s.envelope(wire.Type_HELLO, 0, nil, hello, nil, nil)
	if err != nil {
		return nil, err
	}
	err = s.ledger.write(KindBegan, &wire.Began{
		Plan: s.cfg.Charter.Plan[:], Attempt: s.cfg.Charter.Attempt, Charter: s.ctx.Charter[:], Roster: s.ctx.Roster[:],
		Data: s.cfg.Data[:], KeySeed: seed, OwnKey: own, Veil: veil, Hello: b,
	})
	if err != nil {
		return nil, err
	}
	return s.toHub(b), nil
}

func (s *setup) Receive(msg round.Message) ([]round.Message, error) {
	if s.log.closed != nil || s.log.began == nil {
		s.dropped++
		return nil, nil
	}
	e, err := s.open(msg)
	if err != nil {
		return s.fail(err)
	}
	if e == nil {
		return nil, nil
	}
	var out []round.Message
	switch e.Type {
	case wire.Type_HELLOS:
		out, err = s.onHellos(e, msg.Body)
	case wire.Type_SEALS:
		out, err = s.onSeals(e, msg.Body)
	case wire.Type_STOP:
		err = s.stopped(e)
	default:
		s.dropped++
	}
	if err != nil {
		return s.fail(err)
	}
	return out, nil
}

func (s *setup) Expire() ([]round.Message, error) {
	if s.session != nil {
		return nil, nil
	}
	return s.fail(&round.TooFew{Missing: []party.ID{party.Hub}})
}

func (s *setup) Result() (*Session, bool) { return s.session, s.session != nil }

// onHellos checks all Hellos and seals a veil part to each.
func (s *setup) onHellos(e *wire.Envelope, raw []byte) ([]round.Message, error) {
	if s.log.sealing != nil {
		// A second reading, or the first after a restart: it must say the same.
		return nil, s.sameHellos(e)
	}
	if fresh, err := s.take(e, raw); !fresh {
		return nil, err
	}
	hellos, err := s.parseHellos(e)
	if err != nil {
		return nil, err
	}
	if err := s.checkRollback(hellos); err != nil {
		return nil, err
	}
	var bodies [][]byte
	record := &wire.Sealing{Plan: s.cfg.Charter.Plan[:], Attempt: s.cfg.Charter.Attempt, Received: raw}
	for i, h := range hellos {
		m := s.cfg.Roster.At(i)
		if err := s.checkHello(i, h.Hello); err != nil {
			return nil, err
		}
		d := party.Hash("hello", h.body)
		bodies = append(bodies, d[:])
		record.Ids = append(record.Ids, string(m.ID))
		record.Hellos = append(record.Hellos, d[:]...)
		record.Data = append(record.Data, h.Data...)
		record.Heads = parseOutboxHead(h.Heads[i*wire.HeadSize:]).next(wire.Type_HELLO, 0, h.body).append(record.Heads)
	}
	session := sessionDigest(s.ctx.Charter, bodies)
	record.Session = session[:]
	return s.seal(hellos, record)
}

type parsedHello struct {
	*wire.Hello
	body, raw []byte
}

// parseHellos checks, in this order: sizes, both signatures, charter, one
// Hello of each member in its place.
func (s *setup) parseHellos(e *wire.Envelope) ([]parsedHello, error) {
	list := new(wire.Hellos)
	if err := decodeBody(e.Body, list, s.n); err != nil {
		return nil, s.hub(wire.Code_MALFORMED, err)
	}
	out := make([]parsedHello, s.n)
	for i, raw := range list.Hellos {
		h := new(wire.Hello)
		env, err := wire.Open(raw, s.cfg.Charter.limits())
		if err == nil {
			err = decodeBody(env.Body, h, s.n)
		}
		m := s.cfg.Roster.At(i)
		if err != nil || env.Type != wire.Type_HELLO || env.Sender != string(m.ID) || env.Recipient != string(party.Hub) ||
			!bytes.Equal(env.Plan, s.cfg.Charter.Plan[:]) || env.Attempt != s.cfg.Charter.Attempt {
			return nil, s.hub(wire.Code_MALFORMED, fmt.Errorf("secagg: in the place of %s there is no hello of it for this attempt", m.ID))
		}
		// The signature is judged under the charter and roster it claims, so
		// that another charter can be told from a forgery. An honest hub
		// forwards no forgery.
		ctx := round.Context{Charter: digest(h.Charter), Roster: digest(h.Roster)}
		if err := round.Verify(m.Key, ctx, env); err != nil {
			return nil, s.hub(wire.Code_SIGNATURE, fmt.Errorf("secagg: hello of %s: %w", m.ID, err))
		}
		if ctx.Charter != s.ctx.Charter || ctx.Roster != s.ctx.Roster {
			return nil, s.abort(wire.Code_CHARTER, "%s holds another charter or roster (digests %x, %x) than this member (%x, %x)",
				m.ID, first8(ctx.Charter), first8(ctx.Roster), first8(s.ctx.Charter), first8(s.ctx.Roster))
		}
		out[i] = parsedHello{h, env.Body, raw}
	}
	own := new(wire.Envelope)
	if err := wire.Decode(s.log.began.Hello, own); err != nil {
		return nil, err
	}
	if h := out[s.me]; !bytes.Equal(h.body, own.Body) {
		return nil, s.twice("hello", s.log.began.Hello, h.raw)
	}
	return out, nil
}

// twice ends an attempt for which this member has signed another message before,
// that its journal lacks: an older copy. How much is lost, the others' heads say in the next attempt.
func (s *setup) twice(what string, journalled, signed []byte) error {
	err := s.abort(wire.Code_DUPLICATE, "this member has signed another %s for this attempt, which its journal lacks: the journal may be an older copy", what)
	return s.proven(err, journalled, signed)
}

// checkRollback looks for a position of this member's outbox that a peer has
// seen and the journal lacks.
func (s *setup) checkRollback(hellos []parsedHello) error {
	var heads []outboxHead
	for i, h := range hellos {
		if i == s.me {
			continue
		}
		mine := parseOutboxHead(h.Heads[s.me*wire.HeadSize:])
		if !s.ledger.possible(mine) {
			return s.blame(i, wire.Code_MALFORMED, "%s says that it has seen message %d of this member, which nobody can have sent", s.cfg.Roster.At(i).ID, mine.sequence)
		}
		heads = append(heads, mine)
	}
	if h := s.ledger.furthest(heads); h != nil {
		return s.ledger.rolledBack(s.cfg.Charter.Plan, *h)
	}
	return nil
}

// checkHello holds member i's Hello against what the journal knows.
func (s *setup) checkHello(i int, h *wire.Hello) error {
	id := s.cfg.Roster.At(i).ID
	theirs, seen := parseOutboxHead(h.Heads[i*wire.HeadSize:]), s.ledger.seen[id]
	if i != s.me && (theirs.sequence < seen.sequence || theirs.sequence == seen.sequence && theirs.chain != seen.chain) {
		return s.blame(i, wire.Code_ROLLBACK, "%s is at message %d, which does not follow the message %d that this member has seen: its journal is an older copy", id, theirs.sequence, seen.sequence)
	}
	if d, known := s.ledger.data[id]; known && d != digest(h.Data) {
		return s.blame(i, wire.Code_DATA, "%s commits to another table than in an earlier attempt of this plan", id)
	}
	_, err := xwing.Scheme().UnmarshalBinaryPublicKey(h.Key)
	if err != nil {
		return s.blame(i, wire.Code_MALFORMED, "%s has an impossible key: %w", id, err)
	}
	return nil
}

// sameHellos compares with the Hellos that were answered. Two of one member,
// both signed, are evidence against it.
func (s *setup) sameHellos(e *wire.Envelope) error {
	hellos, err := s.parseHellos(e)
	if err != nil {
		return err
	}
	for i, h := range hellos {
		d := party.Hash("hello", h.body)
		if !bytes.Equal(d[:], s.log.sealing.Hellos[i*32:(i+1)*32]) {
			before := new(wire.Envelope)
			list := new(wire.Hellos)
			if err := wire.Decode(s.log.sealing.Received, before); err != nil {
				return err
			}
			if err := wire.Decode(before.Body, list); err != nil {
				return err
			}
			return s.proven(s.blame(i, wire.Code_DUPLICATE, "%s signed two different hellos for this attempt", s.cfg.Roster.At(i).ID), list.Hellos[i], h.raw)
		}
	}
	s.dropped++
	return nil
}

// seal encapsulates to every other member and encrypts this member's veil part.
// onSeals opens the own column and derives the session's keys.
// parseSeal checks member i's signed commitment to its parts, and the part for
// this member against it.
// openPart decapsulates what member i sealed to this one.
// agree derives the pair keys and the veil, and journals them.
