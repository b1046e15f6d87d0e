package table

import "fmt"

// Condition is a compiled `where`: a logical expression in R's notation over
// the variables of a schema, three-valued as in R.
//
//	where:      or
//	or:         and { "|" and }
//	and:        not { "&" not }
//	not:        "!" not | comparison
//	comparison: membership [ ("==" | "!=" | "<" | "<=" | ">" | ">=") membership ]
//	membership: primary [ "%in%" (primary | "c" "(" literal { "," literal } ")") ]
//	primary:    name | `name` | number | "text" | TRUE | FALSE | is.na(name) | "(" or ")"
//
// Comparing a missing value gives NA; NA %in% is FALSE; NA & FALSE is FALSE
// and NA | TRUE is TRUE; a row whose condition is NA is removed, as R's subset does.
type Condition struct {
	src  string
	vars []string
	bind func(*Table) (func(row int) bool, error)
}

// String returns the condition as written.
func (c *Condition) String() string { return c.src }

// Variables returns the variables the condition uses, site included when named, in the order of their first use.
func (c *Condition) Variables() []string { return c.vars }

// ConditionError says what is wrong with a condition, and where: Pos counts
// characters from 1.
type ConditionError struct {
	Pos int
	Msg string
}

func (e *ConditionError) Error() string {
	return fmt.Sprintf("table: condition, character %d: %s", e.Pos, e.Msg)
}

// Bounds on a condition, far above what a study needs.
const (
	maxConditionBytes = 8192
	maxConditionDepth = 64
)

// ParseCondition compiles a condition over the variables of s. Its errors are
// *ConditionError: they are errors of the study file, found before any row is read.
func ParseCondition(src string, s *Schema) (*Condition, error) {
	if len(src) > maxConditionBytes {
		return nil, &ConditionError{1, fmt.Sprintf("the condition has %d bytes, at most %d", len(src), maxConditionBytes)}
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &conditionParser{schema: s, tokens: tokens}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, p.unexpected(t)
	}
	l, err := p.logical(e)
	if err != nil {
		return nil, err
	}
	return &Condition{src: src, vars: p.vars, bind: func(t *Table) (func(int) bool, error) {
		f, err := l(t)
		if err != nil {
			return nil, err
		}
		return func(row int) bool { return f(row) == yes }, nil
	}}, nil
}
