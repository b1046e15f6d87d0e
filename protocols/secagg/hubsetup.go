package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// sums is the set-up and the sums at the hub, as one of its lines.
type sums struct {
	charter  Charter
	digest   [32]byte // of the charter
	roster   party.Roster
	n        int
	session  [32]byte // S
	trans    [32]byte // T
	adder    adder
	packages [][]byte
}

// First implements round.Guest.
func (s *sums) First() round.Place { return round.Place{Kind: wire.Type_HELLO} }

// Serves implements round.Guest.
func (s *sums) Serves(t wire.Type) bool {
	switch t {
	case wire.Type_HELLO, wire.Type_SEAL, wire.Type_MASKED, wire.Type_UNLOCK:
		return true
	}
	return false
}

// Check implements round.Guest.
func (s *sums) Check(_ round.Context, i int, e *wire.Envelope) error {
	switch e.Type {
	case wire.Type_HELLO:
		return s.checkHello(i, e)
	case wire.Type_SEAL:
		return s.checkSeal(i, e)
	case wire.Type_MASKED:
		return s.checkMasked(i, e)
	}
	return s.checkUnlock(i, e)
}

// Complete implements round.Guest.
func (s *sums) Complete(inbox []*wire.Envelope) (round.Answer, error) {
	switch e := inbox[0]; e.Type {
	case wire.Type_HELLO:
		return s.hellos(inbox)
	case wire.Type_SEAL:
		return s.seals(inbox)
	case wire.Type_MASKED:
		return s.summed(inbox)
	default:
		return s.unlocks(inbox)
	}
}

func (s *sums) blame(i int, code Code, err error) error {
	return &round.Blame{Who: s.roster.At(i).ID, Code: code, Err: err}
}

func (s *sums) checkHello(i int, e *wire.Envelope) error {
	m := new(wire.Hello)
	if err := decodeBody(e.Body, m, s.n); err != nil {
		return s.blame(i, wire.Code_MALFORMED, err)
	}
	ctx := round.Context{Charter: digest(m.Charter), Roster: digest(m.Roster)}
	if err := round.Verify(s.roster.At(i).Key, ctx, e); err != nil {
		return s.blame(i, wire.Code_SIGNATURE, err)
	}
	if ctx.Charter != s.digest || ctx.Roster != s.charter.Roster {
		return s.blame(i, wire.Code_CHARTER, fmt.Errorf("secagg: the member holds another charter or roster (digests %x, %x) than the hub (%x, %x)",
			first8(ctx.Charter), first8(ctx.Roster), first8(s.digest), first8(s.charter.Roster)))
	}
	return nil
}

// hellos hands all of them to all, verbatim.
func (s *sums) hellos(inbox []*wire.Envelope) (a round.Answer, err error) {
	list := new(wire.Hellos)
	var bodies [][]byte
	for _, e := range inbox {
		d := party.Hash("hello", e.Body)
		bodies = append(bodies, d[:])
		raw, err := wire.Encode(e)
		if err != nil {
			return a, err
		}
		list.Hellos = append(list.Hellos, raw)
	}
	s.session = sessionDigest(s.digest, bodies)
	return round.NewAnswer(wire.Type_HELLOS, round.Place{Kind: wire.Type_SEAL}, list)
}

func (s *sums) checkSeal(i int, e *wire.Envelope) error {
	m := new(wire.Seal)
	if err := decodeBody(e.Body, m, s.n); err != nil {
		return s.blame(i, wire.Code_MALFORMED, err)
	}
	if digest(m.Session) != s.session {
		return s.blame(i, wire.Code_TRANSCRIPT, errors.New("secagg: the seal is for other hellos than were handed out"))
	}
	if len(e.Bulk) != (s.n-1)*wire.PartSize {
		return s.blame(i, wire.Code_MALFORMED, fmt.Errorf("secagg: the sealed parts have %d bytes, want %d", len(e.Bulk), (s.n-1)*wire.PartSize))
	}
	for k := range s.n - 1 {
		d := party.Hash("part", e.Bulk[k*wire.PartSize:(k+1)*wire.PartSize])
		if !bytes.Equal(d[:], m.Parts[k*32:(k+1)*32]) {
			return s.blame(i, wire.Code_MALFORMED, errors.New("secagg: a sealed part is not the one signed"))
		}
	}
	return nil
}

// seals hands each member its column.
func (s *sums) seals(inbox []*wire.Envelope) (a round.Answer, err error) {
	var signed, bodies [][]byte
	for _, e := range inbox {
		b, err := wire.Original(e)
		if err != nil {
			return a, err
		}
		d := party.Hash("seal", e.Body)
		signed, bodies = append(signed, b), append(bodies, d[:])
	}
	s.trans = transcriptDigest(s.session, bodies)
	var columns []wire.Message
	for j := range s.n {
		list := new(wire.Seals)
		for i, e := range inbox {
			sealed := &wire.Sealed{Seal: signed[i]}
			if i != j {
				at := slot(i, j) * wire.PartSize
				sealed.Part = e.Bulk[at : at+wire.PartSize]
			}
			list.Seals = append(list.Seals, sealed)
		}
		columns = append(columns, list)
	}
	return round.NewAnswer(wire.Type_SEALS, round.Place{Kind: wire.Type_MASKED, Sequence: 1}, columns...)
}
