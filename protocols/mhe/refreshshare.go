package mhe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/wire"
)

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
