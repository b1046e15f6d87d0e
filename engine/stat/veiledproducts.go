package stat

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// veiledPart is a part with a circuit.
type veiledPart interface {
	part
	circuit() Circuit
	input(rows *table.View, first bool) (Input, error)
}

// veiledProgram is a program some of whose parts open what is computed under encryption.
type veiledProgram struct {
	*program
	veiled []veiledPart // by circuit
}

var _ Veiled = (*veiledProgram)(nil)

// Circuits implements Veiled.
func (p *veiledProgram) Circuits() (all []Circuit) {
	for _, q := range p.veiled {
		all = append(all, q.circuit())
	}
	return all
}

// Input implements Veiled.
func (p *veiledProgram) Input(c int, rows *table.View, first bool) (Input, error) {
	return p.veiled[c].input(rows, first)
}

// veil makes a veiled program of a census and a part. What is asked after the
// census depends on nothing else, so that hospitals that see the census need see no more.
func veil(c *census, q *productsPart) *veiledProgram {
	c.shown = true
	q.n = func() int64 { return c.n }
	return &veiledProgram{&program{census: c, parts: []part{q}, blind: true}, []veiledPart{q}}
}

// productsPart opens sums over the cells of a grid of products of histograms,
// from under encryption: these numbers, and no histogram.
type productsPart struct {
	name     string
	number   int // of the circuit
	what     string
	legend   []string // of the cells
	products Products
	n        func() int64                                       // rows over all hospitals
	count    func(rows *table.View, histograms [][]int64) error // people of this hospital
	weights  func(histogram int) float64                        // of a person, at most 1/n of the histogram's people; nil: 1/unit
	take     func(o openedProducts)
	state    []float64 // that the histograms are taken at
	ended    bool
}

func (p *productsPart) circuit() Circuit {
	return Circuit{Name: p.name, Products: &p.products, Outcomes: []Outcome{{Name: p.name, Cells: p.products.Opened()}}}
}

func (p *productsPart) plan() []Opening {
	return []Opening{{What: p.what, Cells: p.products.Opened(), MaxTimes: 1, Released: true}}
}

// ask leaves step and bound of the cells to whoever runs the circuit.
func (p *productsPart) ask() []Ask {
	if p.ended {
		return nil
	}
	var cells []Cell
	for _, name := range p.legend {
		cells = append(cells, Cell{Name: name})
	}
	return []Ask{{Cells: cells, State: p.state, From: &From{Circuit: p.number}}}
}

// stop ends the part without opening anything.
func (p *productsPart) stop() { p.ended = true }

// add has nothing to write: the cells come from under encryption.
func (p *productsPart) add(*table.View, *fixed.Sums) error { return nil }

func (p *productsPart) reduce(t fixed.Totals) error {
	p.ended = true
	p.take(openedProducts{t, unitOf(p.n())})
	return nil
}

// unitOf returns the exponent of the power of two that whole numbers of people
// are divided by before they are encrypted: it is at least n.
func unitOf(n int64) int { return bits.Len64(uint64(max(n, 1) - 1)) }

func (p *productsPart) input(rows *table.View, _ bool) (Input, error) {
	k := &p.products
	counts := make([][]int64, k.Histograms)
	for i := range counts {
		counts[i] = make([]int64, k.Cells)
	}
	if err := p.count(rows, counts); err != nil {
		return Input{}, err
	}
	term := &ProductsTerm{Histograms: make([][]float64, k.Histograms)}
	for i, h := range counts {
		w := 1 / float64(uint64(1)<<unitOf(p.n()))
		if p.weights != nil {
			if x := p.weights(i); x > 0 {
				w = x
			}
		}
		term.Histograms[i] = make([]float64, k.Cells)
		for c, n := range h {
			term.Histograms[i][c] = float64(n) * w
		}
	}
	return Input{Products: term}, nil
}

// openedProducts are the cells that were opened.
type openedProducts struct {
	totals fixed.Totals
	unit   int
}

// NoiseSteps bounds how many steps of its cell the standard deviation of the
// noise is on a number that is opened alone. Package blind plans nothing with more.
const NoiseSteps = 1 << 54

// whole is how small the noise must be, in people, for a number to be taken to the nearest whole one:
// half a person is then 8 standard deviations away.
const whole = 1.0 / 16

// sum returns cell i, a sum of products of so many whole numbers: itself where
// the noise is small enough to tell, and otherwise off by at most loose.
func (o openedProducts) sum(i, factors int) (x *big.Rat, loose float64) {
	x = o.scaled(i, factors*o.unit)
	noise := new(big.Float).SetMantExp(o.totals.Step(i).Big(), factors*o.unit)
	sd, _ := noise.Mul(noise, big.NewFloat(NoiseSteps)).Float64()
	if sd > whole {
		return x, 8 * sd
	}
	// floor(x + 1/2)
	x.Add(x, big.NewRat(1, 2))
	return x.SetInt(new(big.Int).Div(x.Num(), x.Denom())), 0
}

// scaled returns cell i times 2^exp.
func (o openedProducts) scaled(i, exp int) *big.Rat {
	f := o.totals.Big(i)
	x, _ := f.SetMantExp(f, exp).Rat(nil)
	return x
}

// gridOf lays a grid of one cell for each point of a variable, which a circuit has room for.
func gridOf(kind string, g *gridPart, remedy string) (int, error) {
	if k := g.hi - g.lo + 1; k <= maxGridCells && g.gridDeclared() {
		return int(k), nil
	}
	return 0, &Refusal{Rule: "resolution",
		Message: fmt.Sprintf("%s: %s is recorded so finely that its histogram has more than %d cells, too many to compute with under encryption", kind, g.field.Name, maxGridCells),
		Remedy:  remedy}
}
