package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// OpenAtReader opens a sum that was sealed to the reader, from a package that a
// hub wrote (Summary.Packages). The reader believes nothing of it: signatures
// of every member, openings, claims and cell 0 are checked as members would
// have checked them. charter, roster and ask are the reader's own copies. Of a
// sum that was shown, the members have checked their half of each own mask and only the reader can check its
// own: one that does not open what its member committed to is an error here, and the member is named.
func OpenAtReader(reader *party.Identity, charter Charter, roster party.Roster, ask Ask, pkg []byte) (Total, error) {
	public := reader.Public()
	if err := charter.check(roster, &public); err != nil {
		return Total{}, err
	}
	if charter.Release != ReleaseAnalyst {
		return Total{}, errors.New("secagg: open: the charter does not release to an analyst")
	}
	to := audienceOf(charter.Release, ask.Shown)
	p, err := parsePackage(charter, pkg)
	if err != nil {
		return Total{}, fmt.Errorf("secagg: open: %w", err)
	}
	o, transcript, err := p.verify(charter, roster, ask)
	if err != nil {
		return Total{}, fmt.Errorf("secagg: open: %w", err)
	}
	total, bad, err := o.open(roster, func(j int, sealed []byte) ([]byte, bool) {
		info, aad := readerInfo(transcript, o.label, roster.At(j).ID)
		key, err := reader.Open(info, aad, to.forReader(sealed))
		return key, err == nil
	})
	switch {
	case err != nil && bad >= 0:
		return Total{}, &round.Blame{Who: roster.At(bad).ID, Code: wire.Code_OPENING, Err: fmt.Errorf("secagg: open: %w", err)}
	case errors.Is(err, errMasks):
		return Total{}, &round.Abort{Code: wire.Code_MASKS, Err: fmt.Errorf("secagg: open: %w", err)}
	case err != nil:
		return Total{}, &round.Abort{Code: wire.Code_FOLD, Err: fmt.Errorf("secagg: open: %w", err)}
	}
	return Total{Sequence: p.Sequence, Label: o.label, Sum: total}, nil
}

type readerPackage struct{ *wire.Package }

func parsePackage(charter Charter, b []byte) (*readerPackage, error) {
	if most := charter.limits().MaxPackage(); len(b) > most {
		return nil, fmt.Errorf("the package has %d bytes, want at most %d", len(b), most)
	}
	p, n := new(wire.Package), charter.Limits.Members
	if err := wire.Decode(b, p); err != nil {
		return nil, err
	}
	d := charter.Digest()
	switch {
	case p.Version != wire.Version || p.Sequence == 0:
		return nil, fmt.Errorf("the package has version %d and sequence %d", p.Version, p.Sequence)
	case !bytes.Equal(p.Charter, d[:]) || !bytes.Equal(p.Roster, charter.Roster[:]) || !bytes.Equal(p.Plan, charter.Plan[:]) || p.Attempt != charter.Attempt:
		return nil, errors.New("the package belongs to another charter")
	case len(p.Heads) != n || len(p.Unlocks) != n:
		return nil, fmt.Errorf("the package has %d heads and %d unlocks, want %d of each", len(p.Heads), len(p.Unlocks), n)
	}
	return &readerPackage{p}, nil
}

// verify checks everything that needs no secret.
func (p *readerPackage) verify(charter Charter, roster party.Roster, ask Ask) (*opening, [32]byte, error) {
	o := &opening{vector: p.Vector, carry: p.Carry, sumHash: sumDigest(p.Vector, p.Carry)}
	var transcript, veil [32]byte
	var raw [][]byte
	for i := range roster.Len() {
		h := new(wire.Head)
		body, err := p.signed(p.Heads[i], wire.Type_MASKED, charter, roster.At(i), h, func() []byte { return h.Transcript })
		if err != nil {
			return nil, transcript, err
		}
		if i == 0 {
			transcript, veil, o.label = digest(h.Transcript), digest(h.Veil), labelDigest(digest(h.Transcript), ask, p.Sequence)
		}
		if digest(h.Transcript) != transcript || digest(h.Veil) != veil || digest(h.Ask) != ask.Digest || digest(h.State) != ask.State ||
			int(h.Cells) != ask.Cells || h.Shown != ask.Shown || digest(h.Label) != o.label {
			return nil, transcript, &round.Abort{Code: wire.Code_ASK, Err: fmt.Errorf("secagg: the head of %s is for another sum than asked", roster.At(i).ID)}
		}
		o.heads, raw = append(o.heads, h), append(raw, body)
	}
	o.headsHash = headsDigest(raw)
	if len(p.Carry) != ask.Cells+1 || len(p.Vector) != (ask.Cells+1)*wire.CellSize {
		return nil, transcript, errors.New("the sum has another number of cells than asked")
	}
	for _, c := range p.Carry {
		if int(c) >= roster.Len() {
			return nil, transcript, &round.Abort{Code: wire.Code_CARRY, Err: errors.New("secagg: an impossible carry")}
		}
	}
	for i := range roster.Len() {
		u := new(wire.Unlock)
		if _, err := p.signed(p.Unlocks[i], wire.Type_UNLOCK, charter, roster.At(i), u, func() []byte { return transcript[:] }); err != nil {
			return nil, transcript, err
		}
		if digest(u.Label) != o.label || digest(u.Heads) != o.headsHash || digest(u.Sum) != o.sumHash {
			return nil, transcript, &round.Abort{Code: wire.Code_DUPLICATE, Err: fmt.Errorf("secagg: %s unlocked other heads or another sum", roster.At(i).ID)}
		}
		if len(u.Own) != audienceOf(charter.Release, ask.Shown).size() {
			return nil, transcript, &round.Blame{Who: roster.At(i).ID, Code: wire.Code_MALFORMED, Err: errors.New("secagg: an own mask sealed for others than may know")}
		}
		o.unlocks = append(o.unlocks, u)
	}
	return o, transcript, nil
}

// signed reads one member's original and verifies it in the session it names.
func (p *readerPackage) signed(b []byte, t wire.Type, charter Charter, m party.Member, into body, session func() []byte) ([]byte, error) {
	e, err := wire.Open(b, charter.limits())
	if err == nil {
		err = decodeBody(e.Body, into, charter.Limits.Members)
	}
	if err != nil {
		return nil, err
	}
	if e.Type != t || e.Sequence != p.Sequence || e.Sender != string(m.ID) || e.Recipient != string(party.Hub) || len(e.Bulk) > 0 ||
		!bytes.Equal(e.Plan, p.Plan) || e.Attempt != p.Attempt {
		return nil, fmt.Errorf("in the place of %s there is no message of it for this sum", m.ID)
	}
	ctx := round.Context{Charter: charter.Digest(), Roster: charter.Roster, Session: digest(session())}
	if err := round.Verify(m.Key, ctx, e); err != nil {
		return nil, &round.Blame{Who: m.ID, Code: wire.Code_SIGNATURE, Err: err}
	}
	return e.Body, nil
}
