package mhe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Opening is this member's term of the masked sum that opens a retained value:
// its share in units of 2^-Grid, and its own noise. The sum itself is another
// protocol's (secagg): nobody but those it tells learns anything, and they
// learn d integers, not a polynomial.
type Opening struct {
	Circuit Circuit
	Digest  [32]byte    // of what is opened, for the sum's ask: the same at all members
	Terms   [][2]uint64 // Z/2^128, low word first: hand them to one sum, once
	members int
}

// Open confirms the last step's sum with all members and yields this member's
// terms for cells of v, under the noise registered for circuit. A cell is the sum of the
// coefficients it lists: nothing but their sum is opened. It is refused
// for circuits that are not in the registry, for values with a larger error than
// the circuit's, for a value that was opened before, and once the registry's openings are used up.
func (s *Session) Open(circuit string, v *Retained, cells ...[]int) (round.Machine[*Opening], error) {
	c, err := s.mayOpen(circuit, v, cells)
	if err != nil {
		return nil, err
	}
	var at []byte
	for _, cell := range cells {
		at = binary.BigEndian.AppendUint32(at, uint32(len(cell)))
		for _, k := range cell {
			at = binary.BigEndian.AppendUint32(at, uint32(k))
		}
	}
	registry := s.cfg.Registry.Digest()
	work := party.Hash("work open", uint64Bytes(s.next), []byte(circuit), registry[:], v.digest[:], at)
	out := &Opening{Circuit: c, members: s.n}
	return begin(s, task{
		name: "open " + circuit, work: work,
		done: func(share, [][]byte) error {
			// The ledger first: whatever happens next, this value is not opened again.
			v.opened = true
			s.opened++
			out.Digest = party.Hash("opening", s.transcript(), work[:], s.before[:])
			r := &wire.Sent{Plan: s.cfg.Session.Plan[:], Attempt: s.cfg.Session.Attempt, Sequence: s.next, Label: out.Digest[:]}
			if err := s.record(KindOpened, r); err != nil {
				return err
			}
			out.Terms, err = s.terms(c, v, cells)
			return err
		},
	}, func() *Opening { return out })
}

// mayOpen is the guard and the ledger of openings.
func (s *Session) mayOpen(circuit string, v *Retained, cells [][]int) (Circuit, error) {
	if s.burnt {
		return Circuit{}, ErrBurnt
	}
	c, err := s.cfg.Registry.Circuit(circuit)
	if err != nil {
		return Circuit{}, err
	}
	switch {
	case v == nil || v.owner != s:
		return Circuit{}, errors.New("mhe: open: a value of another session")
	case v.opened:
		return Circuit{}, errors.New("mhe: open: this value has been opened, and never is again: a second look averages the noise away")
	case s.opened >= s.cfg.Registry.tau():
		return Circuit{}, fmt.Errorf("mhe: open: %d openings under this key, and the registry has no more", s.opened)
	case len(cells) != c.Cells:
		return Circuit{}, fmt.Errorf("mhe: open: %d cells, circuit %q has %d", len(cells), circuit, c.Cells)
	case !(coarse(float64(c.Width)*v.bound.Err) <= c.Eps):
		return Circuit{}, fmt.Errorf("mhe: open: an error of up to %g, circuit %q is registered with %g: the noise would not cover it", float64(c.Width)*v.bound.Err, circuit, c.Eps)
	case !(coarse(float64(c.Width)*v.bound.Max) <= c.Max):
		return Circuit{}, fmt.Errorf("mhe: open: values of up to %g, circuit %q is registered with %g", float64(c.Width)*v.bound.Max, circuit, c.Max)
	}
	if s.openings == nil {
		s.openings = map[string]int{}
	}
	if s.openings[circuit] >= c.Times {
		return Circuit{}, fmt.Errorf("mhe: open: circuit %q was opened %d times, and the registry has no more", circuit, c.Times)
	}
	seen := map[int]bool{}
	for _, cell := range cells {
		if len(cell) < 1 || len(cell) > c.Width {
			return Circuit{}, fmt.Errorf("mhe: open: a cell of %d coefficients, circuit %q has 1 to %d", len(cell), circuit, c.Width)
		}
		for _, k := range cell {
			if k < 0 || k >= s.params.Degree() || seen[k] {
				return Circuit{}, fmt.Errorf("mhe: open: coefficient %d, want each below %d once", k, s.params.Degree())
			}
			seen[k] = true
		}
	}
	return c, nil
}

// terms is y_k = round(2^Grid share_k / scale) + g_k mod 2^128, g_k an exact
// discrete Gaussian of the circuit's sigma; share_k is the sum of the cell's. They are not looked at again.
func (s *Session) terms(c Circuit, v *Retained, cells [][]int) ([][2]uint64, error) {
	s.openings[c.Name]++
	g, err := NewGaussian(s.cfg.Rand, c.Sigma)
	if err != nil {
		return nil, err
	}
	out := make([][2]uint64, len(cells))
	for i, cell := range cells {
		var share wide
		for _, k := range cell {
			share = share.add(v.share[k])
		}
		// share * den * 2^Grid / 2^exp
		y := new(big.Int).Mul(share.big(), v.scale.den)
		if up := c.Grid - v.scale.exp; up >= 0 {
			y.Lsh(y, uint(up))
		} else {
			y.Add(y, new(big.Int).Lsh(one, uint(-up-1))).Rsh(y, uint(-up))
		}
		noise, err := g.Sample()
		if err != nil {
			return nil, err
		}
		out[i] = word128(y.Add(y, noise))
	}
	clear(v.share)
	return out, nil
}

// word128 is x mod 2^128.
func word128(x *big.Int) [2]uint64 {
	m := new(big.Int).And(x, new(big.Int).Sub(new(big.Int).Lsh(one, 128), one))
	return [2]uint64{new(big.Int).And(m, new(big.Int).SetUint64(1<<64-1)).Uint64(), new(big.Int).Rsh(m, 64).Uint64()}
}

// Read turns the masked sum's total into numbers, and says when one is beyond
// what the circuit can yield: then a share was wrong.
func (o *Opening) Read(total [][2]uint64) ([]float64, error) {
	if len(total) != o.Circuit.Cells {
		return nil, fmt.Errorf("mhe: open: a total of %d cells, want %d", len(total), o.Circuit.Cells)
	}
	limit := o.Circuit.Max + o.Circuit.Eps + 20*o.Circuit.Spread(o.members)
	out := make([]float64, len(total))
	for i, w := range total {
		lo, hi, sign := w[0], w[1], 1.0
		if int64(hi) < 0 {
			var b uint64
			lo, b = bits.Sub64(0, lo, 0)
			hi, _ = bits.Sub64(0, hi, b)
			sign = -1
		}
		x := new(big.Float).SetInt(new(big.Int).Or(new(big.Int).Lsh(new(big.Int).SetUint64(hi), 64), new(big.Int).SetUint64(lo)))
		f, _ := x.SetMantExp(x, -o.Circuit.Grid).Float64()
		if out[i] = sign * f; f > limit {
			return nil, fmt.Errorf("mhe: open: cell %d of circuit %q is beyond %g: a share was wrong", i, o.Circuit.Name, o.Circuit.Max)
		}
	}
	return out, nil
}
