package formula

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// expr is arithmetic over the numbers of a dictionary, with what is known
// of its values before a row is read.
type expr struct {
	op       op
	call     string       // opCall
	num      float64      // opNumber
	k        int64        // opNumber: its number on the grid; opPow: the exponent
	field    *table.Field // opName
	args     []*expr
	fa, fb   int64 // opAdd, opSub: factors to the common grid
	min, max float64
	grid     *lattice // nil: values as computed
}

// bindExpr checks variables, types and domains below n.
func bindExpr(n *node, s *table.Schema) (*expr, error) {
	e := &expr{op: n.op, call: n.name, num: n.num}
	for _, a := range n.args {
		b, err := bindExpr(a, s)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, b)
	}
	var problem string
	switch n.op {
	case opName:
		f, err := s.Field(n.name)
		if err != nil {
			return nil, unknown(n, s)
		}
		if f.Kind == table.Category {
			return nil, complain(n.col, "%q is a category, want a number or a binary; categories have no arithmetic", n.name)
		}
		e.field, e.min, e.max, e.grid = f, f.Min, f.Max, fieldLattice(f)
		if f.Kind == table.Binary {
			e.min, e.max = 0, 1
		}
	case opNumber:
		e.min, e.max = n.num, n.num
		if k, e10, ok := literal(n.lit); ok {
			e.k, e.grid = k, &lattice{Grid: table.Grid{M: 1, E10: e10}, max: float64(k)}
		}
	case opParen, opPlus:
		*e = *e.args[0]
	case opMinus:
		a := e.args[0]
		e.min, e.max, e.grid = -a.max, -a.min, a.grid
	case opCall:
		problem = e.transform()
	case opPow:
		problem = e.raise(n.args[1])
	default:
		problem = e.combine()
	}
	if problem == "" && !(math.Abs(e.min) <= math.MaxFloat64 && math.Abs(e.max) <= math.MaxFloat64) {
		problem = "its values exceed 1.8e308; narrow the range"
	}
	if problem != "" {
		return nil, complain(n.col, "%s with %s: %s", n, ranges(n, s), problem)
	}
	return e, nil
}

// ranges writes the declared range of every variable below n, as they explain a domain error.
func ranges(n *node, s *table.Schema) string {
	var out []string
	seen := map[string]bool{}
	n.names(func(v *node) {
		if f, err := s.Field(v.name); err == nil && !seen[v.name] {
			seen[v.name] = true
			lo, hi := f.Min, f.Max
			if f.Kind == table.Binary {
				lo, hi = 0, 1
			}
			out = append(out, fmt.Sprintf("%s in [%s, %s]", quoteName(v.name), plain(lo), plain(hi)))
		}
	})
	if len(out) == 0 {
		return "constants"
	}
	return strings.Join(out, ", ")
}

func plain(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// transform settles a call; it returns what is wrong with the declared range, if anything.
func (e *expr) transform() string {
	a := e.args[0]
	switch e.call {
	case "I":
		*e = *a
		return ""
	case "log", "log2", "log10":
		if a.min <= 0 {
			return fmt.Sprintf("the declared range allows %s of %s, want above 0; raise min, or write %s(... + constant)", e.call, plain(a.min), e.call)
		}
	case "sqrt":
		if a.min < 0 {
			return fmt.Sprintf("the declared range allows sqrt of %s, want at least 0; raise min", plain(a.min))
		}
		e.min, e.max = math.Sqrt(a.min), math.Sqrt(a.max) // correctly rounded, hence monotone
		return ""
	}
	e.min, e.max = outward(evaluate(e.call, a.min), evaluate(e.call, a.max), 4e-16)
	return ""
}

// raise settles base^exponent.
func (e *expr) raise(exponent *node) string {
	a, b := e.args[0], e.args[1]
	if b.min != b.max || !whole(b.min) {
		if a.min < 0 || a.min == 0 && b.min <= 0 {
			return fmt.Sprintf("the declared range allows %s raised to a power that is not a whole number, want a base above 0; raise min", plain(a.min))
		}
		// y·log(x) is linear in each of y and log(x): the corners bound it.
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, x := range []float64{a.min, a.max} {
			for _, y := range []float64{b.min, b.max} {
				lo, hi = math.Min(lo, power(x, y)), math.Max(hi, power(x, y))
			}
		}
		e.min, e.max = outward(lo, hi, 1e-12)
		return ""
	}
	n := b.min
	if n < 0 && a.min <= 0 && 0 <= a.max {
		return "the declared range allows division by 0; declare a range without 0"
	}
	lo, hi := power(a.min, n), power(a.max, n)
	e.min, e.max = math.Min(lo, hi), math.Max(lo, hi)
	if a.min < 0 && a.max > 0 && n > 0 && math.Mod(n, 2) == 0 {
		e.min = 0
	}
	e.k = int64(n)
	if n >= 1 {
		g := a.grid
		for i := 1; i < int(n) && g != nil; i++ {
			g = times(g, a.grid)
		}
		e.grid = g
	}
	return ""
}

// combine settles a + b, a - b, a * b, a / b.
func (e *expr) combine() string {
	a, b := e.args[0], e.args[1]
	switch e.op {
	case opAdd:
		e.min, e.max = a.min+b.min, a.max+b.max
		e.grid, e.fa, e.fb = common(a.grid, b.grid)
	case opSub:
		e.min, e.max = a.min-b.max, a.max-b.min
		e.grid, e.fa, e.fb = common(a.grid, b.grid)
	case opMul:
		e.min, e.max = product(a.min, a.max, b.min, b.max)
		e.grid = times(a.grid, b.grid)
	default:
		if b.min <= 0 && 0 <= b.max {
			return "the declared range allows division by 0; declare a range without 0, or add a constant"
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, x := range []float64{a.min / b.min, a.min / b.max, a.max / b.min, a.max / b.max} {
			lo, hi = math.Min(lo, x), math.Max(hi, x)
		}
		e.min, e.max = lo, hi
		if b.op == opNumber && b.grid != nil {
			e.grid = over(a.grid, b.k, b.grid.E10)
		}
	}
	return ""
}

// product returns the range of x·y for x in [a, b] and y in [c, d].
func product(a, b, c, d float64) (lo, hi float64) {
	p := [4]float64{a * c, a * d, b * c, b * d}
	return min(p[0], p[1], p[2], p[3]), max(p[0], p[1], p[2], p[3])
}

// zeroOne reports whether the values are 0 and 1.
func (e *expr) zeroOne() bool { return isZeroOne(e.grid, e.min, e.max) }

func isZeroOne(g *lattice, lo, hi float64) bool {
	return g != nil && g.Grid == table.Grid{M: 1, E10: 0} && lo == 0 && hi == 1
}
