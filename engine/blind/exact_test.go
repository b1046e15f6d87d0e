package blind

import (
	"math/big"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// exact is the backend without encryption: the same circuit on integers in
// units of 2^-exactBits, of which nothing is known but themselves.
type exact struct {
	degree int
	inputs []polynomial // sums over members
	kept   map[int][]*big.Float
}

const exactBits = 400

type polynomial map[int]*big.Int

func (polynomial) Bound() mhe.Bound { return mhe.Bound{} }

// runExact computes a circuit on members' terms and returns what every outcome would open.
func runExact(t testing.TB, p mhe.Params, c circuit, terms []stat.Input) map[int][]*big.Float {
	t.Helper()
	x := &exact{degree: p.Degree(), kept: map[int][]*big.Float{}}
	for _, term := range terms {
		list, err := c.inputs(term)
		if err != nil {
			t.Fatal(err)
		}
		for o, plain := range list {
			if len(x.inputs) == o {
				x.inputs = append(x.inputs, polynomial{})
			}
			for k, v := range plain.At {
				if v != nil && v.Sign() != 0 {
					x.inputs[o].add(k, new(big.Int).Lsh(v, exactBits-98))
				}
			}
		}
	}
	e := &evaluator{backend: x}
	zero, err := c.inputs(stat.Input{})
	if err != nil {
		t.Fatal(err)
	}
	list := e.inputs(zero)
	c.run(e, list)
	if e.err != nil {
		t.Fatal(e.err)
	}
	return x.kept
}

func (x polynomial) add(k int, v *big.Int) {
	if x[k] == nil {
		x[k] = new(big.Int)
	}
	x[k].Add(x[k], v)
}

func (x *exact) input(list []mhe.Plain) ([]number, error) {
	var out []number
	for range list {
		out, x.inputs = append(out, x.inputs[0]), x.inputs[1:]
	}
	return out, nil
}

func (x *exact) linear(a, b number, sign int64) (number, error) {
	out := polynomial{}
	for k, v := range a.(polynomial) {
		out.add(k, v)
	}
	for k, v := range b.(polynomial) {
		out.add(k, new(big.Int).Mul(v, big.NewInt(sign)))
	}
	return out, nil
}

func (x *exact) add(a, b number) (number, error) { return x.linear(a, b, 1) }
func (x *exact) sub(a, b number) (number, error) { return x.linear(a, b, -1) }

func (x *exact) fromConst(list []mhe.Const, c number) (number, error) {
	out := polynomial{}
	for _, k := range list {
		out.add(k.At, new(big.Int).Lsh(k.X, exactBits-98))
	}
	return x.linear(out, c, -1)
}

func (x *exact) product(pairs [][2]number) (number, error) {
	sum, v := make([]*big.Int, x.degree), new(big.Int) // a map would take most of the time
	for _, p := range pairs {
		for i, a := range p[0].(polynomial) {
			for j, b := range p[1].(polynomial) {
				k := (i + j) % x.degree
				if sum[k] == nil {
					sum[k] = new(big.Int)
				}
				if v.Mul(a, b); i+j < x.degree {
					sum[k].Add(sum[k], v)
				} else {
					sum[k].Sub(sum[k], v)
				}
			}
		}
	}
	out := polynomial{}
	for k, v := range sum {
		if v != nil {
			out[k] = v.Rsh(v, exactBits)
		}
	}
	return out, nil
}

func (x *exact) argue(c number, _ mhe.Bound) (number, error) { return c, nil }

func (x *exact) refresh(parts []part) ([][]number, error) {
	var out [][]number
	for _, p := range parts {
		of := p.of.(polynomial)
		if p.keep != nil {
			for _, cell := range p.keep.cells {
				s := new(big.Int)
				for _, k := range cell {
					if of[k] != nil {
						s.Add(s, of[k])
					}
				}
				f := new(big.Float).SetPrec(500).SetInt(s)
				x.kept[p.keep.outcome] = append(x.kept[p.keep.outcome], f.SetMantExp(f, -exactBits-p.keep.scale))
			}
		}
		var list []number
		for _, o := range p.outputs {
			to := polynomial{}
			for _, c := range o.Copies {
				if v := of[c.From]; v != nil {
					v = new(big.Int).Set(v)
					if o.Times != 0 {
						v.Mul(v, new(big.Int).SetUint64(o.Times)).Rsh(v, 40)
					}
					to[c.To] = v
				}
			}
			list = append(list, to)
		}
		out = append(out, list)
	}
	return out, nil
}
