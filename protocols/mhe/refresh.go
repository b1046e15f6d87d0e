package mhe

import (
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// Output is one encryption that a refresh makes: coefficients of the input,
// copied to where the next product needs them, all times one public number.
type Output struct {
	Copies []Copy
	Times  uint64 // in units of 2^-40; 0 means 1
	Argued *Bound // what the circuit's own analysis says of it, where the calculus is too coarse; nil: the calculus
}

// Copy puts coefficient From of the input on coefficient To, each To at most once.
type Copy struct{ From, To int }

// timesUnit is log2 of the unit of Output.Times.
const timesUnit = 40

// Refreshed is what a refresh yields.
type Refreshed struct {
	Outputs []*Ciphertext // at the level and scale of inputs
	Value   *Retained     // nil unless it was asked for
}

// Retained is this member's additive share of a value, for an opening.
type Retained struct {
	owner  *Session
	share  []wide
	scale  scale
	bound  Bound
	digest [32]byte
	opened bool
}

// Refresh brings the result of a product to the level and scale of inputs and
// arranges it anew. Member i draws M_i, uniform of LogMask bits for ALL n
// coefficients, and shares
//
//	E_i = c1 s_i + e_i - M_i,  and for each output o: W_io = -a_o s_i + e_io + map_o(M_i)
//
// After the fold everybody has D = c0 + sum E_i = value - sum M_i, which is
// uniform but for 2^-Hiding, and output o is (map_o(D) + sum W_io, a_o). Every coefficient
// of D must lie within N 2^(LogMask-1) + 2^(LogScale+24): a wrong key, a wrong
// share or an overflow fails that with certainty in practice. (After lattigo's
// EncToShare and ShareToEnc, on coefficients and with masks of our own.)
//
// With retain, each member keeps M_i (the first one D + M_i): an additive share of the value.
// No ciphertext is refreshed twice: two decryption shares of one would average their noise away.
func (s *Session) Refresh(c *Ciphertext, retain bool, outputs ...Output) (round.Machine[Refreshed], error) {
	t, parts, err := s.refreshing([]Part{{c, retain, outputs}})
	if err != nil {
		return nil, err
	}
	return begin(s, t, func() Refreshed { return parts[0].out })
}

// Part is one of several refreshes that are one step.
type Part struct {
	C       *Ciphertext
	Retain  bool
	Outputs []Output
}

// MaxParts is how many refreshes one step can make, of MaxPolys outputs in all.
const MaxParts = 8

// RefreshAll makes several refreshes in one step: the same messages, fewer of them.
func (s *Session) RefreshAll(list ...Part) (round.Machine[[]Refreshed], error) {
	t, parts, err := s.refreshing(list)
	if err != nil {
		return nil, err
	}
	return begin(s, t, func() (out []Refreshed) {
		for _, m := range parts {
			out = append(out, m.out)
		}
		return out
	})
}

// refreshing checks all parts and makes one task of them. Its share is every
// part's E, then every part's W.
func (s *Session) refreshing(list []Part) (t task, parts []*refresh, err error) {
	if len(list) < 1 || len(list) > MaxParts {
		return t, nil, fmt.Errorf("mhe: refresh: %d at once, want 1 to %d", len(list), MaxParts)
	}
	fields, outputs := [][]byte{uint64Bytes(s.next)}, 0
	seen := map[[32]byte]bool{}
	for _, x := range list {
		m, b, err := s.part(x, outputs)
		if err != nil {
			return t, nil, err
		}
		if seen[m.digest] {
			return t, nil, errors.New("mhe: refresh: one ciphertext twice in a step")
		}
		seen[m.digest] = true
		parts, fields, outputs = append(parts, m), append(fields, b...), outputs+len(x.Outputs)
	}
	if outputs > MaxPolys {
		return t, nil, fmt.Errorf("mhe: refresh: %d outputs, want 1 to %d", outputs, MaxPolys)
	}
	t = task{name: "refresh", work: party.Hash("work refresh", fields...), shape: shape{{len(list), s.params.low(), false}}}
	if outputs > 0 {
		t.shape = append(t.shape, block{outputs, s.params.top(), false})
	}
	t.share = func() (share, []byte, error) {
		var es, ws share
		for _, m := range parts {
			e, w, err := m.share()
			if err != nil {
				return nil, nil, err
			}
			es, ws = append(es, e...), append(ws, w...)
		}
		return append(es, ws...), nil, nil
	}
	t.done = func(sum share, _ [][]byte) error {
		low, top := s.params.low()+1, s.params.top()+1
		for i, m := range parts {
			if err := m.done(sum[i*low:(i+1)*low], sum[len(parts)*low+m.offset*top:]); err != nil {
				return err
			}
		}
		return nil
	}
	return t, parts, nil
}

// part checks one refresh and returns what the vow binds of it.
func (s *Session) part(x Part, offset int) (*refresh, [][]byte, error) {
	if s.rlk == nil || s.burnt {
		return nil, nil, s.notReady()
	}
	if err := s.ours(x.C); err != nil {
		return nil, nil, err
	}
	if x.C.level != s.params.low() {
		return nil, nil, errors.New("mhe: refresh: not the result of a product")
	}
	if !(x.C.bound.Max <= 1<<LogLargest) { // also where all outputs are scaled down: the masks go over this
		return nil, nil, fmt.Errorf("mhe: refresh: values of up to %g, want at most 2^%d: masks would hide less", x.C.bound.Max, LogLargest)
	}
	if len(x.Outputs) > MaxPolys || len(x.Outputs) == 0 && !x.Retain {
		return nil, nil, fmt.Errorf("mhe: refresh: %d outputs, want 1 to %d, or to retain the value", len(x.Outputs), MaxPolys)
	}
	m := &refresh{Session: s, c: x.C, retain: x.Retain, outputs: x.Outputs, offset: offset, at: s.next, digest: x.C.digest()}
	if s.refreshed[m.digest] {
		return nil, nil, errors.New("mhe: refresh: this ciphertext has been refreshed before, and never is again")
	}
	fields := [][]byte{m.digest[:], {boolByte(x.Retain)}, uint64Bytes(uint64(len(x.Outputs)))}
	for o := range x.Outputs {
		b, err := m.prepare(o)
		if err != nil {
			return nil, nil, err
		}
		fields = append(fields, b)
	}
	return m, fields, nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
