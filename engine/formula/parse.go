package formula

import (
	"math"
	"strconv"
)

// maxDepth bounds the nesting of parentheses, calls and signs.
const maxDepth = 100

// maxPower bounds (terms)^n.
const maxPower = 20

// functions are the transformations of a number, beside I, factor and offset.
const functions = "log log2 log10 sqrt exp"

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

func (p *parser) expect(s, after string) error {
	if t := p.next(); !t.is(s) {
		return complain(t.col, "%v after %s, want %q", t, after, s)
	}
	return nil
}

// enter bounds the depth of recursion; the returned function leaves again.
func (p *parser) enter() (leave func(), err error) {
	if p.depth++; p.depth > maxDepth {
		return nil, complain(p.peek().col, "nested deeper than %d", maxDepth)
	}
	return func() { p.depth-- }, nil
}

// binary reads operand (op operand)*, grouping from the left.
func (p *parser) binary(operand func() (*node, error), ops map[string]op) (*node, error) {
	left, err := operand()
	for err == nil {
		t := p.peek()
		o, ok := ops[t.text]
		if t.kind != symbolToken || !ok {
			return left, nil
		}
		p.next()
		var right *node
		right, err = operand()
		left = &node{op: o, col: t.col, args: []*node{left, right}}
	}
	return nil, err
}

// sum reads the right side of a formula or what stands in its parentheses:
// + and - over * over : over ^.
func (p *parser) sum() (*node, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	first := true
	return p.binary(func() (*node, error) {
		if t := p.peek(); first && (t.is("-") || t.is("+")) {
			first = false
			return p.signed()
		}
		first = false
		return p.crossed()
	}, map[string]op{"+": opAdd, "-": opSub})
}

// signed reads the sign a sum may begin with. R binds it closer than ':', so
// that -a:b would quietly mean nothing: only a single term may follow.
func (p *parser) signed() (*node, error) {
	t := p.next()
	a, err := p.power()
	if err != nil {
		return nil, err
	}
	if n := p.peek(); n.is(":") || n.is("*") {
		return nil, complain(t.col, "a sign before an interaction; leave it out, or remove terms after the ones they are removed from")
	}
	if t.is("-") {
		return &node{op: opMinus, col: t.col, args: []*node{a}}, nil
	}
	return a, nil
}

func (p *parser) crossed() (*node, error) {
	n, err := p.binary(p.interaction, map[string]op{"*": opMul})
	if t := p.peek(); err == nil && t.is("/") {
		return nil, complain(t.col, "nesting with / is not supported: write a + a:b for a/b, or I(a/b) for a quotient")
	}
	return n, err
}

func (p *parser) interaction() (*node, error) {
	return p.binary(p.power, map[string]op{":": opInteract})
}

// power reads a term, or (terms)^n.
func (p *parser) power() (*node, error) {
	base, err := p.term()
	if err != nil || !p.peek().is("^") {
		return base, err
	}
	caret, n := p.next(), p.next()
	k, err := strconv.ParseFloat(n.text, 64)
	if n.kind != numberToken || err != nil || k != math.Trunc(k) || k < 2 || k > maxPower {
		return nil, complain(n.col, "%v after ^, want a whole number from 2 to %d (a power of a number is written I(x^2))", n, maxPower)
	}
	if t := p.peek(); t.is("^") {
		return nil, complain(t.col, "one power after another")
	}
	return &node{op: opPow, col: caret.col, args: []*node{base, {op: opNumber, col: n.col, num: k, lit: n.text}}}, nil
}

// term reads what + - * : join: a name, a call, 0, 1, the dot, (terms).
func (p *parser) term() (*node, error) {
	t := p.next()
	switch {
	case t.is("("):
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		return &node{op: opParen, col: t.col, args: []*node{n}}, p.expect(")", "the terms in parentheses")
	case t.kind == numberToken:
		x, err := strconv.ParseFloat(t.text, 64)
		if err != nil || x != 0 && x != 1 {
			return nil, complain(t.col, "%s is not a term: only 0 and 1 (no intercept, intercept) are; arithmetic stands in I( )", t.text)
		}
		return &node{op: opNumber, col: t.col, num: x, lit: t.text}, nil
	case t.kind == nameToken && t.text == "." && !t.quoted:
		return &node{op: opDot, col: t.col}, nil
	case t.kind == nameToken:
		return p.named(t, true)
	case t.is("-"), t.is("+"):
		return nil, complain(t.col, "a second operator %v; a sign stands only at the beginning of a sum or in I( )", t)
	}
	return nil, complain(t.col, "%v, want a variable, a transformation, 0, 1 or '('", t)
}

// named reads a variable or a call. terms tells whether factor and offset may stand here.
func (p *parser) named(t token, terms bool) (*node, error) {
	if t.quoted || !p.peek().is("(") {
		if p.peek().is("(") {
			return nil, complain(t.col, "`%s` in backticks is a variable, not a function", t.text)
		}
		if !t.quoted && reserved(t.text) {
			return nil, complain(t.col, "%s is a reserved word; write a variable of that name in backticks", t.text)
		}
		return &node{op: opName, col: t.col, name: t.text}, nil
	}
	switch t.text {
	case "factor":
		if !terms {
			return nil, complain(t.col, "factor( ) inside arithmetic; a category has no arithmetic")
		}
		return p.factor(t)
	case "offset":
		if !terms {
			return nil, complain(t.col, "offset( ) stands as a term of its own on the right side")
		}
	case "I", "log", "log2", "log10", "sqrt", "exp":
	case "as.factor", "relevel", "C", "ordered", "cut":
		return nil, complain(t.col, "%s( ) is not supported; write factor(x) or factor(x, ref = \"b\")", t.text)
	case "Surv", "strata":
		return nil, complain(t.col, "%s( ) does not stand in the formula: the analysis has keys for time, event and strata", t.text)
	default:
		return nil, complain(t.col, "no function %s( ); there are %s, I, factor and offset", t.text, functions)
	}
	p.next()
	arg, err := p.arithmetic()
	if err != nil {
		return nil, err
	}
	if c := p.peek(); c.is(",") {
		return nil, complain(c.col, "%s( ) takes one argument", t.text)
	}
	return &node{op: opCall, col: t.col, name: t.text, args: []*node{arg}}, p.expect(")", "the argument of "+t.text)
}

// factor reads factor(x) and factor(x, ref = "b").
func (p *parser) factor(f token) (*node, error) {
	p.next()
	v := p.next()
	if v.kind != nameToken || v.text == "." && !v.quoted || p.peek().is("(") {
		return nil, complain(v.col, "%v in factor( ), want the name of a variable", v)
	}
	n := &node{op: opCall, col: f.col, name: "factor", args: []*node{{op: opName, col: v.col, name: v.text}}}
	if p.peek().is(",") {
		p.next()
		if k := p.next(); k.kind != nameToken || k.text != "ref" {
			return nil, complain(k.col, "%v in factor( ), want ref = \"level\"", k)
		}
		if err := p.expect("=", "ref"); err != nil {
			return nil, err
		}
		l := p.next()
		if l.kind != textToken && l.kind != numberToken {
			return nil, complain(l.col, "%v after ref =, want a level in quotes", l)
		}
		n.args = append(n.args, &node{op: opText, col: l.col, name: l.text})
	}
	return n, p.expect(")", "the variable of factor")
}
