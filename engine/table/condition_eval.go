package table

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// truth is a value of R's three-valued logic, ordered so that "and" is min, "or" is max and "not" a change of sign.
type truth int8

const (
	no  truth = -1
	na  truth = 0
	yes truth = 1
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// logical binds to a table's columns and then says the truth of a row.
type logical func(*Table) (func(row int) truth, error)

type operandKind uint8

const (
	noOperand operandKind = iota // the expression is a condition
	variableOperand
	numberOperand
	boolOperand
	textOperand
)

// operand is one side of a comparison.
type operand struct {
	kind   operandKind
	field  *Field
	number float64 // of a number; 0 or 1 of TRUE and FALSE
	text   string
}

func both(a, b logical, join func(a, b truth) truth) logical {
	return func(t *Table) (func(int) truth, error) {
		f, err := a(t)
		if err != nil {
			return nil, err
		}
		g, err := b(t)
		if err != nil {
			return nil, err
		}
		return func(row int) truth { return join(f(row), g(row)) }, nil
	}
}

func negate(a logical) logical {
	if a == nil {
		return nil
	}
	return func(t *Table) (func(int) truth, error) {
		f, err := a(t)
		return func(row int) truth { return -f(row) }, err
	}
}

func missing(variable string) logical {
	return onColumn(variable, func(x float64) truth { return truthOf(math.IsNaN(x)) })
}

func onColumn(variable string, f func(x float64) truth) logical {
	return func(t *Table) (func(int) truth, error) {
		col, err := t.Column(variable)
		return func(row int) truth { return f(col[row]) }, err
	}
}

// logical is what an expression says as a condition; TRUE and FALSE are conditions too.
func (p *conditionParser) logical(e expr) (logical, error) {
	switch e.kind {
	case noOperand:
		return e.logic, nil
	case boolOperand:
		v := truthOf(e.number == 1)
		return func(*Table) (func(int) truth, error) { return func(int) truth { return v }, nil }, nil
	case variableOperand:
		hint := "write a comparison"
		if e.field.Kind == Binary {
			hint = "write " + e.field.Name + " == 1"
		}
		return nil, &ConditionError{e.pos, fmt.Sprintf("variable %q is not a condition; %s", e.field.Name, hint)}
	}
	return nil, &ConditionError{e.pos, "a value is not a condition; write a comparison with a variable"}
}

// compare compiles left op right.
func (p *conditionParser) compare(left expr, op token, right expr) (logical, error) {
	for _, e := range [...]expr{left, right} {
		if e.kind == noOperand {
			return nil, &ConditionError{e.pos, "a condition cannot be compared; join conditions with & and |"}
		}
	}
	o := op.text
	if left.kind != variableOperand {
		if right.kind != variableOperand {
			return nil, &ConditionError{left.pos, "two values are compared; one side must be a variable"}
		}
		left, right, o = right, left, mirrored(o)
	}
	if right.kind == variableOperand {
		return p.compareVariables(left, o, right)
	}
	if left.field.Kind == Category && o != "==" && o != "!=" {
		return nil, &ConditionError{op.pos, fmt.Sprintf("the levels of %q have no order; use == != or %%in%%", left.field.Name)}
	}
	v, err := p.value(left.field, right)
	if err != nil {
		return nil, err
	}
	holds := comparison(o)
	return onColumn(left.field.Name, func(x float64) truth {
		if math.IsNaN(x) {
			return na
		}
		return truthOf(holds(x, v))
	}), nil
}

func (p *conditionParser) compareVariables(left expr, o string, right expr) (logical, error) {
	for _, e := range [...]expr{left, right} {
		if e.field.Kind == Category {
			return nil, &ConditionError{e.pos, fmt.Sprintf("category %q is compared with its levels in quotes, not with a variable", e.field.Name)}
		}
	}
	holds := comparison(o)
	return func(t *Table) (func(int) truth, error) {
		a, err := t.Column(left.field.Name)
		if err != nil {
			return nil, err
		}
		b, err := t.Column(right.field.Name)
		return func(row int) truth {
			if math.IsNaN(a[row]) || math.IsNaN(b[row]) {
				return na
			}
			return truthOf(holds(a[row], b[row]))
		}, err
	}, nil
}

// in compiles e %in% set: a missing value is in no set.
func (p *conditionParser) in(e expr, set []expr) (logical, error) {
	if e.kind != variableOperand {
		return nil, &ConditionError{e.pos, "before %in% stands a variable"}
	}
	var values []float64
	for _, s := range set {
		if s.kind == noOperand || s.kind == variableOperand {
			return nil, &ConditionError{s.pos, "after %in% come numbers or levels in quotes"}
		}
		v, err := p.value(e.field, s)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	slices.Sort(values)
	return onColumn(e.field.Name, func(x float64) truth {
		_, found := slices.BinarySearch(values, x) // a NaN is never found: the values are numbers
		return truthOf(found)
	}), nil
}

// value is the stored value that a literal means for a variable.
func (p *conditionParser) value(f *Field, e expr) (float64, error) {
	switch f.Kind {
	case Category:
		if e.kind != textOperand {
			return 0, &ConditionError{e.pos, fmt.Sprintf("%q is a category; write its level in quotes", f.Name)}
		}
		if l := slices.Index(f.Levels, e.text); l >= 0 {
			return float64(l), nil
		}
		return 0, &ConditionError{e.pos, fmt.Sprintf("%q is not a level of %q; %s", e.text, f.Name, Hint(e.text, f.Levels))}
	case Binary:
		if e.kind == textOperand || e.number != 0 && e.number != 1 {
			return 0, &ConditionError{e.pos, fmt.Sprintf("%q is binary; compare it with 0 or 1%s", f.Name, f.codesHint())}
		}
	default:
		if e.kind != numberOperand {
			return 0, &ConditionError{e.pos, fmt.Sprintf("%q is a number; compare it with a number without quotes", f.Name)}
		}
	}
	return e.number, nil
}

// codesHint says which codes stand for 1, where the study declares codes.
func (f *Field) codesHint() string {
	var ones []string
	for c, v := range f.Codes {
		if v == 1 {
			ones = append(ones, c)
		}
	}
	if len(ones) == 0 {
		return ""
	}
	slices.Sort(ones)
	return fmt.Sprintf(" (1 is %s)", strings.Join(ones, " or "))
}

func comparison(op string) func(a, b float64) bool {
	switch op {
	case "==":
		return func(a, b float64) bool { return a == b }
	case "!=":
		return func(a, b float64) bool { return a != b }
	case "<":
		return func(a, b float64) bool { return a < b }
	case "<=":
		return func(a, b float64) bool { return a <= b }
	case ">":
		return func(a, b float64) bool { return a > b }
	}
	return func(a, b float64) bool { return a >= b }
}

// mirrored is the operator with its sides exchanged.
func mirrored(op string) string {
	switch op[0] {
	case '<':
		return ">" + op[1:]
	case '>':
		return "<" + op[1:]
	}
	return op
}
