package table

import (
	"fmt"
	"slices"
)

type conditionParser struct {
	schema *Schema
	tokens []token // the last is of kind end
	at     int
	depth  int
	vars   []string
}

// expr is either a condition (logic set) or an operand of a comparison.
type expr struct {
	pos   int
	logic logical
	operand
}

func (p *conditionParser) peek() token { return p.tokens[p.at] }

func (p *conditionParser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

// accept takes the symbol s when it comes next.
func (p *conditionParser) accept(s string) bool {
	if t := p.peek(); t.kind != symbol || t.text != s {
		return false
	}
	p.at++
	return true
}

func (p *conditionParser) or() (expr, error) {
	return p.chain("|", "||", p.and, func(a, b truth) truth { return max(a, b) })
}

func (p *conditionParser) and() (expr, error) {
	return p.chain("&", "&&", p.not, func(a, b truth) truth { return min(a, b) })
}

// chain reads operands joined by op; double is R's scalar form, which is an error on columns.
func (p *conditionParser) chain(op, double string, operand func() (expr, error), join func(a, b truth) truth) (expr, error) {
	e, err := operand()
	if err != nil {
		return expr{}, err
	}
	for {
		if t := p.peek(); t.kind == symbol && t.text == double {
			return expr{}, &ConditionError{t.pos, fmt.Sprintf("%s compares single values in R; write %s", double, op)}
		}
		if !p.accept(op) {
			return e, nil
		}
		right, err := operand()
		if err != nil {
			return expr{}, err
		}
		a, err := p.logical(e)
		if err != nil {
			return expr{}, err
		}
		b, err := p.logical(right)
		if err != nil {
			return expr{}, err
		}
		e = expr{pos: e.pos, logic: both(a, b, join)}
	}
}

func (p *conditionParser) not() (expr, error) {
	t := p.peek()
	if !p.accept("!") {
		return p.comparison()
	}
	if err := p.deeper(t); err != nil {
		return expr{}, err
	}
	defer func() { p.depth-- }()
	e, err := p.not()
	if err != nil {
		return expr{}, err
	}
	l, err := p.logical(e)
	return expr{pos: t.pos, logic: negate(l)}, err
}

func (p *conditionParser) comparison() (expr, error) {
	left, err := p.membership()
	if err != nil {
		return expr{}, err
	}
	t := p.peek()
	if !comparisonOperator(t) {
		return left, p.ends(t)
	}
	p.next()
	right, err := p.membership()
	if err != nil {
		return expr{}, err
	}
	u := p.peek()
	if comparisonOperator(u) {
		return expr{}, &ConditionError{u.pos, "comparisons cannot be chained; write a < x & x < b"}
	}
	if err := p.ends(u); err != nil {
		return expr{}, err
	}
	l, err := p.compare(left, t, right)
	return expr{pos: left.pos, logic: l}, err
}

// ends refuses what cannot follow a comparison, before the comparison's own types are looked at.
func (p *conditionParser) ends(t token) error {
	if t.kind == end || t.kind == symbol && slices.Contains([]string{"&", "&&", "|", "||", ")"}, t.text) {
		return nil
	}
	return p.unexpected(t)
}

func comparisonOperator(t token) bool {
	return t.kind == symbol && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text)
}

func (p *conditionParser) membership() (expr, error) {
	e, err := p.primary()
	if err != nil {
		return expr{}, err
	}
	t := p.peek()
	if !p.accept("%in%") {
		return e, nil
	}
	set, err := p.set()
	if err != nil {
		return expr{}, err
	}
	l, err := p.in(e, set)
	return expr{pos: t.pos, logic: l}, err
}

// set reads the right side of %in%: one literal or c(literal, ...).
func (p *conditionParser) set() ([]expr, error) {
	t := p.peek()
	if t.kind != name || t.quoted || t.text != "c" {
		e, err := p.primary()
		return []expr{e}, err
	}
	p.next()
	if !p.accept("(") {
		return nil, &ConditionError{t.pos, "after %in% comes c(...)"}
	}
	var set []expr
	for {
		e, err := p.primary()
		if err != nil {
			return nil, err
		}
		set = append(set, e)
		if p.accept(")") {
			return set, nil
		}
		if u := p.peek(); !p.accept(",") {
			return nil, p.unexpected(u)
		}
	}
}

func (p *conditionParser) deeper(t token) error {
	if p.depth++; p.depth > maxConditionDepth {
		return &ConditionError{t.pos, fmt.Sprintf("brackets and ! are nested more than %d deep", maxConditionDepth)}
	}
	return nil
}
