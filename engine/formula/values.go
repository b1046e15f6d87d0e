package formula

import "github.com/consilium-health/consilium/engine/table"

// source yields the column of a variable.
type source func(variable string) ([]float64, error)

// values binds e to columns: the value of a row.
func (e *expr) values(from source) (func(i int) float64, error) {
	var f [2]func(int) float64
	for j, a := range e.args {
		g, err := a.values(from)
		if err != nil {
			return nil, err
		}
		f[j] = g
	}
	a, b := f[0], f[1]
	switch e.op {
	case opName:
		c, err := from(e.field.Name)
		return func(i int) float64 { return c[i] }, err
	case opNumber:
		x := e.num
		return func(int) float64 { return x }, nil
	case opMinus:
		return func(i int) float64 { return -a(i) }, nil
	case opCall:
		call := e.call
		return func(i int) float64 { return evaluate(call, a(i)) }, nil
	case opPow:
		return func(i int) float64 { return power(a(i), b(i)) }, nil
	case opAdd:
		return func(i int) float64 { return a(i) + b(i) }, nil
	case opSub:
		return func(i int) float64 { return a(i) - b(i) }, nil
	case opMul:
		return func(i int) float64 { return a(i) * b(i) }, nil
	}
	return func(i int) float64 { return a(i) / b(i) }, nil
}

// points binds e, which has a grid, to columns: the number of a row's value on the grid.
func (e *expr) points(from source) (func(i int) int64, error) {
	if e.op == opName {
		c, err := from(e.field.Name)
		if f := e.field; f.Kind != table.Binary {
			return func(i int) int64 { return f.Point(c[i]) }, err
		}
		return func(i int) int64 { return int64(c[i]) }, err
	}
	if e.op == opNumber {
		k := e.k
		return func(int) int64 { return k }, nil
	}
	a, err := e.args[0].points(from)
	if err != nil {
		return nil, err
	}
	switch e.op {
	case opMinus:
		return func(i int) int64 { return -a(i) }, nil
	case opPow:
		n := e.k
		return func(i int) int64 {
			x, p := a(i), int64(1)
			for range n {
				p *= x
			}
			return p
		}, nil
	case opDiv: // the divisor, a positive constant, went into the unit
		return a, nil
	}
	b, err := e.args[1].points(from)
	if err != nil {
		return nil, err
	}
	fa, fb := e.fa, e.fb
	switch e.op {
	case opAdd:
		return func(i int) int64 { return fa*a(i) + fb*b(i) }, nil
	case opSub:
		return func(i int) int64 { return fa*a(i) - fb*b(i) }, nil
	}
	return func(i int) int64 { return a(i) * b(i) }, nil
}
