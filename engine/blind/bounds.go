package blind

import (
	"fmt"

	"github.com/consilium-health/consilium/protocols/mhe"
)

// bounds is the backend of a plan: it computes errors and counts steps.
type bounds struct {
	calc  mhe.Calculus
	steps []size
	kept  map[int][]keptBound // by outcome
}

// size of a step: StepBytes' arguments.
type size struct{ refreshes, outputs int }

// keptBound is what an opening of a retained value is registered with.
type keptBound struct {
	keep
	bound mhe.Bound
}

// bound is a number of which nothing but its bound is known.
type bound mhe.Bound

func (b bound) Bound() mhe.Bound { return mhe.Bound(b) }

func runBounds(p mhe.Params, members int, c circuit, in []mhe.Plain) (*bounds, error) {
	b := &bounds{calc: mhe.NewCalculus(p, members), kept: map[int][]keptBound{}}
	e := &evaluator{backend: b}
	if list := e.inputs(in); e.err == nil {
		c.run(e, list)
	}
	return b, e.err
}

// width is how many cells are retained for an outcome.
func (b *bounds) width(outcome int) int {
	n := 0
	for _, k := range b.kept[outcome] {
		n += len(k.cells)
	}
	return n
}

func (b *bounds) input(list []mhe.Plain) ([]number, error) {
	b.steps = append(b.steps, size{0, len(list)})
	var out []number
	for _, x := range list {
		out = append(out, bound(b.calc.Input(x.Max, x.Sum)))
	}
	return out, nil
}

func (b *bounds) add(x, y number) (number, error) {
	return bound(b.calc.Add(x.Bound(), y.Bound())), nil
}
func (b *bounds) sub(x, y number) (number, error) { return b.add(x, y) }

func (b *bounds) fromConst(list []mhe.Const, c number) (number, error) {
	return bound(b.calc.FromConst(list, c.Bound())), nil
}

func (b *bounds) product(pairs [][2]number) (number, error) {
	var list [][2]mhe.Bound
	for _, p := range pairs {
		list = append(list, [2]mhe.Bound{p[0].Bound(), p[1].Bound()})
	}
	return bound(b.calc.Product(list...)), nil
}

func (b *bounds) argue(_ number, x mhe.Bound) (number, error) { return bound(x), nil }

func (b *bounds) refresh(parts []part) ([][]number, error) {
	s := size{refreshes: len(parts)}
	var out [][]number
	for _, p := range parts {
		if !(p.of.Bound().Max <= 1<<mhe.LogLargest) {
			return nil, fmt.Errorf("values of up to %g, want at most 2^%d", p.of.Bound().Max, mhe.LogLargest)
		}
		var list []number
		for _, o := range p.outputs {
			x, err := b.calc.Output(p.of.Bound(), o)
			if err != nil {
				return nil, err
			}
			list = append(list, bound(x))
		}
		out, s.outputs = append(out, list), s.outputs+len(p.outputs)
		if p.keep != nil {
			b.kept[p.keep.outcome] = append(b.kept[p.keep.outcome], keptBound{*p.keep, p.of.Bound()})
		}
	}
	b.steps = append(b.steps, s)
	return out, nil
}
