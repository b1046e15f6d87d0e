package secagg

import (
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// relay hands on what a restarted member asks all others, or what one of them
// answers it (see Recall), whatever is due. Who asks too often is not heard any more.
func (h *Hub) relay(i int, e *wire.Envelope, raw []byte) ([]round.Message, error) {
	most, so := mostRecalls, &h.asked[i]
	if e.Type == wire.Type_SEEN {
		most, so = mostRecalls*h.n, &h.answered[i]
	}
	if h.closes[i] != nil || h.stopping || *so >= most {
		return h.drop()
	}
	*so++
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.ctx, e); err != nil {
		return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
	}
	forWhom := func(j int) bool { return j != i }
	if e.Type == wire.Type_SEEN {
		m := new(wire.Seen)
		if err := decodeBody(e.Body, m, h.n); err != nil {
			return h.stop(h.blame(i, wire.Code_MALFORMED, err))
		}
		asked := h.cfg.Roster.Index(party.ID(m.Who))
		forWhom = func(j int) bool { return j == asked && j != i }
	}
	b, err := wire.Encode(&wire.Relayed{Message: raw})
	if err != nil {
		return nil, err
	}
	if b, err = h.envelope(round.Place{Kind: wire.Type_RELAYED}, "", b); err != nil {
		return nil, err
	}
	var out []round.Message
	for j := range h.n {
		if forWhom(j) && h.closes[j] == nil {
			out = append(out, h.to(j, b))
		}
	}
	return out, nil
}
