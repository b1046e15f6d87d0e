package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// veiledRank compares groups by sums of products of encrypted histograms. With
// h the histogram of a group, t the pooled one and r = Order(t), twice a
// midrank less n+1:
//
//	shift of a group        sum h r          2U of two groups less its expectation
//	equal values            sum t^3
//	spread of the groups    sum over groups of (sum h r)^2 / size
type veiledRank struct {
	*productsPart
	grid   *gridPart
	by     table.Factor
	census *census

	shift, cubes *big.Rat
	loose        float64  // how far cubes may be off
	spread       *big.Rat // with more than two declared groups
}

// Histograms of a veiledRank: the pooled one, that of the first of two groups, and the groups' in their order.
const (
	rankPooled = iota
	rankFirst
	rankGroups
)

// beginVeiledRank is Rank's Begin with `reveal: model`.
func beginVeiledRank(args Args, f *table.Field, c *census) (Program, error) {
	r := &veiledRank{by: c.factors[0], census: c}
	var err error
	if r.grid, err = newGridPart(f, args.Rules, args.By); err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	cells, err := gridOf("rank", r.grid, fmt.Sprintf("declare a coarser unit for it, step:, at least (max-min)/%d, or use reveal: sums", maxGridCells-1))
	if err != nil {
		return nil, err
	}
	groups := len(r.by.Levels)
	x := Products{Cells: cells, Histograms: 2, Orders: []int{rankPooled}}
	if groups > 2 {
		x.Histograms += groups
		for i := range groups {
			x.Squares = append(x.Squares, []int{rankGroups + i, x.Histograms})
		}
	}
	order := x.Histograms
	x.Sums = [][]int{{rankFirst, order}, {rankPooled, rankPooled, rankPooled}}
	r.productsPart = &productsPart{name: "ranks", products: x, count: r.histograms, weights: r.weight, take: r.read,
		legend: []string{"how far the ranks of the first of two groups are from the middle, twice", "sum of cubes of the numbers of people with the same value"}}
	r.what = fmt.Sprintf("computed from encrypted histograms of %s by %s, of which nothing else is opened: how far the ranks of two groups are from the middle, and the sum of cubes of the numbers of people with the same value", f.Name, r.by.Name)
	if groups > 2 {
		r.legend = append(r.legend, "sum over groups of the squared distance of their ranks from the middle, over their size")
		r.what += "; of more groups, the sum of squares of these distances over the sizes"
	}
	r.what += ". Of a variable of two values this is their table with the groups"
	p := veil(c, r.productsPart)
	var dropped []string
	p.start = func() (err error) {
		groups := 0
		if groups, dropped, err = fullGroups("rank", r.by, c.levels[0], args.Rules.MinCell); err == nil && groups < 2 {
			r.stop()
			dropped = append(dropped, fmt.Sprintf("fewer than two groups of %s have people: there is nothing to test", r.by.Name))
		}
		return err
	}
	p.finish = func() (Frame, error) {
		fr := c.counts()
		fr.Warnings = dropped
		if len(r.occupied()) < 2 {
			return fr, nil
		}
		if r.tells(args.Rules.MinCell) {
			fr.Suppressed = true
			fr.Warnings = append(fr.Warnings, fmt.Sprintf("what is opened of %s fits a variable of two values: the test would then show how many people of each group have which, and some may be fewer than %d; a crosstab shows the table by its own rules", f.Name, args.Rules.MinCell))
			return fr, nil
		}
		fr.Tidy, fr.Warnings = r.records(fr.Warnings)
		return fr, nil
	}
	return p, nil
}

// occupied returns the levels that have rows.
func (r *veiledRank) occupied() (levels []int) {
	for i, n := range r.census.levels[0] {
		if n > 0 {
			levels = append(levels, i)
		}
	}
	return levels
}

func (r *veiledRank) sizes() (n []int64) {
	for _, i := range r.occupied() {
		n = append(n, r.census.levels[0][i])
	}
	return n
}

// histograms counts this hospital's people. The first of two groups is counted only
// when exactly two have people: otherwise its shift is opened as 0.
func (r *veiledRank) histograms(rows *table.View, h [][]int64) error {
	by, err := rows.Table.Column(r.by.Name)
	if err != nil {
		return err
	}
	groups := r.occupied()
	_, err = r.grid.values(rows, func(row int, k int64, _ float64) {
		l := r.by.Level(by[row])
		if l < 0 {
			return
		}
		at := k - r.grid.lo
		h[rankPooled][at]++
		if len(groups) == 2 && l == groups[0] {
			h[rankFirst][at]++
		}
		if len(h) > rankGroups {
			h[rankGroups+l][at]++
		}
	})
	return err
}

// tight keeps a histogram's cells together below 1 whatever is rounded.
const tight = 1 - 0x1p-50

// weight of a person of a group is 1/sqrt(size n), so that squares are over the size.
func (r *veiledRank) weight(histogram int) float64 {
	if histogram < rankGroups {
		return 0
	}
	size := r.census.levels[0][histogram-rankGroups]
	if size == 0 {
		return 0
	}
	return tight / math.Sqrt(float64(size)*float64(r.census.n))
}

func (r *veiledRank) read(o openedProducts) {
	r.shift, _ = o.sum(0, 2)
	r.cubes, r.loose = o.sum(1, 3)
	n := r.census.n
	// All equal: the next smaller sum of cubes, of n-1 equal values, is 3n(n-1) less.
	all := new(big.Int).Add(cubeLess(n), big.NewInt(n))
	less := new(big.Rat).Sub(new(big.Rat).SetInt(all), r.cubes)
	if less.Cmp(new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(n), big.NewInt(n-1)))) < 0 {
		r.cubes.SetInt(all)
	}
	if len(r.products.Squares) > 0 {
		r.spread = o.scaled(2, 2*o.unit)
		r.spread.Mul(r.spread, new(big.Rat).SetInt64(n))
		r.spread.Quo(r.spread, new(big.Rat).SetFloat64(tight*tight))
		if r.spread.Sign() < 0 {
			r.spread.SetInt64(0)
		}
	}
}

// records writes the tests as rankRecords does.
func (r *veiledRank) records(warnings []string) ([]Record, []string) {
	sizes, none := r.sizes(), math.NaN()
	ties := new(big.Rat).Sub(r.cubes, new(big.Rat).SetInt64(r.census.n))
	var tidy []Record
	squares := new(big.Rat)
	if len(sizes) == 2 {
		w := wilcoxon(sizes[0], sizes[1], r.shift, ties)
		tidy = append(tidy, rankRecord("wilcoxon", w.u, w.z, none, w.p, w.pUncorrected, w.auc))
		for _, n := range sizes { // (shift/2)^2 / size
			s := new(big.Rat).Mul(r.shift, r.shift)
			squares.Add(squares, s.Quo(s, new(big.Rat).SetInt64(4*n)))
		}
	} else {
		squares.Quo(r.spread, big.NewRat(4, 1))
	}
	h, df, pv := kruskal(sizes, squares, ties)
	tidy = append(tidy, rankRecord("kruskal", h, none, df, pv, none, none))
	if math.IsNaN(h) {
		warnings = append(warnings, allEqual(r.grid.field.Name))
	}
	return tidy, warnings
}

// tells reports whether what is opened can be that of a variable of two values
// with a small cell. Two values that a and b people have are the roots of ab =
// (n^2 - cubes/n)/3, and the shift of one of two groups gives its table. Of more groups the table is not known: it may have one.
func (r *veiledRank) tells(minCell int) bool {
	if minCell <= 1 {
		return false
	}
	n, sizes := r.census.n, r.sizes()
	cubes, _ := r.cubes.Float64()
	N := float64(n)
	gap := math.Sqrt(max(0, (4*cubes/N-N*N)/3)) // |a - b|
	middle := int64(math.Round((N + gap) / 2))
	for a := max(1, middle-1); a <= min(n-1, middle+1); a++ {
		b := n - a
		fits := new(big.Rat).SetInt(new(big.Int).Add(new(big.Int).Add(cubeLess(a), cubeLess(b)), big.NewInt(n)))
		if off, _ := fits.Sub(fits, r.cubes).Float64(); math.Abs(off) > r.loose {
			continue
		}
		if len(sizes) > 2 {
			return true
		}
		for _, high := range []int64{a, b} {
			// shift = -high (n1 - x) + low x = n x - high n1, where x of the first group have the higher value
			x, _ := new(big.Rat).Quo(new(big.Rat).Add(r.shift, new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(high), big.NewInt(sizes[0])))), new(big.Rat).SetInt64(n)).Float64()
			k := int64(math.Round(x))
			if math.Abs(x-float64(k)) > 1e-3 {
				continue
			}
			t := [][]int64{{sizes[0] - k, k}, {sizes[1] - high + k, high - k}}
			if !slices.ContainsFunc(t, func(row []int64) bool { return slices.Min(row) < 0 }) && hide(t, minCell).any() {
				return true
			}
		}
	}
	return false
}
