package stat

import "github.com/consilium-health/consilium/engine/table"

// Veiled is a program with `reveal: model`: on the way to its result it needs a
// function of sums that nobody is to see. Each hospital puts in its term, the
// sum stays encrypted, and of what is computed from it only the declared outcomes are opened:
//
//	Plan, Circuits                                  no rows seen
//	  ... Ask with From ──► Input(my rows) ──► [sum, computed under encryption] ──► [opened cells] ──► Reduce ...
//
// The program never sees a ciphertext. An Ask with From has its cells filled by
// whoever runs the circuit; Map leaves them alone, and Reduce takes them like any totals.
type Veiled interface {
	Program
	// Circuits lists what is computed under encryption, each at most once. It never changes,
	// and nothing of its shape depends on data.
	Circuits() []Circuit
	// Input is the hospital's term of circuit c's inputs. Exactly one hospital is first: what must enter
	// once (a penalty, the diagonal of an absent column) is its to put in.
	Input(c int, rows *table.View, first bool) (Input, error)
}

// From says that an ask's cells are opened from under encryption: outcome
// Outcome of circuit Circuit. The step of the cells is the opening's own.
type From struct{ Circuit, Outcome int }

// Circuit is one computation under encryption, of one of two kinds.
type Circuit struct {
	Name     string // within the analysis
	Root     *Root
	Products *Products
	Outcomes []Outcome
}

// Outcome is what may be opened of a circuit, once.
type Outcome struct {
	Name  string
	Cells int
}

// Input is a hospital's term of a circuit's inputs: that of the circuit's kind.
type Input struct {
	Root     *RootTerm
	Products *ProductsTerm
}

// Outcomes of Root.
const (
	RootResiduals = iota // tr P, which is Dim less the sum of the inverse's squared residual eigenvalues; with corrections a 2nd cell, the last one's squared length
	RootSolution         // Dim cells: b
)

// Root solves sum over monomials u of g_u u(b) = 0 for b, where g is a sum over
// hospitals of coefficients on all monomials of at most Degree: first the
// linear system A b = a, then so many corrections b <- b + A^-1 g u(b). A and every hospital's
// term of it are symmetric with spectrum in [0, 1]; that A has an inverse is seen by the
// residuals. Degree 1 stops at the linear system.
type Root struct {
	Dim         int
	Degree      int     // 1 to 3
	Corrections int     // 0 with Degree 1
	Condition   float64 // A's smallest eigenvalue may be as small as 1/Condition
	Largest     Largest
}

// Largest bounds the inputs of a Root, of every hospital's term and of their sum.
type Largest struct {
	Right    float64    // an entry of a
	Score    [4]float64 // a coefficient of a monomial of that degree
	Row      [4]float64 // absolute values of the coefficients of that degree in one equation together
	Sum      [4]float64 // the same, over all equations
	Solve    float64    // Euclid's length of b: solutions beyond it are refused after they are opened
	First    float64    // length of the first correction
	Contract float64    // a correction leaves at most this part of the error before it; the residual tests it
}

// RootTerm is a hospital's term, everything divided by the same public number.
type RootTerm struct {
	A     [][]float64 // Dim x Dim, symmetric
	Right []float64   // a
	Score [][]float64 // Dim rows; columns as Monomials orders them
}

// Monomials lists the monomials in dim unknowns of degree 0 to degree, by
// degree and then in lexical order, each as its unknowns in ascending order: 1, b0, b1, ..., b0 b0, b0 b1, ...
func Monomials(dim, degree int) [][]int {
	out := [][]int{{}}
	last := out
	for range degree {
		var next [][]int
		for _, m := range last {
			from := 0
			if len(m) > 0 {
				from = m[len(m)-1]
			}
			for j := from; j < dim; j++ {
				next = append(next, append(append([]int{}, m...), j))
			}
		}
		out, last = append(out, next...), next
	}
	return out
}

// Products adds up, over cells, products of two or three vectors. The hospitals
// put in histograms: vectors of numbers that are not negative, all hospitals' cells
// of one together at most 1. Whole numbers of people are divided by a
// power of two for that, and so stay exact.
type Products struct {
	Cells      int     // of every vector
	Histograms int     // vectors 0, 1, ...
	Orders     []int   // the next vectors: the Order of these histograms
	Sums       [][]int // one cell each: the sum over cells of the product of these vectors, a histogram among the first two; first those of two, then those of three
	Squares    [][]int // one more cell, unless empty: the squares of the sums of the products of these two, together; the squares of what these histograms hold in all are together at most 1
}

// ProductsTerm is a hospital's histograms.
type ProductsTerm struct{ Histograms [][]float64 }

// Order returns, cell by cell, what is below it less what is above it. It is
// linear: the order of a sum of histograms is the sum of their orders. Of
// histograms of whole numbers, all divided by one power of two, it is exact.
func Order(histogram []float64) []float64 {
	all, below := 0.0, 0.0
	for _, x := range histogram {
		all += x
	}
	out := make([]float64, len(histogram))
	for i, x := range histogram {
		out[i] = below - (all - below - x)
		below += x
	}
	return out
}

// Opened returns the number of cells that are opened of it.
func (p *Products) Opened() int {
	n := len(p.Sums)
	if len(p.Squares) > 0 {
		n++
	}
	return n
}
