package mhe

import "fmt"

// Layout places matrices on coefficients so that the ring's product is the
// matrix product: for A of Rows x Inner and B of Inner x Cols (m = Inner, n = Cols here),
//
//	L[A]: coefficient i m n + (m-1-k) is A[i,k]
//	R[B]: coefficient j m + k is B[k,j]
//	L[A] R[B]: coefficient i m n + j m + m-1 is (A B)[i,j]
//
// The exponents of a row and a column differ by less than m from the one that
// counts, so nothing else falls on it as long as Rows m n is at most the degree.
// A longer inner dimension is cut in Blocks, whose products are added.
type Layout struct{ Rows, Inner, Cols int }

// Fits refuses what would overlap modulo X^n + 1.
func (l Layout) Fits(p Params) error {
	if l.Rows < 1 || l.Inner < 1 || l.Cols < 1 || l.Rows > p.Degree() || l.Inner > p.Degree() || l.Cols > p.Degree() ||
		l.Rows*l.Inner > p.Degree() || l.Rows*l.Inner*l.Cols > p.Degree() {
		return fmt.Errorf("mhe: a product of %d x %d x %d, want at most %d coefficients", l.Rows, l.Inner, l.Cols, p.Degree())
	}
	return nil
}

// Left is where A[i,k] goes.
func (l Layout) Left(i, k int) int { return i*l.Inner*l.Cols + l.Inner - 1 - k }

// Right is where B[k,j] goes.
func (l Layout) Right(k, j int) int { return j*l.Inner + k }

// At is where (A B)[i,j] is found.
func (l Layout) At(i, j int) int { return i*l.Inner*l.Cols + j*l.Inner + l.Inner - 1 }

// Blocks cuts an inner dimension into parts of at most m, so that rows*m*cols
// fits the degree: part b is [from, to).
func Blocks(inner, rows, cols int, p Params) (parts [][2]int, err error) {
	m := p.Degree() / max(rows*cols, 1)
	if rows < 1 || cols < 1 || m < 1 {
		return nil, fmt.Errorf("mhe: a product of %d rows and %d columns, want at most %d together", rows, cols, p.Degree())
	}
	for from := 0; from < inner; from += m {
		parts = append(parts, [2]int{from, min(from+m, inner)})
	}
	return parts, nil
}
