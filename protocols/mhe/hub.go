package mhe

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// HubConfig is what the hub knows of an encrypted session.
type HubConfig struct {
	Roster party.Roster
	Params Params
	Verify string
}

// Hub adds shares: a guest of the hub that serves the set-up and the masked sums
// of the same attempt. It serves any number of steps, whatever they are: it knows
// the shape of a share and checks each against its vow, nothing more. It sees
// every share, and without the members' keys they are noise.
type Hub struct {
	cfg    HubConfig
	n      int
	limit  int // bytes of a share
	vows   []*wire.Vow
	bodies [][]byte
	shape  shape
	sum    share      // of the shares so far; rows of nil are 0
	sums   [][32]byte // hashes of the messages with its parts
	bulk   [][][]byte // each member's share, as far as it was added: the parts as they came
	free   *spares[uint64]

	// Of the step before, for what each member must claim of its share: it is computed when
	// the member's vow is there, while others work.
	shares [][][]byte
	at     challenge
	before [32]byte
}

// NewHub returns the hub's side of a session.
func NewHub(cfg HubConfig) (*Hub, error) {
	n := cfg.Roster.Len()
	switch {
	case cfg.Params.lit.LogN == 0:
		return nil, errors.New("mhe: hub: params are needed")
	case n < 2 || n > cfg.Params.MaxMembers():
		return nil, fmt.Errorf("mhe: hub: %d members, want 2 to %d", n, cfg.Params.MaxMembers())
	case cfg.Verify != VerifyFold && cfg.Verify != VerifyFull:
		return nil, fmt.Errorf("mhe: hub: verify is %q, want %q or %q", cfg.Verify, VerifyFold, VerifyFull)
	}
	return &Hub{cfg: cfg, n: n, limit: cfg.Params.largestShare(), free: cfg.Params.newSpares()}, nil
}

var _ round.Guest = (*Hub)(nil)

// First implements round.Guest.
func (h *Hub) First() round.Place { return round.Place{Kind: wire.Type_VOW, Sequence: 1} }

// Serves implements round.Guest.
func (h *Hub) Serves(t wire.Type) bool { return t == wire.Type_VOW || t == wire.Type_SHARE }

// Check implements round.Guest.
func (h *Hub) Check(c round.Context, i int, e *wire.Envelope) error {
	if e.Type == wire.Type_SHARE {
		return h.checkShare(c, i, e)
	}
	return h.checkVow(c, i, e)
}

// Complete implements round.Guest.
func (h *Hub) Complete(inbox []*wire.Envelope) (round.Answer, error) {
	if inbox[0].Type == wire.Type_SHARE {
		return h.handSum(inbox)
	}
	return h.handVows(inbox)
}

func (h *Hub) checkVow(c round.Context, i int, in *wire.Envelope) error {
	v := new(wire.Vow)
	if err := decodeBody(in.Body, v, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	if len(in.Bulk) != (h.n-1)*wire.TagSize {
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("mhe: a vow with %d bytes of tags", len(in.Bulk)))
	}
	if !bytes.Equal(v.Transcript, c.Session[:]) {
		return h.blame(i, wire.Code_TRANSCRIPT, errors.New("mhe: a vow for another transcript"))
	}
	// Who has seen another outcome than the hub's claims something else, and cannot be
	// blamed for it: the members will see that they differ.
	if h.shares != nil && bytes.Equal(v.Before, h.before[:]) {
		row := h.free.take()
		c, err := h.cfg.Params.foldPacked(h.shape, h.shares[i], h.at, row)
		h.free.give(row)
		if err != nil {
			return err
		}
		h.shares[i] = nil
		if !bytes.Equal(v.Claims, h.cfg.Params.encodeClaim(c)) {
			return h.blame(i, wire.Code_FOLD, errors.New("mhe: a claim that does not belong to the member's share"))
		}
	}
	if len(v.Shape) > 0 {
		s, err := h.cfg.Params.parseShape(v.Shape)
		if err != nil {
			return h.blame(i, wire.Code_MALFORMED, err)
		}
		if h.cfg.Params.size(s) > h.limit || v.Full != (h.cfg.Verify == VerifyFull || s.raw()) {
			return h.blame(i, wire.Code_MALFORMED, errors.New("mhe: a share that is too large, or for other eyes than the study says"))
		}
	}
	if h.vows == nil {
		h.vows, h.bodies = make([]*wire.Vow, h.n), make([][]byte, h.n)
	}
	h.vows[i], h.bodies[i] = v, in.Body
	return nil
}

// checkShare holds a share against its vow. Only what a member vowed is added.
func (h *Hub) checkShare(c round.Context, i int, in *wire.Envelope) error {
	m := new(wire.Share)
	if err := decodeBody(in.Body, m, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	sizes, part := h.cfg.Params.parts(h.shape, h.vows[0].Full), int(in.Part)
	if len(m.Parts) != len(sizes)*wire.DigestSize {
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("mhe: a share in %d parts, want %d", len(m.Parts)/wire.DigestSize, len(sizes)))
	}
	own, hash := partHash(in.Bulk), shareHash(m.Parts)
	vowed := commitment(c.Session[:], in.Sequence, h.cfg.Roster.At(i).ID, m.Salt, hash[:])
	switch {
	case !bytes.Equal(own[:], m.Parts[part*wire.DigestSize:(part+1)*wire.DigestSize]):
		return h.blame(i, wire.Code_MALFORMED, errors.New("mhe: the share is not the one signed"))
	case !bytes.Equal(vowed[:], h.vows[i].Share):
		return h.blame(i, wire.Code_OPENING, errors.New("mhe: the share is not the one vowed"))
	case len(in.Bulk) != sizes[part]:
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("mhe: part %d of a share has %d bytes, want %d", part, len(in.Bulk), sizes[part]))
	}
	var err error
	switch {
	case h.shape.raw():
	case h.vows[0].Full: // every member adds itself
		err = h.cfg.Params.each(h.shape, in.Bulk, func(int, int, []uint64) {})
	default:
		err = h.cfg.Params.addPart(h.shape, part, h.sum, h.free, in.Bulk)
	}
	if err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	return nil
}

// handVows hands out the vows with each recipient's tags. When they do not agree there
// will be no shares, and the members see why.
func (h *Hub) handVows(inbox []*wire.Envelope) (a round.Answer, err error) {
	h.shares = nil
	agree := true
	for _, v := range h.vows {
		agree = agree && bytes.Equal(v.Shape, h.vows[0].Shape)
	}
	next, parts := round.Place{Kind: wire.Type_SHARE, Sequence: inbox[0].Sequence}, 0
	if agree && len(h.vows[0].Shape) > 0 {
		if h.shape, err = h.cfg.Params.parseShape(h.vows[0].Shape); err != nil {
			return a, err
		}
		parts = len(h.cfg.Params.parts(h.shape, h.vows[0].Full))
		h.sum, h.sums, h.bulk = nil, nil, make([][][]byte, h.n)
		if !h.vows[0].Full {
			h.sum = make(share, len(h.cfg.Params.primes(h.shape)))
		}
	} else { // nothing but vows in this step
		h.vows = nil
		next = round.Place{Kind: wire.Type_VOW, Sequence: inbox[0].Sequence + 1}
	}
	var out []wire.Message
	for j := range h.n {
		m := new(wire.Vows)
		for i, in := range inbox {
			t := &wire.Tagged{Body: in.Body}
			if i != j {
				at := slot(i, j) * wire.TagSize
				t.Tag = in.Bulk[at : at+wire.TagSize]
			}
			m.Vows = append(m.Vows, t)
		}
		out = append(out, m)
	}
	a, err = round.NewAnswer(wire.Type_VOWS, next, out...)
	a.Parts = uint32(parts)
	return a, err
}

// slot is the position of peer j in a list that leaves out member i.
func slot(i, j int) int {
	if j > i {
		return j - 1
	}
	return j
}

// handSum hands out a part of the sum of the shares, or hands all of them to all.
func (h *Hub) handSum(inbox []*wire.Envelope) (a round.Answer, err error) {
	m, p, step, part := new(wire.Folded), h.cfg.Params, inbox[0].Sequence, inbox[0].Part
	next := round.Place{Kind: wire.Type_VOW, Sequence: step + 1}
	if h.vows[0].Full {
		h.vows = nil
		for _, in := range inbox {
			s := new(wire.Share)
			if err := wire.Decode(in.Body, s); err != nil {
				return a, err
			}
			m.Shares = append(m.Shares, &wire.Revealed{Salt: s.Salt, Share: in.Bulk})
		}
		return round.NewAnswer(wire.Type_FOLDED, next, m)
	}
	parts := uint32(len(p.parts(h.shape, false)))
	if part+1 < parts {
		next = round.Place{Kind: wire.Type_SHARE, Sequence: step, Part: part + 1}
	}
	if m.Sum, err = p.packPart(h.shape, int(part), h.sum); err != nil {
		return a, err
	}
	if a, err = round.NewAnswer(wire.Type_FOLDED, next, m); err != nil {
		return a, err
	}
	h.sums = append(h.sums, messageHash(a.Bodies[0]))
	for i, in := range inbox {
		h.bulk[i] = append(h.bulk[i], in.Bulk)
	}
	if part+1 < parts {
		a.Parts = parts
		return a, nil
	}
	h.free.give(h.sum...)
	h.vows, h.sum = nil, nil
	// What each member will have to claim is known now: a false claim can be named.
	h.before = outcome(step, h.bodies, sumHash(h.sums))
	h.at = p.challenge(h.shape, h.before)
	h.shares, h.bulk = h.bulk, nil
	return a, nil
}

func (h *Hub) blame(i int, code wire.Code, err error) error {
	return &round.Blame{Who: h.cfg.Roster.At(i).ID, Code: code, Err: err}
}
