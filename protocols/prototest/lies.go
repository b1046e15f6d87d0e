package prototest

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Lies returns the verbs of a hub that lies. All of them rewrite what the
// honest hub of the story says, or speak in its place:
//
//	shift to=b cell=1 add=2^127 [carry=1]   another sum, another carry; cell=middle has a carry of 1
//	carry to=b cell=0 set=9
//	beheaded to=b                            the last head is missing
//	swapped to=b                             two entries of a list change places
//	repeated to=b                            the first entry of a list stands for the second too
//	part to=b of=a                           a's sealed part for b is changed
//	rekey to=b of=a                          a's X-Wing key is replaced by the hub's own
//	stop a code=FOLD                         an order to stop
//	speaks SEALS|UNLOCKS                     hands on what was held, without checking it
//	withhold type=UNLOCKS                    says that a shown sum was collected for the reader
//	shows to=b of=c                          c's other message, held before, in the place of its first
func (s *Story) Lies() map[string]Verb {
	return map[string]Verb{
		"shift": s.AddRule(shift), "carry": s.AddRule(carry), "beheaded": s.AddRule(s.beheaded), "swapped": s.AddRule(s.swapped),
		"repeated": s.AddRule(s.repeated), "part": s.AddRule(s.part), "rekey": s.AddRule(s.rekey), "shows": s.AddRule(s.shows), "withhold": s.AddRule(withhold),
		"stop": s.stop, "speaks": s.speaks,
	}
}

// edit decodes the body of e into m, lets f change it, and puts it back.
func edit[M wire.Message](e *wire.Envelope, m M, f func(M)) error {
	if err := wire.Decode(e.Body, m); err != nil {
		return err
	}
	f(m)
	b, err := wire.Encode(m)
	e.Body = b
	return err
}

// AddCell adds a signed integer to a cell of an encoded vector, mod 2^128.
func AddCell(vector []byte, cell int, value string) error {
	v, err := Integer(value)
	if err != nil {
		return err
	}
	var c [2]uint64
	at := vector[cell*16 : cell*16+16]
	for i := range 16 {
		c[i/8] |= uint64(at[i]) << (8 * (i % 8))
	}
	c = fromBig(new(big.Int).Add(toBig(c), toBig(v)))
	for i := range 16 {
		at[i] = byte(c[i/8] >> (8 * (i % 8)))
	}
	return nil
}

func shift(e *wire.Envelope, c Command) error {
	cell, _ := strconv.Atoi(c.Keys["cell"])
	by, _ := strconv.Atoi(c.Keys["carry"])
	var err error
	return first(edit(e, new(wire.Summed), func(m *wire.Summed) {
		if c.Keys["cell"] == "middle" { // whose carry can go up and down
			if cell = slices.Index(m.Carry, 1); cell < 0 {
				err = errors.New("no cell has a carry of 1")
				return
			}
		}
		if c.Keys["add"] != "" {
			err = AddCell(m.Vector, cell, c.Keys["add"])
		}
		m.Carry[cell] += byte(by)
	}), err)
}

func carry(e *wire.Envelope, c Command) error {
	cell, _ := strconv.Atoi(c.Keys["cell"])
	set, _ := strconv.Atoi(c.Keys["set"])
	return edit(e, new(wire.Summed), func(m *wire.Summed) { m.Carry[cell] = byte(set) })
}

// list gives f the list of members' messages in a hub's message.
func list(e *wire.Envelope, f func(n int, swap func(i, j int), set func(i, j int), cut func(n int))) error {
	switch e.Type {
	case wire.Type_HELLOS:
		return edit(e, new(wire.Hellos), func(m *wire.Hellos) { on(&m.Hellos, f) })
	case wire.Type_SEALS:
		return edit(e, new(wire.Seals), func(m *wire.Seals) { on(&m.Seals, f) })
	case wire.Type_SUMMED:
		return edit(e, new(wire.Summed), func(m *wire.Summed) { on(&m.Heads, f) })
	case wire.Type_UNLOCKS:
		return edit(e, new(wire.Unlocks), func(m *wire.Unlocks) { on(&m.Unlocks, f) })
	}
	return fmt.Errorf("a %v has no list", e.Type)
}

func on[E any](l *[]E, f func(n int, swap func(i, j int), set func(i, j int), cut func(n int))) {
	v := *l
	f(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] }, func(i, j int) { v[i] = v[j] }, func(n int) { *l = v[:n] })
}

func (s *Story) beheaded(e *wire.Envelope, _ Command) error {
	return list(e, func(n int, _, _ func(i, j int), cut func(int)) { cut(n - 1) })
}

func (s *Story) swapped(e *wire.Envelope, _ Command) error {
	return list(e, func(n int, swap, _ func(i, j int), _ func(int)) { swap(0, n-1) })
}

func (s *Story) repeated(e *wire.Envelope, _ Command) error {
	return list(e, func(n int, _, set func(i, j int), _ func(int)) { set(n-1, 0) })
}

func (s *Story) part(e *wire.Envelope, c Command) error {
	return edit(e, new(wire.Seals), func(m *wire.Seals) { m.Seals[s.Roster.Index(party.ID(c.Keys["of"]))].Part[7] ^= 1 })
}

// rekey puts the hub itself between two members: the oldest attack on key exchange.
func (s *Story) rekey(e *wire.Envelope, c Command) error {
	mine, err := party.NewIdentity(Rand(1, "hub's own key"))
	if err != nil {
		return err
	}
	key, err := mine.Public().MarshalBinary()
	if err != nil {
		return err
	}
	i, hello := s.Roster.Index(party.ID(c.Keys["of"])), new(wire.Envelope)
	return edit(e, new(wire.Hellos), func(m *wire.Hellos) {
		err = first(wire.Decode(m.Hellos[i], hello), edit(hello, new(wire.Hello), func(h *wire.Hello) { h.Key = key[len(key)-wire.KeySize:] }))
		if err == nil {
			m.Hellos[i], err = wire.Encode(hello)
		}
		if err != nil {
			s.t.Error(err)
		}
	})
}

// withhold says COLLECTED where UNLOCKS are due, with what these are about.
func withhold(e *wire.Envelope, _ Command) error {
	list, u := new(wire.Unlocks), new(wire.Unlock)
	err := first(wire.Decode(e.Body, list), wire.Decode(list.Unlocks[0].Body, u))
	if err != nil {
		return err
	}
	e.Type, e.Recipient = wire.Type_COLLECTED, ""
	e.Body, err = wire.Encode(&wire.Collected{Label: u.Label, Heads: u.Heads, Sum: u.Sum})
	return err
}

// shows puts another message of a member into its place in HELLOS or SUMMED.
func (s *Story) shows(e *wire.Envelope, c Command) error {
	of := party.ID(c.Keys["of"])
	i := s.Roster.Index(of)
	for _, h := range s.held {
		if h.From != of {
			continue
		}
		other := Peek(h)
		switch {
		case e.Type == wire.Type_HELLOS && other.Type == wire.Type_HELLO:
			return edit(e, new(wire.Hellos), func(m *wire.Hellos) { m.Hellos[i] = h.Body })
		case e.Type == wire.Type_SUMMED && other.Type == wire.Type_MASKED:
			return edit(e, new(wire.Summed), func(m *wire.Summed) { m.Heads[i] = s.tagged(other, i, e.Recipient) })
		}
	}
	return fmt.Errorf("no message of %s is held", of)
}

// tagged is member i's body with its tag for one recipient.
func (s *Story) tagged(e *wire.Envelope, i int, recipient string) *wire.Tagged {
	tags := e.Bulk
	if e.Type == wire.Type_MASKED {
		m := new(wire.Masked)
		if err := wire.Decode(e.Bulk, m); err != nil {
			s.t.Fatal(err)
		}
		tags = m.Tags
	}
	t, j := &wire.Tagged{Body: e.Body}, s.Roster.Index(party.ID(recipient))
	if j != i {
		if j > i {
			j--
		}
		t.Tag = tags[j*wire.TagSize : (j+1)*wire.TagSize]
	}
	return t
}

func (s *Story) stop(c Command) (string, error) {
	code := wire.Code_value[c.Keys["code"]]
	s.say(wire.Type_STOP, 0, party.ID(c.Words[0]), &wire.Stop{Code: wire.Code(code)})
	return s.tell(), nil
}

// say queues a message of the hub.
func (s *Story) say(t wire.Type, sequence uint64, to party.ID, m wire.Message) {
	b, err := wire.Encode(m)
	if err == nil {
		b, err = wire.Encode(&wire.Envelope{
			Version: wire.Version, Plan: s.Charter.Plan[:], Attempt: s.Charter.Attempt, Type: t, Sequence: sequence,
			Sender: string(party.Hub), Recipient: string(to), Body: b,
		})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Queue = append(s.Queue, round.Message{From: party.Hub, To: to, Body: b})
}

// speaks builds what an honest hub would have refused to build.
func (s *Story) speaks(c Command) (string, error) {
	up := make([]*wire.Envelope, s.Roster.Len())
	for _, h := range s.held {
		if e := Peek(h); e.Type == wire.Type_SEAL || e.Type == wire.Type_UNLOCK {
			up[s.Roster.Index(h.From)] = e
		}
	}
	s.held = nil
	for j, m := range s.Roster.Members() {
		switch c.Words[0] {
		case "SEALS":
			s.say(wire.Type_SEALS, 0, m.ID, s.columns(up, j))
		case "UNLOCKS":
			list := new(wire.Unlocks)
			for i, e := range up {
				list.Unlocks = append(list.Unlocks, s.tagged(e, i, string(m.ID)))
			}
			s.say(wire.Type_UNLOCKS, up[0].Sequence, m.ID, list)
		}
	}
	return s.tell(), nil
}

// columns is member j's column of sealed parts.
func (s *Story) columns(up []*wire.Envelope, j int) *wire.Seals {
	out := new(wire.Seals)
	for i, e := range up {
		bulk, at := e.Bulk, j
		e.Bulk = nil
		b, err := wire.Encode(e)
		if err != nil {
			s.t.Fatal(err)
		}
		e.Bulk = bulk
		sealed := &wire.Sealed{Seal: b}
		if i != j {
			if j > i {
				at--
			}
			sealed.Part = bulk[at*wire.PartSize : (at+1)*wire.PartSize]
		}
		out.Seals = append(out.Seals, sealed)
	}
	return out
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
