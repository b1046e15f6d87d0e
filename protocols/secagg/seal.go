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

// seal encapsulates to every other member and encrypts this member's veil part.
func (s *setup) seal(hellos []parsedHello, record *wire.Sealing) ([]round.Message, error) {
	record.Shared = make([]byte, s.n*32)
	body := &wire.Seal{Session: record.Session}
	parts := make([]byte, 0, (s.n-1)*wire.PartSize)
	for j, h := range hellos {
		if j == s.me {
			continue
		}
		var seed [xwing.EncapsulationSeedSize]byte
		if _, err := io.ReadFull(s.cfg.Rand, seed[:]); err != nil {
			return nil, fmt.Errorf("secagg: sealing: %w", err)
		}
		shared, ct, err := xwing.Encapsulate(h.Key, seed[:])
		if err != nil {
			return nil, s.blame(j, wire.Code_MALFORMED, "%s has an impossible key: %w", s.cfg.Roster.At(j).ID, err)
		}
		copy(record.Shared[j*32:], shared)
		key, aad := s.partKey(shared, record.Session, s.me, j)
		part := append(ct, sealOnce(key, s.log.began.Veil, aad)...)
		d := party.Hash("part", part)
		body.Parts = append(body.Parts, d[:]...)
		parts = append(parts, part...)
	}
	_, b, err := s.envelope(wire.Type_SEAL, 0, record.Session, body, nil, parts)
	if err != nil {
		return nil, err
	}
	record.Seal = b
	if err := s.ledger.write(KindSealing, record); err != nil {
		return nil, err
	}
	return s.toHub(b), nil
}

func (s *setup) partKey(shared, session []byte, from, to int) (key [32]byte, aad []byte) {
	i, j := []byte(s.cfg.Roster.At(from).ID), []byte(s.cfg.Roster.At(to).ID)
	a := party.Hash("part aad", session, i, j)
	return derive(shared, "part", session, i, j), a[:]
}

// onSeals opens the own column and derives the session's keys.
func (s *setup) onSeals(e *wire.Envelope, raw []byte) ([]round.Message, error) {
	if s.log.sealing == nil || s.log.agreed != nil {
		if _, taken := s.accepted[round.PlaceOf(e)]; taken {
			_, err := s.take(e, raw)
			return nil, err
		}
		s.dropped++
		return nil, nil
	}
	if fresh, err := s.take(e, raw); !fresh {
		return nil, err
	}
	list := new(wire.Seals)
	if err := decodeBody(e.Body, list, s.n); err != nil {
		return nil, s.hub(wire.Code_MALFORMED, err)
	}
	veils, incoming := make([]byte, 0, s.n*32), make([][]byte, s.n)
	var seals [][]byte
	record := &wire.Agreed{Plan: s.cfg.Charter.Plan[:], Attempt: s.cfg.Charter.Attempt, Ids: s.log.sealing.Ids}
	for i, sealed := range list.Seals {
		body, err := s.parseSeal(i, sealed)
		if err != nil {
			return nil, err
		}
		d := party.Hash("seal", body)
		seals = append(seals, d[:])
		record.Seen = parseOutboxHead(s.log.sealing.Heads[i*wire.HeadSize:]).next(wire.Type_SEAL, 0, body).append(record.Seen)
		veil := s.log.began.Veil
		if i != s.me {
			if incoming[i], veil, err = s.openPart(i, sealed.Part); err != nil {
				return nil, err
			}
		}
		veils = append(veils, veil...)
	}
	return nil, s.agree(record, veils, incoming, transcriptDigest(digest(s.log.sealing.Session), seals))
}

// parseSeal checks member i's signed commitment to its parts, and the part for
// this member against it.
func (s *setup) parseSeal(i int, sealed *wire.Sealed) ([]byte, error) {
	m, body := s.cfg.Roster.At(i), new(wire.Seal)
	env, err := wire.Open(sealed.GetSeal(), s.cfg.Charter.limits())
	if err == nil {
		err = decodeBody(env.Body, body, s.n)
	}
	if err != nil || env.Type != wire.Type_SEAL || env.Sender != string(m.ID) || env.Recipient != string(party.Hub) || len(env.Bulk) > 0 ||
		!bytes.Equal(env.Plan, s.cfg.Charter.Plan[:]) || env.Attempt != s.cfg.Charter.Attempt {
		return nil, s.hub(wire.Code_MALFORMED, fmt.Errorf("secagg: in the place of %s there is no seal of it for this attempt", m.ID))
	}
	if err := round.Verify(m.Key, s.in(body.Session), env); err != nil {
		return nil, s.hub(wire.Code_SIGNATURE, fmt.Errorf("secagg: seal of %s: %w", m.ID, err))
	}
	if !bytes.Equal(body.Session, s.log.sealing.Session) {
		return nil, s.abort(wire.Code_TRANSCRIPT, "%s saw other hellos (S %x) than this member (%x)", m.ID, body.Session[:8], s.log.sealing.Session[:8])
	}
	if i == s.me {
		own := new(wire.Envelope)
		if err := wire.Decode(s.log.sealing.Seal, own); err != nil {
			return nil, err
		}
		if !bytes.Equal(own.Body, env.Body) {
			return nil, s.twice("seal", s.log.sealing.Seal, sealed.GetSeal())
		}
		if len(sealed.Part) > 0 {
			return nil, s.hub(wire.Code_ALTERED, errors.New("secagg: this member's own seal was changed"))
		}
		return env.Body, nil
	}
	at := slot(i, s.me) * 32
	if d := party.Hash("part", sealed.Part); !bytes.Equal(d[:], body.Parts[at:at+32]) {
		return nil, s.hub(wire.Code_MALFORMED, fmt.Errorf("secagg: the part from %s is not the one it signed", m.ID))
	}
	if len(sealed.Part) != wire.PartSize {
		return nil, s.blame(i, wire.Code_MALFORMED, "the part from %s has %d bytes, want %d", m.ID, len(sealed.Part), wire.PartSize)
	}
	return env.Body, nil
}

// openPart decapsulates what member i sealed to this one.
func (s *setup) openPart(i int, part []byte) (shared, veil []byte, err error) {
	shared = xwing.Decapsulate(part[:xwing.CiphertextSize], s.log.began.KeySeed)
	key, aad := s.partKey(shared, s.log.sealing.Session, i, s.me)
	veil, ok := openOnce(key, part[xwing.CiphertextSize:], aad)
	if !ok {
		return nil, nil, s.blame(i, wire.Code_SEALING, "the part from %s does not open", s.cfg.Roster.At(i).ID)
	}
	return shared, veil, nil
}

// agree derives the pair keys and the veil, and journals them.
func (s *setup) agree(record *wire.Agreed, veils []byte, incoming [][]byte, t [32]byte) error {
	v := derive(veils, "veil", t[:])
	record.Transcript, record.Veil, record.Pairs = t[:], v[:], make([]byte, s.n*32)
	for j := range s.n {
		if j == s.me {
			continue
		}
		lo, hi := s.me, j
		outgoing := s.log.sealing.Shared[j*32 : (j+1)*32]
		both := append(bytes.Clone(outgoing), incoming[j]...)
		if j < s.me {
			lo, hi = j, s.me
			both = append(bytes.Clone(incoming[j]), outgoing...)
		}
		k := derive(both, "pair", t[:], []byte(s.cfg.Roster.At(lo).ID), []byte(s.cfg.Roster.At(hi).ID))
		copy(record.Pairs[j*32:], k[:])
	}
	if err := s.ledger.write(KindAgreed, record); err != nil {
		return err
	}
	clear(s.accepted) // what is repeated from here on is dropped
	s.session = newSession(s.member)
	return nil
}
