package formula

import "strconv"

// arithmetic reads what stands inside I( ) and the other calls, with R's
// precedence: ^ from the right, signs, * and /, + and -.
func (p *parser) arithmetic() (*node, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	return p.binary(p.product, map[string]op{"+": opAdd, "-": opSub})
}

func (p *parser) product() (*node, error) {
	n, err := p.binary(p.sign, map[string]op{"*": opMul, "/": opDiv})
	if t := p.peek(); err == nil && t.is(":") {
		return nil, complain(t.col, "':' inside arithmetic; interactions stand outside I( )")
	}
	return n, err
}

func (p *parser) sign() (*node, error) {
	t := p.peek()
	if !t.is("-") && !t.is("+") {
		return p.raised()
	}
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	p.next()
	a, err := p.sign()
	if err != nil {
		return nil, err
	}
	o := opMinus
	if t.is("+") {
		o = opPlus
	}
	return &node{op: o, col: t.col, args: []*node{a}}, nil
}

// raised reads a^b, where b may have a sign and another ^: -a^2 is -(a^2), a^-2^2 is a^(-(2^2)).
func (p *parser) raised() (*node, error) {
	base, err := p.operand()
	if err != nil || !p.peek().is("^") {
		return base, err
	}
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	t := p.next()
	power, err := p.sign()
	if err != nil {
		return nil, err
	}
	return &node{op: opPow, col: t.col, args: []*node{base, power}}, nil
}

func (p *parser) operand() (*node, error) {
	t := p.next()
	switch {
	case t.is("("):
		n, err := p.arithmetic()
		if err != nil {
			return nil, err
		}
		return &node{op: opParen, col: t.col, args: []*node{n}}, p.expect(")", "the expression in parentheses")
	case t.kind == numberToken:
		x, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, complain(t.col, "%s is too large a number", t.text)
		}
		return &node{op: opNumber, col: t.col, num: x, lit: t.text}, nil
	case t.kind == nameToken && t.text == "." && !t.quoted:
		return nil, complain(t.col, "'.' inside arithmetic, want the name of a variable")
	case t.kind == nameToken:
		return p.named(t, false)
	}
	return nil, complain(t.col, "%v, want a variable, a number or '('", t)
}
