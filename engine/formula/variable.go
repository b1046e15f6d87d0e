package formula

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// variable is what R calls a variable: a name or a call, a column of the model frame.
type variable struct {
	label  string
	factor bool
	offset bool
	value  *expr    // a number; nil for a factor
	field  string   // a factor's dictionary variable
	levels []string // a factor's declared levels
	first  float64  // a factor's stored value of level 0
	ref    int      // index of the reference among the declared levels; -1 when none was written
	names  []string // dictionary variables it uses
}

// newVariable checks a name or call of the right side, or factor(x) of the left.
func newVariable(n *node, s *table.Schema) (*variable, error) {
	v := &variable{label: n.String(), ref: -1}
	n.names(func(u *node) {
		if !slices.Contains(v.names, u.name) {
			v.names = append(v.names, u.name)
		}
	})
	factor := n.op == opCall && n.name == "factor"
	if n.op == opName {
		f, err := s.Field(n.name)
		if err != nil {
			return nil, unknown(n, s)
		}
		factor = f.Kind == table.Category
	}
	if factor {
		return v, v.bindFactor(n, s)
	}
	e := n
	if n.op == opCall && n.name == "offset" {
		v.offset, e = true, n.args[0]
	}
	if len(v.names) == 0 {
		return nil, complain(n.col, "%s has no variable in it", v.label)
	}
	var err error
	v.value, err = bindExpr(e, s)
	return v, err
}

// unknown is the error of a name that the dictionary does not have.
func unknown(n *node, s *table.Schema) error {
	return complain(n.col, "no variable %q in the dictionary; %s", n.name, table.Hint(n.name, s.Names()))
}

func (v *variable) bindFactor(n *node, s *table.Schema) error {
	x := n
	if n.op == opCall {
		x = n.args[0]
	}
	f, err := s.Field(x.name)
	if err != nil {
		return unknown(x, s)
	}
	g, err := s.Factor(x.name)
	if err != nil {
		return complain(x.col, "factor(%s): it is a number, want a category, a binary or a number declared integer with at most %d values", x, table.MaxFactorPoints)
	}
	v.factor, v.field, v.levels = true, x.name, g.Levels
	if f.Kind == table.Number {
		v.first = math.Ceil(f.Min)
	}
	if n.op == opCall && len(n.args) > 1 {
		if v.ref = slices.Index(v.levels, n.args[1].name); v.ref < 0 {
			return complain(n.args[1].col, "%q is not a declared level of %s", n.args[1].name, x)
		}
	}
	return nil
}
