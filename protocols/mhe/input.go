package mhe

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// MaxPolys is how many polynomials one step can make.
const MaxPolys = 64

// largestShare is the most bytes any step's share has.
func (p Params) largestShare() int {
	return max(p.size(p.keyShape(2)), p.size(shape{{MaxParts, p.low(), false}, {MaxPolys, p.top(), false}}))
}

// Plain is one polynomial of what is to be encrypted: this member's term of a sum over all members.
type Plain struct {
	Name string     // what it is, the same at every member
	At   []*big.Int // coefficient k at scale 2^LogScale, as Fixed makes it; nil is 0; what is missing is 0
	Max  float64    // largest absolute value of a coefficient, of every term and of their sum
	Sum  float64    // largest sum of absolute values of all coefficients, likewise
}

// Input encrypts sums of the members' terms: each member adds its term to a common
// encryption (sharing to encryption). Nobody sees a term, or their sum. A term
// beyond its declared bound is an error, never clipped.
func (s *Session) Input(plain []Plain) (round.Machine[[]*Ciphertext], error) {
	if s.rlk == nil || s.burnt {
		return nil, s.notReady()
	}
	if len(plain) < 1 || len(plain) > MaxPolys {
		return nil, fmt.Errorf("mhe: input: %d polynomials, want 1 to %d", len(plain), MaxPolys)
	}
	terms := make([][]wide, len(plain))
	fields := [][]byte{uint64Bytes(s.next)}
	for o, x := range plain {
		var err error
		if terms[o], err = s.params.term(x); err != nil {
			return nil, err
		}
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], math.Float64bits(x.Max))
		binary.BigEndian.PutUint64(b[8:], math.Float64bits(x.Sum))
		fields = append(fields, []byte(x.Name), b[:])
	}
	top, at := s.params.top(), s.next
	a := make([]ring.Poly, len(plain))
	var out []*Ciphertext
	return begin(s, task{
		name: "input", work: party.Hash("work input", fields...), shape: shape{{len(plain), top, false}},
		share: func() (share, []byte, error) {
			var rows share
			for o := range plain {
				a[o] = s.crs.poly(s.params, crp{"input", at, o, top})
				m, _ := s.tool.place(top, func(put func(int, *wide)) {
					for k := range terms[o] {
						put(k, &terms[o][k])
					}
				})
				clear(terms[o])
				if err := s.tool.hide(m, a[o], s.secret, top); err != nil {
					return nil, nil, err
				}
				rows = append(rows, rowsQ(m, top)...)
			}
			return rows, nil, nil
		},
		done: func(sum share, _ [][]byte) error {
			for o, x := range plain {
				out = append(out, &Ciphertext{
					owner: s, c0: take(sum, o*(top+1), top), c1: a[o], level: top, scale: s.params.scale(),
					bound: s.calculus().Input(x.Max, x.Sum),
				})
			}
			return nil
		},
	}, func() []*Ciphertext { return out })
}

// term checks one polynomial against what was declared of it.
func (p Params) term(x Plain) ([]wide, error) {
	if !(x.Max > 0) || x.Max > 1<<LogLargest || !(x.Sum >= x.Max) || math.IsInf(x.Sum, 0) || len(x.Name) > 64 {
		return nil, fmt.Errorf("mhe: input %q: bounds %g and %g, want a largest value of at most 2^%d and a sum not below it", x.Name, x.Max, x.Sum, LogLargest)
	}
	if len(x.At) > p.Degree() {
		return nil, fmt.Errorf("mhe: input %q: %d coefficients, want at most %d", x.Name, len(x.At), p.Degree())
	}
	limit := p.Fixed(x.Max)
	out, total := make([]wide, len(x.At)), new(big.Int)
	for k, v := range x.At {
		if v == nil {
			continue
		}
		if v.CmpAbs(limit) > 0 {
			return nil, fmt.Errorf("mhe: input %q: coefficient %d is beyond the declared %g", x.Name, k, x.Max)
		}
		out[k], _ = toWide(v)
		total.Add(total, new(big.Int).Abs(v))
	}
	if p.Float(total) > x.Sum*(1+1e-12) {
		return nil, fmt.Errorf("mhe: input %q: the coefficients are together beyond the declared %g", x.Name, x.Sum)
	}
	return out, nil
}

func (s *Session) notReady() error {
	if s.burnt {
		return ErrBurnt
	}
	return fmt.Errorf("mhe: the session has no keys yet")
}
