package stat

// tensors are sums over rows of a number of the row times products of its
// columns: symmetric, so that entries stand for ascending indices, in lexical order.
type tensors struct {
	q, degree int
	slope     []float64   // of pairs
	right     []float64   // of columns
	score     [][]float64 // score[d] is of d+1 columns
}

func newTensors(q, degree int) *tensors {
	t := &tensors{q: q, degree: degree, slope: make([]float64, q*(q+1)/2), right: make([]float64, q)}
	for d := range degree + 1 {
		n := 1
		for i := range d + 1 {
			n = n * (q + i) / (i + 1)
		}
		t.score = append(t.score, make([]float64, n))
	}
	return t
}

// root is the term of a Root of dim unknowns, of which those at places are t's columns; everything divided by c.
func (t *tensors) root(dim int, places []int, c float64) *RootTerm {
	r := &RootTerm{A: make([][]float64, dim), Right: make([]float64, dim), Score: make([][]float64, dim)}
	columns := newMonomials(dim, t.degree)
	for j := range dim {
		r.A[j] = make([]float64, dim)
		r.Score[j] = make([]float64, columns.count)
	}
	at := 0
	for a, i := range places {
		r.Right[i] = t.right[a] / c
		r.Score[i][0] = t.score[0][a] / c
		for _, j := range places[a:] {
			r.A[i][j] = t.slope[at] / c
			r.A[j][i] = r.A[i][j]
			at++
		}
	}
	rest := make([]int, 0, t.degree)
	for d := 1; d <= t.degree; d++ {
		at := 0
		t.each(d+1, func(indices []int) {
			x := t.score[d][at] / c
			at++
			// An entry stands in the equation of each of its indices, at the monomial of the others.
			for i, a := range indices {
				if i > 0 && a == indices[i-1] {
					continue
				}
				rest = rest[:0]
				for k, b := range indices {
					if k != i {
						rest = append(rest, places[b])
					}
				}
				r.Score[places[a]][columns.at(rest)] = x * orders(rest)
			}
		})
	}
	return r
}

// each visits ascending indices in lexical order.
func (t *tensors) each(n int, visit func(indices []int)) {
	idx := make([]int, n)
	for {
		visit(idx)
		k := n - 1
		for k >= 0 && idx[k] == t.q-1 {
			k--
		}
		if k < 0 {
			return
		}
		for x := idx[k] + 1; k < n; k++ {
			idx[k] = x
		}
	}
}

// orders counts in how many orders ascending indices can stand: how often their
// product occurs in a power of a sum.
func orders(indices []int) float64 {
	n, run := 1.0, 0.0
	for i := range indices {
		if run++; i > 0 && indices[i] != indices[i-1] {
			run = 1
		}
		n *= float64(i+1) / run
	}
	return n
}

// monomials finds the place of a monomial among Monomials.
type monomials struct {
	count int
	place map[[3]int]int
}

func newMonomials(dim, degree int) monomials {
	m := monomials{place: make(map[[3]int]int)}
	for i, u := range Monomials(dim, degree) {
		m.place[key(u)] = i
		m.count++
	}
	return m
}

func (m monomials) at(u []int) int { return m.place[key(u)] }

func key(u []int) [3]int {
	k := [3]int{-1, -1, -1}
	copy(k[:], u)
	return k
}
