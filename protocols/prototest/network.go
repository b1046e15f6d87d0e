package prototest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Peek returns the envelope of a message, or nil.
func Peek(m round.Message) *wire.Envelope {
	e := new(wire.Envelope)
	if wire.Decode(m.Body, e) != nil {
		return nil
	}
	return e
}

// Match says which messages a rule is about; empty fields match all.
type Match struct {
	From, To, Type string
	Sequence       uint64
	Times          int // how often the rule acts; 0 is for ever
}

// MatchOf reads from=, to=, type=, seq= and times= of a command.
func MatchOf(c Command) (Match, error) {
	m := Match{From: c.Keys["from"], To: c.Keys["to"], Type: c.Keys["type"]}
	var err error
	if s := c.Keys["seq"]; s != "" {
		m.Sequence, err = strconv.ParseUint(s, 10, 64)
	}
	if s := c.Keys["times"]; s != "" && err == nil {
		m.Times, err = strconv.Atoi(s)
	}
	return m, err
}

func (m Match) matches(msg round.Message) bool {
	e := Peek(msg)
	return e != nil && (m.From == "" || m.From == string(msg.From)) && (m.To == "" || m.To == string(msg.To)) &&
		(m.Type == "" || m.Type == e.Type.String()) && (m.Sequence == 0 || m.Sequence == e.Sequence)
}

// Rule is what a network does to some messages.
type Rule struct {
	Match
	Act   func(round.Message) []round.Message
	acted int
}

// Rules is a network: the first rule that matches acts.
type Rules []*Rule

// Apply is a World's Network.
func (r Rules) Apply(m round.Message) []round.Message {
	for _, rule := range r {
		if (rule.Times == 0 || rule.acted < rule.Times) && rule.matches(m) {
			rule.acted++
			return rule.Act(m)
		}
	}
	return []round.Message{m}
}

// Rewrite returns m with its envelope changed by f.
func Rewrite(m round.Message, f func(*wire.Envelope)) round.Message {
	e := Peek(m)
	f(e)
	b, err := wire.Encode(e)
	if err != nil {
		panic(fmt.Sprintf("prototest: %v", err))
	}
	m.Body = b
	return m
}

// Flip returns m with one bit of one byte inverted; at is a fraction of its
// length in percent, so that scripts need not know sizes.
func Flip(m round.Message, percent int) round.Message {
	b := append([]byte(nil), m.Body...)
	b[min(len(b)*percent/100, len(b)-1)] ^= 1
	m.Body = b
	return m
}

// Line describes a message in a transcript.
func Line(m round.Message, sizes bool) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s > %s ", m.From, m.To)
	if e := Peek(m); e == nil {
		s.WriteString("(unreadable)")
	} else {
		s.WriteString(e.Type.String())
		if e.Sequence > 0 {
			fmt.Fprintf(&s, " %d", e.Sequence)
		}
	}
	if sizes {
		fmt.Fprintf(&s, " %d bytes", len(m.Body))
	}
	return s.String()
}
