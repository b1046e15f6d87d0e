package blind

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// Circuits as package stat makes them.
func rankOfTwo(cells int) stat.Products {
	return stat.Products{Cells: cells, Histograms: 2, Orders: []int{0}, Sums: [][]int{{1, 2}, {0, 0, 0}}}
}

func rankOfThree(cells int) stat.Products {
	return stat.Products{Cells: cells, Histograms: 5, Orders: []int{0}, Sums: [][]int{{1, 5}, {0, 0, 0}}, Squares: [][]int{{2, 5}, {3, 5}, {4, 5}}}
}

func areaTied(cells int) stat.Products {
	return stat.Products{Cells: cells, Histograms: 2, Orders: []int{0, 1}, Sums: [][]int{{0, 3}, {0, 1}, {0, 3, 3}, {1, 2, 2}}}
}

func productsJob(x stat.Products) Job {
	return Job{"a", stat.Circuit{Name: "products", Products: &x, Outcomes: []stat.Outcome{{Name: "products", Cells: x.Opened()}}}}
}

// people are whole numbers by hospital, histogram and cell.
type people [][][]int64

// draw deals so many people to hospitals and cells. The last hospital has none.
func draw(r *rand.Rand, x stat.Products, hospitals, n int, kind string) people {
	out := make(people, hospitals)
	for i := range out {
		for range x.Histograms {
			out[i] = append(out[i], make([]int64, x.Cells))
		}
	}
	for k := range n {
		cell := r.IntN(x.Cells)
		switch kind {
		case "tied":
			cell = x.Cells / 2
		case "ends": // the first and the last cell
			cell = (x.Cells - 1) * (k % 2)
		}
		h := out[r.IntN(max(1, hospitals-1))]
		if x.Histograms == 2 && len(x.Orders) == 2 { // with and without the event
			h[r.IntN(2)][cell]++
			continue
		}
		h[0][cell]++
		g := r.IntN(x.Histograms - 1)
		if kind == "tied" {
			g = 0
		}
		if x.Histograms == 2 {
			if g = k % 2; g == 0 {
				h[1][cell]++
			}
			continue
		}
		if g == 0 { // two groups have people, and the first stands for itself
			h[1][cell]++
		}
		h[2+g%3][cell]++
	}
	return out
}

// terms are the hospitals' inputs, divided by 2^unit.
func (p people) terms(unit int) (out []stat.Input) {
	for _, hospital := range p {
		term := &stat.ProductsTerm{}
		for _, h := range hospital {
			x := make([]float64, len(h))
			for i, n := range h {
				x[i] = math.Ldexp(float64(n), -unit)
			}
			term.Histograms = append(term.Histograms, x)
		}
		out = append(out, stat.Input{Products: term})
	}
	return out
}

// want are the sums as whole numbers, and how many factors each has.
func (p people) want(x stat.Products) (out []*big.Int, factors []int) {
	vectors := make([][]int64, x.Histograms)
	for v := range vectors {
		vectors[v] = make([]int64, x.Cells)
		for _, hospital := range p {
			for i, n := range hospital[v] {
				vectors[v][i] += n
			}
		}
	}
	for _, of := range x.Orders {
		var below, above int64
		for _, n := range vectors[of] {
			above += n
		}
		order := make([]int64, x.Cells)
		for i, n := range vectors[of] {
			above -= n
			order[i] = below - above
			below += n
		}
		vectors = append(vectors, order)
	}
	dot := func(s []int) *big.Int {
		sum := new(big.Int)
		for i := range x.Cells {
			p := big.NewInt(1)
			for _, v := range s {
				p.Mul(p, big.NewInt(vectors[v][i]))
			}
			sum.Add(sum, p)
		}
		return sum
	}
	for _, s := range x.Sums {
		out, factors = append(out, dot(s)), append(factors, len(s))
	}
	if len(x.Squares) > 0 {
		sum := new(big.Int)
		for _, s := range x.Squares {
			d := dot(s)
			sum.Add(sum, d.Mul(d, d))
		}
		out, factors = append(out, sum), append(factors, 4)
	}
	return out, factors
}

// checkProducts computes products under encryption and wants the whole numbers they are in the clear.
func checkProducts(t *testing.T, p mhe.Params, x stat.Products, given people, unit int) {
	t.Helper()
	l := newPlan(t, p, len(given), productsJob(x))
	got, _ := compute(t, l, given.terms(unit))
	want, factors := given.want(x)
	circuits := l.Outcome(0, 0)
	for i := range circuits {
		people := factors[i] * unit
		off, _ := new(big.Float).Sub(got[0].bare[i], new(big.Float).SetMantExp(new(big.Float).SetInt(want[i]), -people)).Float64()
		if math.Abs(off) > got[0].eps[i] {
			t.Errorf("%d cells, sum %d: an error of %g without the noise, registered is %g", x.Cells, i, off, got[0].eps[i])
		}
		spread := math.Ldexp(circuits[i].Spread(len(given)), factors[i]*unit)
		if own := math.Ldexp(got[0].spread[i], people); math.Abs(spread/own-1) > 1e-9 {
			t.Errorf("%d cells, sum %d: noise %g in people, the plan says %g", x.Cells, i, own, spread)
		}
		if spread > 1.0/16 {
			t.Errorf("%d cells, sum %d: noise of %g people", x.Cells, i, spread)
			continue
		}
		whole, _ := big.NewFloat(math.Round(math.Ldexp(got[0].cells[i], people))).Int(nil)
		if whole.Cmp(want[i]) != 0 {
			t.Errorf("%d cells, sum %d: %v, want %v", x.Cells, i, whole, want[i])
		}
	}
}

func TestProductsAreTheWholeNumbersTheyAreInTheClear(t *testing.T) {
	p := mhe.InsecureTest(6) // 32 slots
	r := rand.New(rand.NewPCG(1, 2))
	for _, cells := range []int{1, 31, 32, 33, 64, 65} {
		for _, make := range []func(int) stat.Products{rankOfTwo, rankOfThree, areaTied} {
			x := make(cells)
			kind := []string{"spread", "tied", "ends"}[r.IntN(3)]
			t.Run(fmt.Sprintf("%d cells, %d histograms, %s", cells, x.Histograms, kind), func(t *testing.T) {
				n := 200
				checkProducts(t, p, x, draw(r, x, 3, n, kind), 8)
			})
		}
	}
}

func TestProductsInTheStandardRing(t *testing.T) {
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		t.Fatal(err)
	}
	x := areaTied(9000) // two blocks
	checkProducts(t, p, x, draw(rand.New(rand.NewPCG(5, 5)), x, 3, 3000, "spread"), 12)
}

// The noise on a number that is opened alone is at most 2^54 steps, on which package stat relies. A plan with more is refused.
func TestNoiseIsBoundedInSteps(t *testing.T) {
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		t.Fatal(err)
	}
	three := []stat.Products{rankOfTwo(60), rankOfThree(65536), areaTied(65536)}
	jobs := func(times int) (list []Job) {
		for i := range times {
			for _, x := range three {
				j := productsJob(x)
				j.Analysis = fmt.Sprint(i)
				list = append(list, j)
			}
		}
		return list
	}
	for _, members := range []int{2, 10, p.MaxMembers()} {
		l := newPlan(t, p, members, jobs(15)...)
		for j, x := range three {
			worst := 0.0
			for _, c := range l.Outcome(j, 0) {
				worst = max(worst, math.Ldexp(c.Spread(members), c.Grid))
				t.Logf("%d members, %d cells: step 2^%d, noise 2^%.1f", members, x.Cells, -c.Grid, math.Log2(c.Spread(members)))
			}
			if worst > stat.NoiseSteps {
				t.Errorf("%d members: noise of 2^%.1f steps", members, math.Log2(worst))
			}
		}
	}
	if _, err := NewPlan(p, p.MaxMembers(), mhe.VerifyFold, jobs(120)); err == nil || !strings.Contains(err.Error(), "more than analyses reckon with") {
		t.Errorf("a plan of a thousand openings: %v", err)
	}
}

// With ten hospitals and ten openings, U is whole up to two million people on any
// grid, and sums of cubes up to ten thousand or more.
func TestHowFarSumsAreWhole(t *testing.T) {
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x              stat.Products
		pairs, triples int // bits of people
	}{{rankOfTwo(100), 21, 14}, {rankOfTwo(65536), 21, 14}, {areaTied(65536), 20, 12}} {
		l := newPlan(t, p, 10, productsJob(c.x))
		for i, o := range l.Outcome(0, 0) {
			factors, want := len(c.x.Sums[i]), c.pairs
			if factors == 3 {
				want = c.triples
			}
			got := int(math.Floor((float64(o.Grid) - math.Log2(stat.NoiseSteps) - 4) / float64(factors)))
			t.Logf("%d cells, sum of %d factors: whole up to 2^%d people", c.x.Cells, factors, got)
			if got < want {
				t.Errorf("%d cells, sum of %d factors: whole up to 2^%d people, want 2^%d", c.x.Cells, factors, got, want)
			}
		}
	}
}
