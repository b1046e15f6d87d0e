package table

import (
	"fmt"
	"slices"
	"strings"
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

func (p *conditionParser) primary() (expr, error) {
	switch t := p.next(); {
	case t.kind == text:
		return expr{pos: t.pos, operand: operand{kind: textOperand, text: t.text}}, nil
	case t.kind == number:
		return p.number(t, "")
	case t.kind == name:
		return p.name(t)
	case t.kind == symbol && (t.text == "-" || t.text == "+") && p.peek().kind == number:
		return p.number(p.next(), t.text)
	case t.kind == symbol && t.text == "(":
		if err := p.deeper(t); err != nil {
			return expr{}, err
		}
		defer func() { p.depth-- }()
		e, err := p.or()
		if err != nil {
			return expr{}, err
		}
		if u := p.peek(); !p.accept(")") {
			return expr{}, p.unexpected(u)
		}
		return e, nil
	default:
		return expr{}, p.unexpected(t)
	}
}

func (p *conditionParser) number(t token, sign string) (expr, error) {
	x, ok := ParseNumber(sign + t.text)
	if !ok {
		return expr{}, &ConditionError{t.pos, "the number is too large"}
	}
	return expr{pos: t.pos, operand: operand{kind: numberOperand, number: x}}, nil
}

func (p *conditionParser) name(t token) (expr, error) {
	call := !t.quoted && p.peek().kind == symbol && p.peek().text == "("
	switch {
	case call && t.text == "is.na":
		return p.isNA(t)
	case call && t.text == "c":
		return expr{}, &ConditionError{t.pos, "c(...) stands only after %in%"}
	case call:
		return expr{}, &ConditionError{t.pos, fmt.Sprintf("no function %s; conditions have is.na() and c()", t.text)}
	case !t.quoted && (t.text == "TRUE" || t.text == "FALSE"):
		v := 0.0
		if t.text == "TRUE" {
			v = 1
		}
		return expr{pos: t.pos, operand: operand{kind: boolOperand, number: v}}, nil
	case !t.quoted && t.text == "NA":
		return expr{}, &ConditionError{t.pos, "comparing with NA gives NA for every row; write is.na(x)"}
	case !t.quoted && reserved(t.text):
		return expr{}, &ConditionError{t.pos, t.text + " has no place in a condition"}
	}
	f, err := p.variable(t)
	return expr{pos: t.pos, operand: operand{kind: variableOperand, field: f}}, err
}

func (p *conditionParser) isNA(t token) (expr, error) {
	p.next() // the bracket
	arg := p.next()
	if arg.kind != name {
		return expr{}, &ConditionError{arg.pos, "is.na() takes the name of a variable"}
	}
	f, err := p.variable(arg)
	if err != nil {
		return expr{}, err
	}
	if u := p.peek(); !p.accept(")") {
		return expr{}, p.unexpected(u)
	}
	return expr{pos: t.pos, logic: missing(f.Name)}, nil
}

// variable looks a name up and notes its use.
func (p *conditionParser) variable(t token) (*Field, error) {
	f, err := p.schema.Field(t.text)
	if err != nil {
		msg := fmt.Sprintf("no variable %q in the dictionary", t.text)
		switch strings.ToLower(t.text) {
		case "and":
			msg += "; write &"
		case "or":
			msg += "; write |"
		case "not":
			msg += "; write !"
		case "in":
			msg += "; write %in%"
		case "t", "true":
			msg += "; write TRUE"
		case "f", "false":
			msg += "; write FALSE"
		default:
			msg += fmt.Sprintf("; nearest is %q", Nearest(t.text, p.schema.Names()))
		}
		return nil, &ConditionError{t.pos, msg}
	}
	if !slices.Contains(p.vars, f.Name) {
		p.vars = append(p.vars, f.Name)
	}
	return f, nil
}

func (p *conditionParser) deeper(t token) error {
	if p.depth++; p.depth > maxConditionDepth {
		return &ConditionError{t.pos, fmt.Sprintf("brackets and ! are nested more than %d deep", maxConditionDepth)}
	}
	return nil
}

// unexpected names the token that does not fit, with a hint for R's and other languages' habits.
func (p *conditionParser) unexpected(t token) error {
	if t.kind == end {
		return &ConditionError{t.pos, "the condition ends too early"}
	}
	msg := "unexpected " + t.text
	if t.kind == text {
		msg = fmt.Sprintf("unexpected text %q", t.text)
	}
	switch t.text {
	case "=":
		msg += "; equality is written =="
	case "<-":
		msg += "; R reads it as an assignment: write a space, as in x < -1"
	case "&&":
		msg += "; write &"
	case "||":
		msg += "; write |"
	case "-", "+", "*", "/", "^":
		msg += "; a condition has no arithmetic"
	case ":":
		msg += "; write the values out in c(...)"
	}
	if t.kind == name {
		switch strings.ToLower(t.text) {
		case "and":
			msg += "; write &"
		case "or":
			msg += "; write |"
		case "in":
			msg += "; write %in%"
		}
	}
	return &ConditionError{t.pos, msg}
}
