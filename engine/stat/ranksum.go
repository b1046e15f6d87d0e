package stat

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// rankPart compares a variable between groups by its midranks over all
// hospitals. It opens the pooled histogram on the grid, from which every
// hospital knows the midrank of each value, then the sum of midranks of each
// group: never a histogram by group.
type rankPart struct {
	grid   *gridPart
	by     table.Factor
	asks   []Ask
	summed bool

	n   []int64    // rows of each declared level
	sum []*big.Int // twice the sum of midranks of each level
}

// newRankPart starts the comparison of f between the levels of by, over the rows that have both.
func newRankPart(f *table.Field, by table.Factor, rules Rules) (*rankPart, error) {
	g, err := newGridPart(f, rules, by.Name)
	if err != nil {
		return nil, err
	}
	p := &rankPart{grid: g, by: by}
	most := 2 * float64(maxRows(rules))
	var cells []Cell
	for _, l := range by.Levels {
		cells = append(cells, countCell("people with "+f.Name+", "+by.Name+" = "+l, Plain),
			Cell{Cell: fixed.Cell{Max: most, Step: fixed.One()}, Name: "twice the sum of ranks of " + f.Name + ", " + by.Name + " = " + l})
	}
	p.asks = []Ask{{Opening: 1, Cells: cells}}
	return p, nil
}

// maxRows is the bound on the rows of all hospitals.
func maxRows(r Rules) uint64 {
	if r.MaxRows == 0 {
		return 1 << 32
	}
	return r.MaxRows
}

func (p *rankPart) plan() []Opening {
	return append(p.grid.plan(), Opening{
		What:  fmt.Sprintf("size and sum of ranks of %s in each group of %s: how far the groups are shifted", p.grid.field.Name, p.by.Name),
		Cells: 2 * len(p.by.Levels), MaxTimes: 1, CountsPeople: true, Released: true})
}

func (p *rankPart) ask() []Ask {
	switch {
	case p.summed:
		return nil
	case p.grid.done():
		return p.asks
	}
	return p.grid.ask()
}

// stop ends the part without opening more.
func (p *rankPart) stop() {
	p.grid.stop()
	p.summed = true
}

func (p *rankPart) add(rows *table.View, out *fixed.Sums) error {
	if !p.grid.done() {
		return p.grid.add(rows, out)
	}
	by, err := rows.Table.Column(p.by.Name)
	if err != nil {
		return err
	}
	twice := midranks(p.grid.leaves)
	lost := false
	_, err = p.grid.values(rows, func(row int, k int64, _ float64) {
		at, l := p.grid.leafOf(k), p.by.Level(by[row])
		if at < 0 {
			lost = true
			return
		}
		out.Add(2*l, 1)
		out.Add(2*l+1, twice[at])
	})
	if lost {
		err = errors.Join(err, errors.New("rank: a value of this hospital is not in the pooled histogram: its records changed while the study ran"))
	}
	return err
}

func (p *rankPart) reduce(total fixed.Totals) error {
	if !p.grid.done() {
		return p.grid.reduce(total)
	}
	for i := range p.by.Levels {
		p.n = append(p.n, total.Count(2*i))
		p.sum = append(p.sum, total.Int(2*i+1))
	}
	p.summed = true
	return nil
}

// midranks returns twice the midrank of the people in each leaf.
func midranks(leaves []leaf) []int64 {
	twice := make([]int64, len(leaves))
	var below int64
	for i, l := range leaves {
		n := l.total()
		twice[i] = 2*below + n + 1
		below += n
	}
	return twice
}

// ties returns the sum of t^3 - t over the groups of equal values.
func ties(leaves []leaf) *big.Int {
	s := new(big.Int)
	for _, l := range leaves {
		t := big.NewInt(l.total())
		s.Add(s, new(big.Int).Mul(t, new(big.Int).Sub(new(big.Int).Mul(t, t), big.NewInt(1))))
	}
	return s
}

// tells reports whether the sums of ranks give a small cell away: of a variable
// of two values they are the table of values by groups.
func (p *rankPart) tells(minCell int) bool {
	if len(p.grid.leaves) != 2 {
		return false
	}
	twice := midranks(p.grid.leaves)
	var t [][]int64
	for _, i := range p.occupied() {
		// sum = n twice[0] + upper (twice[1] - twice[0])
		upper := new(big.Int).Sub(p.sum[i], new(big.Int).Mul(big.NewInt(p.n[i]), big.NewInt(twice[0])))
		n := upper.Div(upper, big.NewInt(twice[1]-twice[0])).Int64()
		t = append(t, []int64{p.n[i] - n, n})
	}
	return hide(t, minCell).any()
}

// occupied returns the levels that have rows.
func (p *rankPart) occupied() (levels []int) {
	for i, n := range p.n {
		if n > 0 {
			levels = append(levels, i)
		}
	}
	return levels
}

// kruskal tests the occupied levels.
func (p *rankPart) kruskal() (statistic, df, pValue float64) {
	var n int64
	squares := new(big.Rat) // sum of R^2/n
	for _, i := range p.occupied() {
		n += p.n[i]
		r := new(big.Rat).SetInt(new(big.Int).Mul(p.sum[i], p.sum[i]))
		squares.Add(squares, r.Quo(r, new(big.Rat).SetInt64(4*p.n[i])))
	}
	// About the mean rank (n+1)/2: less n (n+1)^2/4.
	N1 := big.NewInt(n + 1)
	about := new(big.Rat).SetFrac(N1.Mul(N1, N1).Mul(N1, big.NewInt(n)), big.NewInt(4))
	return kruskal(p.occupiedSizes(), squares.Sub(squares, about), new(big.Rat).SetInt(ties(p.grid.leaves)))
}

func (p *rankPart) occupiedSizes() (n []int64) {
	for _, i := range p.occupied() {
		n = append(n, p.n[i])
	}
	return n
}

// kruskal returns the Kruskal-Wallis statistic, corrected for ties, its degrees
// of freedom and p-value for groups of sizes n; NaN when all values are equal or there are
// fewer than two groups. squares is the sum over groups of the squared sum of ranks less its expectation,
// over the size; ties is the sum of t^3 - t.
func kruskal(sizes []int64, squares, ties *big.Rat) (statistic, df, pValue float64) {
	df = float64(len(sizes) - 1)
	if len(sizes) < 2 {
		return math.NaN(), max(df, 0), math.NaN()
	}
	var n int64
	for _, k := range sizes {
		n += k
	}
	// 12 squares / (n (n + 1)) / (1 - ties/(n^3 - n))
	free := new(big.Rat).SetInt(cubeLess(n))
	free.Sub(free, ties)
	if free.Sign() == 0 {
		return math.NaN(), df, math.NaN()
	}
	h := new(big.Rat).Mul(big.NewRat(12, 1), squares)
	h.Mul(h, new(big.Rat).SetInt64(n-1)).Quo(h, free)
	statistic, _ = h.Float64()
	return statistic, df, chiUpper(statistic, df)
}

// cubeLess returns n^3 - n.
func cubeLess(n int64) *big.Int {
	b := big.NewInt(n)
	return new(big.Int).Mul(b, new(big.Int).Sub(new(big.Int).Mul(b, b), big.NewInt(1)))
}

// wilcoxonTest is the outcome of the rank sum test of two groups.
type wilcoxonTest struct {
	u            float64 // Mann-Whitney U of the first level
	z            float64 // without continuity correction
	p            float64 // with continuity correction, as R
	pUncorrected float64
	auc          float64 // of the second level over the first
}

// wilcoxon compares two levels. Levels must have rows.
func (p *rankPart) wilcoxon(first, second int) wilcoxonTest {
	n1, n2 := p.n[first], p.n[second]
	// 2U = 2R - n1 (n1 + 1), less its expectation n1 n2
	d := new(big.Int).Sub(p.sum[first], new(big.Int).Mul(big.NewInt(n1), big.NewInt(n1+n2+1)))
	return wilcoxon(n1, n2, new(big.Rat).SetInt(d), new(big.Rat).SetInt(ties(p.grid.leaves)))
}

// wilcoxon compares two groups by the normal approximation with variance
// corrected for ties, as R's wilcox.test(exact = FALSE). shift is twice U of the first less its
// expectation, ties the sum of t^3 - t.
func wilcoxon(n1, n2 int64, shift, ties *big.Rat) wilcoxonTest {
	n := n1 + n2
	half, pairs := big.NewRat(1, 2), new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(n1), big.NewInt(n2)))
	twice := new(big.Rat).Add(shift, pairs) // 2U
	u, _ := new(big.Rat).Mul(twice, half).Float64()
	d, _ := new(big.Rat).Mul(shift, half).Float64()
	// n1 n2/12 (n + 1 - sum(t^3 - t)/(n (n - 1)))
	v := new(big.Rat).Quo(ties, new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(n), big.NewInt(n-1))))
	v.Sub(new(big.Rat).SetInt64(n+1), v)
	v.Mul(v, pairs).Quo(v, big.NewRat(12, 1))
	variance, _ := v.Float64()
	sd := math.Sqrt(variance)
	twice.Quo(twice, pairs)
	auc, _ := twice.Sub(big.NewRat(1, 1), twice.Mul(twice, half)).Float64()
	if sd == 0 { // all values equal
		return wilcoxonTest{u, math.NaN(), math.NaN(), math.NaN(), auc}
	}
	return wilcoxonTest{u, d / sd, normalTwoSided(max(0, math.Abs(d)-0.5) / sd), normalTwoSided(d / sd), auc}
}
