package control

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Conclusion ends a run before it is finished. The hub says it, and nobody has
// to sign it: it can stop a run anyway, and a conclusion opens nothing.
type Conclusion struct {
	Run     RunID
	Number  uint32     // rises; the latest counts
	Attempt uint32     // whose totals the report is made of; 0: not known yet, hospitals say what they have
	Sums    int        // of them, the first
	Gone    []party.ID // members of the attempt that send no report; sorted
	Code    Code       // why
	Bytes   []byte     // the notice
}

// Conclude makes a notice of it.
func Conclude(hub Author, plan [32]byte, c Conclusion) (*Conclusion, error) {
	m := &wire.Conclusion{Number: c.Number, Attempt: c.Attempt, Sums: uint32(c.Sums), Code: c.Code}
	for _, id := range c.Gone {
		m.Gone = append(m.Gone, string(id))
	}
	b, err := hub.Write(wire.Act_CONCLUDE, plan, c.Run, m)
	if err != nil {
		return nil, err
	}
	n, err := Read(b)
	if err != nil {
		return nil, err
	}
	return ReadConclusion(n)
}

// ReadConclusion decodes one.
func ReadConclusion(n *Notice) (*Conclusion, error) {
	m := new(wire.Conclusion)
	if err := n.Into(m); err != nil {
		return nil, err
	}
	gone, err := names(m.Gone)
	if err != nil {
		return nil, err
	}
	return &Conclusion{Run: n.Run, Number: m.Number, Attempt: m.Attempt, Sums: int(m.Sums), Gone: gone, Code: m.Code, Bytes: n.Bytes}, nil
}

// names reads a sorted list of parties.
func names(list []string) (ids []party.ID, err error) {
	for _, s := range list {
		id := party.ID(s)
		if err := id.Check(); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		return nil, fmt.Errorf("control: a list of hospitals is out of order, or has one twice")
	}
	return ids, nil
}

// WishEnd is an analyst's wish that a run ends with what is finished.
func WishEnd(a Author, plan [32]byte, run RunID) ([]byte, error) {
	return a.Write(wire.Act_END, plan, run, nil)
}
