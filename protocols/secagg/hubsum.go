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
}

// checkMasked holds a masked vector against its signed head. Whether the
// members mean the same sum is for them to judge; the hub needs equal lengths only.
func (h *Hub) checkMasked(i int, in *inbound) error {
	head, bulk := new(wire.Head), new(wire.Masked)
	if err := errors.Join(decodeBody(in.env.Body, head, h.n), decodeBody(in.env.Bulk, bulk, h.n)); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(wire.Type_MASKED), in.env); err != nil {
		return h.blame(i, wire.Code_SIGNATURE, err)
	}
	ask := Ask{digest(head.Ask), digest(head.State), int(head.Cells)}
	hash := party.Hash("vector", bulk.Vector)
	switch {
	case ask.Cells > h.cfg.Charter.Limits.Cells || len(bulk.Vector) != (ask.Cells+1)*wire.CellSize:
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("secagg: a vector of %d bytes for %d cells", len(bulk.Vector), ask.Cells))
	case !bytes.Equal(hash[:], head.Vector):
		return h.blame(i, wire.Code_MALFORMED, errors.New("secagg: the vector is not the one signed"))
	case digest(head.Transcript) != h.trans:
		return h.blame(i, wire.Code_TRANSCRIPT, errors.New("secagg: the head is for another transcript"))
	case digest(head.Label) != labelDigest(h.trans, ask, in.env.Sequence):
		return h.blame(i, wire.Code_MALFORMED, errors.New("secagg: the label is not that of the ask"))
	}
	if h.sums.heads == nil {
		h.sums = adder{heads: make([]*wire.Head, h.n), bulks: make([]*wire.Masked, h.n)}
	}
	h.sums.heads[i], h.sums.bulks[i] = head, bulk
	return nil
}

// summed adds, and hands out the heads with each recipient's tags. When the
// heads do not agree there is nothing to add, and the members see why.
func (h *Hub) summed() ([]round.Message, error) {
	a := &h.sums
	agree := true
	var raw [][]byte
	for i, head := range a.heads {
		agree = agree && bytes.Equal(head.Label, a.heads[0].Label)
		raw = append(raw, h.inbox[i].env.Body)
	}
	a.label, a.hash = digest(a.heads[0].Label), headsDigest(raw)
	if agree {
		cells := int(a.heads[0].Cells) + 1
		total := make(Vector, cells)
		a.carry = make([]byte, cells)
		for _, b := range a.bulks {
			addCarry(total, a.carry, b.Vector)
		}
		a.vector = encode(total)
		a.sum = sumDigest(a.vector, a.carry)
		// What each member will have to claim is known now: a false claim can be named.
		r := challenge(foldDigest(a.label, a.hash, a.sum))
		for _, b := range a.bulks {
			a.claims = append(a.claims, fold(&r, b.Vector, nil))
		}
	}
	var out []round.Message
	for j := range h.n {
		s := &wire.Summed{Vector: a.vector, Carry: a.carry}
		for i := range h.n {
			s.Heads = append(s.Heads, taggedFor(i, j, raw[i], a.bulks[i].Tags))
		}
		b, err := h.envelope(wire.Type_SUMMED, h.stage.sequence, h.cfg.Roster.At(j).ID, s)
		if err != nil {
			return nil, err
		}
		out = append(out, h.to(j, b))
	}
	return out, nil
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

func (h *Hub) checkUnlock(i int, in *inbound) error {
	u := new(wire.Unlock)
	if err := decodeBody(in.env.Body, u, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(wire.Type_UNLOCK), in.env); err != nil {
		return h.blame(i, wire.Code_SIGNATURE, err)
	}
	a, size := &h.sums, wire.VeiledSize
	if h.cfg.Charter.Release == ReleaseAnalyst {
		size = wire.ForReaderSize
	}
	switch {
	case len(in.env.Bulk) != (h.n-1)*wire.TagSize || len(u.Own) != size:
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("secagg: an unlock with %d bytes of tags and an own mask of %d", len(in.env.Bulk), len(u.Own)))
	case digest(u.Label) != a.label || digest(u.Heads) != a.hash || digest(u.Sum) != a.sum || a.vector == nil:
		return h.blame(i, wire.Code_TRANSCRIPT, errors.New("secagg: an unlock for other heads or another sum than were handed out"))
	case !bytes.Equal(u.Claim, a.claims[i][:]):
		return h.blame(i, wire.Code_FOLD, errors.New("secagg: a claim that does not belong to the member's vector"))
	}
	return nil
}

// unlocks hands them to all members; or, for the reader, wraps them up and
// tells the members that this was done.
func (h *Hub) unlocks() ([]round.Message, error) {
	a := &h.sums
	defer func() { h.sums = adder{} }()
	if h.cfg.Charter.Release == ReleaseAnalyst {
		if err := h.wrap(); err != nil {
			return nil, err
		}
		b, err := h.envelope(wire.Type_COLLECTED, h.stage.sequence, "", &wire.Collected{Label: a.label[:], Heads: a.hash[:], Sum: a.sum[:]})
		if err != nil {
			return nil, err
		}
		return h.all(b), nil
	}
	var out []round.Message
	for j := range h.n {
		m := new(wire.Unlocks)
		for i, in := range h.inbox {
			m.Unlocks = append(m.Unlocks, taggedFor(i, j, in.env.Body, in.env.Bulk))
		}
		b, err := h.envelope(wire.Type_UNLOCKS, h.stage.sequence, h.cfg.Roster.At(j).ID, m)
		if err != nil {
			return nil, err
		}
		out = append(out, h.to(j, b))
	}
	return out, nil
}

// wrap makes the reader's package: signed originals, since the reader shares no tag keys.
func (h *Hub) wrap() error {
	a := &h.sums
	p := &wire.Package{
		Version: wire.Version, Plan: h.cfg.Charter.Plan[:], Attempt: h.cfg.Charter.Attempt, Sequence: h.stage.sequence,
		Charter: h.ctx.Charter[:], Roster: h.ctx.Roster[:], Vector: a.vector, Carry: a.carry,
	}
	masked := h.answered[place{wire.Type_MASKED, h.stage.sequence}]
	for i := range h.n {
		head, err1 := original(masked.inbox[i].env)
		unlock, err2 := original(h.inbox[i].env)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		p.Heads, p.Unlocks = append(p.Heads, head), append(p.Unlocks, unlock)
	}
	b, err := wire.Encode(p)
	if err != nil {
		return err
	}
	h.summary.Packages = append(h.summary.Packages, b)
	return nil
}
