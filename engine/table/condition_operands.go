package table

import (
	"fmt"
	"slices"
	"strings"
)

// primary reads a variable, a literal, is.na() or brackets.
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
			msg += "; " + Hint(t.text, p.schema.Names())
		}
		return nil, &ConditionError{t.pos, msg}
	}
	if !slices.Contains(p.vars, f.Name) {
		p.vars = append(p.vars, f.Name)
	}
	return f, nil
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
