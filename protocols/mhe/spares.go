package mhe

import "github.com/tuneinsight/lattigo/v5/ring"

// spares are rows that nobody needs any more, for those who need the next: steps use as
// much memory as the ciphertexts they yield, and clearing and collecting it took a fifth of their time. A
// row is given once, by the last who has it. It is taken as it was left.
type spares[E any] struct {
	n    int // length of a row
	rows [][]E
}

func (p Params) newSpares() *spares[uint64] { return &spares[uint64]{n: p.Degree()} }

func (s *spares[E]) take() []E {
	last := len(s.rows) - 1
	if last < 0 {
		return make([]E, s.n)
	}
	row := s.rows[last]
	s.rows[last], s.rows = nil, s.rows[:last]
	return row
}

func (s *spares[E]) give(rows ...[]E) { s.rows = append(s.rows, rows...) }

// spare is a polynomial at a level, of rows as they were left.
func (t *toolbox) spare(level int) ring.Poly {
	x := ring.Poly{Coeffs: make([][]uint64, level+1)}
	for i := range x.Coeffs {
		x.Coeffs[i] = t.rows.take()
	}
	return x
}
