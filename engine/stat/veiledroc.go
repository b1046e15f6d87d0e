package stat

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/table"
)

// Histograms of a score under encryption and their orders: e of those with the
// event, u of those without.
const (
	areaEvents = iota
	areaOthers
	areaBelowEvents // Order(e)
	areaBelowOthers // Order(u)
)

// areaProducts are the sums that the area under the curve and DeLong's error
// need, and how many pairs share a class:
//
//	shift   sum e Order(u)      twice the pairs won, less all pairs
//	tied    sum e u             where it is asked for
//	        sum e Order(u)^2    of those with the event
//	        sum u Order(e)^2    of those without
func areaProducts(cells int, tied bool) Products {
	x := Products{Cells: cells, Histograms: 2, Orders: []int{areaEvents, areaOthers}, Sums: [][]int{{areaEvents, areaBelowOthers}}}
	if tied {
		x.Sums = append(x.Sums, []int{areaEvents, areaOthers})
	}
	x.Sums = append(x.Sums, []int{areaEvents, areaBelowOthers, areaBelowOthers}, []int{areaOthers, areaBelowEvents, areaBelowEvents})
	return x
}

// areaLegend names the cells of areaProducts.
func areaLegend(tied bool) []string {
	names := []string{"pairs of people with and without the event that the score tells apart, less those it takes the wrong way"}
	if tied {
		names = append(names, "pairs of people with and without the event in one class of the score")
	}
	return append(names, "squares of that over people with the event", "squares of that over people without the event")
}

// areaOpened is what the sums of areaProducts come to.
type areaOpened struct {
	events, others                                 int64
	shift, squaresEvents, squaresOthers, tiedPairs *big.Rat
	loose                                          float64 // how far the squares may be off
}

func openArea(o openedProducts, events, others int64, tied bool) (a areaOpened) {
	a = areaOpened{events: events, others: others, tiedPairs: new(big.Rat)}
	a.shift, _ = o.sum(0, 2)
	at := 1
	if tied {
		a.tiedPairs, _ = o.sum(at, 2)
		if a.tiedPairs.Sign() < 0 {
			a.tiedPairs.SetInt64(0)
		}
		at++
	}
	a.squaresEvents, a.loose = o.sum(at, 3)
	a.squaresOthers, _ = o.sum(at+1, 3)
	return a
}

// area returns the area with its error: with v = Order(u) + U, twice what a
// person with the event outscores, and w = E - Order(e), twice by how many a person without it is
// outscored, it is as areaOf.
func (a areaOpened) area() area {
	e, u := new(big.Rat).SetInt64(a.events), new(big.Rat).SetInt64(a.others)
	add := func(x *big.Rat, factors ...*big.Rat) {
		p := big.NewRat(1, 1)
		for _, f := range factors {
			p.Mul(p, f)
		}
		x.Add(x, p)
	}
	sum := new(big.Rat).Set(a.shift)
	add(sum, e, u)
	two := big.NewRat(2, 1)
	squaresE, squaresU := new(big.Rat).Set(a.squaresEvents), new(big.Rat).Set(a.squaresOthers)
	for _, x := range []struct {
		squares *big.Rat
		n       int64
	}{{squaresE, a.events}, {squaresU, a.others}} {
		// What is less than its noise from the least it can be, shift^2/n, is that.
		least := new(big.Rat).Mul(a.shift, a.shift)
		least.Quo(least, new(big.Rat).SetInt64(x.n))
		if off, _ := new(big.Rat).Sub(x.squares, least).Float64(); off < a.loose {
			x.squares.Set(least)
		}
	}
	add(squaresE, two, u, a.shift)
	add(squaresE, u, u, e)
	add(squaresU, two, e, a.shift)
	add(squaresU, e, e, u)
	return areaFrom(a.events, a.others, sum, squaresE, squaresU, a.tiedPairs)
}

// tables are the tables of two classes of the score by the event that give
// just these sums: none when the score has more classes.
func (a areaOpened) tables() (found [][][]int64) {
	E, U := float64(a.events), float64(a.others)
	d, _ := a.shift.Float64()
	s, _ := a.squaresEvents.Float64()
	// Of the upper class, x with and y without the event: d = U x - E y, and
	// s = (E-x) y^2 + x (U-y)^2, so that E y^2 - (U E - 2 d) y + s - U d = 0.
	b := U*E - 2*d
	root := math.Sqrt(max(0, b*b-4*E*(s-U*d)))
	seen := map[int64]bool{}
	for _, middle := range []float64{(b - root) / (2 * E), (b + root) / (2 * E)} {
		for off := -1.0; off <= 1; off++ {
			y := int64(math.Round(middle + off))
			xf := (d + E*float64(y)) / U
			x := int64(math.Round(xf))
			if seen[y] || y < 0 || y > a.others || x < 0 || x > a.events || math.Abs(xf-float64(x)) > 1e-3 {
				continue
			}
			seen[y] = true
			cube := func(n, m, x, y int64) *big.Rat { // (n-x) y^2 + x (m-y)^2
				N, X, Y, R := big.NewInt(n-x), big.NewInt(x), big.NewInt(y), big.NewInt(m-y)
				N.Mul(N, Y).Mul(N, Y)
				return new(big.Rat).SetInt(X.Mul(X, R).Mul(X, R).Add(X, N))
			}
			off1, _ := new(big.Rat).Sub(cube(a.events, a.others, x, y), a.squaresEvents).Float64()
			off2, _ := new(big.Rat).Sub(cube(a.others, a.events, y, x), a.squaresOthers).Float64()
			if math.Abs(off1) <= a.loose && math.Abs(off2) <= a.loose {
				found = append(found, [][]int64{{a.others - y, y}, {a.events - x, x}})
			}
		}
	}
	return found
}

// given returns the area as it is written, when the score has so many grid
// points. Who knows it and its error can look for the counts that give them:
// among few points, or when only two have people, there may be one answer. Which points have
// people is not known here, so that the number of points decides.
func (a areaOpened) given(points int, minCell int) (out area, warning string) {
	out = a.area()
	none := math.NaN()
	if minCell <= 1 {
		return out, ""
	}
	few := fmt.Sprintf(" has so few values that its area could give away classes of fewer than %d people: ", minCell)
	tables := a.tables()
	for _, t := range tables {
		if hide(t, minCell).any() {
			return area{none, none, none, none, none}, few + "it is not shown"
		}
	}
	if len(tables) > 0 && points == 2 {
		return out, ""
	}
	told := 5 + 4*math.Log2(float64(a.events)) + 4*math.Log2(float64(a.others))
	more := int64(points - 1)
	switch open := chooseBits(a.events+more, more) + chooseBits(a.others+more, more); {
	case open > told+spareBits:
		return out, ""
	case open > 4*math.Log2(100)+spareBits:
		return area{twoDigits(out.auc), twoDigits(out.se), twoDigits(out.low), twoDigits(out.high), out.bound}, few + "it has two digits"
	}
	return area{none, none, none, none, none}, few + "it is not shown"
}

// beginVeiledROC is ROC's Begin with `reveal: model`.
func beginVeiledROC(args Args, r *roc, c *census) (Program, error) {
	if len(args.Thresholds) > 0 {
		return nil, fmt.Errorf("roc: thresholds with reveal: model: the points of the curve are counts of people, which stay encrypted; leave thresholds out, or use reveal: sums")
	}
	g := r.grid
	cells, err := gridOf("roc", g, fmt.Sprintf("declare a coarser unit for it, step:, at least (max-min)/%d, or set grid:", maxGridCells-1))
	if err != nil {
		return nil, err
	}
	tied := g.below // classes hold different scores
	level := func(rows *table.View) (func(int) int, error) { return g.classOf(rows) }
	var opened areaOpened
	q := &productsPart{name: "area", products: areaProducts(cells, tied), legend: areaLegend(tied),
		what: fmt.Sprintf("computed from encrypted histograms of %s with and without %s = %s, of which nothing else is opened: the area under the curve and DeLong's sums for its error. Of a score of two values they are its table", g.field.Name, r.outcome.Name, r.outcome.Levels[1]),
		count: func(rows *table.View, h [][]int64) error {
			class, err := level(rows)
			if err != nil {
				return err
			}
			_, err = g.values(rows, func(row int, k int64, _ float64) {
				h[areaOthers-class(row)][k-g.lo]++ // class 1 has the event
			})
			return err
		},
		take: func(o openedProducts) { opened = openArea(o, c.levels[0][1], c.levels[0][0], tied) },
	}
	p := veil(c, q)
	p.start = func() error {
		err := r.start(c)
		if r.undefined != "" {
			q.stop()
		}
		return err
	}
	p.finish = func() (Frame, error) {
		f := c.counts()
		if r.undefined != "" {
			f.Warnings = append(f.Warnings, r.undefined)
			return f, nil
		}
		a, warning := opened.given(cells, args.Rules.MinCell)
		f.Warnings = append(f.Warnings, "with reveal: model the points of the curve stay encrypted: the area is all that is opened")
		if warning != "" {
			f.Suppressed = true
			f.Warnings = append(f.Warnings, args.Score+warning)
		}
		r.glance(&f, c, a)
		return f, nil
	}
	return p, nil
}
