package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// adder is the sum the hub is working on.
type adder struct {
	heads  []*wire.Head
	bulks  []*wire.Masked
	label  [32]byte
	hash   [32]byte // of all heads
	sum    [32]byte // of Y and carry
	claims []element
	vector []byte
	carry  []byte
	signed []*wire.Envelope // the heads, without bulk
}

// checkMasked holds a masked vector against its signed head. Whether the
// members mean the same sum is for them to judge; the hub needs equal lengths only.
func (s *sums) checkMasked(i int, e *wire.Envelope) error {
	head, bulk := new(wire.Head), new(wire.Masked)
	if err := errors.Join(decodeBody(e.Body, head, s.n), decodeBody(e.Bulk, bulk, s.n)); err != nil {
		return s.blame(i, wire.Code_MALFORMED, err)
	}
	ask := Ask{digest(head.Ask), digest(head.State), int(head.Cells), head.Shown}
	hash := party.Hash("vector", bulk.Vector)
	switch {
	case ask.Cells > s.charter.Limits.Cells || len(bulk.Vector) != (ask.Cells+1)*wire.CellSize:
		return s.blame(i, wire.Code_MALFORMED, fmt.Errorf("secagg: a vector of %d bytes for %d cells", len(bulk.Vector), ask.Cells))
	case head.Shown && s.charter.Release != ReleaseAnalyst:
		return s.blame(i, wire.Code_MALFORMED, errors.New("secagg: a sum shown to members as well, where there is no reader"))
	case !bytes.Equal(hash[:], head.Vector):
		return s.blame(i, wire.Code_MALFORMED, errors.New("secagg: the vector is not the one signed"))
	case digest(head.Transcript) != s.trans:
		return s.blame(i, wire.Code_TRANSCRIPT, errors.New("secagg: the head is for another transcript"))
	case digest(head.Label) != labelDigest(s.trans, ask, e.Sequence):
		return s.blame(i, wire.Code_MALFORMED, errors.New("secagg: the label is not that of the ask"))
	}
	if s.adder.heads == nil {
		s.adder = adder{heads: make([]*wire.Head, s.n), bulks: make([]*wire.Masked, s.n)}
	}
	s.adder.heads[i], s.adder.bulks[i] = head, bulk
	return nil
}

// summed adds, and hands out the heads with each recipient's tags. When the
// heads do not agree there is nothing to add, and the members see why.
func (s *sums) summed(inbox []*wire.Envelope) (round.Answer, error) {
	a := &s.adder
	agree := true
	var raw [][]byte
	for i, head := range a.heads {
		agree = agree && bytes.Equal(head.Label, a.heads[0].Label)
		raw = append(raw, inbox[i].Body)
	}
	a.label, a.hash = digest(a.heads[0].Label), headsDigest(raw)
	if agree {
		a.add()
	}
	var out []wire.Message
	for j := range s.n {
		m := &wire.Summed{Vector: a.vector, Carry: a.carry}
		for i := range s.n {
			m.Heads = append(m.Heads, taggedFor(i, j, raw[i], a.bulks[i].Tags))
		}
		out = append(out, m)
	}
	a.signed, a.bulks = inbox, nil
	return round.NewAnswer(wire.Type_SUMMED, round.Place{Kind: wire.Type_UNLOCK, Sequence: inbox[0].Sequence}, out...)
}

// add sums the vectors, and computes what each member will have to claim: a
// false claim can be named.
func (a *adder) add() {
	cells := int(a.heads[0].Cells) + 1
	total := make(Vector, cells)
	a.carry = make([]byte, cells)
	for _, b := range a.bulks {
		addCarry(total, a.carry, b.Vector)
	}
	a.vector = encode(total)
	a.sum = sumDigest(a.vector, a.carry)
	r := challenge(foldDigest(a.label, a.hash, a.sum))
	for _, b := range a.bulks {
		a.claims = append(a.claims, fold(&r, b.Vector, nil))
	}
}

// taggedFor is member i's body as member j gets it.
func taggedFor(i, j int, body, tags []byte) *wire.Tagged {
	t := &wire.Tagged{Body: body}
	if i != j {
		at := slot(i, j) * wire.TagSize
		t.Tag = tags[at : at+wire.TagSize]
	}
	return t
}

func (s *sums) checkUnlock(i int, e *wire.Envelope) error {
	u := new(wire.Unlock)
	if err := decodeBody(e.Body, u, s.n); err != nil {
		return s.blame(i, wire.Code_MALFORMED, err)
	}
	a := &s.adder
	size := s.audience().size()
	switch {
	case len(e.Bulk) != (s.n-1)*wire.TagSize || len(u.Own) != size:
		return s.blame(i, wire.Code_MALFORMED, fmt.Errorf("secagg: an unlock with %d bytes of tags and an own mask of %d", len(e.Bulk), len(u.Own)))
	case digest(u.Label) != a.label || digest(u.Heads) != a.hash || digest(u.Sum) != a.sum || a.vector == nil:
		return s.blame(i, wire.Code_TRANSCRIPT, errors.New("secagg: an unlock for other heads or another sum than were handed out"))
	case !bytes.Equal(u.Claim, a.claims[i][:]):
		return s.blame(i, wire.Code_FOLD, errors.New("secagg: a claim that does not belong to the member's vector"))
	}
	return nil
}

// audience of the present sum; the members' heads agree on it where there is a sum at all.
func (s *sums) audience() audience { return audienceOf(s.charter.Release, s.adder.heads[0].Shown) }

// unlocks wraps them up for the reader, if there is one, and hands them to all
// members, or tells these that the reader has them.
func (s *sums) unlocks(inbox []*wire.Envelope) (round.Answer, error) {
	a, to := s.adder, s.audience()
	s.adder = adder{}
	next := round.Place{Kind: wire.Type_MASKED, Sequence: inbox[0].Sequence + 1}
	if to.reader {
		if err := s.wrap(a, inbox); err != nil {
			return round.Answer{}, err
		}
	}
	if !to.members {
		return round.NewAnswer(wire.Type_COLLECTED, next, &wire.Collected{Label: a.label[:], Heads: a.hash[:], Sum: a.sum[:]})
	}
	var out []wire.Message
	for j := range s.n {
		m := new(wire.Unlocks)
		for i, e := range inbox {
			m.Unlocks = append(m.Unlocks, taggedFor(i, j, e.Body, e.Bulk))
		}
		out = append(out, m)
	}
	return round.NewAnswer(wire.Type_UNLOCKS, next, out...)
}

// wrap makes the reader's package: signed originals, since the reader shares no tag keys.
func (s *sums) wrap(a adder, inbox []*wire.Envelope) error {
	p := &wire.Package{
		Version: wire.Version, Plan: s.charter.Plan[:], Attempt: s.charter.Attempt, Sequence: inbox[0].Sequence,
		Charter: s.digest[:], Roster: s.charter.Roster[:], Vector: a.vector, Carry: a.carry,
	}
	for i := range s.n {
		head, err1 := wire.Original(a.signed[i])
		unlock, err2 := wire.Original(inbox[i])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		p.Heads, p.Unlocks = append(p.Heads, head), append(p.Unlocks, unlock)
	}
	b, err := wire.Encode(p)
	if err != nil {
		return err
	}
	s.packages = append(s.packages, b)
	return nil
}
