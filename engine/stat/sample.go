package stat

import (
	"math"
	"math/big"
)

// sample is the values of a series in one group of the rows.
type sample struct {
	of    *series
	group int   // level of the factor, or everyone
	n     int64 // values; known from the census. Nothing is opened for a sample of no values
	label string

	centre  float64
	k       int64       // the centre as a grid point; exact series only
	sum     *big.Rat    // nil when nothing was opened
	central [5]*big.Rat // sums of powers 2, 3, 4 of the deviations from the mean
	step    [5]float64  // step of the cell of each power where its terms were rounded, else 0
}

// everyone is the group of all rows.
const everyone = -1

// settle chooses the centre: the grid point nearest the mean, or the float64 nearest it.
func (s *sample) settle() {
	mean := s.exactMean()
	if !s.of.exact {
		s.centre, _ = mean.Float64()
		return
	}
	steps, _ := mean.Quo(mean, rational(s.of.step)).Float64()
	// Any grid point near the mean will do: one of 40 bits can travel in the ask's state.
	s.k = int64(Round40(math.RoundToEven(steps)))
	s.centre, _ = s.exactCentre().Float64()
}

func (s *sample) exactMean() *big.Rat {
	return new(big.Rat).Quo(s.sum, new(big.Rat).SetInt64(s.n))
}

func (s *sample) exactCentre() *big.Rat {
	if !s.of.exact {
		return new(big.Rat).SetFloat64(s.centre)
	}
	c := new(big.Rat).SetInt64(s.k)
	return c.Mul(c, rational(s.of.step))
}

// shift turns the sums P_k of powers of deviations from the centre into the
// sums M_k of powers of deviations from the mean, d above the centre:
// M2 = P2 - n d², M3 = P3 - 3 d P2 + 2 n d³, M4 = P4 - 4 d P3 + 6 d² P2 - 3 n d⁴.
func (s *sample) shift(p [5]*big.Rat) {
	n := new(big.Rat).SetInt64(s.n)
	d := s.exactMean()
	d.Sub(d, s.exactCentre())
	add := func(to *big.Rat, factor int64, k int, x *big.Rat) {
		t := new(big.Rat).SetInt64(factor)
		for range k {
			t.Mul(t, d)
		}
		to.Add(to, t.Mul(t, x))
	}
	m2 := new(big.Rat).Set(p[2])
	add(m2, -1, 2, n)
	s.central[2] = m2
	if p[3] == nil {
		return
	}
	m3, m4 := new(big.Rat).Set(p[3]), new(big.Rat).Set(p[4])
	add(m3, -3, 1, p[2])
	add(m3, 2, 3, n)
	add(m4, -4, 1, p[3])
	add(m4, 6, 2, p[2])
	add(m4, -3, 4, n)
	s.central[3], s.central[4] = m3, m4
}
