package runner

import (
	"errors"
	"slices"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// Attempt makes the charter of one attempt of that of a first, given the
// stewards' approvals and the closing records of the attempt before.
func Attempt(c secagg.Charter, number uint32, approvals [32]byte, closings [][]byte) secagg.Charter {
	c.Attempt, c.Approvals = number, approvals
	if number > 1 {
		c.Previous = secagg.RecordDigest(closings)
	}
	return c
}

// Closing is one member's end of an attempt.
type Closing = secagg.Closing

// ParseClosing verifies a closing record under the key that roster has for its sender.
func ParseClosing(b []byte, roster party.Roster) (Closing, error) {
	return secagg.ParseClosing(b, roster)
}

// Abandon closes an attempt that has no session at this hospital, for ever, and
// returns the closing record: the one that was journalled first, if there is one.
func (g *Gateway) Abandon(code wireformat.Code) ([]byte, error) {
	m, err := secagg.Abandon(g.config([32]byte{}), code)
	if err != nil {
		return nil, err
	}
	out, err := m.Start()
	if err != nil {
		return nil, err
	}
	if len(out) != 1 {
		return nil, errors.New("runner: an attempt was closed without a record")
	}
	return out[0].Body, nil
}

// Blames reports whether err is about what another party has said.
func Blames(err error, self party.ID) bool {
	b := (*round.Blame)(nil)
	return errors.As(err, &b) && b.Who != self
}

// suspicious are the reasons for which somebody is to be asked: a party said
// what no honest party says, or bytes were changed on their way.
var suspicious = []wireformat.Code{
	wireformat.Code_MALFORMED, wireformat.Code_SIGNATURE, wireformat.Code_CHARTER, wireformat.Code_DUPLICATE, wireformat.Code_ROLLBACK,
	wireformat.Code_DATA, wireformat.Code_TRANSCRIPT, wireformat.Code_SEALING, wireformat.Code_TAG, wireformat.Code_ASK, wireformat.Code_STATE,
	wireformat.Code_VEIL, wireformat.Code_ALTERED, wireformat.Code_CARRY, wireformat.Code_FROZEN, wireformat.Code_RELABEL, wireformat.Code_FOLD,
	wireformat.Code_OPENING, wireformat.Code_MASKS, wireformat.Code_RANGE,
}

// Reason is the code by which others are told of err; evidence says that
// whoever runs this party should look at it.
func Reason(err error) (code wireformat.Code, evidence bool) {
	code = round.CodeOf(err)
	return code, slices.Contains(suspicious, code)
}

// History is the totals of one attempt that a hospital has opened.
type History = secagg.History

// Histories are what a hospital has opened in closed attempts at a plan, by attempt.
func Histories(j secagg.Journal, plan [32]byte) (map[uint32]*History, error) {
	return secagg.Histories(j, plan)
}

// RolledBack reports whether other hospitals have seen more of this one than its journal holds.
func RolledBack(j secagg.Journal, plan [32]byte) (bool, error) { return secagg.RolledBack(j, plan) }
