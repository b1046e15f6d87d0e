package mhe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
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

// refresh is one part's state.
type refresh struct {
	*Session
	c       *Ciphertext
	digest  [32]byte
	retain  bool
	outputs []Output
	offset  int // outputs of the parts before it
	factors []factor
	bounds  []Bound
	at      uint64
	masks   []wide
	a       []ring.Poly
	out     Refreshed
}

// prepare checks output o and returns what the vow binds of it. Its factor is
// 2^LogScale / scale of c * times.
func (m *refresh) prepare(o int) ([]byte, error) {
	x, n := m.outputs[o], m.params.Degree()
	taken := make([]bool, n)
	var b []byte
	for _, c := range x.Copies {
		if c.From < 0 || c.From >= n || c.To < 0 || c.To >= n || taken[c.To] {
			return nil, fmt.Errorf("mhe: refresh: output %d copies coefficient %d to %d, want each place once, below %d", o, c.From, c.To, n)
		}
		taken[c.To] = true
		b = binary.BigEndian.AppendUint32(b, uint32(c.From))
		b = binary.BigEndian.AppendUint32(b, uint32(c.To))
	}
	times := x.Times
	if times == 0 {
		times = 1 << timesUnit
	}
	shift := m.c.scale.exp + timesUnit - m.params.lit.LogScale
	if shift < 0 {
		return nil, errors.New("mhe: refresh: a scale below that of inputs")
	}
	f, err := newFactor(new(big.Int).Mul(m.c.scale.den, new(big.Int).SetUint64(times)), uint(shift))
	if err != nil {
		return nil, err
	}
	bound := m.calculus().Refresh(m.c.bound, len(x.Copies), math.Ldexp(float64(times), -timesUnit))
	if x.Argued != nil {
		bound = *x.Argued
	}
	if !(bound.Max <= 1<<LogLargest) || !(bound.Err >= 0) {
		return nil, fmt.Errorf("mhe: refresh: output %d may reach %g, want at most 2^%d", o, bound.Max, LogLargest)
	}
	m.factors, m.bounds = append(m.factors, f), append(m.bounds, bound)
	b = binary.BigEndian.AppendUint64(b, times)
	for _, v := range []float64{bound.Max, bound.Sum, bound.Err} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b, nil
}

// share makes E_i and W_i, and counts the ciphertext as refreshed before it does.
func (m *refresh) share() (es, ws share, err error) {
	m.refreshed[m.digest] = true
	p, low, top := m.params, m.params.low(), m.params.top()
	m.masks = m.tool.wides.take()
	m.Session.masks = append(m.Session.masks, m.masks) // zeroed with the key, whatever happens
	if err := uniformMasks(m.cfg.Rand, m.masks, p.lit.LogMask); err != nil {
		return nil, nil, err
	}
	r := m.tool.ring(low)
	e, _ := m.tool.place(low, func(put func(int, *wide)) {
		for k := range m.masks {
			put(k, &m.masks[k])
		}
	})
	if err := m.tool.disturb(e); err != nil { // an error's sign does not matter
		return nil, nil, err
	}
	p.ntt(e)
	r.Neg(e, e)
	r.MulCoeffsMontgomeryThenAdd(m.c.c1, m.secret.key.Value.Q, e)
	err = m.maps(m.masks, func(o int, w ring.Poly, _ int) error {
		a := m.crs.poly(p, crp{"refresh", m.at, m.offset + o, top})
		if err := m.tool.hide(w, a, m.secret, top); err != nil {
			return err
		}
		m.a = append(m.a, a)
		ws = append(ws, rowsQ(w, top)...)
		return nil
	})
	if !m.retain {
		clear(m.masks)
		m.tool.wides.give(m.masks)
		m.masks, m.Session.masks = nil, m.Session.masks[:len(m.Session.masks)-1]
	}
	return rowsQ(e, low), ws, err
}

// maps applies every output's map to x, whole integers: a coefficient that
// several outputs copy under one factor is multiplied once. The polynomials hold coefficients, up to an end.
func (m *refresh) maps(x []wide, f func(o int, y ring.Poly, end int) error) error {
	type product struct {
		done  []bool
		value []wide
	}
	scaled := map[factor]product{}
	for o, by := range m.factors {
		y, known := scaled[by]
		if !known {
			y = product{make([]bool, len(x)), m.tool.wides.take()}
			defer func() { clear(y.value); m.tool.wides.give(y.value) }()
			scaled[by] = y
		}
		out, end := m.tool.place(m.params.top(), func(put func(int, *wide)) {
			for _, c := range m.outputs[o].Copies {
				if !y.done[c.From] {
					y.value[c.From], y.done[c.From] = by.times(x[c.From]), true
				}
				put(c.To, &y.value[c.From])
			}
		})
		if err := f(o, out, end); err != nil {
			return err
		}
	}
	return nil
}

// done rebuilds D, checks its range, and makes the outputs of it.
func (m *refresh) done(es, ws share) error {
	p, low, top := m.params, m.params.low(), m.params.top()
	d := take(es, 0, low)
	m.tool.ring(low).Add(m.c.c0, d, d)
	p.intt(d)
	values, limit := m.tool.wides.take(), m.limit()
	for k := range values {
		v := m.tool.low.value(d.Coeffs, k)
		if values[k] = v; limit.less(v.negate(v.sign())) {
			return m.abort(wire.Code_RANGE, "step %d: a refreshed value is out of its range: a wrong key, a wrong share or an overflow", m.next)
		}
	}
	m.tool.rows.give(es...)
	if err := m.maps(values, func(o int, y ring.Poly, end int) error {
		w := take(ws, o*(top+1), top)
		for i, row := range y.Coeffs {
			p.transforms[i].lazy(row, end)
			p.transforms[i].addLazy(row, w.Coeffs[i])
		}
		m.tool.rows.give(y.Coeffs...)
		m.out.Outputs = append(m.out.Outputs, &Ciphertext{owner: m.Session, c0: w, c1: m.a[o], level: top, scale: p.scale(), bound: m.bounds[o]})
		return nil
	}); err != nil {
		return err
	}
	if m.retain {
		bound := m.c.bound
		bound.Err += m.calculus().Read()
		if m.me == 0 {
			for k := range m.masks {
				m.masks[k] = m.masks[k].add(values[k])
			}
		}
		m.out.Value = &Retained{owner: m.Session, share: m.masks, scale: m.c.scale, bound: bound, digest: m.digest}
	}
	m.tool.wides.give(values)
	return nil
}

// limit is N 2^(LogMask-1) + 2^(LogScale+24).
func (m *refresh) limit() wide {
	x := new(big.Int).Lsh(big.NewInt(int64(m.n)), uint(m.params.lit.LogMask-1))
	w, _ := toWide(x.Add(x, new(big.Int).Lsh(one, uint(m.params.lit.LogScale+LogLargest))))
	return w
}
