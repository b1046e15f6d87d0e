package synth

import (
	"testing"

	"gonum.org/v1/gonum/mat"
)

// solve returns the solution of a symmetric system and the diagonal of its inverse.
func solve(t *testing.T, a, b []float64) (x, inverse []float64) {
	t.Helper()
	p := len(b)
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(p, a)) {
		t.Fatal("the information is singular")
	}
	var v mat.VecDense
	var m mat.SymDense
	if err := chol.SolveVecTo(&v, mat.NewVecDense(p, b)); err != nil {
		t.Fatal(err)
	}
	if err := chol.InverseTo(&m); err != nil {
		t.Fatal(err)
	}
	for j := range p {
		x, inverse = append(x, v.AtVec(j)), append(inverse, m.At(j, j))
	}
	return x, inverse
}
