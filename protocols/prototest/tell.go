package prototest

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/consilium-health/consilium/protocols/secagg"
)

// tell lets everything happen and says what has.
func (s *Story) tell() string {
	s.lines = nil
	s.Run()
	for _, m := range s.Members {
		s.tellOf(string(m.ID), m.state())
	}
	s.tellOf("hub", s.hubState())
	return strings.Join(append(s.lines, ""), "\n")
}

func (s *Story) tellOf(who, state string) {
	if s.told[who] != state && state != "" {
		s.told[who] = state
		s.lines = append(s.lines, fmt.Sprintf("%s: %s", who, s.named(state)))
	}
}

var hexDigest = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// named numbers digests in the order they are told, so that a transcript says
// which are equal and does not change with every key.
func (s *Story) named(text string) string {
	return hexDigest.ReplaceAllStringFunc(text, func(d string) string {
		if s.digests[d] == 0 {
			s.digests[d] = len(s.digests) + 1
		}
		return fmt.Sprintf("digest-%d", s.digests[d])
	})
}

func (m *Member) state() string {
	switch {
	case m.Record != nil:
		return fmt.Sprintf("closed, with the records of %d; missing %v", len(m.Record.Closings), m.Record.Missing)
	case m.Err != nil:
		return strings.ReplaceAll(m.Err.Error(), "\n", "; ")
	case len(m.Totals) > 0:
		t := m.Totals[len(m.Totals)-1]
		if t.Sum == nil {
			return fmt.Sprintf("total %d collected for the reader", t.Sequence)
		}
		return fmt.Sprintf("total %d = %s", t.Sequence, Show(t.Sum))
	case m.Session != nil:
		return "has a session"
	}
	return ""
}

func (s *Story) hubState() string {
	r, ok := s.Hub.Result()
	if !ok {
		return ""
	}
	text := fmt.Sprintf("done after %d sums; closings %d, missing %v", r.Sums, len(r.Record.Closings), r.Record.Missing)
	if len(r.Evidence) > 0 {
		text += fmt.Sprintf("; evidence against %s", r.Evidence[0].Member)
	}
	if r.Failure != nil {
		text += fmt.Sprintf("; %v", r.Failure)
	}
	return text
}

// Show prints cells as signed integers.
func Show(v secagg.Vector) string {
	var words []string
	half, full := new(big.Int).Lsh(big.NewInt(1), 127), new(big.Int).Lsh(big.NewInt(1), 128)
	for _, c := range v {
		x := toBig(c)
		if x.Cmp(half) >= 0 {
			x.Sub(x, full)
		}
		words = append(words, x.String())
	}
	return strings.Join(words, " ")
}
