package secagg

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

func (h *Hub) checkHello(i int, in *inbound) error {
	m := new(wire.Hello)
	if err := decodeBody(in.env.Body, m, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	ctx := round.Context{Charter: digest(m.Charter), Roster: digest(m.Roster)}
	if err := round.Verify(h.cfg.Roster.At(i).Key, ctx, in.env); err != nil {
		return h.blame(i, wire.Code_SIGNATURE, err)
	}
	if ctx.Charter != h.ctx.Charter || ctx.Roster != h.ctx.Roster {
		return h.blame(i, wire.Code_CHARTER, fmt.Errorf("secagg: the member holds another charter or roster (digests %x, %x) than the hub (%x, %x)",
			first8(ctx.Charter), first8(ctx.Roster), first8(h.ctx.Charter), first8(h.ctx.Roster)))
	}
	return nil
}

// hellos hands all of them to all, verbatim.
func (h *Hub) hellos() ([]round.Message, error) {
	list := new(wire.Hellos)
	var bodies [][]byte
	for _, in := range h.inbox {
		d := party.Hash("hello", in.env.Body)
		bodies = append(bodies, d[:])
		list.Hellos = append(list.Hellos, in.raw)
	}
	h.session = sessionDigest(h.ctx.Charter, bodies)
	b, err := h.envelope(wire.Type_HELLOS, 0, "", list)
	if err != nil {
		return nil, err
	}
	return h.all(b), nil
}

func (h *Hub) all(b []byte) []round.Message {
	out := make([]round.Message, h.n)
	for i := range out {
		out[i] = h.to(i, b)
	}
	return out
}

func (h *Hub) checkSeal(i int, in *inbound) error {
	m := new(wire.Seal)
	if err := decodeBody(in.env.Body, m, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(wire.Type_SEAL), in.env); err != nil {
		return h.blame(i, wire.Code_SIGNATURE, err)
	}
	if digest(m.Session) != h.session {
		return h.blame(i, wire.Code_TRANSCRIPT, errors.New("secagg: the seal is for other hellos than were handed out"))
	}
	if len(in.env.Bulk) != (h.n-1)*wire.PartSize {
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("secagg: the sealed parts have %d bytes, want %d", len(in.env.Bulk), (h.n-1)*wire.PartSize))
	}
	for k := range h.n - 1 {
		d := party.Hash("part", in.env.Bulk[k*wire.PartSize:(k+1)*wire.PartSize])
		if !bytes.Equal(d[:], m.Parts[k*32:(k+1)*32]) {
			return h.blame(i, wire.Code_MALFORMED, errors.New("secagg: a sealed part is not the one signed"))
		}
	}
	return nil
}

// seals hands each member its column.
func (h *Hub) seals() ([]round.Message, error) {
	var signed, bodies [][]byte
	for _, in := range h.inbox {
		b, err := original(in.env)
		if err != nil {
			return nil, err
		}
		d := party.Hash("seal", in.env.Body)
		signed, bodies = append(signed, b), append(bodies, d[:])
	}
	h.trans = transcriptDigest(h.session, bodies)
	var out []round.Message
	for j := range h.n {
		list := new(wire.Seals)
		for i, in := range h.inbox {
			s := &wire.Sealed{Seal: signed[i]}
			if i != j {
				at := slot(i, j) * wire.PartSize
				s.Part = in.env.Bulk[at : at+wire.PartSize]
			}
			list.Seals = append(list.Seals, s)
		}
		b, err := h.envelope(wire.Type_SEALS, 0, h.cfg.Roster.At(j).ID, list)
		if err != nil {
			return nil, err
		}
		out = append(out, h.to(j, b))
	}
	return out, nil
}
