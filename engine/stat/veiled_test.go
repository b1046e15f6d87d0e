package stat

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// unveiledStep is that of cells opened from under encryption, here.
const unveiledStep = -100

// noise of an opening, in its steps, that tests add.
const unveiledNoise = 1 << 48

// unveil computes in the clear what a circuit computes under encryption, and
// adds noise. at is the place of the ask's first cell in the sum.
func unveil(t *testing.T, programs []Program, views []*table.View, ask Ask, at int, words map[int][2]uint64) []Cell {
	t.Helper()
	circuits := programs[0].(Veiled).Circuits()
	c := circuits[ask.From.Circuit]
	if o := c.Outcomes[ask.From.Outcome]; o.Cells != len(ask.Cells) {
		t.Fatalf("outcome %s has %d cells, %d are asked for", o.Name, o.Cells, len(ask.Cells))
	}
	var inputs []Input
	for i, p := range programs {
		in, err := p.(Veiled).Input(ask.From.Circuit, views[i], i == 0)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, in)
	}
	var results []*big.Rat
	r := rand.New(rand.NewPCG(uint64(len(views)), uint64(at)))
	switch {
	case c.Root != nil:
		results = rootInTheClear(t, c.Root, inputs).outcome(ask.From.Outcome, r)
	case c.Products != nil:
		results = productsInTheClear(t, c.Products, inputs)
	default:
		t.Fatalf("circuit %s is of no kind", c.Name)
	}
	cells := make([]Cell, len(ask.Cells))
	for i, x := range results {
		if c.Root != nil && ask.From.Outcome == RootSolution {
			ask.Cells[i].Noise = startNoise
		}
		cells[i] = ask.Cells[i]
		cells[i].Cell = fixed.Cell{Max: 2, Step: fixed.Pow2(unveiledStep)}
		x = new(big.Rat).Mul(x, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), -unveiledStep)))
		n := new(big.Int).Div(x.Num(), x.Denom())
		n.Add(n, big.NewInt(int64(r.NormFloat64()*unveiledNoise)))
		n.And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
		low := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1))
		words[at+i] = [2]uint64{low.Uint64(), n.Rsh(n, 64).Uint64()}
	}
	return cells
}

// productsInTheClear is what Products says, as fractions.
func productsInTheClear(t *testing.T, p *Products, inputs []Input) (out []*big.Rat) {
	t.Helper()
	vectors := make([][]*big.Rat, 0, p.Histograms+len(p.Orders))
	for v := range p.Histograms {
		sum, all := make([]*big.Rat, p.Cells), new(big.Rat)
		for i := range sum {
			sum[i] = new(big.Rat)
		}
		for _, in := range inputs {
			if len(in.Products.Histograms) != p.Histograms || len(in.Products.Histograms[v]) != p.Cells {
				t.Fatal("a hospital's histograms have another shape")
			}
			for i, x := range in.Products.Histograms[v] {
				if x < 0 {
					t.Fatal("a negative count")
				}
				if x > 0 {
					sum[i].Add(sum[i], new(big.Rat).SetFloat64(x))
				}
			}
		}
		for _, x := range sum {
			if x.Sign() != 0 {
				all.Add(all, x)
			}
		}
		if all.Cmp(big.NewRat(1, 1)) > 0 {
			t.Fatalf("histogram %d holds %s in all, want at most 1", v, all.FloatString(20))
		}
		vectors = append(vectors, sum)
	}
	for _, of := range p.Orders {
		order := make([]*big.Rat, p.Cells)
		below, above := new(big.Rat), new(big.Rat)
		for _, x := range vectors[of] {
			if x.Sign() != 0 {
				above.Add(above, x)
			}
		}
		for i, x := range vectors[of] {
			above.Sub(above, x)
			order[i] = new(big.Rat).Sub(below, above)
			below.Add(below, x)
		}
		vectors = append(vectors, order)
	}
	dot := func(factors []int) *big.Rat {
		sum := new(big.Rat)
		for i := range p.Cells {
			x := vectors[factors[0]][i]
			for _, f := range factors[1:] {
				if x.Sign() != 0 {
					x = new(big.Rat).Mul(x, vectors[f][i])
				}
			}
			if x.Sign() != 0 {
				sum.Add(sum, x)
			}
		}
		return sum
	}
	for _, factors := range p.Sums {
		out = append(out, dot(factors))
	}
	if len(p.Squares) > 0 {
		sum := new(big.Rat)
		for _, factors := range p.Squares {
			d := dot(factors)
			sum.Add(sum, d.Mul(d, d))
		}
		out = append(out, sum)
	}
	return out
}
