package secagg

import (
	"fmt"

	"github.com/consilium-health/consilium/protocols/wire"
)

// History is the totals that a member has opened in an attempt that it has
// closed, as its journal has them. Nothing can be sent or opened with it.
type History struct {
	Charter    [32]byte // digest of the attempt's
	attempt    uint32
	transcript [32]byte
	totals     map[uint64]*wire.Totalled
	next       uint64
}

// Histories returns those of all closed attempts in which anything was opened.
func Histories(j Journal, plan [32]byte) (map[uint32]*History, error) {
	l, err := openLedger(j, plan)
	if err != nil {
		return nil, err
	}
	all := map[uint32]*History{}
	for n, a := range l.attempts {
		if a.closed == nil || a.began == nil || a.agreed == nil || len(a.totals) == 0 {
			continue
		}
		h := &History{Charter: digest(a.began.Charter), attempt: n, transcript: digest(a.agreed.Transcript), totals: a.totals}
		all[n] = h
	}
	return all, nil
}

// Sums is how many sums were opened one after the other.
func (h *History) Sums() int {
	n := uint64(0)
	for h.totals[n+1] != nil {
		n++
	}
	return int(n)
}

// Next returns the total of the next sum, the first one first, if it was opened
// for this ask. Sum is nil where only the reader may know it.
func (h *History) Next(ask Ask) (Total, error) {
	t := h.totals[h.next+1]
	if t == nil {
		return Total{}, fmt.Errorf("secagg: sum %d of attempt %d was never opened by this member", h.next+1, h.attempt)
	}
	h.next++
	if digest(t.Label) != labelDigest(h.transcript, ask, h.next) {
		return Total{}, refuse(wire.Code_ASK, "sum %d of attempt %d was opened for another ask or state than this", h.next, h.attempt)
	}
	out := Total{Sequence: h.next, Label: digest(t.Label)}
	if len(t.Cells) > 0 {
		out.Sum = decode(t.Cells)
		if len(out.Sum) != ask.Cells {
			return Total{}, refuse(wire.Code_ASK, "sum %d of attempt %d has %d cells, the ask %d", h.next, h.attempt, len(out.Sum), ask.Cells)
		}
	}
	return out, nil
}
